#!/usr/bin/env bash
# Pixels that are not square come exchanged from the TIFF files of Thermo Fisher (FEI) and TVIPS.
#
# Their tags name the sizes: PixelHeight and PixelWidth, PixelSizeY and PixelSizeX. The natural guess is that
# "height" gets the one and "width" the other. RosettaSciIO 0.15.0 gives the width's to the height and the
# height's to the width; a square pixel, or a file of DigitalMicrograph, does not show it.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 tifffile==2026.3.3 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys

import numpy as np
import rsciio.tiff
import tifffile

text = b"[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=3e-11\r\n\0"
fei = (34682, 2, len(text), text, True)
first = np.zeros((), tifffile.TIFF.TVIPS_HEADER_V1)
second = np.zeros((), tifffile.TIFF.TVIPS_HEADER_V2)
first["Version"], second["Magic"] = 2, 0xAAAAAAAA
second["PixelSizeX"], second["PixelSizeY"] = 0.25, 0.125
block = first.tobytes() + second.tobytes()
tvips = (37706, 1, len(block), block, True)
dm = [(65003, 2, 3, "nm", True), (65004, 2, 3, "nm", True)]
dm += [(65009, 12, 1, 0.02, True), (65010, 12, 1, 0.03, True)]

found = {}
for name, tags in {"FEI": [fei], "TVIPS": [tvips], "DigitalMicrograph": dm}.items():
    tifffile.imwrite("a.tif", np.zeros((24, 32), np.uint8), metadata=None, extratags=tags)
    found[name] = {a["name"]: a["scale"] for a in rsciio.tiff.file_reader("a.tif")[0]["axes"]}
    print(f"{name:18}", found[name])
exchanged = found["FEI"] == {"height": 2e-11, "width": 3e-11}
exchanged &= found["TVIPS"] == {"height": 0.25, "width": 0.125}
sys.exit(not (exchanged and found["DigitalMicrograph"] == {"height": 0.03, "width": 0.02}))
PY
