"""The agreement map: is it calibrated, does it find invented and missing columns, is it fast?

    python benchmarks/agreement.py calibration [--images 20] [--out TABLE.md]
    python benchmarks/agreement.py power [--structures 10] [--draws 3] [--out TABLE.md]
    python benchmarks/agreement.py speed

`calibration` takes the truth of simulated Pt on CeO2 (1024 x 1024 pixels of 6.1 pm) for the
denoised image, and gives mean and standard deviation of z over all pixels, and the share of
regions, discs on a grid that do not overlap, with p < 0.05.

`power` removes well separated platinum columns from structures and simulates both. A column that
the denoised image shows and the sample lacks is invented, one that the sample has and the image
lacks is missing; all else is true. Areas under the ROC curve compare |z| at those columns with |z|
at the columns that are the same in both. The map of the SBD paper, on the same cases: the
log-likelihood ratio in the disc of the column, low where invented; where one is missing it draws
nothing. The last columns give the share of cases that are found at 5 % false discoveries
(Benjamini-Hochberg over all columns of the image), and the false ones among all that were called.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import false_discovery_control, mannwhitneyu

import napari_sbd as sbd
from napari_sbd.agreement import judge_columns
from napari_sbd.simulation import optics, structures
from napari_sbd.simulation.atomic_columns import columns_of
from napari_sbd.simulation.multislice import exit_wave

PIXEL, SIZE, MARGIN = 0.0061, 1024, 131  # nm, px, px
RADIUS = 0.069 / PIXEL  # px
APART = 200  # px between columns that are removed
UNTOUCHED = 95  # px from them to columns whose image is the same in both
DOSES = (0.05, 0.1, 0.2, 0.45, 1, 2, 5, 20)  # e/px
Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def calibration(images: int) -> Iterator[str]:
    """Rows of the table of calibration."""
    yield "| e/px | mean of z | standard deviation of z | worst image | regions with p < 0.05 |"
    yield "|---|---|---|---|---|"
    scenes = [sbd.simulate(size=SIZE, dose=1.0, seed=400 + s).clean.data for s in range(images)]
    y, x = (g.ravel() for g in np.mgrid[30 : SIZE - 30 : 40, 30 : SIZE - 30 : 40])
    for dose in (0.05, 0.2, 0.45, 2, 20):
        means, spreads, beyond = [], [], []
        for seed, clean in enumerate(scenes):
            counts = np.random.default_rng([seed, 5]).poisson(clean * dose)
            z = sbd.agreement(counts, clean * dose, pixel_size=PIXEL).z
            means.append(z.mean())
            spreads.append(z.std())
            beyond.append(np.mean(np.abs(z[y, x]) > 1.96))
        worst = max(spreads, key=lambda s: abs(s - 1))
        yield (
            f"| {dose:g} | {np.mean(means):+.3f} | {np.mean(spreads):.3f} | {worst:.3f} | "
            f"{np.mean(beyond):.1%} |"
        )


def case(seed: int) -> Case:
    """Images (vacuum = 1) with and without some columns, these, and untouched ones; y, x [px]."""
    rng = np.random.default_rng([seed, 6])
    box = (SIZE + 2 * MARGIN) * PIXEL * 10
    atoms = structures.draw("pt_ceo2", rng, box)
    found = columns_of(atoms)
    place = found[:, [1, 0]] / (PIXEL * 10) - MARGIN
    inside = ((place > 50) & (place < SIZE - 50)).all(1)
    metal = np.flatnonzero(inside & (found[:, 2] == 78))
    chosen: list[int] = []
    for i in rng.permutation(metal):
        if all(np.hypot(*(place[i] - place[j])) > APART for j in chosen):
            chosen.append(int(i))
    keep = np.ones(len(atoms), bool)
    platinum = atoms.elements == "Pt"
    for i in chosen:
        keep &= ~(platinum & (np.hypot(*(atoms.positions[:, :2] - found[i, :2]).T) < 0.9))
    images = []
    for model in (atoms, atoms.select(keep)):
        wave = exit_wave(model, box, 300.0)
        picture = optics.integrate(optics.image(wave, box, optics.Optics()), SIZE + 2 * MARGIN)
        images.append(np.clip(picture.numpy()[MARGIN:-MARGIN, MARGIN:-MARGIN], 0, None))
    distance = np.min([np.hypot(*(place - place[i]).T) for i in chosen], 0)
    others = place[inside & (distance > UNTOUCHED) & (found[:, 2] != 8)]
    return images[0], images[1], place[chosen], others


def power(count: int, draws: int) -> Iterator[str]:
    """Rows of the table of power against dose."""
    yield (
        "| e/px | frames | AUC, invented | AUC, missing | paper's map, invented | "
        "found at 5 % FDR | false among called |"
    )
    yield "|---|---|---|---|---|---|---|"
    cases = [case(seed) for seed in range(count)]
    for dose, frames in [(d, 1) for d in DOSES] + [(0.45, 8)]:
        z: dict[str, list[np.ndarray]] = {k: [] for k in ("invented", "missing", "true")}
        ratio: dict[str, list[np.ndarray]] = {k: [] for k in ("invented", "true")}
        calls = np.zeros(3)
        for seed, (with_them, without, changed, others) in enumerate(cases):
            for draw in range(draws):
                rng = np.random.default_rng([seed, draw, round(1000 * dose), frames])
                for kind, sample, shown in (
                    ("invented", without, with_them),
                    ("missing", with_them, without),
                ):
                    counts = rng.poisson(sample * dose * frames)
                    expected = shown * dose * frames
                    places = np.concatenate([changed, others])
                    score, p = judge_columns(counts, expected, *places.T, RADIUS)
                    called = false_discovery_control(p) < 0.05
                    n = len(changed)
                    calls += called[:n].sum(), called[n:].sum(), n
                    z[kind].append(np.abs(score[:n]))
                    z["true"].append(np.abs(score[n:]))
                    if kind == "invented":
                        paper = sbd.agreement(counts, expected, pixel_size=PIXEL, columns=places)
                        ratio[kind].append(paper.column_ratio[:n])
                        ratio["true"].append(paper.column_ratio[n:])
        areas = [auc(z[k], z["true"]) for k in ("invented", "missing")]
        papers = 1 - auc(ratio["invented"], ratio["true"])
        false = calls[1] / max(1, calls[0] + calls[1])
        yield (
            f"| {dose:g} | {frames} | {areas[0]:.3f} | {areas[1]:.3f} | {papers:.3f} | "
            f"{calls[0] / calls[2]:.0%} | {false:.1%} |"
        )


def auc(positive: list[np.ndarray], negative: list[np.ndarray]) -> float:
    """Area under the ROC curve."""
    a, b = np.concatenate(positive), np.concatenate(negative)
    return float(mannwhitneyu(a, b).statistic / (len(a) * len(b)))


def speed() -> Iterator[str]:
    """Time of a map, after the first, which loads libraries."""
    phantom = sbd.simulate(size=SIZE, seed=1)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        sbd.agreement(phantom.noisy, phantom.clean)
        times.append(time.perf_counter() - began)
    yield f"map of {SIZE} x {SIZE} pixels: {min(times[1:]):.2f} s (the first {times[0]:.2f} s)"


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("calibration", "power", "speed"))
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--structures", type=int, default=10)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = {
        "calibration": lambda: calibration(options.images),
        "power": lambda: power(options.structures, options.draws),
        "speed": speed,
    }[options.what]
    text = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for line in lines():
            print(line, flush=True)
            text.append(line)
    if options.out:
        options.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
