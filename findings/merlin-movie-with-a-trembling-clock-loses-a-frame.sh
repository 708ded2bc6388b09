#!/usr/bin/env bash
# A movie of a Merlin detector whose clock trembles by 0.2 % loses its last frame and becomes a scan.
#
# A .mib has a time before each frame. The natural guess is that five frames 100 ms apart, each a
# fraction of a millisecond early or late, come back from RosettaSciIO 0.15.0 as five images. It takes
# the first frame that came later than the mean for the beginning of a line of a scan, here the third,
# and gives two lines of two; the fifth is dropped without a word.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys

import numpy as np
import rsciio.quantumdetector

shapes = []
for late in ([0, 0, 0, 0, 0], [0, -100, 100, 0, 50]):  # µs
    raw = b""
    for k, more in enumerate(late):
        stamp = f"2026-01-23T23:37:09.{100_000 * k + 1000 + more:06d}000"
        text = f"MQ1,{k + 1:06d},00384,01,0032,0024,U16,   1x1,01,{stamp[:26]},0.0004,0,0,0,2.0E+1,"
        text += "0," * 20 + f"MQ1A,{stamp}Z,400000ns,12,"
        raw += text.encode().ljust(384) + np.full((24, 32), k, ">u2").tobytes()
    with open("movie.mib", "wb") as file:
        file.write(raw)
    data = rsciio.quantumdetector.file_reader("movie.mib")[0]["data"]
    shapes.append(data.shape)
    print("frames late by", late, "µs come back as", data.shape)
sys.exit(shapes != [(5, 24, 32), (2, 2, 24, 32)])
PY
