#!/usr/bin/env bash
# Signed bytes of an MRC file come out unsigned.
#
# MRC2014 defines mode 0 as signed bytes, -128 to 127. The natural guess is that every reader gives
# back the -3 that was written. RosettaSciIO 0.15.0 gives 253; mrcfile 1.5.4 and ncempy 1.16 give -3.
# RosettaSciIO is right about files of IMOD and SerialEM that lack IMOD's flag for signed bytes,
# which the other two read as negative. None of the three looks at the flag.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 mrcfile==1.5.4 ncempy==1.16 \
    numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys

import mrcfile
import ncempy.io
import numpy as np
import rsciio.mrc

written = np.array([[-3, -2, -1], [0, 1, 2]], np.int8)
with mrcfile.new("bytes.mrc", written) as file:
    assert file.header.mode == 0
seen = {
    "mrcfile": mrcfile.read("bytes.mrc"),
    "ncempy": ncempy.io.read("bytes.mrc")["data"][0],
    "RosettaSciIO": rsciio.mrc.file_reader("bytes.mrc")[0]["data"],
}
for program, values in seen.items():
    print(f"{program:12} {values.dtype} {values.ravel().tolist()}")
expected = {"mrcfile": -3, "ncempy": -3, "RosettaSciIO": 253}
sys.exit(any(seen[p].ravel()[0] != value for p, value in expected.items()))
PY
