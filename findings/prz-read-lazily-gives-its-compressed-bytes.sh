#!/usr/bin/env bash
# A .prz that is read lazily gives the bytes of its compressed archive as the values of the image.
#
# Panta Rhei's .prz is a ZIP archive of arrays. The natural guess is that RosettaSciIO 0.15.0, with
# lazy=True as its documentation offers, gives the values that it gives without. Its own writer
# compresses; the lazy reader maps the file at the place of the array without looking whether it is
# compressed: of an image of noise all values are wrong, with its shape and type and without a word,
# and an image that compresses well ends in "mmap length is greater than file size" when it is used.
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
import rsciio.pantarhei

data = np.random.default_rng(0).integers(-20_000, 20_000, (3, 40, 56)).astype(np.int16)
told = [("time", "s", 1.0, True), ("y", "nm", 0.02, False), ("x", "nm", 0.02, False)]
axes = [
    {"name": n, "units": u, "scale": s, "offset": 0.0, "size": size, "navigate": navigate}
    for (n, u, s, navigate), size in zip(told, data.shape, strict=True)
]
metadata = {"General": {"title": "noise"}, "Signal": {"signal_type": ""}}
signal = {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}}
rsciio.pantarhei.file_writer("noise.prz", signal)
at_once = rsciio.pantarhei.file_reader("noise.prz")[0]["data"]
lazily = np.asarray(rsciio.pantarhei.file_reader("noise.prz", lazy=True)[0]["data"])
print("written", data.ravel()[:4], "at once", at_once.ravel()[:4], "lazily", lazily.ravel()[:4])
wrong = np.mean(lazily != data)
print(f"{wrong:.1%} of the values are wrong")
sys.exit(not ((at_once == data).all() and lazily.shape == data.shape and wrong > 0.99))
PY
