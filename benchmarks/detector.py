"""Gain and offset of simulated detectors, estimated from one image.

    python benchmarks/detector.py [--out TABLE.md] [--images 3] [--first 0] [--others]

First, Pt on CeO2 with vacuum above it, 1024 x 1024 pixels of 6.1 pm, gain 20 and offset 100 file
units, five structures for each dose. The error of the gain is relative to the gain, that of the
offset relative to the range of the image's values. `within` counts both: 3 % of the gain, 0.5 % of
the range.

Second, cameras of many kinds, 512 x 512 pixels of two scenes, a lattice in light that falls to a
third and a darker specimen below vacuum: how often the estimate is sure, and how often it is both
sure and off by more than three of its standard errors. With `--others` only this, for cameras,
doses and scenes on which no limit was chosen; `--first` is the first seed.
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


def tailed(electrons: np.ndarray, transfer) -> np.ndarray:
    """Electrons spread by a transfer function of frequency [cycles per pixel]."""
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in electrons.shape), indexing="ij"))
    return np.fft.ifft2(np.fft.fft2(electrons) * transfer(f)).real


def streaked(electrons: np.ndarray, share: float) -> np.ndarray:
    """A signal that trails along x."""
    result = electrons.astype(float)
    for x in range(1, result.shape[1]):
        result[:, x] = share * result[:, x - 1] + (1 - share) * electrons[:, x]
    return result


SIDE = 512
FIXED = np.random.default_rng(9).standard_normal((SIDE, SIDE))


def gaussian(sigma: float):
    """A point spread."""
    return lambda e, rng: 20 * gaussian_filter(e.astype(float), sigma) + 400


def patterned(spread: float):
    """Pixels that differ in sensitivity."""
    return lambda e, rng: 20 * e * (1 + spread * FIXED) + 400


CAMERAS = {
    **{f"counting, {d:g} e/px": (20, d, lambda e, rng: 20 * e + 400) for d in (0.45, 2, 5, 20, 50)},
    **{f"Gaussian point spread of {s} px": (20, 5, gaussian(s)) for s in (0.3, 0.5, 0.8, 1.2)},
    "transfer 1 / (1 + (f / 0.25)^2)": (
        20,
        5,
        lambda e, rng: 20 * tailed(e, lambda f: 1 / (1 + (f / 0.25) ** 2)) + 400,
    ),
    "transfer 1 / (1 + (f / 0.5)^2)": (
        20,
        5,
        lambda e, rng: 20 * tailed(e, lambda f: 1 / (1 + (f / 0.5) ** 2)) + 400,
    ),
    "transfer exp(-f / 0.3)": (
        20,
        5,
        lambda e, rng: 20 * tailed(e, lambda f: np.exp(-f / 0.3)) + 400,
    ),
    "streaks, 15 %": (20, 5, lambda e, rng: 20 * streaked(e, 0.15) + 400),
    "streaks, 40 %": (20, 5, lambda e, rng: 20 * streaked(e, 0.4) + 400),
    "rounded, gain 0.1": (0.1, 5, lambda e, rng: np.round(0.1 * e + 10)),
    "rounded, gain 0.3": (0.3, 5, lambda e, rng: np.round(0.3 * e + 10)),
    "rounded, gain 0.3, read-out noise": (
        0.3,
        5,
        lambda e, rng: np.round(0.3 * e + 10 + rng.normal(0, 0.3, e.shape)),
    ),
    "rounded, gain 3.7": (3.7, 2, lambda e, rng: np.round(3.7 * e + 10)),
    "read-out noise of 0.75 e": (
        20,
        5,
        lambda e, rng: 20 * e + 400 + rng.normal(0, 15, e.shape),
    ),
    "rows offset by 0.5 e": (
        20,
        5,
        lambda e, rng: 20 * e + 400 + rng.normal(0, 10, (SIDE, 1)),
    ),
    **{
        f"fixed pattern of {s:.0%}, {d} e/px": (20, d, patterned(s))
        for s, d in ((0.02, 20), (0.05, 5), (0.05, 20), (0.05, 50), (0.1, 5), (0.1, 20))
    },
    "halo of 20 % over 4 px": (
        20,
        5,
        lambda e, rng: (
            16 * gaussian_filter(e.astype(float), 0.5)
            + 4 * gaussian_filter(e.astype(float), 4)
            + 400
        ),
    ),
}


def halo(share: float, width: float):
    """A point spread of 0.5 px, part of whose light goes farther."""
    return lambda e, rng: (
        20 * (1 - share) * gaussian_filter(e.astype(float), 0.5)
        + 20 * share * gaussian_filter(e.astype(float), width)
        + 400
    )


def whole(gain: float, read: float = 0.0):
    """A file of whole numbers."""
    return lambda e, rng: np.round(gain * e + 10 + rng.normal(0, read, e.shape))


OTHERS = {
    **{f"counting, {d:g} e/px": (1, d, lambda e, rng: 1.0 * e + 10) for d in (1, 3, 10, 30)},
    **{
        f"Gaussian point spread of {s} px, {d} e/px": (20, d, gaussian(s))
        for s in (0.35, 0.6)
        for d in (2, 20)
    },
    **{f"whole numbers, gain 0.1, {d} e/px": (0.1, d, whole(0.1)) for d in (10, 50, 200)},
    "whole numbers, gain 1.1, 3 e/px": (1.1, 3, whole(1.1)),
    "whole numbers, gain 1.1, read-out noise, 3 e/px": (1.1, 3, whole(1.1, 0.4)),
    "whole numbers, gain 5.3, read-out noise, 3 e/px": (5.3, 3, whole(5.3, 1.5)),
    **{
        f"halo of 20 % over {w} px, {d} e/px": (20, d, halo(0.2, w))
        for w in (3, 6, 10)
        for d in (3, 10)
    },
    **{f"halo of 10 % over {w} px, 5 e/px": (20, 5, halo(0.1, w)) for w in (3, 6, 10)},
    **{
        f"fixed pattern of {s:.0%}, {d} e/px": (20, d, patterned(s))
        for s in (0.03, 0.06, 0.15)
        for d in (2, 10, 30)
    },
}


def other_scenes() -> list[np.ndarray]:
    """Two: a round particle under light that falls to the corners, and a slanted edge."""
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = np.cos(2 * np.pi * x / 29) * np.cos(2 * np.pi * y / 35)
    light = 1 - 0.3 * ((y - 256) ** 2 + (x - 256) ** 2) / 256**2
    particle = light * (1 + 0.3 * waves * (np.hypot(y - 300, x - 250) < 170))
    return [particle, gaussian_filter(np.where(x + 0.4 * y > 420, 0.75 * (1 + 0.2 * waves), 1), 3)]


def scenes() -> list[np.ndarray]:
    """Two, of mean about 1."""
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = np.cos(2 * np.pi * x / 41) * np.cos(2 * np.pi * y / 41)
    below = np.where(y > 230, 0.7 * (1 + 0.2 * waves), 1.0)
    return [(1 + 0.25 * waves) * (0.5 + x / SIDE), gaussian_filter(below, 3)]


def cameras(table: dict, views: list[np.ndarray], first: int, images: int) -> list[str]:
    """How sure it is of each camera, and how rightly."""
    lines = [
        "| camera | gain found / true | its error | off by (rms, errors) | offset off by | sure | "
        "sure and wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    sure, wrong, total = 0, 0, 0
    for name, (gain, dose, make) in table.items():
        zero = 10 if gain < 20 else 400
        found = []
        for seed in range(first, first + images):
            for scene in views:
                rng = np.random.default_rng([seed, 5])
                image = make(rng.poisson(dose * scene), rng)
                found.append(sbd.estimate_detector(sbd.Micrograph(image, 0.0061)))
        gains = np.array([f.gain for f in found])
        pulls = (gains - gain) / [f.gain_err for f in found]
        offsets = np.array([(f.offset - zero) / f.offset_err for f in found])
        told = np.array([f.sure for f in found])
        bad = told & (np.abs(pulls) > 3)
        sure, wrong, total = sure + told.sum(), wrong + bad.sum(), total + len(found)
        lines.append(
            f"| {name} | {gains.mean() / gain:.3f} | "
            f"{np.mean([f.gain_err for f in found]) / gain:.1%} | {rms(pulls):.1f} | "
            f"{rms(offsets):.1f} | {told.sum()} of {len(found)} | {bad.sum()} |"
        )
        print(lines[-1], flush=True)
    print(f"sure in {sure} of {total}, wrong in {wrong} of these")
    return lines


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--others", action="store_true")
    options = parser.parse_args()
    if options.others:
        cameras(OTHERS, other_scenes(), options.first, options.images)
        return
    lines = [
        "| e/px | point spread [px] | gain, worst error | offset, worst error | within | "
        "gain, error / standard error |",
        "|---|---|---|---|---|---|",
    ]
    structures = [sbd.simulate(dose=1.0, seed=seed).clean.data for seed in SEEDS]
    for dose in (0.45, 2.0, 20.0):
        for spread in (0.0, 0.5, 0.8):
            gains, offsets, pulls = [], [], []
            for seed, clean in zip(SEEDS, structures, strict=True):
                image = record(clean * dose, spread, np.random.default_rng(seed))
                found = sbd.estimate_detector(sbd.Micrograph(image, 0.0061))
                gains.append(abs(found.gain / GAIN - 1))
                offsets.append(abs(found.offset - OFFSET) / np.ptp(image))
                pulls.append((found.gain - GAIN) / found.gain_err)
            good = np.mean((np.array(gains) < 0.03) & (np.array(offsets) < 0.005))
            lines.append(
                f"| {dose:g} | {spread:g} | {max(gains):.1%} | {max(offsets):.2%} | {good:.0%} | "
                f"{rms(np.array(pulls)):.1f} |"
            )
            print(lines[-1], flush=True)
    lines += ["", *cameras(CAMERAS, scenes(), options.first, options.images)]
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
