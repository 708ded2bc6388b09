"""Errors of places of columns that each deviate from a perfect lattice, as a network shows them.

    python benchmarks/columns_disorder.py [--first 0] [--images 3] [--doses 4 15 60]

Gaussian columns on a square or hexagonal lattice in a disc or all over the image, spacings of 0.2
to 0.29 nm, widths of 38 to 55 pm, bright or dark, 0.01 to 0.03 nm per pixel, each column off its
lattice point by a normal deviation along both axes; electron counts, or a scintillator (point
spread of 0.5 to 1 working pixels, gain 17, offset, read-out). ``denoise`` and ``find_columns`` as
they are. "z" is the root mean square of deviations from the truth over errors, of columns away from
the frame; "off" that of deviations in pm, "data" the same of the fits to the data alone; "told"
how often the warning came.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np

import napari_sbd as sbd
from _lattices import WORKING, by_scintillator, lattice, picture
from _machine import processor

DEVIATIONS = (0.0, 2.5, 5.0, 10.0)  # pm
SIDE = 512  # pixels at most
NEAR = 0.3  # of the spacing


def image(seed: int, deviation: float, dose: float) -> tuple[sbd.Micrograph, np.ndarray, float]:
    """A noisy image, the true places (N, 2) [px] and the spacing [px]."""
    rng = np.random.default_rng([seed, 61])
    pixel, size, gap, width, true = lattice(rng, SIDE, deviation)
    contrast = rng.uniform(0.25, 0.8) * rng.choice([1, -1])
    heights = contrast * np.clip(rng.normal(1, 0.15, len(true)), 0.2, 1.2)
    level = dose * (pixel / WORKING) ** 2
    counts = rng.poisson(picture(true, heights, width, size, level)).astype(np.float32)
    if rng.random() < 0.5:
        return sbd.Micrograph(counts, pixel, gain=1.0), true, gap
    return by_scintillator(rng, counts, pixel), true, gap


def measured(noisy: sbd.Micrograph, true: np.ndarray, gap: float) -> dict[str, Any] | None:
    """What came out; None where no columns were accepted."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        table = sbd.find_columns(noisy, sbd.denoise(noisy))
    if not len(table):
        return None
    table = table[~table["near_frame"]]
    off, error, alone = (
        table[[f"y{end}", f"x{end}"]].to_numpy(float) for end in ("", "_err", "_raw")
    )
    apart = np.hypot(*(off[:, None] - true).transpose(2, 0, 1))
    nearest, ours = apart.argmin(1), apart.min(1) < NEAR * gap
    off, alone = (places - true[nearest] for places in (off, alone))
    pm = 1000 * float(noisy.pixel_size or np.nan)
    return {
        "z": float(np.sqrt(np.nanmean((off / error)[ours] ** 2))),
        "off": pm * float(np.sqrt(np.mean(off[ours] ** 2))),
        "alone": pm * float(np.sqrt(np.nanmean(alone[ours] ** 2))),
        "told": any("nearer to where the network expects" in str(w.message) for w in said),
    }


def main() -> None:
    """Print a line for each deviation and dose."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--doses", type=float, nargs="+", default=[4.0, 15.0, 60.0])
    asked = parser.parse_args()
    print(f"{processor()}\n")
    print(
        "| deviation [pm] | electrons | images | z: least, median, most | off, data [pm] | told |"
    )
    print("|---" * 6 + "|")
    for deviation in DEVIATIONS:
        for dose in asked.doses:
            seeds = range(asked.first, asked.first + asked.images)
            found = [f for s in seeds if (f := measured(*image(s, deviation, dose)))]
            z, off, alone = (np.array([f[k] for f in found]) for k in ("z", "off", "alone"))
            if not found:
                print(f"| {deviation:g} | {dose:g} | 0 of {asked.images} | | | |", flush=True)
                continue
            print(
                f"| {deviation:g} | {dose:g} | {len(found)} of {asked.images} | "
                f"{z.min():.2f}, {np.median(z):.2f}, {z.max():.2f} | "
                f"{np.median(off):.1f}, {np.median(alone):.1f} | {sum(f['told'] for f in found)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
