#!/usr/bin/env bash
# A movie written as TVIPS gets the time from frame to frame as its pixel size.
#
# RosettaSciIO 0.15.0 writes and reads .tvips, whose header holds the pixel size in whole nm. The
# natural guess is that frames 7 s apart with pixels of 3 nm come back with 3 nm. They come back with
# 7 nm: the writer takes the scale of the first axis, which for a movie counts frames. With 0.5 s and
# pixels of 2 µm it even converts the unit and gives 500 nm.
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
import rsciio.tvips


def pixel_size(step, unit, size):
    data = np.zeros((3, 8, 8), np.uint16)
    told = [("time", "s", step, True), ("y", unit, size, False), ("x", unit, size, False)]
    axes = [
        {"name": n, "units": u, "scale": s, "offset": 0.0, "size": length, "navigate": navigate}
        for (n, u, s, navigate), length in zip(told, data.shape, strict=True)
    ]
    metadata = {
        "General": {"title": "movie"},
        "Signal": {},
        "Acquisition_instrument": {"TEM": {"beam_energy": 200.0}},
    }
    signal = {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}}
    signal["attributes"] = {"_lazy": False}
    rsciio.tvips.file_writer("movie.tvips", signal)
    axis = rsciio.tvips.file_reader("movie_000.tvips")[0]["axes"][-1]
    print(f"written {step} s, {size} {unit}; read {axis['scale']} {axis['units']}")
    return int(axis["scale"]), axis["units"]


seen = pixel_size(7.0, "nm", 3.0), pixel_size(0.5, "µm", 2.0)
sys.exit(seen != ((7, "nm"), (500, "nm")))
PY
