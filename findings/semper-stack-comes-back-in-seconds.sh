#!/usr/bin/env bash
# A stack written as Semper comes back as a volume whose pixels measure seconds.
#
# RosettaSciIO 0.15.0 writes and reads Semper's .unf. The natural guess is that a stack of 5 images,
# 0.1 s apart, of 0.007 nm (y) by 0.006 nm (x) comes back as that. It comes back without an axis of
# frames, the frames called x, the rows y and the columns z, and all three in seconds. In Semper the
# first spacing belongs to the columns; the reader gives it to the first axis of the array, which for
# an image are the rows.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import sys

import numpy as np
import rsciio.semper

data = np.arange(5 * 3 * 4, dtype=np.int16).reshape(5, 3, 4)
written = [("time", "s", 0.1, True), ("y", "nm", 0.007, False), ("x", "nm", 0.006, False)]
axes = [
    {"name": n, "units": u, "scale": s, "offset": 0.0, "size": size, "navigate": navigate}
    for (n, u, s, navigate), size in zip(written, data.shape, strict=True)
]
metadata = {"General": {"title": "stack"}, "Signal": {}}
signal = {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}}
rsciio.semper.file_writer("stack.unf", signal)
(back,) = rsciio.semper.file_reader("stack.unf")
assert back["data"].shape == data.shape
seen = [(a["name"], a["units"], round(a["scale"], 6), a["navigate"]) for a in back["axes"]]
print("written", written)
print("read   ", seen)
guess = [("x", "s", 0.1, False), ("y", "s", 0.007, False), ("z", "s", 0.006, False)]
sys.exit(seen != guess)
PY
