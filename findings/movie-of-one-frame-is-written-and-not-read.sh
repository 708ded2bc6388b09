#!/usr/bin/env bash
# A movie of one frame that RosettaSciIO writes as TVIPS or Ripple cannot be read by it.
#
# The natural guess is that what RosettaSciIO 0.15.0 writes without a warning it reads again, as it
# does with two frames. With one frame the reader of .tvips ends in an IndexError (it subtracts the
# first time from the second), and that of .rpl says that "depth" must not be 1 with the "record-by"
# that the writer had chosen.
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
from importlib import import_module

import numpy as np


def comes_back(name, suffix, count):
    data = np.zeros((count, 8, 8), np.uint16)
    told = [("time", "s", 1.0, True), ("y", "nm", 2.0, False), ("x", "nm", 2.0, False)]
    axes = [
        {"name": n, "units": u, "scale": s, "offset": 0.0, "size": size, "navigate": navigate}
        for (n, u, s, navigate), size in zip(told, data.shape, strict=True)
    ]
    metadata = {
        "General": {"title": "movie"},
        "Signal": {"signal_type": ""},
        "Acquisition_instrument": {"TEM": {"beam_energy": 200.0}},
    }
    signal = {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}}
    signal["attributes"] = {"_lazy": False}
    module, path = import_module(f"rsciio.{name}"), f"{name}{count}_000.{suffix}"
    module.file_writer(f"{name}{count}.tvips" if suffix == "tvips" else path, signal)
    try:
        module.file_reader(path)
    except (IndexError, OSError) as error:
        print(path, type(error).__name__, str(error).replace("\n", " "))
        return False
    return True


kinds = [("tvips", "tvips"), ("ripple", "rpl")]
seen = [[comes_back(*kind, count) for count in (2, 1)] for kind in kinds]
sys.exit(seen != [[True, False], [True, False]])
PY
