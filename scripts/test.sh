#!/usr/bin/env bash
# Installs what the tests need and runs them all: lint, types, documentation with its gallery,
# behaviour, napari under Xvfb.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

apt_install xvfb xauth libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libglib2.0-0 libfontconfig1 \
    libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
    libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1
install -e '.[docs,test]'

# Each of the many processes that tests start would else compile all that it imports; compiled files
# lie in a place of their own, not among the files that tests count.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX=$PWD/build/pycache

.venv/bin/ruff check .
.venv/bin/ruff format --check .
# Types and documentation need one core each, and more than a minute where nothing is kept.
.venv/bin/mypy &
types=$!
documentation=0
.venv/bin/python -m sphinx -W --keep-going -q docs build/site || documentation=$?
wait "$types"
[ "$documentation" = 0 ]
# Processes beside each other, each with one thread, use cores better than threads within a test;
# an empty configuration keeps the tests away from the user's napari settings.
export OMP_NUM_THREADS=1 NAPARI_CONFIG=''
exec .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal "$@"
