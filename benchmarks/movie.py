"""Movies: neighbouring frames against single ones, drift against the truth.

    python benchmarks/movie.py [--doses 0.45 0.1 0.03] [--seeds 100 101] [--out TABLE.md]
    python benchmarks/movie.py --movie-model PATH.safetensors  # against a network for movies

Simulated Pt on CeO2, 512 x 512 pixels of 6.1 pm, twelve frames, nine in the window. PSNR with the
vacuum scaled to 0.45 electrons per pixel and a peak of one electron, so that doses compare.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

import napari_sbd as sbd
from _machine import processor
from _scenes import FRAMES, PIXEL, SCENES, Movie
from _validation import VACUUM_DOSE, psnr
from napari_sbd import denoise_movie, estimate_drift

HEAD = (
    "| scene | electrons per pixel | single [dB] | neighbours [dB] | worst frame | where columns "
    "change | drift error [pm] | its standard error | time |\n" + "|---" * 9 + "|"
)
HEAD_NETWORK = (
    "| scene | electrons per pixel | single [dB] | rules [dB] | movie network [dB] | neighbours "
    "[dB] | its share | worst frame over single, over rules | contrast of columns that change | "
    "time |\n" + "|---" * 10 + "|"
)


def measure(movie: Movie, dose: float, seed: int, model: str) -> dict[str, float]:
    """Figures of one movie."""
    clean, path, where = movie
    noisy = np.random.default_rng(seed).poisson(clean * dose).astype(np.float32)
    options = {"pixel_size": PIXEL, "gain": 1.0, "model": model}
    began = time.process_time()
    single = sbd.denoise(noisy, **options)
    half = time.process_time()
    fused = denoise_movie(noisy, **options)
    end = time.process_time()
    drift = estimate_drift(noisy, pixel_size=PIXEL, model=model)
    score = partial(_score, clean, dose)
    ones, ours = score(single), score(fused)
    figures = {
        "single": ones.mean(),
        "fused": ours.mean(),
        "worst": (ours - ones).min(),
        "where": np.nan,
        "drift": 1e3 * PIXEL * np.sqrt(np.mean((drift.shifts - path) ** 2)),
        "drift_err": 1e3 * PIXEL * np.sqrt(np.mean(drift.errors[1:] ** 2)),
        "time": (end - half) / (half - began),
        "changed": drift.changed.sum(),
    }
    if where.any():
        figures["where"] = (score(fused, where) - score(single, where)).mean()
    if np.ptp(clean, 0).max() == 0:
        for count in (8, 9):
            total = sbd.denoise(noisy[:count].sum(0), **options) / count
            figures[f"sum{count}"] = psnr(total * VACUUM_DOSE / dose, clean[0] * VACUUM_DOSE)
    return figures


def measure_network(
    movie: Movie, dose: float, seed: int, model: str, movie_model: str
) -> dict[str, float]:
    """Figures of one movie: single frames, rules, a movie network, and what is chosen of both."""
    clean, _, where = movie
    noisy = np.random.default_rng(seed).poisson(clean * dose).astype(np.float32)
    options = {"pixel_size": PIXEL, "gain": 1.0}
    results, times = [], []
    for way in (
        partial(sbd.denoise, model=model),
        partial(denoise_movie, model=model),
        partial(sbd.denoise, model=movie_model),
        partial(denoise_movie, model=movie_model),
    ):
        began = time.process_time()
        results.append(way(sbd.Micrograph(noisy), **options))
        times.append(time.process_time() - began)
    ones, rules, alone, ours = (_score(clean, dose, result.data) for result in results)
    entry = results[-1].metadata["napari_sbd"]["history"][-1]["settings"]
    figures = {
        "single": ones.mean(),
        "rules": rules.mean(),
        "network": alone.mean(),
        "ours": ours.mean(),
        "share": entry["movie_share"],
        "worst": (ours - ones).min(),
        "worst_of_rules": (ours - rules).min(),
        "time": times[-1] / times[0],
    }
    kept = ("", "", "")
    if where.any():
        kept = [_contrast(clean, results[i].data / dose, where) for i in (0, 1, 3)]
    return figures | dict(zip(("kept", "kept_rules", "kept_ours"), kept, strict=True))


def _contrast(clean: np.ndarray, estimate: np.ndarray, where: np.ndarray) -> float:
    """How much of the differences between frames an estimate keeps, where columns change."""
    truth, found = (movie[:, where] - movie[:, where].mean(0) for movie in (clean, estimate))
    return float((truth * found).sum() / (truth**2).sum())


def row_network(scene: str, dose: float, found: list[dict[str, float]]) -> str:
    """A line of the table with a movie network."""
    f = {k: [x[k] for x in found] for k in found[0]}
    levels = [f"{np.mean(f[k]):.2f}" for k in ("single", "rules", "network", "ours")]
    shares = ", ".join(f"{share:.0%}" for share in f["share"])
    worst = f"{min(f['worst']):+.2f}, {min(f['worst_of_rules']):+.2f}"
    kept = ""
    if f["kept"][0] != "":
        one, rules, ours = (np.mean(f[k]) for k in ("kept", "kept_rules", "kept_ours"))
        kept = f"{ours:.0%} (single {one:.0%}, rules {rules:.0%})"
    cells = scene, f"{dose:g}", *levels, shares, worst, kept, f"{np.mean(f['time']):.1f} x"
    return f"| {' | '.join(cells)} |"


def _score(
    clean: np.ndarray, dose: float, estimate: np.ndarray, where: np.ndarray | None = None
) -> np.ndarray:
    """PSNR of each frame, of all pixels or of some."""
    part = slice(None) if where is None else where
    pairs = zip(estimate * (VACUUM_DOSE / dose), clean * VACUUM_DOSE, strict=True)
    return np.array([psnr(a[part], b[part]) for a, b in pairs])


def row(scene: str, dose: float, found: list[dict[str, float]]) -> str:
    """A line of the table: means over structures, and the worst of them."""
    f = {k: float(np.mean([x[k] for x in found])) for k in found[0]}
    worst = min(x["worst"] for x in found)
    ours = f"{f['fused']:.2f}"
    if "sum8" in f:
        ours += f" (sum of 8 frames {f['sum8']:.2f}, of 9 {f['sum9']:.2f})"
    where = "" if np.isnan(f["where"]) else f"{f['where']:+.2f}"
    drift = (f"{f['drift']:.2g}", f"{f['drift_err']:.2g}") if scene in ("still", "drifting") else (
        f"{f['changed']:.3g} of {FRAMES} frames flagged", ""
    )  # fmt: skip
    single, worst_gain, times = f"{f['single']:.2f}", f"{worst:+.2f}", f"{f['time']:.1f} x"
    cells = scene, f"{dose:g}", single, ours, worst_gain, where, *drift, times
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--doses", type=float, nargs="+", default=[0.45, 0.1, 0.03])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--scenes", nargs="+", choices=list(SCENES), default=list(SCENES))
    parser.add_argument("--model", default="hrtem")
    parser.add_argument("--movie-model", help="the weights of a network for movies")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [f"{processor()}:\n", HEAD_NETWORK if options.movie_model else HEAD]
    print("\n".join(lines))
    for scene in options.scenes:
        movies = [SCENES[scene](seed) for seed in options.seeds]
        for dose in options.doses:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # low doses and changing scenes are the subject
                of_one, line = partial(measure, model=options.model), row
                if options.movie_model:
                    told = {"model": options.model, "movie_model": options.movie_model}
                    of_one, line = partial(measure_network, **told), row_network
                found = [of_one(m, dose, s) for m, s in zip(movies, options.seeds, strict=True)]
            lines.append(line(scene, dose, found))
            print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
