"""Do the intervals of uPSNR cover the true PSNR, and does the paired comparison claim the truth?

    python benchmarks/upsnr.py [--repeats 200] [--out TABLE.md] [--only subsampling]

Simulated Pt on CeO2, crops of 256 x 256 pixels. `covered` is the share of 95 % intervals that hold
the true error. For thinning that is the error of the estimates from four fifths of the dose, for
the frame methods of those from single frames; the denoiser is a Gaussian blur of 4 pixels. `claims`
counts how often two blurs, of 4 and of 5 pixels, were told apart on one image, and `right` how
often the claim was true.

For subsampling it is the expected error of the denoiser on images of half the size, made of one
pixel of each 2 x 2 cell, from many draws; `off` is the mean of estimate less truth, and `spread`
its standard deviation, both in standard errors as they are told. Ten crops.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.quality.samples import draw

SIZE = 256
DOSES = (0.45, 5.0)
METHODS = {"thinning": 1, "frames": 4, "exposures": 4}
CROPS = 10
PIXEL = 0.0061


def blur(sigma: float):
    """A denoiser."""
    return lambda image: gaussian_filter(np.asarray(image, np.float64), sigma)


def true_error(method: str, counts: np.ndarray, clean: np.ndarray, denoiser, seed: int) -> float:
    """Mean squared error of exactly the estimates that the method judges."""
    samples = draw(counts, method, seed)
    return float(np.mean((samples.estimates(denoiser) - clean) ** 2))


def half(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One pixel of each 2 x 2 cell."""
    y, x = np.mgrid[: SIZE // 2, : SIZE // 2] * 2
    return clean[y + rng.integers(0, 2, y.shape), x + rng.integers(0, 2, y.shape)]


def expected_error(clean: np.ndarray, denoiser, draws: int) -> float:
    """Mean squared error over draws of images of half the size."""
    errors = []
    for seed in range(draws):
        rng = np.random.default_rng([seed, 77])
        part = half(clean, rng)
        errors.append(np.mean((np.asarray(denoiser(rng.poisson(part).astype(float))) - part) ** 2))
    return float(np.mean(errors))


def subsampling(scenes: list[np.ndarray], repeats: int) -> list[str]:
    """The table of subsampling."""
    network = partial(sbd.denoise, pixel_size=2 * PIXEL, model="hrtem")
    denoisers = {"raw image": (lambda image: image, 100)}
    denoisers |= {f"blur of {w:g} px": (blur(w), 60) for w in (0.7, 1, 2, 4)}
    denoisers["network"] = (network, 8)
    lines = [
        "| e/px | denoiser | true uPSNR [dB] | covered | bootstrap | off | spread |",
        "|---|---|---|---|---|---|---|",
    ]
    for dose in DOSES:
        places = np.random.default_rng(round(100 * dose)).integers(0, 1024 - SIZE, (CROPS, 2))
        cleans = [
            dose * scenes[k % 4][top : top + SIZE, left : left + SIZE]
            for k, (top, left) in enumerate(places)
        ]
        for name, (denoiser, draws) in denoisers.items():
            truths = [expected_error(clean, denoiser, draws) for clean in cleans]
            covered, booted, off = 0, 0, []
            for seed in range(repeats):
                clean, truth = cleans[seed % CROPS], truths[seed % CROPS]
                counts = np.random.default_rng([seed, round(100 * dose)]).poisson(clean)
                scores = [
                    sbd.upsnr(counts, denoiser, 1.0, "subsampling", interval=i, seed=seed)
                    for i in (("analytic",) if name == "network" else ("analytic", "bootstrap"))
                ]
                hit = [s.umse_low <= truth <= s.umse_high for s in scores]
                covered += hit[0]
                booted += hit[-1]
                width = (scores[0].umse_high - scores[0].umse_low) / 3.92
                off.append((scores[0].umse - truth) / width)
            true = -10 * np.log10(np.mean(truths))
            both = "" if name == "network" else f"{booted / repeats:.1%}"
            lines.append(
                f"| {dose:g} | {name} | {true:.1f} | {covered / repeats:.1%} | {both} | "
                f"{np.mean(off):+.2f} | {np.std(off):.2f} |"
            )
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=["subsampling"])
    options = parser.parse_args()
    scenes = [sbd.simulate(dose=1.0, seed=600 + s).clean.data for s in range(4)]
    lines = ["| way | e/px | covered | bootstrap | claims | right |", "|---|---|---|---|---|---|"]
    for method, frames in () if options.only else METHODS.items():
        for dose in DOSES:
            covered, booted, claims, right = 0, 0, 0, 0
            for seed in range(options.repeats):
                rng = np.random.default_rng([seed, frames, round(100 * dose)])
                top, left = rng.integers(0, 1024 - SIZE, 2)
                clean = dose * scenes[seed % 4][top : top + SIZE, left : left + SIZE]
                counts = rng.poisson(np.broadcast_to(clean, (frames, SIZE, SIZE)))
                counts = counts[0] if frames == 1 else counts
                error = true_error(method, counts, clean, blur(4), seed)
                for interval in ("analytic", "bootstrap"):
                    score = sbd.upsnr(counts, blur(4), 1.0, method, interval=interval, seed=seed)
                    inside = score.umse_low <= error <= score.umse_high
                    covered += inside and interval == "analytic"
                    booted += inside and interval == "bootstrap"
                other = true_error(method, counts, clean, blur(5), seed)
                pair = {"narrow": blur(4), "wide": blur(5)}
                table = sbd.compare(counts, pair, 1.0, method, reference="narrow", seed=seed)
                verdict = table.loc["wide", "verdict"].split()[0]
                claims += verdict in ("better", "worse")
                right += verdict == ("worse" if other > error else "better")
            n = options.repeats
            lines.append(
                f"| {method} | {dose:g} | {covered / n:.1%} | {booted / n:.1%} | {claims} | "
                f"{right} |"
            )
            print(lines[-1], flush=True)
    lines += ["", *subsampling(scenes, options.repeats)]
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
