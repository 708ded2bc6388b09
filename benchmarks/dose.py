"""How much of the noise is left after denoising, against the dose.

    python benchmarks/dose.py [--out TABLE.md]

Simulated Pt on CeO2, 1024 x 1024 pixels of 6.1 pm, five structures. The figure is the error of the
denoised image over the noise of the raw one, both root mean square, on the 5 x 5 binned images.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

import napari_sbd as sbd
from napari_sbd import sampling

DOSES = (0.02, 0.1, 0.45, 2, 10, 40, 400, 4000)  # electrons per pixel in vacuum
BLOCK = (5, 5)


def remaining(dose: float, seed: int) -> float:
    """Error of the denoised image over the noise of the raw one."""
    phantom = sbd.simulate(dose=dose, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the model's range is what is tested
        denoised = sbd.denoise(phantom.noisy)
    clean, raw, ours = (
        sampling.bin_counts(np.asarray(m.data), BLOCK)
        for m in (phantom.clean, phantom.noisy, denoised)
    )
    return float(np.sqrt(np.mean((ours - clean) ** 2) / np.mean((raw - clean) ** 2)))


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = ["| electrons per pixel | per working pixel | noise left |", "|---|---|---|"]
    for dose in DOSES:
        left = np.mean([remaining(dose, seed) for seed in range(100, 105)])
        lines.append(f"| {dose:g} | {dose * BLOCK[0] * BLOCK[1]:g} | {left:.1%} |")
        print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
