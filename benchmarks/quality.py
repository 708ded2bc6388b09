"""PSNR of denoised images of known truth, beside filters that need no training.

    python benchmarks/quality.py FOLDER [--models NAME ...] [--out TABLE.md]

FOLDER holds pairs NAME.npz (``image``, vacuum = 1) and NAME.json (``pixel_nm``), or is a dataset of
``napari-sbd simulate sbd-ptceo2`` (12 images of its test split are taken). Each image is
drawn once as Poisson counts of 0.45 electrons per pixel in vacuum, seed = its place in the list.
PSNR has peak 1 electron and is not clipped. Where a method has a free width or binning, the best
one for each image is taken with knowledge of the truth, which favours the filters.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

import _peers
import _validation
import napari_sbd as sbd

BINS = (2, 4, 8)


Method = Callable[[np.ndarray], list[np.ndarray]]


def methods(pixel_size: float, models: list[str]) -> dict[str, Method]:
    """Each method gives one or more candidates, of which the best counts."""
    table: dict[str, Method] = {
        "raw counts": lambda y: [y],
        "constant": lambda y: [np.full_like(y, y.mean())],
        "Gaussian blur, best width": _peers.blurs,
    }
    filters = {
        "total variation": _peers.total_variation,
        "wavelet": _peers.wavelet,
        "non-local means": _peers.non_local_means,
    }
    if find_spec("bm3d"):
        filters["BM3D"] = _peers.bm3d
    for name, method in filters.items():
        table[f"Anscombe + {name}, best binning"] = lambda y, m=method: [
            _peers.binned(m, y, b) for b in BINS
        ]
    if rival := _peers.tk_r_em("hrtem"):
        table["tk_r_em hrtem, best binning"] = lambda y: [
            _peers.binned_as_it_is(rival, y, b) for b in BINS
        ]
    for model, quality in product(models, ("fast", "best")):
        table[f"napari-sbd {model}, {quality}"] = lambda y, m=model, q=quality: [
            sbd.denoise(y, pixel_size=pixel_size, model=m, quality=q)
        ]
    return table


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["auto"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    scores: dict[str, list[float]] = {}
    names = []
    for seed, (name, clean, pixel_size) in enumerate(_validation.load(options.folder)):
        names.append(name)
        counts = _validation.noisy(clean, seed)
        for method, estimate in methods(pixel_size, options.models).items():
            best = max(_validation.psnr(e, clean) for e in estimate(counts))
            scores.setdefault(method, []).append(best)
        print(name, {m: round(s[-1], 2) for m, s in scores.items()}, flush=True)
    lines = ["| method | mean | worst | best |", "|---|---|---|---|"]
    lines += [
        f"| {m} | {np.mean(s):.2f} | {min(s):.2f} | {max(s):.2f} |" for m, s in scores.items()
    ]
    text = f"PSNR [dB] of {len(names)} images, peak 1 electron:\n\n" + "\n".join(lines) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
