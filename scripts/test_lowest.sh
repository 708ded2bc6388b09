#!/usr/bin/env bash
# Runs the tests of files, numerics and Python calls with the lowest versions that pyproject.toml allows.
#   test_lowest.sh [FOLDER]   where the environment goes; a temporary one by default
#   SBD_TORCH_OPTIONS  where torch comes from; empty for the usual index
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-$(mktemp -d)}
uv=$(command -v uv || echo .venv/bin/uv)
"$uv" venv -q --python 3.11 "$folder"
"$uv" pip install -q --python "$folder/bin/python" --resolution lowest-direct \
    ${SBD_TORCH_OPTIONS---torch-backend cpu} . "pytest>=8"
"$folder/bin/python" -m pytest -q -p no:cacheprovider -W default -o addopts=--import-mode=importlib \
    tests/io tests/noise tests/columns tests/quality tests/denoising tests/test_denoise.py \
    tests/measure tests/streaming tests/movie tests/provenance tests/watch tests/test_batch.py tests/test_micrograph.py \
    tests/test_frames.py tests/test_figures.py tests/test_cli.py
