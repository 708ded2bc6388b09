"""How much of the noise is left after denoising, against the dose.

    python benchmarks/dose.py [--out TABLE.md]

Five structures each: simulated Pt on CeO2 in phase contrast, 1024 x 1024 pixels of 6.1 pm, and in
annular dark field, 384 x 384 pixels of 12 pm. The figure is the error of the denoised image over
the noise of the raw one, both root mean square, on images binned 5 x 5 and 3 x 3. "Alone" is
without the detail that is put back.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import napari_sbd as sbd
from napari_sbd import sampling
from napari_sbd.denoising import denoiser

DOSES = (0.02, 0.1, 0.45, 2, 10, 40, 400, 4000)  # electrons per pixel in vacuum
SCENES: tuple[tuple[dict[str, Any], tuple[int, int]], ...] = (
    ({"size": 1024, "pixel_size": 0.0061}, (5, 5)),
    ({"size": 384, "pixel_size": 0.012, "modality": "stem"}, (3, 3)),
)


def remaining(
    scene: dict[str, Any], block: tuple[int, int], dose: float, seed: int
) -> tuple[float, float]:
    """Error over the noise of the raw image, of the network alone and of the result."""
    phantom = sbd.simulate(dose=dose, seed=seed, **scene)
    clean, raw = (
        sampling.bin_counts(np.asarray(m.data), block) for m in (phantom.clean, phantom.noisy)
    )

    def error() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the model's range is what is tested
            ours = sampling.bin_counts(np.asarray(sbd.denoise(phantom.noisy).data), block)
        return float(np.sqrt(np.mean((ours - clean) ** 2) / np.mean((raw - clean) ** 2)))

    with mock.patch.object(denoiser, "put_back_detail", lambda image, estimate, *_: estimate):
        alone = error()
    return alone, error()


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        "| electrons per pixel | phase contrast, alone | result | dark field, alone | result |",
        "|---|---|---|---|---|",
    ]
    print(*lines, sep="\n")
    for dose in DOSES:
        left = [
            np.mean([remaining(scene, block, dose, seed) for seed in range(100, 105)], axis=0)
            for scene, block in SCENES
        ]
        shares = " | ".join(f"{share:.1%}" for share in np.concatenate(left))
        lines.append(f"| {dose:g} | {shares} |")
        print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
