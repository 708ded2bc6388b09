#!/usr/bin/env bash
# The frame time of a Direct Electron movie of summed frames is divided by the sum, not multiplied.
#
# DE-Server writes YYYYMMDD_NUMBER_info.txt beside a movie. At 40 frames a second, ten of which are
# summed to one of the movie ("Autosave Movie Sum Count = 10"), frames are 0.25 s apart. RosettaSciIO
# 0.15.0 gives 0.0025 s, a hundred times less: 1 / (rate x sum) in place of sum / rate.
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
lines = "Frames Per Second = 40\nAutosave Movie Sum Count = 10\n"
lines += "Specimen Pixel Size X (nanometers) = 0.1\nSpecimen Pixel Size Y (nanometers) = 0.1\n"
Path("20251103_12345_info.txt").write_text(lines)
signal = rsciio.mrc.file_reader("20251103_12345_movie.mrc")[0]
(time,) = (axis for axis in signal["axes"] if axis["name"] == "time")
print("written  0.25 s from frame to frame")
print("read    ", time["scale"], time["units"])
sys.exit(not np.isclose(float(time["scale"]), 0.0025))
PY
