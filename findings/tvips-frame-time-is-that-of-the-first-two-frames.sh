#!/usr/bin/env bash
# The frame time of a TVIPS movie is the time between its first two frames, whatever the others do.
#
# Before each frame of a .tvips stands when it was recorded, in ms. The natural guess is that 100
# frames 17 ms apart, the first of which came 7 ms early, have a frame time of 17 ms. RosettaSciIO
# 0.15.0 gives 24 ms, so that the movie of 1.7 s lasts 2.4 s on its axis.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import struct
import sys

import numpy as np
import rsciio.tvips

times = 17 * np.arange(100) + 7
times[0] = 0  # ms
header = struct.pack("<13I", 256, 2, 16, 8, 16, 0, 0, 1, 1, 1, 200, 80, 60).ljust(256, b"T")
body = b""
for number, time in enumerate(times.tolist()):
    stamp = struct.pack("<3I", number, 1_700_000_000 + time // 1000, time % 1000)
    body += stamp.ljust(60, b"\0") + bytes(16 * 8 * 2)
with open("movie_000.tvips", "wb") as file:
    file.write(header + body)
axis = rsciio.tvips.file_reader("movie_000.tvips")[0]["axes"][0]
lasts = float(axis["scale"]) * (axis["size"] - 1)
print("frame time", axis["scale"], axis["units"], "so that", axis["size"], "frames last", lasts, "s")
print("by the times before the frames they last", times[-1] / 1000, "s")
sys.exit(not np.isclose(float(axis["scale"]), 0.024, atol=1e-4))
PY
