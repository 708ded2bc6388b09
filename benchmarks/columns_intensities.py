"""Intensities of columns in a network's image and in the data, and whether their errors hold.

    python benchmarks/columns_intensities.py [--first 0] [--images 8] [--doses 4 7 15 60]

Gaussian columns as in ``columns_disorder.py``, on a perfect lattice, with heights that scatter by
15 %; electron counts, or a scintillator. "shown" and "raw" are the median of ``intensity`` and
``intensity_raw`` over the truth (least, median and most of the images), "z" the root mean square of
what they are off over their errors, "error" the median relative error.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np

import napari_sbd as sbd
from _lattices import WORKING, by_scintillator, lattice, picture
from _machine import processor

SIDE = 384  # pixels at most
NEAR = 0.3  # of the spacing


def image(
    seed: int, dose: float, camera: bool
) -> tuple[sbd.Micrograph, np.ndarray, np.ndarray, float]:
    """A noisy image, true places (N, 2) [px], intensities (N,) [electrons x px], spacing [px]."""
    rng = np.random.default_rng([seed, 615])
    pixel, size, gap, width, true = lattice(rng, SIDE)
    contrast = rng.uniform(0.25, 0.8) * rng.choice([1, -1])
    heights = contrast * np.clip(rng.normal(1, 0.15, len(true)), 0.2, 1.2)
    level = dose * (pixel / WORKING) ** 2
    counts = rng.poisson(picture(true, heights, width, size, level)).astype(np.float32)
    intensities = heights * level * 2 * np.pi * width**2
    if camera:
        return by_scintillator(rng, counts, pixel), true, intensities, gap
    return sbd.Micrograph(counts, pixel, gain=1.0), true, intensities, gap


def measured(
    noisy: sbd.Micrograph, true: np.ndarray, intensities: np.ndarray, gap: float
) -> dict[str, Any] | None:
    """What came out; None where no columns were accepted, or their widths are not told."""
    table = sbd.find_columns(noisy, sbd.denoise(noisy))
    if not len(table) or table.attrs["given_width"] is not None:
        return None
    table = table[~table["near_frame"]]
    apart = np.hypot(*(table[["y", "x"]].to_numpy()[:, None] - true).transpose(2, 0, 1))
    ours = apart.min(1) < NEAR * gap
    truth = intensities[apart.argmin(1)][ours]
    found: dict[str, Any] = {}
    for name in ("intensity", "intensity_raw"):
        value, error = (table[n].to_numpy()[ours] for n in (name, f"{name}_err"))
        found[name] = np.nanmedian(value / truth)
        found[f"{name} z"] = np.sqrt(np.nanmean(((value - truth) / error) ** 2))
        found[f"{name} error"] = np.nanmedian(error / np.abs(truth))
    return found


def main() -> None:
    """Print a line for each camera and dose."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--doses", type=float, nargs="+", default=[4.0, 7.0, 15.0, 60.0])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{processor()}\n")
    print("| camera | electrons | images | shown | z | error | raw | z | error |")
    print("|---" * 9 + "|")
    for camera in (False, True):
        for dose in asked.doses:
            seeds = range(asked.first, asked.first + asked.images)
            found = [f for s in seeds if (f := measured(*image(s, dose, camera)))]
            row = ["scintillator" if camera else "counts", f"{dose:g}"]
            row.append(f"{len(found)} of {asked.images}")
            for name in ("intensity", "intensity_raw") if found else ():
                for end in ("", " z", " error"):
                    values = [f[name + end] for f in found]
                    row.append(", ".join(f"{fn(values):.2f}" for fn in (min, np.median, max)))
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
