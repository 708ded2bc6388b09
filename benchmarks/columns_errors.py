"""Errors of places of columns: deviation over error, against fits to the image without noise.

    python benchmarks/columns_errors.py [--first 31000] [--images 5] [--only counts,alone]

Simulated images of 384 x 384 pixels of 0.011 nm, four kinds of phase contrast (defocus 8 nm) and
two of dark field, 0.25 to 20 electrons per pixel. The truth is the fit to the image without noise,
with the same width and from the same start; ``deviation over error`` is the typical one (1.48 times
the median) of columns away from the frame, in images with F1 above 0.9.

``counts``: denoised by the network that ``auto`` takes, judged by the counts. ``alone``: images
without anything to compare them with, as they are recorded and blurred by Gaussians (the truth is
then blurred as well).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.columns.shown import Shown

KINDS = {
    "pt_ceo2": "hrtem",
    "free_particle": "hrtem",
    "metal_on_oxide": "hrtem",
    "sheet": "hrtem",
    "dislocation": "hrtem",
    "crystal_edge": "stem",
    "pt_ceo2 ": "stem",
}
DOSES = (0.25, 1.0, 4.0, 20.0)
BLURS = (1.0, 1.5, 2.0, 3.0)  # px
_NEAR = 0.27  # of the spacing
_FEWEST, _F1 = 20, 0.9
_NORMAL = 1.4826  # standard deviation over median absolute deviation of normal values


def deviation(table: Any, clean: np.ndarray) -> float:
    """Typical deviation of places over their errors; NaN where few columns tell it."""
    start = table[["y", "x"]].to_numpy(float)
    scale, bright = table.attrs["scale"], table.attrs["polarity"] == "bright"
    begin = np.column_stack([start, np.full((len(start), 3), np.nan)])
    true = Shown(clean, begin, scale, bright).alone()
    off = start - true.values[:, :2]
    ours = true.converged & (np.hypot(*off.T) < _NEAR * table.attrs["spacing"])
    ours &= ~table["near_frame"].to_numpy()
    pulls = (off / table[["y_err", "x_err"]].to_numpy(float))[ours].ravel()
    pulls = pulls[np.isfinite(pulls)]
    return _NORMAL * float(np.median(np.abs(pulls))) if len(pulls) > 2 * _FEWEST else np.nan


def images(
    counts: np.ndarray, clean: np.ndarray, only: list[str]
) -> Iterator[tuple[str, Any, Any]]:
    """Name, table and truth of what is made of one image of counts."""
    noisy = sbd.Micrograph(counts, 0.011, gain=1.0)
    if "counts" in only:
        yield "counts", sbd.find_columns(noisy, sbd.denoise(noisy)), clean
    if "alone" in only:
        yield "as it is", sbd.find_columns(None, counts.astype(float)), clean
        for blur in BLURS:
            seen, truth = (gaussian_filter(i.astype(float), blur) for i in (counts, clean))
            yield f"blurred by {blur:g} px", sbd.find_columns(None, seen), truth


def main() -> None:
    """Print a line for each image, and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=31000)
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--only", default="counts,alone")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[tuple[str, str, float], list[float]] = {}
    absent: dict[tuple[str, str, float], int] = {}
    for seed in range(options.first, options.first + options.images):
        for kind, modality in KINDS.items():
            focus = 8.0 if modality == "hrtem" else None
            scene = sbd.simulate(
                kind.strip(),
                size=384,
                pixel_size=0.011,
                dose=1.0,
                seed=seed,
                modality=modality,
                defocus=focus,
            )
            whole = np.asarray(scene.clean.data, float)
            reference = sbd.find_columns(None, whole)
            if len(reference) < _FEWEST:
                continue
            for dose in DOSES:
                rng = np.random.default_rng([seed, int(100 * dose), 77])
                counts = rng.poisson(dose * whole).astype(np.uint16)
                for name, table, truth in images(counts, dose * whole, options.only.split(",")):
                    if len(table) < _FEWEST or sbd.compare_columns(reference, table).f1 < _F1:
                        continue
                    key = name, modality, dose
                    if table["y_err"].isna().all():
                        absent[key] = absent.get(key, 0) + 1
                    elif np.isfinite(off := deviation(table, truth)):
                        found.setdefault(key, []).append(off)
                        print(kind, seed, *key, f"{off:.2f}", flush=True)
    lines = ["| image | contrast | e/px | images | 10 %, median, 90 % | 0.8 to 1.25 | no error |"]
    lines.append("|---|---|---|---|---|---|---|")
    every: dict[str, list[float]] = {}
    for key in sorted(found.keys() | absent.keys()):
        values = found.get(key, [])
        every.setdefault(key[0], []).extend(values)
        lines.append(
            f"| {key[0]} | {key[1]} | {key[2]:g} | {_line(values)} | {absent.get(key, 0)} |"
        )
    lines += [f"| {name}, all | | | {_line(values)} | |" for name, values in every.items()]
    print("\n".join(lines))


def _line(values: list[float]) -> str:
    if not values:
        return "0 | | "
    low, middle, high = np.percentile(values, [10, 50, 90])
    inside = np.mean([0.8 < v < 1.25 for v in values])
    return f"{len(values)} | {low:.2f}, {middle:.2f}, {high:.2f} | {inside:.0%}"


if __name__ == "__main__":
    main()
