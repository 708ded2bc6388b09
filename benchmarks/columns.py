"""Atomic columns: found, placed, honest about their errors, fast.

    python benchmarks/columns.py FOLDER [--model NAME] [--draws 5] [--data FOLDER] [--out TABLE.md]

FOLDER holds pairs NAME.npz (``image``, vacuum = 1) and NAME.json (``pixel_nm``, ``contrast``). Each
image is drawn several times as Poisson counts of 0.45 electrons per pixel in vacuum, denoised and
searched. The reference is what the same detector finds in the clean image: "columns that the clean
image shows". Tolerance 0.27 of the spacing, one to one. BM3D gets the better of 4 x 4 and 8 x 8
binning and the Gaussian its best width, both with knowledge of the truth. Images whose clean
version shows dark rings instead of columns, and intermediate contrast, are listed but are no
columns in the sense of the detector.

Positions: simulated Pt on CeO2 without tilt, clean, bright contrast, against the true columns.
Errors: fits to counts of simulated Gaussians. Speed: 10,000 columns. DATA, if given, holds
microscope files of known lattice parameters.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import _peers
import _validation
import napari_sbd as sbd
from napari_sbd.columns import lattice_vectors
from napari_sbd.columns.fit import fit_gaussians
from napari_sbd.columns.shown import Shown
from napari_sbd.simulation import optics, structures
from napari_sbd.simulation.dataset import columns_of
from napari_sbd.simulation.multislice import exit_wave


def denoisers(pixel_size: float, model: str, clean: np.ndarray) -> dict:
    """Methods that take counts; the filters know the truth."""

    def best(candidates):
        return max(candidates, key=lambda e: _validation.psnr(e, clean))

    table = {f"napari-sbd {model}": lambda y: sbd.denoise(y, pixel_size=pixel_size, model=model)}
    if find_spec("bm3d"):
        table["Anscombe + BM3D"] = lambda y: best(_peers.binned(_peers.bm3d, y, b) for b in (4, 8))
    table["Gaussian blur"] = lambda y: best(_peers.blurs(y))
    return table


def quality(folder: Path, model: str, draws: int) -> str:
    """Table of F1 for all and for surface columns."""
    lines = [
        "| image | contrast | method | F1 | F1 of the surface | rmse [pm] |",
        "|---|---|---|---|---|---|",
    ]
    pooled: dict[str, list] = {}
    for place, (name, clean, pixel_size) in enumerate(_validation.load(folder)):
        contrast = json.loads((folder / f"{name}.json").read_text())["contrast"]
        reference = sbd.find_columns(None, clean)
        for method, run in denoisers(pixel_size, model, clean).items():
            scores = []
            for draw in range(draws):
                counts = _validation.noisy(clean, 1000 * place + draw)
                found = sbd.find_columns(None, run(counts))
                s = sbd.compare_columns(reference, found)
                scores.append((s.f1, s.surface.f1, s.rmse * pixel_size * 1000))
            mean = np.nanmean(scores, 0)
            figures = f"{mean[0]:.3f} | {mean[1]:.3f} | {mean[2]:.1f}"
            lines.append(f"| {name} | {contrast} | {method} | {figures} |")
            print(lines[-1], flush=True)
            if contrast != "intermediate":
                pooled.setdefault(method, []).append(mean)
    for method, values in pooled.items():
        mean, middle = np.mean(values, 0), np.median(values, 0)
        lines.append(
            f"| mean (median) of white and black | | {method} | {mean[0]:.3f} ({middle[0]:.3f}) | "
            f"{mean[1]:.3f} ({middle[1]:.3f}) | {mean[2]:.1f} ({middle[2]:.1f}) |"
        )
    return "\n".join(lines)


def positions(seeds: int = 3) -> str:
    """Rms distance of fitted from true columns of Pt in clean images without tilt."""
    pixel = 0.1  # Å
    rms = []
    for seed in range(seeds):
        box = 60.0
        atoms = structures.KINDS["pt_ceo2_ideal"](np.random.default_rng(seed), box)
        if isinstance(atoms, tuple):
            atoms = atoms[0]
        microscope = optics.Optics(image_spread=30.0)
        wave = exit_wave(atoms, box, microscope.kilovolt)
        size = round(box / pixel)
        image = optics.integrate(optics.image(wave, box, microscope), size).numpy() * 0.45
        truth = columns_of(atoms)
        truth = truth[truth[:, 2] == 78][:, [1, 0]] / pixel
        score = sbd.compare_columns(truth, sbd.find_columns(None, image, polarity="bright"))
        rms.append(score.rmse * pixel * 100)
        print("position", seed, rms[-1], score.recall, flush=True)
    return (
        f"Clean, bright, no tilt, Pt columns: {np.mean(rms):.2f} pm rms (each {np.round(rms, 2)})."
    )


def honesty() -> str:
    """Deviations over errors, and over the Cramer-Rao bound, of fits to counts.

    The denoised image is the truth.
    """
    lines = [
        "| scene | amplitude / background [e/px] | sd(y) / error | sd(amplitude) / error | "
        "sd(y) / bound |",
        "|---|---|---|---|---|",
    ]
    rng = np.random.default_rng(0)
    for name, gap in (("isolated", 40.0), ("lattice", 15.0)):
        for amplitude, background in (
            (40, 20),
            (8, 4),
            (4, 2),
            (1.5, 0.75),
            (-0.75, 1.5),
            (0.5, 0.5),
        ):
            i, j = np.mgrid[:30, :30].reshape(2, -1)
            points = np.column_stack([(i * 0.75**0.5 + 1) * gap, (j + 1 + 0.5 * (i % 2)) * gap])
            points += rng.uniform(-1, 1, points.shape)
            shape = np.ceil(points.max(0) + gap).astype(int)
            gy, gx = (
                np.exp(-((np.arange(n)[:, None] - p) ** 2) / 18)
                for n, p in zip(shape, points.T, strict=True)
            )
            clean = background + amplitude * gy @ gx.T
            values = np.broadcast_to([amplitude, 3.0, background], (900, 3))
            truth = np.column_stack([points, values])
            start = np.full((900, 5), np.nan)
            start[:, :2] = points
            counts = rng.poisson(clean).astype(float)
            shown = Shown(clean, start, 3.0, amplitude > 0)
            fit = shown.with_data(counts, known=shown.in_data(counts))[1]
            held = np.ones(900, bool)
            bound = fit_gaussians(
                clean, truth, 18, poisson=True, iterations=0, hold_width=held
            ).covariance
            z = ((fit.values - truth) / fit.error)[fit.converged]
            off = (fit.values - truth)[fit.converged, 0]
            ratio = off.std() / np.sqrt(bound[:, 0, 0]).mean()
            lines.append(
                f"| {name} | {amplitude:g} / {background:g} | {z[:, 0].std():.3f} | "
                f"{z[:, 2].std():.3f} | {ratio:.3f} |"
            )
    return "\n".join(lines)


def speed() -> str:
    """Time to find and fit 10,000 columns in 2048 x 2048 pixels."""
    i, j = np.mgrid[:100, :100].reshape(2, -1) * 20.0 + 30
    gy, gx = (np.exp(-((np.arange(2048)[:, None] - p) ** 2) / 2 / 4.0**2) for p in (i, j))
    clean = 1 + gy @ gx.T
    counts = np.random.default_rng(0).poisson(clean)
    sbd.find_columns(counts[:200, :200], clean[:200, :200])  # imports
    lines = ["| what | columns | wall time [s] | processor time [s] |", "|---|---|---|---|"]
    for name, noisy in (("denoised image", None), ("denoised image, counts and agreement", counts)):
        wall, own = time.perf_counter(), time.process_time()
        found = sbd.find_columns(noisy, clean)
        wall, own = time.perf_counter() - wall, time.process_time() - own
        lines.append(f"| {name} | {len(found)} | {wall:.1f} | {own:.1f} |")
    return "\n".join(lines)


def microscopes(folder: Path) -> str:
    """Cells measured with the calibration of the file, against what its spectrum shows.

    SrTiO3 [001] shows Sr and Ti alike, so that its cell is the centred one, of half the area.
    """
    cases = {
        "dm4_BaTiO3_stem.dm4": ("a, along x", 0.3985),
        "ser_SrTiO3_haadf.ser": ("root of the area", (0.402 * 0.4075 / 2) ** 0.5),
        "tif_imagej_SrTiO3_abf_series.tif": ("root of the area", (0.193 * 0.272) ** 0.5),
    }
    lines = ["| file | a, b [nm] | compared | known [nm] | off by |", "|---|---|---|---|---|"]
    for name, (what, known) in cases.items():
        if not (folder / name).exists():
            continue
        m = sbd.read(folder / name)
        image = np.asarray(m.data, float)
        image = image.mean(0) if m.is_movie else image
        table = sbd.find_columns(None, m.replace(data=image))
        vectors = lattice_vectors(table[["y", "x"]].to_numpy())
        if vectors is None:
            lines.append(f"| {name} | no lattice | {what} | {known:.4f} | |")
            continue
        cell = vectors * m.pixel_size_yx
        lengths = np.hypot(*cell.T)
        area = abs(float(np.linalg.det(cell))) ** 0.5
        off = (float(lengths[0]) if "along" in what else area) / known - 1
        lines.append(f"| {name} | {lengths.round(4)} | {what} | {known:.4f} | {100 * off:.2f} % |")
    return "\n".join(lines)


def main() -> None:
    """Print and perhaps write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", default="quality,positions,honesty,speed,data")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rooms = {
        "speed": speed,
        "honesty": honesty,
        "positions": positions,
        "data": lambda: microscopes(options.data) if options.data else "",
        "quality": lambda: quality(options.folder, options.model, options.draws),
    }
    parts = []
    for name, run in rooms.items():
        if name in options.only.split(","):
            parts.append(f"### {name}\n\n{run()}\n")
            print(parts[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
