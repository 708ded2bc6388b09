#!/usr/bin/env bash
# An image of Direct Electron whose side file says a camera length of 0 is read as a diffraction pattern.
#
# DE-Server writes a camera length of 0 for images, and -1 where the microscope tells nothing. The
# natural guess is that an image of 0.1 nm per pixel is read as that. RosettaSciIO 0.15.0 takes all but
# -1 for diffraction, and gives the diffraction pixel size, which is -1 (not known), in nm^-1.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 mrcfile==1.5.4 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys
from pathlib import Path

import mrcfile
import numpy as np
import rsciio.mrc

with mrcfile.new("20251103_12345_movie.mrc", np.zeros((5, 8, 8), np.uint16)) as file:
    file.set_image_stack()
lines = "Frames Per Second = 40\nInstrument Project Camera Length (centimeters) = 0\n"
lines += "Specimen Pixel Size X (nanometers) = 0.1\nSpecimen Pixel Size Y (nanometers) = 0.1\n"
lines += "Diffraction Pixel Size X = -1\nDiffraction Pixel Size Y = -1\n"
Path("20251103_12345_info.txt").write_text(lines)
signal = rsciio.mrc.file_reader("20251103_12345_movie.mrc")[0]
*_, y, x = signal["axes"]
print("written  0.1 nm")
print("read    ", x["name"], x["scale"], x["units"])
sys.exit(not (x["units"] == "nm^-1" and float(x["scale"]) == -1))
PY
