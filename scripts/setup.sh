# Sourced by demo.sh and test.sh: makes .venv beside the sources and installs what they name.
#   SBD_TORCH  what to install as torch, for example "torch==2.13.0"; by default the build that
#              fits this machine's graphics driver, or the one for CPUs where there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# apt_install PACKAGE... : Debian packages, where we may install them and some are missing
apt_install() {
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 0
    dpkg -s "$@" >/dev/null 2>&1 && return 0
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python() {
    for name in python3.11 python3.12 python3.13 python3; do
        if command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$name"
            return
        fi
    done
    echo "napari-sbd needs Python 3.11 or newer." >&2
    exit 1
}

# install EXTRAS... : this package with its extras and what else is named, into .venv
install() {
    local python
    python=$(find_python)
    if [ ! -x .venv/bin/python ]; then
        "$python" -m venv .venv 2>/dev/null || {
            apt_install python3-venv
            "$python" -m venv .venv
        }
    fi
    .venv/bin/python -m pip install -q --upgrade pip uv
    local torch=(--torch-backend auto torch)
    if compgen -G "${PIP_FIND_LINKS:-/nowhere}/torch-*" >/dev/null; then
        # a build of torch lies on disk: take it rather than download one
        local wheel version
        wheel=$(basename "$(ls "$PIP_FIND_LINKS"/torch-*+cpu-* 2>/dev/null | tail -n 1)")
        version=${wheel#torch-}
        torch=("torch==${version%%[+-]*}")
    fi
    [ -z "${SBD_TORCH:-}" ] || torch=("$SBD_TORCH")
    UV_FIND_LINKS="${PIP_FIND_LINKS:-}" .venv/bin/uv pip install -q --python .venv/bin/python \
        "${torch[@]}" "$@"
}
