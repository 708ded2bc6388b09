"""Denoising along the axis of a stack, beside MP-PCA, local PCA and moving averages.

    python benchmarks/series.py [--case bundles|diffusion|spectra|dose|speed] [--steps 2000]

Bundles: few orientations, which the one reference lacks, and tissue that it lacks
(``_bundles.py``). Diffusion: two phantoms with crossing fibres (``_diffusion.py``). Both with
Rician noise; a low-noise image of one phantom trains the networks, which then denoise the other.
DIPY gives MP-PCA, local PCA and the tensor fits: ``pip install "napari-sbd[series]"``. Spectra and
dose: electron energy losses of a film, and a film that fades, both counted (``_counted.py``); a
reference of ten times the dose trains the network.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter

import napari_sbd as sbd
from _counted import fading, film
from _diffusion import Phantom, phantom, rician
from _machine import processor
from napari_sbd.series import Gradients, Series

REFERENCE_SHARE = 0.2  # noise of the reference over that of the target
TRAINING_SHAPE = (30, 72, 72)


def tensors(signals: np.ndarray, of: Phantom) -> tuple[np.ndarray, np.ndarray]:
    """FA and MD [1e-3 mm2/s] in the mask, fitted to b up to 1000 s/mm2."""
    from dipy.core.gradients import gradient_table
    from dipy.reconst.dti import TensorModel

    low = of.bvals <= 1000
    table = gradient_table(of.bvals[low], bvecs=of.bvecs[low])
    fit = TensorModel(table).fit(np.maximum(signals[low][:, of.mask].T, 0.01))
    return fit.fa, fit.md * 1e3


def rms(error: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(error, dtype=np.float64))))


def timed(
    methods: dict[str, Callable[[], np.ndarray]], only: list[str]
) -> Iterator[tuple[str, np.ndarray, float]]:
    """Names, results and processor times [s] of the methods that are asked for."""
    for name, method in methods.items():
        if not only or name in only:
            began = time.process_time()
            result = method()
            yield name, result, time.process_time() - began


def dipy_method(name: str, noisy: np.ndarray, of: Phantom, sd: float) -> np.ndarray:
    """MP-PCA or local PCA of DIPY."""
    from dipy.denoise.localpca import localpca, mppca

    last = np.moveaxis(noisy, 0, -1)
    if name == "MP-PCA":
        return np.moveaxis(mppca(last, mask=of.mask, patch_radius=2), -1, 0)
    return np.moveaxis(localpca(last, sigma=sd, mask=of.mask, patch_radius=2), -1, 0)


def moving_average(noisy: np.ndarray, of: Phantom) -> np.ndarray:
    """Mean over the 3 x 3 x 3 voxels of the mask around each voxel."""
    share = np.maximum(uniform_filter(of.mask.astype(np.float32), 3), 1e-3)
    return uniform_filter(noisy * of.mask, 3, axes=(1, 2, 3)) / share


def network(
    train: Phantom, test: Phantom, noisy: np.ndarray, sd: float, steps: int, **options: object
) -> np.ndarray:
    """Train on a low-noise image of one phantom with the other as the target, then denoise it."""
    reference = rician(train.clean, sd * REFERENCE_SHARE, 7)
    gradients = Gradients(test.bvals, test.bvecs)
    low_noise, target = Series(reference, gradients), Series(noisy, gradients)
    model = sbd.train_series(
        low_noise,
        mask=train.mask,
        target=target,
        target_mask=test.mask,
        steps=steps,
        **options,  # type: ignore[arg-type]
    )
    print(f"    noise level {model.card.level:.4f}, truth {sd:.4f}; {model.card.figures}")
    return sbd.denoise_series(noisy, model, test.mask)


def diffusion(steps: int, snrs: list[int], only: list[str]) -> str:
    """The table of the diffusion phantoms."""
    train, test = phantom(1, TRAINING_SHAPE), phantom(2)
    truth = tensors(test.clean, test)
    strong = test.bvals == test.bvals.max()
    rows = []
    for snr in snrs:
        sd = 1 / snr
        noisy = rician(test.clean, sd, 5)
        trained = lambda **options: network(train, test, noisy, sd, steps, **options)  # noqa: B023, E731
        methods: dict[str, Callable[[], np.ndarray]] = {
            "raw": lambda: noisy,  # noqa: B023
            "moving average, 3 x 3 x 3": lambda: moving_average(noisy, test),  # noqa: B023
            "local PCA (DIPY)": lambda: dipy_method("local PCA", noisy, test, sd),  # noqa: B023
            "MP-PCA (DIPY)": lambda: dipy_method("MP-PCA", noisy, test, sd),  # noqa: B023
            "network of the paper": lambda: trained(architecture="paper"),  # noqa: B023
            "ours, voxel by voxel": lambda: trained(neighbours=False),  # noqa: B023
            "ours": lambda: trained(),  # noqa: B023
        }
        for name, result, seconds in timed(methods, only):
            fa, md = tensors(result, test)
            error = (result - test.clean)[:, test.mask]
            rows.append(
                f"| {snr} | {name} | {rms(error) * snr:.3f} | {rms(fa - truth[0]):.4f} | "
                f"{rms(md - truth[1]):.4f} | {error[strong].mean() * snr:+.3f} | {seconds:.0f} |"
            )
            print(rows[-1], flush=True)
    head = (
        "| SNR | method | RMSE of images [noise sd] | RMSE of FA | RMSE of MD [1e-3 mm2/s] | "
        "bias at b = 3000 [noise sd] | processor time [s] |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows)


def bundle_phantoms(steps: int, snrs: list[int], seeds: list[int], only: list[str]) -> str:
    """The table of bundles whose orientations the one reference lacks; medians over seeds."""
    from _bundles import KINDS, bundles, orientations

    rows = []
    for snr in snrs:
        sd, figures = 1 / snr, {}
        for seed in seeds:
            first = orientations(seed)
            train, _ = bundles(first, seed, (10, 40, 40))
            test, kind = bundles(orientations(seed + 100, first), seed + 1000, lesion=True)
            truth, strong = tensors(test.clean, test), test.bvals == test.bvals.max()
            noisy = rician(test.clean, sd, seed + 5)
            methods = rivals(train, test, noisy, sd, steps)
            for name, result, seconds in timed(methods, only):
                fa, md = tensors(result, test)
                error = (result - test.clean) * snr
                worst = max(
                    rms(error[:, kind == k]) / rms((noisy - test.clean)[:, kind == k] * snr)
                    for k in range(len(KINDS))
                )
                found = (rms(error), rms(fa - truth[0]), rms(md - truth[1]))
                figures.setdefault(name, []).append((*found, error[strong].mean(), worst, seconds))
                print(snr, seed, name, figures[name][-1], flush=True)
        for name, found in figures.items():
            image, fa, md, bias, worst, seconds = np.median(found, 0)
            rows.append(
                f"| {snr} | {name} | {image:.3f} | {fa:.4f} | {md:.4f} | {bias:+.3f} | "
                f"{worst:.2f} | {seconds:.0f} |"
            )
    head = (
        "| SNR | method | RMSE of images [noise sd] | RMSE of FA | RMSE of MD [1e-3 mm2/s] | "
        "bias at b = 3000 [noise sd] | worst kind of voxel, of raw | processor time [s] |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows)


def rivals(
    train: Phantom, test: Phantom, noisy: np.ndarray, sd: float, steps: int
) -> dict[str, Callable[[], np.ndarray]]:
    """What is compared on bundles."""
    return {
        "raw": lambda: noisy,
        "MP-PCA (DIPY)": lambda: dipy_method("MP-PCA", noisy, test, sd),
        "MP-PCA (DIPY), floor off": lambda: classic("dipy-mp-pca", noisy, test),
        "local PCA (DIPY), floor off": lambda: classic("dipy-local-pca", noisy, test),
        "local PCA of this package": lambda: classic("local-pca", noisy, test),
        "network of the paper": lambda: network(
            train, test, noisy, sd, steps, architecture="paper"
        ),
        "ours": lambda: network(train, test, noisy, sd, steps),
    }


def classic(method: str, noisy: np.ndarray, of: Phantom) -> np.ndarray:
    """A method that needs no reference; it estimates the noise level itself."""
    return sbd.pca_series(noisy, of.mask, method=method, noise="rician")


def counted(case: str, steps: int, doses: list[float], seeds: list[int], only: list[str]) -> str:
    """The table of spectra or a dose series; medians over seeds."""
    make = {"spectra": film, "dose": fading}[case]
    rows = []
    for dose in doses:
        figures: dict[str, list[tuple[float, ...]]] = {}
        for seed in seeds:
            rng = np.random.default_rng(seed)
            train, (test, corner) = make(seed)[0], make(seed + 100, unseen=True)
            reference = rng.poisson(train * dose * 10).astype(np.float32)
            noisy = rng.poisson(test * dose).astype(np.float32)
            clean = test * dose
            scale = np.sqrt(clean)
            for name, result, seconds in timed(counted_rivals(reference, noisy, steps), only):
                error, raw = (result - clean) / scale, (noisy - clean) / scale
                parts = [rms(error[:, p]) / rms(raw[:, p]) for p in (~corner, corner)]
                figures.setdefault(name, []).append((rms(error), *parts, seconds))
                print(dose, seed, name, figures[name][-1], flush=True)
        for name, found in figures.items():
            error, known, unseen, seconds = np.median(found, 0)
            rows.append(
                f"| {dose:g} | {name} | {error:.3f} | {known:.3f} | {unseen:.3f} | {seconds:.0f} |"
            )
    head = (
        "| counts | method | RMSE [sd of the counts] | what the reference holds, of raw | "
        "what it lacks, of raw | processor time [s] |\n|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows)


def counted_rivals(
    reference: np.ndarray, noisy: np.ndarray, steps: int
) -> dict[str, Callable[[], np.ndarray]]:
    """What is compared on counts; DIPY's methods see one slice of a volume."""

    def network(architecture: str) -> np.ndarray:
        model = sbd.train_series(reference, target=noisy, architecture=architecture, steps=steps)
        return sbd.denoise_series(noisy, model)

    def dipy(method: str) -> np.ndarray:
        return sbd.pca_series(noisy[:, None], method=method, noise="poisson")[:, 0]

    return {
        "raw": lambda: noisy,
        "moving average, 3 x 3 pixels": lambda: uniform_filter(noisy, (1, 3, 3)),
        "PCA, weighted, 5 components": lambda: weighted_pca(noisy, 5),
        "MP-PCA (DIPY)": lambda: dipy("dipy-mp-pca"),
        "local PCA (DIPY)": lambda: dipy("dipy-local-pca"),
        "local PCA of this package": lambda: sbd.pca_series(noisy, noise="poisson"),
        "network of the paper": lambda: network("paper"),
        "any length": lambda: network("any-length"),
        "ours": lambda: network("protocol"),
    }


def weighted_pca(noisy: np.ndarray, components: int) -> np.ndarray:
    """PCA of counts scaled for equal noise (Keenan and Kotula, Surf Interface Anal 36, 2004)."""
    flat = noisy.reshape(len(noisy), -1)
    rows, columns = (np.sqrt(flat.mean(axis, keepdims=True)) for axis in (1, 0))
    weight = rows * columns / np.sqrt(flat.mean())
    u, s, vt = np.linalg.svd(flat / weight, full_matrices=False)
    low = (u[:, :components] * s[:components]) @ vt[:components]
    return (low * weight).reshape(noisy.shape)


def speed(threads: int) -> str:
    """Voxels per second of the default network on 96 volumes."""
    import torch

    torch.set_num_threads(threads)
    test = phantom(2)
    quiet, noisy = (rician(test.clean, sd, 5 + i) for i, sd in enumerate((0.01, 0.05)))
    rows = []
    for name, options in {"ours": {}, "ours, voxel by voxel": {"neighbours": False}}.items():
        model = sbd.train_series(quiet, noisy, noise="rician", steps=100, **options)  # type: ignore[arg-type]
        large = np.tile(noisy, (1, 2, 2, 2))
        times = []
        for _ in range(2):
            began, computed = time.perf_counter(), time.process_time()
            with warnings.catch_warnings(action="ignore"):
                sbd.denoise_series(large, model)
            times.append((time.perf_counter() - began, time.process_time() - computed))
        voxels = large[0].size
        wall, processor_time = min(times)
        rows.append(f"| {name} | {voxels / wall:,.0f} | {voxels / processor_time:,.0f} |")
        print(rows[-1], flush=True)
    head = "| network | voxels per second, wall time | the same, per second of processor |\n"
    return head + "|---|---|---|\n" + "\n".join(rows)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--case", choices=["bundles", "diffusion", "spectra", "dose", "speed"], default="bundles"
    )
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--snr", type=int, nargs="+", default=[30, 10])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--dose", type=float, nargs="+", default=[3.0, 0.3])
    parser.add_argument("--only", nargs="+", default=[], help="names of rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="dipy")
    tables = {
        "bundles": lambda: bundle_phantoms(options.steps, options.snr, options.seeds, options.only),
        "diffusion": lambda: diffusion(options.steps, options.snr, options.only),
        **{
            name: lambda name=name: counted(
                name, options.steps, options.dose, options.seeds, options.only
            )
            for name in ("spectra", "dose")
        },
        "speed": lambda: speed(options.threads),
    }
    text = f"{processor()}:\n\n{tables[options.case]()}\n"
    print("\n" + text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
