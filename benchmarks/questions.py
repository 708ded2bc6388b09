"""The questions of the SBD paper (arXiv 2010.12970), asked of small networks and a bundled model.

    python benchmarks/questions.py bundled [--model hrtem]   one model along every axis
    python benchmarks/questions.py tiles   [--model hrtem]   whole image against tiles
    python benchmarks/questions.py fov     [--steps 150]     field of view
    python benchmarks/questions.py classes [--steps 100]     trained on one class, tested on all
    python benchmarks/questions.py bias    [--steps 200]     constants in a network, and the dose

``--steps`` is the training of each network (the same for all, however busy the machine is),
``--threads`` torch's threads, ``--out FILE`` a markdown file that has lines
``<!-- table: NAME -->`` and ``<!-- end -->``, between which the table goes.

Images are Pt on CeO2 with the axes of the paper's data (``simulation/ptceo2.py``), turned at random
in the plane, at the working sampling and 11.25 electrons per working pixel (0.45 per raw pixel of
6.1 pm) where nothing else is said. PSNR [dB] has peak 1 electron and is that which the image would
have at 0.45 electrons per raw pixel. Tested images are of models that no network was trained on,
and the same ones but for the axis in question.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from _paper import DEFECTS, DOSE, PIXEL, SIDE, Denoiser, blur, pictures, psnr, score
from napari_sbd import sampling, simulate
from napari_sbd.networks import find_model, load_network, tiling
from napari_sbd.networks.unet import UNet
from napari_sbd.simulation import ptceo2
from napari_sbd.training import loop
from napari_sbd.training.recipe import Recipe

CPU = torch.device("cpu")
TEST_NUMBER = 100_000  # of the first model to test on
SMALL = {"widths": (32, 64, 96), "depths": (1, 2, 2), "heads": 2, "non_local": 1}

# Classes of each axis: what they are called, and what they fix.
CLASSES: dict[str, dict[str, dict]] = {
    "contrast": {
        "black": {"contrast": "black", "defocus": (0, 4)},
        "intermediate": {"contrast": "intermediate", "defocus": (2, 8)},
        "white": {"contrast": "white", "defocus": (6, 20)},
    },
    "structure": {name: {"particle": name} for name in ptceo2.DEFECTS},
    "defect": {name: {"defect": name} for name in DEFECTS},
    "thickness [nm]": {f"{t}": {"thickness_nm": t} for t in (3, 6)},
    "tilt [deg]": {f"{a}": {"tilt": a} for a in (0, 4)},
    "defocus [nm]": {f"{d}": {"defocus": float(d)} for d in (2, 10, 18)},
    "pixel [nm]": {f"{p}": {"pixel": p} for p in (0.024, 0.033, 0.045)},
    "dose [e/px]": {f"{d}": {"dose": float(d)} for d in (1, 10, 100)},
}
# The bundled model needs no training, so it is asked at more points, also outside its training.
POINTS: dict[str, dict[str, dict]] = {
    **CLASSES,
    "thickness [nm]": {f"{t}": {"thickness_nm": t} for t in (3, 4, 5, 6, 9)},
    "tilt [deg]": {f"{a}": {"tilt": a} for a in (0, 1, 2, 3, 4, 6)},
    "defocus [nm]": {f"{d}": {"defocus": float(d)} for d in (-10, 0, 4, 8, 12, 16, 20, 30)},
    "pixel [nm]": {f"{p}": {"pixel": p} for p in (0.018, 0.024, 0.0305, 0.04, 0.05, 0.06)},
    "dose [e/px]": {f"{d}": {"dose": float(d)} for d in (0.5, 1.5, 5, 11.25, 50, 150, 500)},
}


def drawn(fixed: dict, options: argparse.Namespace, train: bool = False) -> list[np.ndarray]:
    """Images of a class to test on, or to train on."""
    fixed = {k: v for k, v in fixed.items() if k != "dose"}
    if train:
        return pictures(fixed, range(options.models), options.workers, options.cache, each=3)
    numbers = range(TEST_NUMBER, TEST_NUMBER + options.tests)
    return pictures(fixed, numbers, options.workers, options.cache)


def through(network: UNet, scale: float | None = None) -> Denoiser:
    """A denoiser of counts (Y, X); ``scale`` is what the network's unit of noise is taken to be."""

    def denoise(counts: np.ndarray, dose: float) -> np.ndarray:
        mean = counts.mean()
        unit = scale or np.sqrt(mean)
        normal = ((counts - mean) / unit).astype(np.float32)
        return tiling.run(network, normal, CPU) * unit + mean

    return denoise


def trained(
    images: list[np.ndarray], steps: int, dose: tuple[float, float] = (DOSE, DOSE), **network
) -> UNet:
    """Train a network from scratch."""
    torch.manual_seed(0)
    options = {**SMALL, **network}
    recipe = Recipe(
        name="question",
        description="",
        dose=dose,
        steps=steps,
        image_size=SIDE,
        crops=(64,) if steps < 150 else (64, 96),
        images=max(40, len(images)),
    )
    stack = np.stack(images).astype(np.float16)
    with tempfile.TemporaryDirectory() as folder:
        result, _ = loop.train(recipe, 0.01, UNet(**options), stack, stack[:8], Path(folder))
    return result.eval()


def bundled(options: argparse.Namespace) -> list[str]:
    """One model along every axis."""
    network = load_network(find_model(options.model), CPU)
    lines = [f"| axis | value | best Gaussian | {options.model} |", "|---|---|---|---|"]
    for axis, values in POINTS.items():
        if not axis.startswith(options.axis):
            continue
        for value, fixed in values.items():
            images = drawn(fixed, options)
            dose = fixed.get("dose", DOSE)
            ours = score(through(network), images, dose)
            lines.append(f"| {axis} | {value} | {blur(images, dose):.2f} | {ours:.2f} |")
            _tell(lines[-1])
    return lines


def tiles(options: argparse.Namespace) -> list[str]:
    """Whole images against tiles of the size of the training crops."""
    network = load_network(find_model(options.model), CPU)
    whole, block = through(network), (5, 5)
    ways: dict[str, Denoiser] = {"whole image": whole}
    for count in (4096, 10**9):
        name = "all positions" if count == 10**9 else f"{count} positions"
        ways[f"whole image, attending to {name}"] = _attending(whole, count)
    for side in (128, 96, 64):
        for overlap in (0, side // 2):
            name = f"tiles of {side}" + (f", overlapping by {overlap}" if overlap else "")
            ways[name] = _in_tiles(whole, side, overlap)
    cases = []
    for seed in range(options.phantoms):
        phantom = simulate(size=options.size, seed=900 + seed)
        counts, clean = (
            sampling.bin_counts(np.asarray(m.data), block) for m in (phantom.noisy, phantom.clean)
        )
        cases.append((counts.astype(np.float32), clean))
    lines = ["| way | mean PSNR [dB] | against the whole, image by image |", "|---|---|---|"]
    first = np.array([psnr(whole(y, DOSE), x, DOSE) for y, x in cases])
    for name, way in ways.items():
        found = np.array([psnr(way(y, DOSE), x, DOSE) for y, x in cases])
        gain = found - first
        lines.append(f"| {name} | {found.mean():.2f} | {gain.min():+.2f} to {gain.max():+.2f} |")
        _tell(lines[-1])
    return lines


def _attending(denoise: Denoiser, witnesses: int) -> Denoiser:
    """Let the non-local blocks look at more positions than usual."""

    def run(counts: np.ndarray, dose: float) -> np.ndarray:
        usual, tiling.WITNESSES = tiling.WITNESSES, witnesses
        try:
            return denoise(counts, dose)
        finally:
            tiling.WITNESSES = usual

    return run


def _in_tiles(denoise: Denoiser, side: int, overlap: int) -> Denoiser:
    """Denoise tiles on their own, and keep of each what is nearest to its centre."""

    def run(counts: np.ndarray, dose: float) -> np.ndarray:
        result = np.empty(counts.shape)
        for tile in tiling.tiles(counts.shape, side - overlap, overlap // 2):
            result[tile.write] = denoise(counts[tile.read], dose)[tile.keep]
        return result

    return run


def fov(options: argparse.Namespace) -> list[str]:
    """Networks of growing receptive field, trained on the same images for the same time."""
    images = drawn({}, options, train=True)
    tests = drawn({}, options)
    shapes = {
        "1 level": {"widths": (64,), "depths": (2,), "non_local": 0},
        "2 levels": {"widths": (64, 96), "depths": (1, 2), "non_local": 0},
        "3 levels": {"widths": (64, 96, 128), "depths": (1, 2, 2), "non_local": 0},
        "4 levels": {"widths": (64, 96, 128, 128), "depths": (1, 2, 2, 2), "non_local": 0},
        "3 levels, non-local": {"widths": (64, 96, 128), "depths": (1, 2, 2), "non_local": 2},
    }
    lines = [
        "| network | field of view [working px] | [nm] | weights | PSNR |",
        "|---|---|---|---|---|",
        f"| best Gaussian | | | | {blur(tests, DOSE):.2f} |",
    ]
    for name, shape in shapes.items():
        network = trained(images, options.steps, **shape)
        side = 2 * network.reach + 1
        field = "whole image" if shape["non_local"] else f"{side}"
        size = "" if shape["non_local"] else f"{side * PIXEL:.1f}"
        count = sum(p.numel() for p in network.parameters()) / 1e6
        result = score(through(network), tests, DOSE)
        lines.append(f"| {name} | {field} | {size} | {count:.2f} M | {result:.2f} |")
        _tell(lines[-1])
    return lines


def classes(options: argparse.Namespace) -> list[str]:
    """A small network for each class of each axis, tested on every class of that axis."""
    lines = []
    for axis, values in CLASSES.items():
        if not axis.startswith(options.axis):
            continue
        tests = {v: drawn(f, options) for v, f in values.items()}
        lines += [
            f"| {axis}: trained on | {' | '.join(values)} |",
            "|---" * (1 + len(values)) + "|",
        ]
        doses = {v: f.get("dose", DOSE) for v, f in values.items()}
        blurred = (blur(tests[v], doses[v]) for v in values)
        lines.append(f"| (best Gaussian) | {' | '.join(f'{b:.2f}' for b in blurred)} |")
        for value, fixed in values.items():
            images = drawn(fixed, options, train=True)
            network = trained(images, options.steps, (doses[value],) * 2)
            row = [f"{score(through(network), tests[v], doses[v]):.2f}" for v in values]
            lines.append(f"| {value} | {' | '.join(row)} |")
            _tell(f"{axis} {lines[-1]}")
        lines.append("")
    return lines


def bias(options: argparse.Namespace) -> list[str]:
    """Networks with and without constants, trained at one dose and asked at others."""
    images = drawn({}, options, train=True)
    tests = drawn({}, options)
    networks = {}
    for name, biased in (("bias-free", False), ("biased", True)):
        networks[name] = trained(images, options.steps, bias=biased)
        _tell(f"{name} trained")
    trained_unit = float(np.sqrt(DOSE))
    columns: dict[str, Denoiser] = {}
    for name, network in networks.items():
        columns[f"{name}, noise of unit variance"] = through(network)
        columns[f"{name}, counts as they are"] = through(network, trained_unit)
    lines = [
        f"| e/working px | best Gaussian | {' | '.join(columns)} |",
        "|---" * (2 + len(columns)) + "|",
    ]
    for dose in (0.5, 2, DOSE, 50, 200, 1000):
        row = [f"{score(denoiser, tests, dose):.2f}" for denoiser in columns.values()]
        lines.append(f"| {dose:g} | {blur(tests, dose):.2f} | {' | '.join(row)} |")
        _tell(lines[-1])
    return lines


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def write(path: Path, name: str, table: str) -> None:
    """Put a table between its marks in a markdown file; append the marks where they are not."""
    start, end = f"<!-- table: {name} -->", "<!-- end -->"
    text = path.read_text() if path.exists() else ""
    if start not in text:
        text += f"\n{start}\n{end}\n"
    pattern = re.escape(start) + ".*?" + re.escape(end)
    path.write_text(
        re.sub(pattern, lambda _: f"{start}\n{table}\n{end}", text, count=1, flags=re.DOTALL)
    )


def main() -> None:
    """Answer one question."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    questions = {f.__name__: f for f in (bundled, tiles, fov, classes, bias)}
    parser.add_argument("question", choices=questions)
    parser.add_argument("--model", default="hrtem")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--models", type=int, default=96, help="to train on, of each class")
    parser.add_argument("--tests", type=int, default=20, help="images of each class to test on")
    parser.add_argument("--axis", default="", help="of bundled and classes: only this one")
    parser.add_argument("--phantoms", type=int, default=5)
    parser.add_argument("--size", type=int, default=1600, help="pixels of the phantoms")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        options.cache = Path(folder)
        lines = questions[options.question](options)
    table = "\n".join(lines).strip()
    print(table)
    _tell(f"{(time.monotonic() - began) / 60:.1f} minutes")
    if options.out:
        write(options.out, options.question, table)


if __name__ == "__main__":
    main()
