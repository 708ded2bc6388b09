#!/usr/bin/env bash
# Bytes of DigitalMicrograph that are unsigned come back negative from nionswift-io, and the signed
# ones that it writes are unsigned to all others.
#
# DigitalMicrograph calls unsigned bytes type 6 and signed ones type 9. The natural guess is that a
# reader of .dm4 that knows both numbers gives 200 for a byte of type 6 that is 200. nionswift-io
# 15.5.0 maps both types to signed bytes: it gives -56, and writes an image of -56 as type 6, which
# RosettaSciIO 0.15.0 and ncempy 1.16 read as 200.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet nionswift-io==15.5.0 rosettasciio==0.15.0 \
    ncempy==1.16 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys

import ncempy.io
import numpy as np
import rsciio.digitalmicrograph
from nion.data.DataAndMetadata import new_data_and_metadata
from nionswift_plugin.DM_IO import dm3_image_utils

with open("image.dm4", "wb") as file:
    image = new_data_and_metadata(np.full((8, 16), -56, np.int8))
    dm3_image_utils.save_image(image, file, 4)
(signal, *_) = rsciio.digitalmicrograph.file_reader("image.dm4")
kind = signal["original_metadata"]["ImageList"]["TagGroup0"]["ImageData"]["DataType"]
with open("image.dm4", "rb") as file:
    own = dm3_image_utils.load_image(file).data[0, 0]
theirs = signal["data"][0, 0], ncempy.io.read("image.dm4")["data"][0, 0]
print("type of the values in the file", kind, "(6: unsigned bytes)")
print("nionswift-io", own, "RosettaSciIO", theirs[0], "ncempy", theirs[1])
sys.exit((kind, int(own), *map(int, theirs)) != (6, -56, 200, 200))
PY
