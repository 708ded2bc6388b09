"""Images drawn at random as cameras make them: is any result worse than a Gaussian blur unsaid?

    python benchmarks/camera_draws.py [--first 0] [--count 60] [--seeds ...] [--out CASES.jsonl]

Every seed draws a clean image (phase contrast or dark field of ten structures, or objects larger
than atoms), a dose of 0.3 to 200 electrons per working pixel, a camera (point spread of up to 1.5
working pixels, gain, offset, read-out noise, 8 bit), uneven light, hot pixels, interpolation, and
what is known of it: pixel size, gain. ``denoise`` as it is, is compared with the expected image as
this camera sees it, after a line fit, and so is the best Gaussian blur of the image, without hot
pixels, told by the truth. "Lead" is how much closer to the truth the result is [dB]; "told" whether
a warning doubts the result against a blur or asks for the pixel size or the noise spectrum.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, rotate

import napari_sbd as sbd
from _machine import processor
from napari_sbd.simulation.low_magnification import low_magnification_image
from napari_sbd.simulation.structures import KINDS

SIDE = 384  # pixels along a side of what is denoised
MARGIN = 48  # pixels around it, which a point spread or interpolation brings in
DOSES = 0.3, 200.0  # electrons per working pixel
BLURS = (0, 0.3, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16)  # pixels
WORKING = 0.033  # nm
LEAST = 0.1  # dB that count as worse
WORDS = (
    *("blur", "further from the truth", "Give the pixel size", "less exact than the image"),
    *("Extreme values", "may be the model's own", "little is to be gained"),
)


@dataclass
class Case:
    """A micrograph with its truth.

    Parameters
    ----------
    micrograph
        As it is given to ``denoise``.
    plain
        (Y, X) the same without hot pixels.
    truth
        (Y, X) expected, in the same units.
    said
        What was drawn.
    """

    micrograph: sbd.Micrograph
    plain: np.ndarray
    truth: np.ndarray
    said: dict[str, Any] = field(default_factory=dict)


def drawn(seed: int) -> Case:
    """Draw a case."""
    rng = np.random.default_rng([seed, 77])
    clean, pixel, kind = _clean(rng, seed)
    block = max(1, round(WORKING / pixel)) if pixel < 0.06 else 1
    dose = float(np.exp(rng.uniform(*np.log(DOSES))))
    light, course = _light(rng, clean.shape)
    expected = clean / clean.mean() * light * dose / block**2
    counts = rng.poisson(expected).astype(float)
    frame, truth, camera = _recorded(rng, counts, expected, block)
    resample, how = _resampling(rng)
    frame, truth = resample(frame)[_inner(frame)], resample(truth)[_inner(frame)]
    frame, truth, stored, scale = _stored(rng, frame, truth, camera["gain"], bool(how))
    hot = int(rng.integers(1, 40)) if rng.random() < 0.2 else 0
    seen = frame.copy()
    place = tuple(rng.integers(0, n, hot) for n in frame.shape)
    seen[place] = frame.max() + rng.uniform(0.2, 20, hot) * np.ptp(frame)
    if frame.dtype == np.uint8:
        seen[place] = 255
    known = bool(rng.random() < 0.6)
    told = bool(rng.random() < 0.5) and stored != "uint8"
    micrograph = sbd.Micrograph(
        seen,
        pixel if known else None,
        gain=camera["gain"] * scale if told else None,
        offset=camera["offset"] * scale if told or camera["offset"] == 0 else 0.0,
    )
    said = {"seed": seed, "kind": kind, "pixel": pixel, "block": block, "dose": round(dose, 2)}
    said |= {"spread": camera["spread"], "light": course, "resampled": how, "stored": stored}
    said |= {"hot": hot, "pixel known": known, "gain known": told}
    return Case(micrograph, frame.astype(float), truth, said)


def _inner(image: np.ndarray) -> tuple[slice, slice]:
    y, x = (slice((n - SIDE) // 2, (n - SIDE) // 2 + SIDE) for n in image.shape)
    return y, x


def _clean(rng: np.random.Generator, seed: int) -> tuple[np.ndarray, float, str]:
    """Image, pixel size [nm], name."""
    size = SIDE + 2 * MARGIN
    sort = rng.choice(["hrtem", "stem", "low"], p=[0.45, 0.4, 0.15])
    if sort == "low":
        return low_magnification_image(rng, size).astype(float), float(rng.uniform(0.07, 1)), "low"
    kind = str(rng.choice(list(KINDS)))
    pixel = float(rng.choice([0.0082, 0.011, 0.0165, 0.033], p=[0.25, 0.35, 0.25, 0.15]))
    options: dict[str, Any] = {"modality": str(sort)}
    if sort == "hrtem":
        options["defocus"] = float(rng.uniform(-12, 12))
    made = sbd.simulate(kind, size=size, pixel_size=pixel, dose=1.0, seed=90_000 + seed, **options)
    return np.asarray(made.clean.data, float), pixel, f"{sort} {kind}"


def _light(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, str]:
    y, x = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    fall = rng.uniform(0.1, 0.6)
    name = str(rng.choice(["", "vignetting", "ramp", "beam"], p=[0.75, 0.08, 0.08, 0.09]))
    turn = rng.uniform(0, 2 * np.pi)
    light = np.ones(shape)
    if name == "vignetting":
        light = 1 - fall / 2 * (y**2 + x**2)
    elif name == "ramp":
        light = 1 + fall / 2 * (np.cos(turn) * y + np.sin(turn) * x) / np.sqrt(2)
    elif name == "beam":
        cy, cx = rng.uniform(-0.4, 0.4, 2)
        light = np.exp(fall * -((y - cy) ** 2 + (x - cx) ** 2))
    return light / light.mean(), f"{name} {fall:.0%}" if name else ""


def _recorded(
    rng: np.random.Generator, counts: np.ndarray, expected: np.ndarray, block: int
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Frame and truth in file units of a camera."""
    sort = str(rng.choice(["counts", "gauss", "lorentz", "streak"], p=[0.4, 0.3, 0.15, 0.15]))
    if sort == "counts":
        return counts, expected, {"gain": 1.0, "offset": 0.0, "spread": ""}
    spread = float(rng.uniform(0, 1.5 if sort == "gauss" else 0.7))
    gain = float(np.exp(rng.uniform(np.log(3), np.log(300))))
    offset = float(rng.choice([0.0, rng.uniform(10, 1000)]))
    read = gain * float(np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
    light = counts + rng.normal(0, 1, counts.shape) * np.sqrt(rng.uniform(0, 0.3) * counts)
    passed = transfer(counts.shape, sort, spread * block)

    def seen(image: np.ndarray) -> np.ndarray:
        return gain * np.fft.irfft2(np.fft.rfft2(image) * passed, image.shape) + offset

    frame = seen(light) + rng.normal(0, read, counts.shape)
    said = f"{sort} {spread:.2f}, read {read / gain:.2f}"
    return frame, seen(expected), {"gain": gain, "offset": offset, "spread": said}


def transfer(shape: tuple[int, ...], sort: str, spread: float) -> np.ndarray:
    """For a real Fourier transform; spread [pixels]."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    square = (2 * np.pi * spread) ** 2 * (fy**2 + fx**2)
    if sort == "gauss":
        return np.exp(-square / 2)
    if sort == "lorentz":
        return 1 / (1 + square)
    step = np.exp(-1 / max(spread, 1e-3))
    return (1 - step) / (1 - step * np.exp(-2j * np.pi * fx)) * np.ones_like(fy)


def _resampling(rng: np.random.Generator) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """What linear interpolation makes of an image, about its middle."""
    sort = str(rng.choice(["", "turned", "aligned", "scaled"], p=[0.65, 0.15, 0.1, 0.1]))
    if sort == "turned":
        angle = float(rng.uniform(1, 10))
        return (
            lambda i: rotate(i, angle, reshape=False, order=1, mode="mirror"),
            f"turned {angle:.1f}",
        )
    if sort:
        zoom = float(rng.uniform(0.85, 1.15)) if sort == "scaled" else 1.0
        by = rng.uniform(0, 1, 2)
        middle = (SIDE + 2 * MARGIN) / 2 * (1 - zoom)
        name = f"scaled {zoom:.2f}" if sort == "scaled" else f"moved {by[0]:.2f} {by[1]:.2f}"
        return (
            lambda i: affine_transform(i, [zoom, zoom], middle + by, order=1, mode="mirror"),
            name,
        )
    return lambda i: i, ""


def _stored(
    rng: np.random.Generator, frame: np.ndarray, truth: np.ndarray, gain: float, smooth: bool
) -> tuple[np.ndarray, np.ndarray, str, float]:
    sort = str(rng.choice(["float", "whole", "uint8"], p=[0.5, 0.35, 0.15]))
    if sort == "uint8":
        low, high = np.quantile(frame, [0.0005, 0.9995])
        scale = 255 / (high - low or 1.0)
        eight = np.clip(np.round((frame - low) * scale), 0, 255).astype(np.uint8)
        return eight, (truth - low) * scale, sort, scale
    if sort == "whole" and (gain > 1 or not smooth):
        return np.round(frame).astype(np.int32), truth, sort, 1.0
    return frame.astype(np.float32), truth, "float", 1.0


def off(image: np.ndarray, truth: np.ndarray) -> float:
    """Mean squared error [dB below the variance of the truth], after a line fit."""
    terms = np.stack([image.ravel().astype(float), np.ones(image.size)], 1)
    fit, *_ = np.linalg.lstsq(terms, truth.ravel(), rcond=None)
    return float(10 * np.log10(truth.var() / np.mean((truth.ravel() - terms @ fit) ** 2)))


def judged(case: Case, **options: Any) -> dict[str, Any]:
    """What comes out, beside the best blur."""
    start = time.process_time()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = sbd.denoise(case.micrograph, **options)
    seconds = time.process_time() - start
    settings = result.metadata["napari_sbd"]["history"][-1]["settings"]
    at = {s: off(gaussian_filter(case.plain, s) if s else case.plain, case.truth) for s in BLURS}
    best = max(at, key=at.__getitem__)
    ours = off(result.data, case.truth)
    words = [str(s.message) for s in said]
    return {
        **case.said,
        "ours": round(ours, 2),
        "blur": round(at[best], 2),
        "sigma": best,
        "lead": round(ours - at[best], 2),
        "told": any(w in s for w in WORDS for s in words),
        "of blur": any("blur" in s or "further from the truth" in s for s in words),
        "sums": settings["block"],
        "model": settings["model"],
        "seen": sorted(settings["camera"] or {}),
        "warnings": words,
        "seconds": round(seconds, 1),
    }


def _line(row: dict[str, Any]) -> str:
    known = ", ".join(n for n in ("pixel", "gain") if row[f"{n} known"]) or "nothing"
    camera = ", ".join(filter(None, (row["spread"] or "counts", row["light"], row["resampled"])))
    return (
        f"| {row['seed']} | {row['kind']}, {row['dose']:.2g} e | {camera}, {row['stored']} | "
        f"{row['hot']} | {known} | {row['lead']:+.2f} | {'yes' if row['told'] else ''} | "
        f"{row['sums'][0]} | {row['model']} |"
    )


def main() -> None:
    """Print each case, and which were worse than a blur without a word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--out", type=Path, help="a line of JSON for each case is added")
    asked = parser.parse_args()
    print(f"{processor()}\n")
    print(
        "| seed | image | camera | hot | known | lead | told | sums | model |\n" + "|---" * 9 + "|"
    )
    rows = []
    for seed in asked.seeds or range(asked.first, asked.first + asked.count):
        rows.append(judged(drawn(seed)))
        print(_line(rows[-1]), flush=True)
        if asked.out:
            with asked.out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    worse = [r for r in rows if r["lead"] < -LEAST]
    silent = [f"{r['seed']} ({r['lead']:.1f} dB)" for r in worse if not r["told"]]
    vain = [r["seed"] for r in rows if r["lead"] > 1 and r["of blur"]]
    mean = np.mean([r["lead"] for r in rows])
    print(f"\nMean lead {mean:.1f} dB; worse than the blur: {len(worse)}")
    print(f"of {len(rows)}, without a word {silent}. Warned of a blur that is 1 dB worse: {vain}.")


if __name__ == "__main__":
    main()
