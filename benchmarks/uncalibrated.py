"""Images without a pixel size: what is lost by it, and is any result worse than a blur unsaid?

    python benchmarks/uncalibrated.py [--images 24] [--pairs FILE.h5 ...] [--drawn 60] [--first 0]

Simulated images of five structures at 5 to 50 pm per pixel and 0.05 to 40 electrons per pixel, one
half as electron counts, one half as a scintillator writes them (point spread 0.8 px).
PSNR with the range of the clean image as peak, against the clean image as the camera sees it.
"Lattice" sums what the strongest lattice period suggests, or 4 x 4; "calibrated" knows the pixel
size; "best" is the best of seven sums, told by the truth; all with the model hrtem. "Blur" is the
best of seven Gaussians, told by the truth.

``--pairs`` measures ``denoise`` as it is on HDF5 files of noisy images x and clean ones y
(N, 1, Y, X), after a line fit of the result to the clean image, such as the 24 pairs in the source
archive of tk_r_em (sfr_lrtem.h5, sfr_hrstem.h5, sfr_lrstem.h5). Where TensorFlow is installed and
``TK_R_EM`` is that archive, its own network for the kind of each file is shown beside.

``--drawn`` measures it on objects larger than atoms, each with a dose (0.5 to 100 electrons per
pixel), a point spread (none to 1.4 px), read-out noise (none to 2 electrons), a gain and an offset
from its seed; "best" is the better of the models hrtem and low-mag on sums over 1 to 4 pixels, told
by the truth.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import h5py
import numpy as np
from scipy.ndimage import gaussian_filter

import _peers
import napari_sbd as sbd
from _machine import processor
from napari_sbd.denoising.working_block import lattice_block
from napari_sbd.simulation.low_magnification import low_magnification_image

STRUCTURES = ("pt_ceo2", "crystal_edge", "amorphous_film", "sheet", "grain_boundary")
PIXELS = (0.005, 0.01, 0.02, 0.035, 0.05)  # nm
DOSES = (0.05, 0.5, 5.0, 40.0)
BLURS = (0, 0.5, 1, 1.5, 2, 3, 4)  # pixels
SUMS = (1, 2, 3, 4, 6, 7, 8)
WORKING = 0.033  # nm
FIELD = 6.2  # nm, of which not all fits at the finest pixels
SIDE = 384  # pixels at most
DRAWN_DOSES = 0.5, 100.0
SPREADS = (0, 0, 0.4, 0.7, 1, 1.4)  # pixels
READ = (0, 0.5, 2)  # electrons
GAINS, OFFSETS = (1, 17.3, 0.01), (0, 100, -3)


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Decibels, after a line fit."""
    terms = np.stack([image.ravel().astype(float), np.ones(image.size)], 1)
    fit, *_ = np.linalg.lstsq(terms, clean.ravel(), rcond=None)
    return 10 * np.log10(np.ptp(clean) ** 2 / np.mean((clean.ravel() - terms @ fit) ** 2))


def blurred(noisy: np.ndarray, clean: np.ndarray) -> float:
    """The best Gaussian."""
    return max(psnr(gaussian_filter(noisy.astype(float), s), clean) for s in BLURS)


def denoised(noisy: np.ndarray, block: int | None = None, model: str = "hrtem"):
    """The result with sums over as many pixels, its settings, and whether a warning was given."""
    size = None if block is None else WORKING / block
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = sbd.denoise(sbd.Micrograph(noisy, size), model=model)
    settings = result.metadata["napari_sbd"]["history"][-1]["settings"]
    words = ("blur", "Give the pixel size")
    return result.data, settings, any(w in str(s.message) for s in said for w in words)


def cases(count: int):
    """Name, pixel size, noisy and clean images."""
    rng = np.random.default_rng(3)
    every = [(s, p, d, c) for s in STRUCTURES for p in PIXELS for d in DOSES for c in (False, True)]
    for i in rng.permutation(len(every))[:count]:
        structure, pixel, dose, camera = every[i]
        size = min(SIDE, int(FIELD / pixel))
        made = sbd.simulate(
            structure, size=size, pixel_size=pixel, dose=dose, seed=int(i), modality="hrtem"
        )
        noisy, clean = made.noisy.data.astype(float), made.clean.data.astype(float)
        if camera:
            light = noisy + np.sqrt(0.09 * noisy) * rng.standard_normal(noisy.shape)
            noisy = 17 * gaussian_filter(light, 0.8) + 2 * rng.standard_normal(noisy.shape)
            clean = 17 * gaussian_filter(clean, 0.8)
        kind = "scintillator" if camera else "counts"
        yield f"{structure}, {1000 * pixel:g} pm, {dose:g} e, {kind}", pixel, noisy, clean


def of_simulations(count: int) -> None:
    """What is lost against the best sums [dB]."""
    print("| image | lattice | chosen | lattice loses | chosen loses | calibrated loses |")
    print("|---|---|---|---|---|---|")
    lost = []
    for name, pixel, noisy, clean in cases(count):
        right = max(1, round(WORKING / pixel))
        first = lattice_block(sbd.Micrograph(noisy))[0]
        chosen, settings, _ = denoised(noisy)
        least = min(noisy.shape) // 16
        sums = {b for b in (*SUMS, right, first) if b <= least}
        at = {b: psnr(denoised(noisy, b)[0], clean) for b in sums}
        best, own = max(*at.values(), psnr(chosen, clean)), settings["block"][0]
        row = [best - at[first], best - psnr(chosen, clean), best - at.get(right, np.nan)]
        lost.append(row)
        print(f"| {name} | {first} | {own} | " + " | ".join(f"{x:.2f}" for x in row) + " |")
    mean, worst = np.nanmean(lost, 0), np.nanmax(lost, 0)
    for what, values in (("mean", mean), ("worst", worst)):
        print(f"| {what} | | | " + " | ".join(f"{x:.2f}" for x in values) + " |")


def of_pairs(paths: list[Path]) -> None:
    """PSNR [dB] on the pairs of files."""
    print("| pair | blur | tk_r_em | denoise | sums | model | warned |")
    print("|---" * 7 + "|")
    found = []
    for path in paths:
        rival = _peers.tk_r_em(path.stem.removeprefix("sfr_"))
        with h5py.File(path) as file:
            pairs = list(zip(file["x"][:, 0], file["y"][:, 0].astype(float), strict=True))
        for i, (noisy, clean) in enumerate(pairs):
            result, settings, warned = denoised(noisy, model="auto")
            theirs = psnr(rival(noisy), clean) if rival else np.nan
            found.append((blurred(noisy, clean), theirs, psnr(result, clean)))
            print(
                f"| {path.stem} {i} | {' | '.join(f'{v:.2f}' for v in found[-1])} | "
                f"{settings['block'][0]} | {settings['model']} | {'yes' if warned else ''} |",
                flush=True,
            )
    print(f"| mean | {' | '.join(f'{v:.2f}' for v in np.mean(found, 0))} | | | |")


def drawn(seed: int) -> tuple[str, np.ndarray, np.ndarray]:
    """What it is, noisy and clean image."""
    rng = np.random.default_rng([78, seed])
    scene = low_magnification_image(rng, int(rng.integers(160, 400)))
    dose = float(np.exp(rng.uniform(*np.log(DRAWN_DOSES))))
    spread, read = rng.choice(SPREADS), rng.choice(READ)
    counts, clean = rng.poisson(scene * dose).astype(float), scene * dose
    if spread:
        counts, clean = gaussian_filter(counts, spread), gaussian_filter(clean, spread)
    counts = counts + read * rng.standard_normal(counts.shape)
    noisy = rng.choice(GAINS) * counts + rng.choice(OFFSETS)
    what = f"{dose:.3g} e, spread {spread:g} px, read-out {read:g} e"
    return what, noisy.astype(np.float32), clean


def of_drawn(first: int, count: int) -> None:
    """PSNR [dB] of objects larger than atoms."""
    print("| seed | image | blur | denoise | best | sums | model | warned |")
    print("|---" * 8 + "|")
    found, silent = [], 0
    for seed in range(first, first + count):
        what, noisy, clean = drawn(seed)
        result, settings, warned = denoised(noisy, model="auto")
        sums = [b for b in (1, 2, 3, 4) if b <= min(noisy.shape) // 16]
        ways = [(b, m) for b in sums for m in ("hrtem", "low-mag")]
        best = max(psnr(denoised(noisy, b, m)[0], clean) for b, m in ways)
        found.append((blurred(noisy, clean), psnr(result, clean), best))
        silent += found[-1][1] < found[-1][0] and not warned
        print(
            f"| {seed} | {what} | {' | '.join(f'{v:.2f}' for v in found[-1])} | "
            f"{settings['block'][0]} | {settings['model']} | {'yes' if warned else ''} |",
            flush=True,
        )
    blur, own, best = np.array(found).T
    print(f"| mean | | {blur.mean():.2f} | {own.mean():.2f} | {best.mean():.2f} | | | |")
    print(f"\n{(own < blur).sum()} of {count} below the blur, {silent} of them without a warning")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--pairs", type=Path, nargs="+", default=[])
    parser.add_argument("--drawn", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    print(f"{processor()}\n")
    if asked.pairs:
        of_pairs(asked.pairs)
    elif asked.drawn:
        of_drawn(asked.first, asked.drawn)
    else:
        of_simulations(asked.images)


if __name__ == "__main__":
    main()
