#!/usr/bin/env bash
# The pixel size in an extended header of kind FEI1 is not used.
#
# Thermo Fisher's programs keep the pixel size of each image in an extended header, and many of their
# files have a cell of 1 Å per pixel. The natural guess is that readers which know the kind "FEI1"
# give its 0.061 Å. mrcfile 1.5.4 decodes the header and still has a voxel size of 1 Å;
# RosettaSciIO 0.15.0 knows only the older header of exactly 131072 bytes and gives 0.1 nm; ncempy
# 1.16 reads the older header's place in it, finds 0 there and gives 1 Å.
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
from mrcfile.dtypes import get_ext_header_dtype

table = np.zeros(1, get_ext_header_dtype(b"FEI1", "<"))
table["Metadata size"] = table.itemsize
table["Pixel size X"] = table["Pixel size Y"] = 6.1e-12  # m
with mrcfile.new("image.mrc", np.ones((4, 8), np.int16)) as file:
    file.voxel_size = 1
    file.header.exttyp = b"FEI1"
    file.set_extended_header(table)
with mrcfile.open("image.mrc") as file:
    stored = float(file.indexed_extended_header["Pixel size X"][0])
    cell = float(file.voxel_size.x)
print("mrcfile     ", cell, "Å, in the extended header", stored, "m")
other = float(ncempy.io.read("image.mrc")["pixelSize"][-1])
print("ncempy      ", other, "Å")
axis = rsciio.mrc.file_reader("image.mrc")[0]["axes"][-1]
print("RosettaSciIO", axis["scale"], axis["units"])
sys.exit(not (stored == 6.1e-12 and cell == 1 and other == 1 and axis["scale"] == 0.1))
PY
