"""PSNR of denoised annular dark-field STEM images of known truth.

    python benchmarks/stem.py [--models hrtem stem auto] [--seeds 1] [--out TABLE.md]

Simulated micrographs of six kinds of structures (``napari_sbd.simulate``, 512 x 512 pixels of
12 pm) at two doses, electrons per pixel on average. PSNR has the brightest pixel of the truth as
its peak. BM3D after Anscombe and tk_r_em (``_peers.tk_r_em``) get the better of two binnings for
each image.
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

import _peers
import _validation
import napari_sbd as sbd
from napari_sbd.recipe import KEY

KINDS = ("pt_ceo2", "metal_on_oxide", "crystal_edge", "free_particle", "grain_boundary", "sheet")
DOSES = 0.5, 3.0
FIRST_SEED = 500
BINS = 2, 4


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["hrtem", "stem", "auto"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    peers = {}
    if find_spec("bm3d"):
        peers["BM3D"] = partial(_peers.binned, _peers.bm3d)
    if rival := _peers.tk_r_em("hrstem"):
        peers["tk_r_em"] = partial(_peers.binned_as_it_is, rival)
    names = [*options.models, *peers]
    lines = [f"| structure, e/px | {' | '.join(names)} | auto took |"]
    lines.append("|---" * (len(names) + 2) + "|")
    rows = []
    for (kind, dose), n in product(product(KINDS, DOSES), range(options.seeds)):
        seed = FIRST_SEED + n
        phantom = sbd.simulate(
            kind, size=512, pixel_size=0.012, seed=seed, dose=dose, modality="stem"
        )
        clean = np.asarray(phantom.clean.data)
        row, took = [], ""
        for model in options.models:
            result = sbd.denoise(phantom.noisy, model=model)
            row.append(_validation.psnr(result.data, clean, clean.max()))
            if model == "auto":
                took = result.metadata[KEY]["history"][-1]["settings"]["model"]
        counts = np.asarray(phantom.noisy.data, np.float32)
        for peer in peers.values():
            row.append(max(_validation.psnr(peer(counts, b), clean, clean.max()) for b in BINS))
        rows.append(row)
        lines.append(f"| {kind}, {dose:g} | {' | '.join(f'{v:.2f}' for v in row)} | {took} |")
        print(lines[-1], flush=True)
    mean = np.mean(rows, 0)
    lines.append(f"| **mean** | {' | '.join(f'{v:.2f}' for v in mean)} | |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
