"""PSNR of the bundled models on structures other than Pt on CeO2.

    python benchmarks/structures.py [--models NAME ...] [--seeds 2] [--out TABLE.md]

Simulated phase contrast of six kinds of structures, 640 x 640 pixels of 6.1 pm, each with its own
defocus, at three doses. PSNR with the vacuum scaled to 0.45 electrons per pixel and a peak of one
electron, one pass of the network. The structures are drawn from other seeds than those of training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import _validation
import napari_sbd as sbd

DEFOCUS = {
    "crystal_edge": 8.0,
    "free_particle": -6.0,
    "metal_on_oxide": 10.0,
    "grain_boundary": 5.0,
    "sheet": 7.0,
    "dislocation": -10.0,
}  # nm
DOSES = (0.15, 0.45, 2.0)  # electrons per pixel in vacuum
PIXEL = 0.0061  # nm
FIRST_SEED = 70_000


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["hrtem", "pt-ceo2"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    scores: dict[tuple[str, str, float], list[float]] = {}
    for kind, defocus in DEFOCUS.items():
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
            for dose in DOSES:
                told = {"size": 640, "pixel_size": PIXEL, "seed": seed, "defocus": defocus}
                phantom = sbd.simulate(kind, dose=dose, **told)
                scale = _validation.VACUUM_DOSE / dose
                for model in options.models:
                    found = sbd.denoise(phantom.noisy, model=model).data
                    psnr = _validation.psnr(found * scale, phantom.clean.data * scale)
                    scores.setdefault((model, kind, dose), []).append(psnr)
        print(kind, {k: np.round(v, 2) for k, v in scores.items() if k[1] == kind}, flush=True)
    lines = ["| model | structure |" + "".join(f" {d:g} e/px |" for d in DOSES), "|---" * 5 + "|"]
    for model in options.models:
        for kind in DEFOCUS:
            means = "".join(f" {np.mean(scores[model, kind, d]):.2f} |" for d in DOSES)
            lines.append(f"| {model} | {kind} |{means}")
        every = [v for (m, *_), s in scores.items() if m == model for v in s]
        lines.append(f"| {model} | mean of all {len(every)} | **{np.mean(every):.2f}** | | |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
