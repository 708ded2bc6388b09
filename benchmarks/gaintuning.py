"""What adapting a network to one image is worth.

    python benchmarks/gaintuning.py kinds [--losses thinning sure blind-spot] [--tune all]
    python benchmarks/gaintuning.py inside [--tune all]
    python benchmarks/gaintuning.py photographs
    python benchmarks/gaintuning.py time

``kinds``: a small network trained on Pt on CeO2 in bright contrast at one dose, one pixel size and
one orientation is tuned to single images of kinds that it has not seen, five each; beside it a
network of the same size and training that saw only that kind. ``inside``: the bundled model on the
kind of images that it was trained on. ``photographs``: a small network trained on photographs with
weak Gaussian noise, on others with strong noise. ``time``: 1024 x 1024 pixels of 6 pm.

Networks and images are kept in --folder. Decibels are of the working pixels, peak = vacuum.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import _small
import napari_sbd as sbd
from _kinds import BASE, OTHERS, Kind
from napari_sbd.gaintuning import Tuned

PIXEL = 0.033  # nm; at this one nothing is binned
TRAINING, TESTS = 30, 5
KNOWN = "brick cell coins grass gravel horse moon page retina text"
OTHER = (
    "astronaut camera chelsea clock coffee hubble_deep_field immunohistochemistry "
    "microaneurysms rocket stereo_motorcycle"
)
PHOTOGRAPHS = tuple(names.split() for names in (KNOWN, OTHER))
WEAK, STRONG = (0.02, 0.08), 0.25  # standard deviation of the noise, white = 1


def psnr(estimate: np.ndarray, clean: np.ndarray, peak: float) -> float:
    """Peak signal-to-noise ratio [dB]."""
    return float(10 * np.log10(peak**2 / np.mean((np.asarray(estimate) - clean) ** 2)))


def unguarded(tuned: Tuned) -> Tuned:
    """The same gains, whatever the guard said."""
    return replace(tuned, reports=tuple(replace(r, kept=True) for r in tuned.reports))


def drawn(folder: Path, name: str, kind: Kind) -> list[np.ndarray]:
    """Clean images of a kind, the last ``TESTS`` of them for testing."""
    path = folder / f"{name}.npz"
    if not path.exists():
        seeds = range(TRAINING + TESTS)
        np.savez(path, **{str(s): kind.clean(1000 + s) for s in seeds})
    with np.load(path) as held:
        return [held[key] for key in held.files]


def network(folder: Path, name: str, images: list[np.ndarray], steps: int) -> Path:
    """A small network that knows these images only."""
    return _small.train(name, images[:TRAINING], lambda x, rng: rng.poisson(x), folder, steps)


def kinds(options: argparse.Namespace) -> list[str]:
    """Table of kinds that a network has not seen."""
    names = {name: f"kind{i}" for i, name in enumerate(OTHERS)}
    base = network(options.folder, "base", drawn(options.folder, "base", BASE), options.train)
    ways = [(loss, "gains") for loss in options.losses] + [
        (options.losses[0], t) for t in options.tune
    ]
    head = ["kind", "untuned", *(f"{loss}, {tune}" for loss, tune in ways), "trained on it"]
    lines = [*_head([*head, "share of the distance", "images kept"])]
    for name, kind in {"as trained": BASE, **OTHERS}.items():
        short = names.get(name, "base")
        images = drawn(options.folder, short, kind)
        special = network(options.folder, short, images, options.train)
        scores, kept = [], 0
        for i, clean in enumerate(images[TRAINING:]):
            counts = np.random.default_rng(i).poisson(clean).astype(np.float32)
            noisy = sbd.Micrograph(counts, PIXEL, gain=1.0)
            score = partial(psnr, clean=clean, peak=kind.dose)
            row = [score(sbd.denoise(noisy, model=base).data)]
            for loss, tune in ways:
                tuned = sbd.gain_tune(noisy, model=base, loss=loss, tune=tune, steps=options.steps)
                row.append(score(sbd.denoise(noisy, gain_tuning=tuned).data))
                if (loss, tune) == ways[0]:
                    kept += tuned.report.kept
                    free = score(sbd.denoise(noisy, gain_tuning=unguarded(tuned)).data)
                    print(
                        f"  {name} {i}: {row[0]:.2f} -> {row[1]:.2f} dB, {free:.2f} unguarded; "
                        f"{tuned.report.best_step} of {tuned.report.steps} steps, "
                        f"{tuned.report.seconds:.0f} s; {tuned.report.reason}",
                        flush=True,
                    )
            scores.append([*row, score(sbd.denoise(noisy, model=special).data)])
        mean = np.mean(scores, 0)
        share = (mean[1] - mean[0]) / (mean[-1] - mean[0])
        told = f"{share:.0%}" if mean[-1] - mean[0] > 0.1 else "-"
        tail = [f"{mean[-1]:.2f}", told, f"{kept} of {TESTS}"]
        tuned_cells = [f"{m:.2f} ({m - mean[0]:+.2f})" for m in mean[1:-1]]
        lines.append(_row([name, f"{mean[0]:.2f}", *tuned_cells, *tail]))
        print(lines[-1], flush=True)
    return lines


def inside(options: argparse.Namespace) -> list[str]:
    """Table of images such as the bundled model was trained on."""
    lines = _head(["image", "untuned", "tuned", "change", "change without guard", "kept"])
    changes = []
    cases = [
        (kind, dose)
        for kind in ("pt_ceo2", "crystal_edge", "free_particle", "metal_on_oxide")
        for dose in (0.1, 0.45, 2.0)
    ]
    for i, (kind, dose) in enumerate(cases):
        phantom = sbd.simulate(kind, dose=dose, seed=100 + i, size=options.size)
        score = partial(psnr, clean=np.asarray(phantom.clean.data), peak=dose / 0.45)
        way = options.tune[0] if options.tune else "gains"
        tuned = sbd.gain_tune(phantom.noisy, model=options.model, tune=way, steps=options.steps)
        before = score(sbd.denoise(phantom.noisy, model=options.model).data)
        after = score(sbd.denoise(phantom.noisy, gain_tuning=tuned).data)
        free = score(sbd.denoise(phantom.noisy, gain_tuning=unguarded(tuned)).data)
        changes.append((after - before, free - before))
        cells = [f"{after:.2f}", f"{after - before:+.2f}", f"{free - before:+.2f}"]
        name = f"{kind}, {dose:g} e/px"
        lines.append(_row([name, f"{before:.2f}", *cells, "yes" if tuned.report.kept else "no"]))
        print(lines[-1], tuned.report.reason, flush=True)
    mean, worst = np.mean(changes, 0), np.min(changes, 0)
    for name, value in (("mean", mean), ("worst", worst)):
        lines.append(_row([name, "", "", f"{value[0]:+.2f}", f"{value[1]:+.2f}", ""]))
        print(lines[-1])
    return lines


def photographs(options: argparse.Namespace) -> list[str]:
    """Table of photographs with more noise than the network has seen."""

    def weak(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image + rng.normal(0, rng.uniform(*WEAK), image.shape)

    known, others = ([_photograph(name) for name in part] for part in PHOTOGRAPHS)
    model = _small.train("photographs", known, weak, options.folder, options.train)
    lines = _head(["photograph", "noisy", "untuned", "tuned", "change", "kept"])
    better = []
    for i, (name, clean) in enumerate(zip(PHOTOGRAPHS[1], others, strict=True)):
        noisy = clean + np.random.default_rng(i).normal(0, STRONG, clean.shape).astype(np.float32)
        score = partial(psnr, clean=clean, peak=1.0)
        before = score(sbd.denoise(noisy, pixel_size=PIXEL, model=model))
        tuned = sbd.gain_tune(noisy, pixel_size=PIXEL, model=model, steps=options.steps)
        after = score(sbd.denoise(noisy, pixel_size=PIXEL, gain_tuning=tuned))
        better.append(after - before)
        cells = [f"{v:.2f}" for v in (score(noisy), before, after)]
        kept = "yes" if tuned.report.kept else "no"
        lines.append(_row([name, *cells, f"{after - before:+.2f}", kept]))
        print(lines[-1], tuned.report.reason, flush=True)
    helped = f"{sum(b > 0 for b in better)} of {len(better)}"
    lines.append(_row(["mean; helped", "", "", "", f"{np.mean(better):+.2f}", helped]))
    print(lines[-1])
    return lines


def _photograph(name: str) -> np.ndarray:
    """The middle 512 x 512 pixels at most, grey, 0 to 1."""
    from skimage import color, data, util

    picture = getattr(data, name)()
    picture = util.img_as_float32(picture[0] if isinstance(picture, tuple) else picture)
    if picture.ndim == 3:
        picture = color.rgb2gray(picture[..., :3])
    top, left = ((n - min(n, 512)) // 2 for n in picture.shape)
    image: np.ndarray = picture[top : top + 512, left : left + 512].astype(np.float32)
    return image


def timing(options: argparse.Namespace) -> list[str]:
    """Table of wall times."""
    lines = _head(["what", "steps", "wall time [s]"])
    phantom = sbd.simulate(seed=100)
    sbd.denoise(phantom.noisy, model=options.model)
    for tune in ("gains", "all"):
        began = time.perf_counter()
        tuned = sbd.gain_tune(phantom.noisy, model=options.model, tune=tune, steps=options.steps)
        seconds = time.perf_counter() - began
        lines.append(_row([tune, str(tuned.report.steps), f"{seconds:.1f}"]))
        print(lines[-1], flush=True)
    return lines


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), "|" + "---|" * len(cells)]


def main() -> None:
    """Run one part; print its table and perhaps write it."""
    from napari_sbd.denoising.settings import TuningRequest

    parts = {"kinds": kinds, "inside": inside, "photographs": photographs, "time": timing}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=parts)
    parser.add_argument("--losses", nargs="+", default=["auto"])
    parser.add_argument(
        "--tune",
        nargs="*",
        default=[],
        help="all: all weights, beside the gains; in their place for 'inside'",
    )
    parser.add_argument("--model", default="hrtem", help="of 'inside' and 'time'")
    parser.add_argument("--size", type=int, default=1024, help="of 'inside' [pixels]")
    parser.add_argument("--steps", type=int, default=TuningRequest().steps)
    parser.add_argument("--train", type=int, default=800, help="steps of the small networks")
    parser.add_argument("--folder", type=Path, default=Path("runs/gaintuning"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the models' ranges are what is tested
        lines = parts[options.part](options)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
