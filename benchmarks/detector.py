"""Gain and offset of simulated detectors, estimated from one image, with and without an MTF.

    python benchmarks/detector.py [--out TABLE.md]

Pt on CeO2 with vacuum above it, 1024 x 1024 pixels of 6.1 pm, gain 20 and offset 100 file units,
five structures for each dose. The error of the gain is relative to the gain, that of the offset
relative to the range of the image's values. `within` counts both: 3 % of the gain, 0.5 % of the
range.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd

GAIN, OFFSET = 20.0, 100.0
SEEDS = range(200, 205)


def record(clean: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """File values of a camera whose electrons spread over neighbouring pixels."""
    electrons = rng.poisson(clean).astype(float)
    return GAIN * (gaussian_filter(electrons, spread) if spread else electrons) + OFFSET


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        "| e/px | point spread [px] | gain, worst error | offset, worst error | within | "
        "gain, error / standard error |",
        "|---|---|---|---|---|---|",
    ]
    scenes = [sbd.simulate(dose=1.0, seed=seed).clean.data for seed in SEEDS]
    for dose in (0.45, 2.0, 20.0):
        for spread in (0.0, 0.5, 0.8):
            gains, offsets, pulls = [], [], []
            for seed, clean in zip(SEEDS, scenes, strict=True):
                image = record(clean * dose, spread, np.random.default_rng(seed))
                found = sbd.estimate_detector(sbd.Micrograph(image, 0.0061))
                gains.append(abs(found.gain / GAIN - 1))
                offsets.append(abs(found.offset - OFFSET) / np.ptp(image))
                pulls.append((found.gain - GAIN) / found.gain_err)
            good = np.mean((np.array(gains) < 0.03) & (np.array(offsets) < 0.005))
            lines.append(
                f"| {dose:g} | {spread:g} | {max(gains):.1%} | {max(offsets):.2%} | {good:.0%} | "
                f"{np.sqrt(np.mean(np.square(pulls))):.1f} |"
            )
            print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
