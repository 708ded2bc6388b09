#!/usr/bin/env bash
# RosettaSciIO's own TIFF comes back with fewer digits than stand in it.
#
# RosettaSciIO 0.15.0 writes the scale of an axis twice: in full into the tags of DigitalMicrograph (65009, 65010), and
# for ImageJ as a resolution with eight decimals. The natural guess is that what one writes, one reads. It
# reads the resolution: 6.12345678e-06 µm, an ordinary pixel of an atomic-resolution image, comes back
# as 6.12e-06 µm, 0.06 % too small, while the tags keep all digits. In nm the same pixel loses the sixth digit.
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

axis = {"units": "µm", "scale": 6.12345678e-6, "offset": 0, "navigate": False}
axes = [{**axis, "name": n, "size": s, "index_in_array": i} for i, (n, s) in enumerate([("y", 24), ("x", 32)])]
signal = {"data": np.zeros((24, 32), np.uint16), "axes": axes, "original_metadata": {}}
signal["metadata"] = {"General": {"title": ""}, "Signal": {}}
rsciio.tiff.file_writer("a.tif", signal)
with tifffile.TiffFile("a.tif") as file:
    kept = file.pages[0].tags[65009].value
back = rsciio.tiff.file_reader("a.tif")[0]["axes"][-1]["scale"]
print("written", axis["scale"], "µm; in tag 65009", kept, "; read", back)
sys.exit(not (kept == axis["scale"] and abs(back / kept - 0.99944) < 1e-5))
PY
