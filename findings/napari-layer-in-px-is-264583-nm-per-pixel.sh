#!/usr/bin/env bash
# A napari layer with the unit "px" has a physical pixel of 264,583 nm.
#
# napari 0.9.2 takes the units of a layer from pint. The natural guess is that "px" is short for "pixel", the unit
# that says "not calibrated". In pint 0.25.3 only "pixel" is that; "px" is the pixel of style sheets, 1/96 inch,
# and a length. So 4 x 4 pixels in "px" beside 4 x 4 pixels of 0.1 nm fill a world of 793,750 nm, in which
# the calibrated image is a point; in "pixel" the two have no common unit, and both keep their size.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet napari==0.9.2 pint==0.25.3 numpy==2.4.6
cd "$work"
export NAPARI_CONFIG=
venv/bin/python - <<'PY'
import sys

import numpy as np
from napari.components import LayerList
from napari.layers import Image

frame = np.zeros((4, 4))
size = {}
for unit in ("px", "pixel"):
    calibrated = Image(frame, scale=(0.1, 0.1), units=("nm", "nm"))
    plain = Image(frame, units=(unit, unit))
    extent = LayerList([calibrated, plain]).extent
    size[unit] = float(np.max(extent.world))
    print(f'"{unit}" is {plain.units[0]}: beside a layer in nm the world is {size[unit]:g} {extent.units}')
sys.exit(not (abs(size["px"] - 793_750) < 1 and size["pixel"] == 3))
PY
