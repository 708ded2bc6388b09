"""Columns and their errors on images that no rule was chosen on.

    python benchmarks/columns_heldout.py [--first 8000] [--images 5]

Simulated images (``napari_sbd.simulate``) of 384 x 384 pixels of 0.011 nm, defocus 8 nm, denoised
by the bundled networks at 2 and 20 electrons per pixel, against what the same detector finds in the
clean image, tolerance 0.27 of the spacing. ``error`` is the typical deviation of a place over its
stated error, away from the frame, of images with F1 above 0.9.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import napari_sbd as sbd

KINDS = ("free_particle", "pt_ceo2", "metal_on_oxide", "sheet")
DOSES = (2.0, 20.0)
_NORMAL = 1.4826  # standard deviation over median absolute deviation of normal values


def measured(kind: str, seed: int, dose: float) -> tuple[int, float, float] | None:
    """Number of columns, F1, deviation over error; None where the clean image shows none."""
    scene = sbd.simulate(kind, size=384, pixel_size=0.011, dose=dose, seed=seed, defocus=8.0)
    clean = sbd.find_columns(None, scene.clean)
    if len(clean) < 5:
        return None
    table = sbd.find_columns(scene.noisy, sbd.denoise(scene.noisy))
    if not len(table):
        return 0, np.nan, np.nan
    compared = sbd.compare_columns(clean, table)
    true, found = (t.iloc[p] for t, p in zip((clean, table), compared.pairs.T, strict=True))
    inner = ~found["near_frame"].to_numpy()
    pulls = [(found[a].to_numpy() - true[a].to_numpy()) / found[f"{a}_err"] for a in "yx"]
    typical = np.nan
    if compared.f1 > 0.9:
        typical = _NORMAL * float(np.nanmedian(np.abs(np.concatenate(pulls)[np.tile(inner, 2)])))
    return len(table), compared.f1, typical


def main() -> None:
    """Print a line for each image, and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=8000)
    parser.add_argument("--images", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = ["| structure | e/px | images | refused | F1, median (each) | error |"]
    lines.append("|---|---|---|---|---|---|")
    for kind in KINDS:
        for dose in DOSES:
            seeds = range(options.first, options.first + options.images)
            found = [r for seed in seeds if (r := measured(kind, seed, dose)) is not None]
            print(kind, dose, found, flush=True)
            scores = sorted(f1 for count, f1, _ in found if count)
            each = ", ".join(f"{f1:.2f}" for f1 in scores)
            errors = ", ".join(f"{e:.2f}" for *_, e in found if np.isfinite(e))
            lines.append(
                f"| {kind} | {dose:g} | {len(found)} | {len(found) - len(scores)} | "
                f"{np.median(scores) if scores else np.nan:.3f} ({each}) | {errors} |"
            )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
