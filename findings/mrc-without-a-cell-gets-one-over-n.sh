#!/usr/bin/env bash
# An MRC file without a cell gets a pixel size of 1/n Å.
#
# A cell of zero is how mrcfile 1.5.4 writes an image of unknown pixel size, and how Prismatic does.
# The natural guess is "unknown", or 1 Å everywhere. ncempy 1.16 puts 1 Å in place of the whole cell
# and divides it by the number of pixels: an image of 4 rows and 8 columns measures 0.25 Å along y and
# 0.125 Å along x. RosettaSciIO 0.15.0 gives 0 nm.
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

with mrcfile.new("image.mrc", np.ones((4, 8), np.float32)) as file:
    print("written: a cell of", file.header.cella)
sizes = [float(size) for size in ncempy.io.read("image.mrc")["pixelSize"][-2:]]
print("ncempy      ", sizes, "Å")
steps = [axis["scale"] for axis in rsciio.mrc.file_reader("image.mrc")[0]["axes"]]
print("RosettaSciIO", steps, "nm")
sys.exit(not (sizes == [0.25, 0.125] and steps == [0.0, 0.0]))
PY
