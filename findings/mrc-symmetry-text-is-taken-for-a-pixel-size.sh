#!/usr/bin/env bash
# The text in an extended header of MRC is taken for a pixel size.
#
# An extended header may hold anything; MRC2014 has a field for its kind. CCP4's holds lines of
# symmetry operations, "X,Y,Z" padded with blanks. The natural guess is that a cell of 0.5 Å per
# pixel is then read as 0.5 Å. ncempy 1.16 takes bytes 44 to 47 of every extended header for the
# pixel size in metres that FEI's older header has there; four blanks are 1.4e-19 m, and so it gives
# 1.4e-9 Å. mrcfile 1.5.4 gives 0.5 Å, RosettaSciIO 0.15.0 gives 0.05 nm.
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

lines = b"".join(text.ljust(80) for text in (b"X,Y,Z", b"-X,-Y,Z"))
with mrcfile.new("map.mrc", np.ones((4, 4), np.float32)) as file:
    file.voxel_size = 0.5
    file.header.exttyp = b"CCP4"
    file.set_extended_header(np.frombuffer(lines, "V1"))
with mrcfile.open("map.mrc") as file:
    print("mrcfile     ", float(file.voxel_size.x), "Å")
axis = rsciio.mrc.file_reader("map.mrc")[0]["axes"][-1]
print("RosettaSciIO", axis["scale"], axis["units"])
size = float(ncempy.io.read("map.mrc")["pixelSize"][-1])
print("ncempy      ", size, "Å")
sys.exit(not (axis["scale"] == 0.05 and 1.3e-9 < size < 1.4e-9))
PY
