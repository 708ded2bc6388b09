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
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from _machine import processor

WORKING = 0.033  # nm
FIELD = 6.5  # nm, of which not all fits at the finest pixels
NEAR = 0.3  # of the spacing
READ_OUT, OFFSET, GAIN = 3.0, 200.0, 17.0


def image(
    seed: int, dose: float, camera: bool
) -> tuple[sbd.Micrograph, np.ndarray, np.ndarray, float]:
    """A noisy image, true places (N, 2) [px], intensities (N,) [electrons x px], spacing [px]."""
    rng = np.random.default_rng([seed, 615])
    pixel = float(rng.choice([0.01, 0.02, 0.03]))
    size = int(min(384, max(192, FIELD / pixel)))
    gap, width = rng.uniform(0.2, 0.29) / pixel, rng.uniform(0.038, 0.055) / pixel
    turn, between = rng.uniform(0, np.pi), np.pi / (3 if rng.random() < 0.4 else 2)
    cell = gap * np.array([[np.cos(a), np.sin(a)] for a in (turn, turn + between)])
    true = np.mgrid[-60:61, -60:61].reshape(2, -1).T @ cell + size / 2
    if rng.random() < 0.5:
        true = true[np.hypot(*(true - size / 2).T) < 0.36 * size]
    true = true[((true > -3 * width) & (true < size + 3 * width)).all(1)]
    contrast = rng.uniform(0.25, 0.8) * rng.choice([1, -1])
    heights = contrast * np.clip(rng.normal(1, 0.15, len(true)), 0.2, 1.2)
    axis = np.arange(size)[:, None]
    gy, gx = (np.exp(-((axis - p) ** 2) / 2 / width**2) for p in true.T)
    level = dose * (pixel / WORKING) ** 2
    counts = rng.poisson(np.clip(1 + (gy * heights) @ gx.T, 0.03, None) * level).astype(np.float32)
    intensities = heights * level * 2 * np.pi * width**2
    if not camera:
        return sbd.Micrograph(counts, pixel, gain=1.0), true, intensities, gap
    light = counts + np.sqrt(0.09 * counts) * rng.standard_normal(counts.shape)
    values = GAIN * gaussian_filter(light, rng.uniform(0.5, 1) * WORKING / pixel) + OFFSET
    values += READ_OUT * rng.standard_normal(counts.shape)
    return sbd.Micrograph(values, pixel, gain=GAIN, offset=OFFSET), true, intensities, gap


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
