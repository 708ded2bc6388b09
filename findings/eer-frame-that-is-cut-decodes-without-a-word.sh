#!/usr/bin/env bash
# A frame of electron events whose last bytes are missing is decoded without a word.
#
# A frame of an EER file (Falcon 4) is a chain of runs without an electron, which together are as long as
# the frame has pixels. The natural guess is that a chain that ends before that is an error, as a cut
# LZW strip is. imagecodecs 2026.3.6 gives a frame that is empty from there on.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys

import imagecodecs
import numpy as np

shape, every = (32, 64), 8  # an electron in each eighth pixel
bits = length = 0
for _ in range(shape[0] * shape[1] // every):  # a run of 7 bits and a place of 4 within the pixel
    bits, length = bits | (every - 1) << length, length + 11
length += 7  # and a run of none to the end of the frame
whole = bits.to_bytes(-(-length // 64) * 8, "little")
counts = [int(imagecodecs.eer_decode(part, shape, 7, 2, 2).sum()) for part in (whole, whole[:176])]
print("electrons of the whole frame", counts[0], "and of its first half", counts[1])
sys.exit(not (counts[0] == 256 and 0 < counts[1] < 130))
PY
