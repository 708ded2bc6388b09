#!/usr/bin/env bash
# "All frames" of a Merlin movie are all but the last one.
#
# parse_timestamps and parse_exposures of RosettaSciIO 0.15.0 take max_index; "if -1, all frames will
# be read", as their documentation says and shows. The natural guess is that three frames have three
# times then. They have two, and a file of one frame none: the number is the end of a slice.
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
from rsciio.quantumdetector import load_mib_data, parse_timestamps

counts = []
for frames in (3, 1):
    raw = b""
    for k in range(frames):
        stamp = f"2026-01-23T23:37:0{k}.000000000"
        text = f"MQ1,{k + 1:06d},00384,01,0032,0024,U16,   1x1,01,{stamp[:26]},0.0004,0,0,0,2.0E+1,"
        text += "0," * 20 + f"MQ1A,{stamp}Z,400000ns,12,"
        raw += text.encode().ljust(384) + np.full((24, 32), k, ">u2").tobytes()
    with open("movie.mib", "wb") as file:
        file.write(raw)
    _, headers = load_mib_data("movie.mib", return_headers=True)
    counts.append((len(headers), len(parse_timestamps(headers, max_index=-1))))
    print("frames", counts[-1][0], "times", counts[-1][1])
sys.exit(counts != [(3, 2), (1, 0)])
PY
