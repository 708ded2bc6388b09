#!/usr/bin/env bash
# One Berkeley EMD file, two orientations.
#
# A file with dim1 called Y and dim2 called X, rows first. The natural guess is that two readers show
# the same picture. ncempy 1.16, of the group that made the layout, gives the array as it lies.
# RosettaSciIO 0.15.0 gives its transpose with X as the first axis, and writes the transpose of what it
# is given. So each shows the other's files mirrored at the diagonal; only the names of the axes tell.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 ncempy==1.16 h5py==3.16.0 \
    numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys

import h5py
import ncempy.io
import numpy as np
import rsciio.emd

with h5py.File("image.emd", "w") as file:
    file.attrs.update(version_major=0, version_minor=2)
    group = file.create_group("data/scan")
    group.attrs["emd_group_type"] = 1
    group["data"] = np.arange(12, dtype=np.uint16).reshape(3, 4)
    for number, (name, count) in enumerate((("Y", 3), ("X", 4)), 1):
        axis = group.create_dataset(f"dim{number}", data=np.arange(count) * 0.1)
        axis.attrs.update(name=name, units="[n_m]")
lying = ncempy.io.read("image.emd")["data"]
signal = rsciio.emd.file_reader("image.emd")[0]
names = [axis["name"] for axis in signal["axes"]]
back = signal["data"].T.copy()
axes = [{**axis, "navigate": False} for axis in signal["axes"][::-1]]
metadata = {"General": {"title": "scan"}, "Signal": {}}
rsciio.emd.file_writer(
    "other.emd", {"data": back, "axes": axes, "metadata": metadata, "original_metadata": {}}
)
other = ncempy.io.read("other.emd")["data"]
print("ncempy      ", lying.shape, "first row", lying[0].tolist())
print("RosettaSciIO", signal["data"].shape, names, "first row", signal["data"][0].tolist())
print("written by RosettaSciIO from", back.shape, "read by ncempy as", other.shape)
shapes = lying.shape, signal["data"].shape, back.shape, other.shape
sys.exit(not (shapes == ((3, 4), (4, 3), (3, 4), (4, 3)) and names == ["X", "Y"]))
PY
