"""Outliers: false alarms, hits, time, and what is lost when they are left out before denoising.

    python benchmarks/outliers.py [--images 8] [--losses 4] [--out TABLES.md]

False alarms and hits are taken on simulated images (Pt on CeO2 at 6.1 pm, HRTEM and HAADF, and
both summed over 4 x 4 pixels) as a counting detector, a scaled one and a scintillator see them.
What is lost is the PSNR of the denoised image without outliers less that with them, over pixels
of the result that hold data. The strength of an outlier is in standard deviations of the local
noise, or of that at the mean dose where this is more.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from _machine import processor
from napari_sbd.noise.outliers import find_outliers

PIXEL = 0.0061
SAMPLED = "HRTEM", "HRTEM, coarse", "HAADF", "HAADF, coarse"  # the order of ``scenes``
Where = tuple[np.ndarray, np.ndarray]


def scenes(count: int) -> list[np.ndarray]:
    """Clean images of mean 1, finely and coarsely sampled."""
    result = []
    for seed in range(count):
        modality = "stem" if seed % 2 else "hrtem"
        clean = sbd.simulate(dose=1.0, seed=300 + seed, size=1024, modality=modality).clean.data
        clean = np.asarray(clean, np.float64)
        coarse = clean.reshape(256, 4, 256, 4).mean((1, 3))
        result += [clean / clean.mean(), coarse / coarse.mean()]
    return result


def cameras(expected: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One exposure as three cameras write it."""
    electrons = rng.poisson(expected)
    light = 17 * gaussian_filter(electrons.astype(float), 0.5)
    return {
        "counts": electrons.astype(np.uint16),
        "gain 17, offset 100": (17 * electrons + 100).astype(np.int32),
        "scintillator": (light + 100 + rng.normal(0, 5, expected.shape)).astype(np.float32),
    }


def false_alarms(images: list[np.ndarray]) -> list[str]:
    """Pixels in 10^6 that are left out of images without outliers."""
    lines = ["| e/px | counts | gain 17, offset 100 | scintillator | 10^6 px each |"]
    lines.append("|---|---|---|---|---|")
    for dose in (0.02, 0.1, 0.45, 2.0, 10.0, 100.0):
        rng = np.random.default_rng(int(100 * dose))
        found, pixels = dict.fromkeys(("counts", "gain 17, offset 100", "scintillator"), 0), 0
        for image in images:
            pixels += image.size
            for name, frame in cameras(dose * image, rng).items():
                found[name] += int(find_outliers(frame).mask.sum())
        rates = " | ".join(f"{n / pixels * 1e6:.2f}" for n in found.values())
        lines.append(f"| {dose:g} | {rates} | {pixels / 1e6:.1f} |")
        print(lines[-1], flush=True)
    return lines


def _at(rng: np.random.Generator, number: int, shape: tuple[int, ...], reach: int = 1) -> Where:
    ys, xs = (rng.integers(8, n - 8 - reach, number) for n in shape)
    return ys, xs


def _pixels(rng: np.random.Generator, shape: tuple[int, ...]) -> Where:
    return _at(rng, 30, shape)


def _cluster(rng: np.random.Generator, shape: tuple[int, ...]) -> Where:
    """X-rays that grow at random to 2 to 20 pixels."""
    places: set[tuple[int, int]] = set()
    for y, x in zip(*_at(rng, 10, shape), strict=True):
        grown = [(int(y), int(x))]
        while len(grown) < rng.integers(2, 21):
            cy, cx = grown[rng.integers(len(grown))]
            step = ((0, 1), (1, 0), (0, -1), (-1, 0))[rng.integers(4)]
            grown.append((cy + step[0], cx + step[1]))
        places.update(grown)
    ys, xs = np.array(sorted(places)).clip(0, min(shape) - 1).T
    return ys, xs


def _streak(rng: np.random.Generator, shape: tuple[int, ...]) -> Where:
    length = np.arange(60)
    slope, (y, x) = rng.uniform(-1, 1), (shape[0] // 2, int(rng.integers(10, shape[1] - 80)))
    return (y + slope * length).astype(int), x + length


def _column(rng: np.random.Generator, shape: tuple[int, ...]) -> Where:
    return np.arange(shape[0]), np.full(shape[0], rng.integers(8, shape[1] - 8))


KINDS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Where]] = {
    "single pixels": _pixels,
    "clusters of 2 to 20 px": _cluster,
    "streaks": _streak,
    "columns": _column,
}


def hits(images: list[np.ndarray]) -> list[str]:
    """Share of the pixels that are found, by kind, dose and strength."""
    strengths = (3, 8, 10, 15, 30, 100)
    lines = [
        "| kind | images | e/px | " + " | ".join(f"{s} sigma" for s in strengths) + " |",
        "|---|---|---|" + "---|" * len(strengths),
    ]
    for (kind, draw), first in product(KINDS.items(), range(len(SAMPLED))):
        for dose in (0.45, 100.0):
            row = []
            for strength in strengths:
                rng = np.random.default_rng(strength)
                found = total = 0
                for image in images[first :: len(SAMPLED)]:
                    expected = dose * image
                    frame = rng.poisson(expected)
                    at = draw(rng, image.shape)
                    level = expected[at] + strength * np.sqrt(np.maximum(expected[at], dose))
                    varied = 1.0 if kind != "clusters of 2 to 20 px" else rng.uniform(0.5, 2)
                    frame[at] = np.round(varied * level)
                    found += int(find_outliers(frame).mask[at].sum())
                    total += len(at[0])
                row.append(f"{100 * found / total:.0f} %")
            sampling = SAMPLED[first]
            lines.append(f"| {kind} | {sampling} | {dose:g} | " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    return lines


def speed() -> list[str]:
    """Milliseconds for a frame of 1024 x 1024 on one core, the median of 31."""
    lines = ["| frame of 1024 x 1024 | uint16 | float32 |", "|---|---|---|"]
    rng = np.random.default_rng(0)
    for name, dose, spoilt in (
        ("0.45 e/px", 0.45, 0),
        ("100 e/px", 100, 0),
        ("100 e/px, 30 hot pixels", 100, 30),
    ):
        row = []
        for dtype in (np.uint16, np.float32):
            frame = rng.poisson(dose, (1024, 1024)).astype(dtype)
            frame[_at(rng, spoilt, frame.shape)] = 5000
            find_outliers(frame)
            times = []
            for _ in range(31):
                start = time.perf_counter()
                find_outliers(frame)
                times.append(time.perf_counter() - start)
            row.append(f"{np.median(times) * 1e3:.1f} ms")
        lines.append(f"| {name} | " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    return lines


def _one(frame: np.ndarray, rng: np.random.Generator) -> None:
    frame[_at(rng, 1, frame.shape)] = 65535


def _hot(frame: np.ndarray, rng: np.random.Generator) -> None:
    frame[_at(rng, 30, frame.shape)] = rng.integers(20, 2000, 30)


def _xrays(frame: np.ndarray, rng: np.random.Generator) -> None:
    at = _cluster(rng, frame.shape)
    frame[at] = rng.integers(50, 3000, len(at[0]))


def _hot_column(frame: np.ndarray, rng: np.random.Generator) -> None:
    frame[_column(rng, frame.shape)] += 20


def _saturated_disc(frame: np.ndarray, rng: np.random.Generator) -> None:
    (y,), (x,) = _at(rng, 1, frame.shape, 60)
    v, u = np.indices(frame.shape)
    frame[np.hypot(v - y, u - x) < 15] = 255


def _saturated_glare(frame: np.ndarray, rng: np.random.Generator) -> None:
    (y,), (x,) = _at(rng, 1, frame.shape, 60)
    v, u = np.indices(frame.shape)
    frame += np.round(3000 * np.exp(-((v - y) ** 2 + (u - x) ** 2) / 2 / 6.0**2)).astype(
        frame.dtype
    )
    np.minimum(frame, 255, out=frame)


FAULTS: dict[str, Callable[[np.ndarray, np.random.Generator], None]] = {
    "one pixel of 65535": _one,
    "30 hot pixels": _hot,
    "X-ray clusters": _xrays,
    "hot column": _hot_column,
    "saturated disc": _saturated_disc,
    "saturated spot with a glare": _saturated_glare,
}


def _psnr(result: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((result - truth)[where] ** 2)))


def _denoised(frame: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sbd.denoise(frame, pixel_size=PIXEL, model="hrtem", outliers=False)


def losses(count: int) -> list[str]:
    """Decibels lost at 0.45 e/px, left in and left out, and with the truth in their place."""
    lines = [
        "| fault | left in | left out | worst | fresh counts in their place |",
        "|---|---|---|---|---|",
    ]
    total: dict[str, list[tuple[float, float, float]]] = {name: [] for name in FAULTS}
    for seed in range(count):
        rng = np.random.default_rng(seed)
        truth = 0.45 * np.asarray(sbd.simulate(dose=1.0, seed=400 + seed).clean.data)
        counts = rng.poisson(truth).astype(np.float32)
        clean = _denoised(counts)
        for name, spoil in FAULTS.items():
            frame = counts.copy()
            spoil(frame, rng)
            mask = find_outliers(frame).mask
            left_out = _denoised(np.where(mask, np.nan, frame))
            fresh = _denoised(np.where(mask, rng.poisson(truth), frame).astype(np.float32))
            where = np.isfinite(left_out)
            best = _psnr(clean, truth, where)
            spoilt = _psnr(_denoised(frame), truth, where)
            lost = tuple(best - p for p in (spoilt, _psnr(left_out, truth, where)))
            total[name].append((*lost, best - _psnr(fresh, truth, where)))
    for name, values in total.items():
        mean, worst = np.mean(values, 0), np.max(values, 0)
        figures = mean[0], mean[1], worst[1], mean[2]
        lines.append(f"| {name} | " + " | ".join(f"{v:.2f} dB" for v in figures) + " |")
        print(lines[-1], flush=True)
    return lines


def _struck(frame: np.ndarray, share: float, side: int, rng: np.random.Generator) -> np.ndarray:
    """A frame with squares of pixels beyond its range."""
    number = round(share * frame.size / side**2)
    y, x = _at(rng, number, frame.shape, side)
    height = frame.max() + rng.uniform(0.2, 10, number) * np.ptp(frame)
    result = frame.astype(np.float32)
    for dy, dx in product(range(side), repeat=2):
        result[y + dy, x + dx] = height * rng.uniform(0.5, 1, number) ** (side > 1)
    return result


def crowds() -> list[str]:
    """Found, and lost in the result, where outliers are many; counts, and light over 0.7 px."""
    lines = [
        "| pixels in all | side | HRTEM, 0.45 e/px | HAADF, 20 e/px | scintillator, 30 e/px |",
        "|---|---|---|---|---|",
    ]
    cases = []
    for kind, modality, pixel, dose, spread in (
        ("pt_ceo2", "hrtem", 0.0061, 0.45, 0.0),
        ("crystal_edge", "stem", 0.0165, 20, 0.0),
        ("crystal_edge", "hrtem", 0.033, 30, 0.7),
    ):
        made = sbd.simulate(kind, size=384, pixel_size=pixel, dose=1.0, seed=5, modality=modality)
        truth = np.asarray(made.clean.data, float)
        truth *= dose / truth.mean()
        frame = np.random.default_rng(3).poisson(truth).astype(float)
        if spread:
            frame, truth = (gaussian_filter(a, spread, mode="wrap") for a in (frame, truth))
        cases.append((frame.astype(np.float32), truth, pixel))
    for share, side in product((1e-3, 1e-2, 4e-2), (1, 2)):
        row = []
        for frame, truth, pixel in cases:
            struck = _struck(frame, share, side, np.random.default_rng(1))
            hit = struck != frame
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                result = sbd.denoise(struck, pixel_size=pixel)
                clean = sbd.denoise(frame, pixel_size=pixel)
            lost = _psnr(np.asarray(clean), truth, ~hit) - _psnr(np.asarray(result), truth, ~hit)
            told = any("Extreme values" in str(s.message) for s in said)
            found = find_outliers(struck).mask[hit].mean()
            row.append(f"{found:.1%}, {lost:.2f} dB{', told' if told else ''}")
        lines.append(f"| {share:.1%} | {side} | " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Print and perhaps write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--losses", type=int, default=4)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    images = scenes(options.images)
    tables = [speed(), false_alarms(images), hits(images[:4]), losses(options.losses), crowds()]
    text = "\n\n".join("\n".join(lines) for lines in tables)
    if options.out:
        options.out.write_text(f"{text}\n\n{processor()}, one core.\n")


if __name__ == "__main__":
    main()
