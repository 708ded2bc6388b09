#!/usr/bin/env bash
# Installs napari-sbd and denoises a simulated micrograph: in napari, or, on a machine without a
# screen, into pictures whose place it prints.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    install -e '.[all]'
else
    install -e .
fi
exec .venv/bin/napari-sbd demo "$@"
