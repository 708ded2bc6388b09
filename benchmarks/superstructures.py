"""What periods that stand out of what was taken off, and are put back, give.

    python benchmarks/superstructures.py [--seeds 3] [--first 900]

Patterns that no network was trained on, of 512 x 512 pixels of which 2 x 2 are summed: a lattice
with a fainter one of twice or three times its periods, an incommensurate modulation, a
quasicrystal, two lattices turned against each other, fringes of a few pixels; over the frame or in
a disc. Printed are PSNR [dB] of the result with and without what is put back, and the share of the
fainter pattern's amplitude that either keeps.
"""

from __future__ import annotations

import argparse
from unittest import mock

import numpy as np

import _machine
import napari_sbd as sbd
from napari_sbd.denoising import denoiser

SIDE, PIXEL = 512, 0.015  # pixels; nm, so that 2 x 2 of them are summed
DOSES = (2.0, 9.0, 40.0)  # electrons per working pixel
KINDS = ("superlattice", "modulation", "quasicrystal", "moire", "fringes", "superlattice in a disc")


def pattern(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts over their mean (N, N), and the fainter part of them."""
    y, x = np.indices((SIDE, SIDE)) / 2
    turn, period = rng.uniform(0, np.pi), rng.uniform(6.0, 9.0)  # working pixels

    def wave(angle: float, length: float) -> np.ndarray:
        along = np.cos(turn + angle) * x + np.sin(turn + angle) * y
        return np.cos(2 * np.pi * along / length + rng.uniform(0, 2 * np.pi))

    def cells(length: float, angle: float = 0.0) -> np.ndarray:
        return (wave(angle, length) + wave(angle + np.pi / 2, length)) / 2

    faint = np.zeros((SIDE, SIDE))
    strength = rng.uniform(0.03, 0.08)
    if kind.startswith("superlattice"):
        faint = strength * cells(period * rng.integers(2, 4), np.pi / 4)
        main = 0.35 * cells(period)
    elif kind == "modulation":
        faint = strength * wave(rng.uniform(0, 1.5), period * rng.uniform(1.6, 2.8))
        main = 0.35 * cells(period)
    elif kind == "quasicrystal":
        main = 0.4 * np.mean([wave(k * np.pi / 5, period) for k in range(5)], axis=0)
    elif kind == "moire":
        faint = 0.12 * cells(period * 1.07, rng.uniform(0.1, 0.4))
        main = 0.3 * cells(period)
    else:
        main = 0.3 * wave(0.0, rng.uniform(2.5, 3.5))
    if kind.endswith("disc"):
        inside = 1 / (1 + np.exp(np.hypot(y - SIDE / 4, x - SIDE / 4) - rng.uniform(50, 90)))
        main, faint = main * inside, faint * inside
    return 1 + main + faint, faint


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=900)
    options = parser.parse_args()
    print(_machine.processor())
    print("| pattern | e per working pixel | without [dB] | with [dB] | least gain | kept | kept |")
    print("|---|---|---|---|---|---|---|")
    for kind in KINDS:
        for dose in DOSES:
            rows = [one(kind, dose, options.first + seed) for seed in range(options.seeds)]
            without, put, kept, kept_put = np.mean(rows, axis=0)
            least = min(r[1] - r[0] for r in rows)
            print(
                f"| {kind} | {dose:g} | {without:.2f} | {put:.2f} | {least:+.2f} |"
                f" {kept:.2f} | {kept_put:.2f} |",
                flush=True,
            )


def one(kind: str, dose: float, seed: int) -> tuple[float, float, float, float]:
    """PSNR without and with what is put back, and shares of the fainter amplitude kept."""
    rng = np.random.default_rng([seed, KINDS.index(kind), int(dose)])
    shape, faint = pattern(kind, rng)
    clean = dose / 4 * shape
    noisy = sbd.Micrograph(rng.poisson(clean).astype(np.float32), pixel_size=PIXEL, gain=1.0)
    found = [sbd.denoise(noisy, model="hrtem").data]
    with mock.patch.object(denoiser, "put_back", lambda image, estimate, empty=None: estimate):
        found.insert(0, sbd.denoise(noisy, model="hrtem").data)
    scores = [10 * np.log10(np.ptp(clean) ** 2 / np.mean((f - clean) ** 2)) for f in found]
    power = (faint**2).sum() or np.nan
    kept = [((f / (dose / 4)) * faint).sum() / power for f in found]
    return scores[0], scores[1], kept[0], kept[1]


if __name__ == "__main__":
    main()
