"""Do the intervals of uPSNR cover the true PSNR, and does the paired comparison claim the truth?

    python benchmarks/upsnr.py [--repeats 200] [--out TABLE.md]

Simulated Pt on CeO2, crops of 256 x 256 pixels at random places. `covered` is the share of 95 %
intervals that hold the PSNR of what was judged, peak 1 electron: for thinning the estimates from
four fifths of the dose, for the frame methods those from single frames, for subsampling those from
images of half the size against the truth at their pixels. The denoiser is a Gaussian blur of 4
pixels (2 for subsampling). `claims` counts how often two blurs, of 4 and of 5 pixels, were told
apart on one image, and `right` how often the claim was true.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.quality.samples import draw

SIZE = 256
DOSES = (0.45, 5.0)
METHODS = {"thinning": 1, "frames": 4, "exposures": 4, "subsampling": 1}


def blur(sigma: float):
    """A denoiser."""
    return lambda image: gaussian_filter(np.asarray(image, np.float64), sigma)


def true_error(method: str, counts: np.ndarray, clean: np.ndarray, denoiser, seed: int) -> float:
    """Mean squared error of exactly the estimates that the method judges."""
    samples = draw(counts, method, seed)
    truth = clean if samples.places is None else clean.ravel()[samples.places]
    return float(np.mean((samples.estimates(denoiser) - truth) ** 2))


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    scenes = [sbd.simulate(dose=1.0, seed=600 + s).clean.data for s in range(4)]
    lines = ["| way | e/px | covered | bootstrap | claims | right |", "|---|---|---|---|---|---|"]
    for method, frames in METHODS.items():
        for dose in DOSES:
            covered, booted, claims, right = 0, 0, 0, 0
            for seed in range(options.repeats):
                rng = np.random.default_rng([seed, frames, round(100 * dose)])
                top, left = rng.integers(0, 1024 - SIZE, 2)
                clean = dose * scenes[seed % 4][top : top + SIZE, left : left + SIZE]
                counts = rng.poisson(np.broadcast_to(clean, (frames, SIZE, SIZE)))
                counts = counts[0] if frames == 1 else counts
                width = 2 if method == "subsampling" else 4
                error = true_error(method, counts, clean, blur(width), seed)
                for interval in ("analytic", "bootstrap"):
                    score = sbd.upsnr(
                        counts, blur(width), 1.0, method, interval=interval, seed=seed
                    )
                    inside = score.umse_low <= error <= score.umse_high
                    covered += inside and interval == "analytic"
                    booted += inside and interval == "bootstrap"
                other = true_error(method, counts, clean, blur(width * 1.25), seed)
                pair = {"narrow": blur(width), "wide": blur(width * 1.25)}
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
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
