"""Movies drawn at random as cameras make them: does any frame lose to a blur, or to itself alone?

    python benchmarks/camera_movies.py [--first 0] [--count 80]

Every seed draws a scene that changes (phase contrast or dark field of ten structures, eight
frames), 0.3 to 60 electrons per working pixel, a camera as ``camera_draws.py`` has it, a fixed
pattern of the pixels, a beam that flickers, frames aligned by linear interpolation, hot pixels, and
what is known of it. "Single" and "movie" are how much closer to the truth ``denoise`` and
``denoise_movie`` are than the best Gaussian blur of each frame, after a line fit [dB, mean of the
frames]; "worst" is the movie less the single frame, where that is least; "told" whether a warning
doubts the result.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

import napari_sbd as sbd
from _machine import processor
from camera_draws import BLURS, LEAST, WORDS, off, transfer
from napari_sbd.simulation.structures import KINDS

SIDE, MARGIN, FRAMES = 160, 32, 8  # pixels, pixels around what is denoised
WORKING = 0.033  # nm
TOLD = (*WORDS, "fixed pattern", "may be the model's own")


@dataclass
class Case:
    """A movie with its truth.

    Parameters
    ----------
    movie
        As it is given to ``denoise``.
    plain
        (T, Y, X) the same without hot pixels.
    truth
        (T, Y, X) expected, in the same units.
    said
        What was drawn.
    """

    movie: sbd.Micrograph
    plain: np.ndarray
    truth: np.ndarray
    said: str


def drawn(seed: int) -> Case:
    """Draw a case."""
    rng = np.random.default_rng([seed, 991])
    kind, pixel = str(rng.choice(list(KINDS))), float(rng.choice([0.0165, 0.033], p=[0.4, 0.6]))
    modality = str(rng.choice(["hrtem", "stem"], p=[0.75, 0.25]))
    options: dict[str, Any] = {"modality": modality}
    if modality == "hrtem":
        options["defocus"] = float(rng.uniform(-12, 12))
    options |= {"size": SIDE + 2 * MARGIN, "pixel_size": pixel, "frames": FRAMES}
    clean = np.asarray(sbd.simulate(kind, dose=1.0, seed=70_000 + seed, **options).clean.data)
    block = max(1, round(WORKING / pixel))
    dose = float(np.exp(rng.uniform(np.log(0.3), np.log(60))))
    light = 1 + (rng.uniform(-0.2, 0.2, FRAMES) if rng.random() < 0.25 else np.zeros(FRAMES))
    truth = clean / clean.mean() * dose / block**2 * light[:, None, None]
    frame = rng.poisson(truth).astype(float)
    sort = str(rng.choice(["counts", "gauss", "lorentz", "streak"], p=[0.4, 0.3, 0.15, 0.15]))
    gain, offset, spread = 1.0, 0.0, 0.0
    if sort != "counts":
        spread = float(rng.uniform(0, 1.5 if sort == "gauss" else 0.7))
        gain = float(np.exp(rng.uniform(np.log(3), np.log(300))))
        offset = float(rng.choice([0.0, rng.uniform(10, 1000)]))
        read = gain * float(np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
        passed = transfer(truth.shape[1:], sort, spread * block)
        frame, truth = (
            gain * np.fft.irfft2(np.fft.rfft2(a) * passed, a.shape[1:]) + offset
            for a in (frame, truth)
        )
        frame = frame + rng.normal(0, read, frame.shape)
    pattern = float(rng.uniform(0.01, 0.08)) if rng.random() < 0.3 else 0.0
    frame = (frame - offset) * rng.normal(1, pattern, frame.shape[1:]) + offset
    aligned = rng.random() < 0.25
    if aligned:
        by = rng.uniform(0, 1, (FRAMES, 2))
        frame, truth = (
            np.stack([_moved(i, b) for i, b in zip(a, by, strict=True)]) for a in (frame, truth)
        )
    inner = np.s_[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    frame, truth = frame[inner], truth[inner]
    hot = int(rng.integers(1, 30)) if rng.random() < 0.3 else 0
    seen = frame.copy()
    y, x = (rng.integers(0, SIDE, hot) for _ in "yx")
    seen[:, y, x] = frame.max() + rng.uniform(0.2, 10, hot) * np.ptp(frame)
    whole = rng.random() < 0.5 and not aligned
    known, told = bool(rng.random() < 0.6), bool(rng.random() < 0.5)
    movie = sbd.Micrograph(
        np.round(seen).astype(np.int32) if whole else seen.astype(np.float32),
        pixel if known else None,
        gain=gain if told else None,
        offset=offset if told or not offset else 0.0,
    )
    parts = [f"{modality} {kind}, {dose:.2g} e", f"{sort} {spread:.2f}".replace(" 0.00", "")]
    parts += [f"pattern {pattern:.1%}"] * (pattern > 0) + ["aligned"] * aligned
    parts += ["flicker"] * bool(np.ptp(light)) + [f"{hot} hot"] * (hot > 0)
    parts += ["pixel"] * known + ["gain"] * told
    return Case(movie, frame, truth, ", ".join(parts))


def _moved(image: np.ndarray, by: np.ndarray) -> np.ndarray:
    result: np.ndarray = affine_transform(image, [1, 1], by, order=1, mode="mirror")
    return result


def judged(case: Case) -> tuple[float, np.ndarray, np.ndarray, bool]:
    """The best blur, both results frame by frame, and whether they were doubted."""
    blurs = [
        np.mean([off(gaussian_filter(f, s) if s else f, t) for f, t in _both(case.plain, case)])
        for s in BLURS
    ]
    results, words = [], []
    ways: tuple[Callable[..., sbd.Micrograph], ...] = sbd.denoise, sbd.denoise_movie
    for way in ways:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            made = way(case.movie)
        results.append(np.array([off(f, t) for f, t in _both(made.data, case)]))
        words += [str(s.message) for s in said]
    told = any(w in s for w in TOLD for s in words)
    return float(max(blurs)), results[0], results[1], told


def _both(frames: Any, case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(frames, case.truth, strict=True))


def main() -> None:
    """Print each case, and which lost without a word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=80)
    asked = parser.parse_args()
    print(f"{processor()}\n\n| seed | movie | single | movie | worst | told |\n{'|---' * 6}|")
    rows = []
    for seed in range(asked.first, asked.first + asked.count):
        case = drawn(seed)
        blur, single, movie, told = judged(case)
        row = single.mean() - blur, movie.mean() - blur, (movie - single).min()
        rows.append((seed, *row, told))
        figures = " | ".join(f"{v:+.2f}" for v in row)
        print(f"| {seed} | {case.said} | {figures} | {'yes' if told else ''} |", flush=True)
    below = [r for r in rows if min(r[1:3]) <= -LEAST]
    worse = [(r[0], round(float(r[3]), 2)) for r in rows if r[3] < -0.05]
    print(
        f"\nMean lead: single {np.mean([r[1] for r in rows]):.1f} dB, movie "
        f"{np.mean([r[2] for r in rows]):.1f} dB. Worse than the blur: {len(below)} of "
        f"{len(rows)}, without a word {[r[0] for r in below if not r[4]]}. Frames over 0.05 dB "
        f"below the single one: {worse}."
    )


if __name__ == "__main__":
    main()
