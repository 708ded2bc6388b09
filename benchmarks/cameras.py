"""Images as cameras make them: correlated noise and uneven light, against what is possible.

    python benchmarks/cameras.py [--images 10] [--doses 9 40] [--model hrtem] [--out TABLE.md]
    python benchmarks/cameras.py --judge
    python benchmarks/cameras.py --filtered

Clean simulated phase contrast of ten structures at 11 pm per pixel, 3 x 3 of which are summed. An
electron gives a random amount of light (variance 9 % of the mean squared), which the camera
spreads over its neighbours; gain 20, read-out noise 3, offset 100, whole numbers. PSNR with the
vacuum scaled to 0.45 electrons per pixel and a peak of one electron, against the clean image as
this camera sees it. "Known" is the same network with the noise made white by its true spectrum;
"blur" the best Gaussian of seven, chosen by the truth. "Light" is illumination; "even" the same
network in even light with as many electrons, "known" with the true illumination. ``--judge``
gives instead the standard deviations of z of ``agreement`` and of the deviations of columns from
the truth over their errors, both with the truth in place of the denoised image. ``--filtered``
gives images of independent electrons of which a filter left nothing in a part of the spectrum,
against what it leaves of the truth; "whole" is the result for the image before, filtered alike.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, rotate

import _validation
import napari_sbd as sbd
from _machine import processor
from napari_sbd import sampling
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.noise import whitening
from napari_sbd.noise.illumination import Illumination

KINDS = {
    "pt_ceo2": 8.0,
    "crystal_edge": 8.0,
    "free_particle": -6.0,
    "metal_on_oxide": 10.0,
    "grain_boundary": 5.0,
    "sheet": 7.0,
    "dislocation": -10.0,
    "stacking_fault": 6.0,
    "amorphous_film": 12.0,
    "pt_ceo2_ideal": -8.0,
}  # defocus [nm]
FIRST_SEED = 81_000
PIXEL, BLOCK, SIZE = 0.011, 3, 512
GAIN, OFFSET, READ, EXCESS = 20.0, 100.0, 3.0, 0.09
MARGIN = 72  # pixels around the field, so that a point spread brings in what lies beyond
BLURS = (1.5, 2.1, 3.0, 4.2, 6.0, 8.4, 12.0)  # pixels
SPREADS = [
    ("white", 0.0),
    *[("gauss", s) for s in (0.2, 0.3, 0.5, 0.8, 1.2, 1.5)],
    ("tails", 0.4),
    ("exponential", 0.5),
    ("streak", 0.3),
    ("streak", 0.6),
]

FILTERS = {
    "Gaussian, sigma 1.0": lambda fy, fx: np.exp(-2 * (np.pi * 1.0) ** 2 * (fy**2 + fx**2)),
    "Gaussian, sigma 1.4": lambda fy, fx: np.exp(-2 * (np.pi * 1.4) ** 2 * (fy**2 + fx**2)),
    "square, 0.3 per pixel": lambda fy, fx: (abs(fy) < 0.3) & (fx < 0.3),
    "circle, 0.35 per pixel": lambda fy, fx: np.hypot(fy, fx) < 0.35,
    "along x, 0.25 per pixel": lambda fy, fx: (abs(fy) < 1) & (fx < 0.25),
    "running mean of 3 x 3": lambda fy, fx: np.prod(
        [(1 + 2 * np.cos(2 * np.pi * f)) / 3 for f in np.broadcast_arrays(fy, fx)], 0
    ),
}  # at frequencies of working pixels


def transfer(shape: tuple[int, int], kind: str, spread: float) -> np.ndarray:
    """Of a point spread [working pixels], for a real Fourier transform at the raw sampling."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    f, s = np.hypot(fy, fx), spread * BLOCK
    if kind == "gauss":
        return np.exp(-2 * (np.pi * s * f) ** 2)
    if kind == "exponential":
        return np.exp(-2 * np.pi * 0.6 * s * f)
    if kind == "tails":
        return 0.6 * np.exp(-2 * (np.pi * s * f) ** 2) + 0.4 * np.exp(-2 * np.pi * 2.5 * s * f)
    if kind == "streak":
        step = np.exp(-1 / s)
        return (1 - step) / (1 - step * np.exp(-2j * np.pi * fx)) * np.ones_like(fy)
    return np.ones_like(f)


def record(clean: np.ndarray, dose: float, kind: str, spread: float, seed: int):
    """A frame, the expected frame as the camera sees it, and the true spectrum of block sums."""
    rng = np.random.default_rng(seed)
    expected = np.pad(clean * dose / BLOCK**2, MARGIN, mode="reflect")
    electrons = rng.poisson(expected).astype(float)
    if kind == "white":
        inner = slice(MARGIN, -MARGIN)
        return electrons[inner, inner], expected[inner, inner], None
    light = electrons + rng.normal(0, 1, electrons.shape) * np.sqrt(EXCESS * electrons)
    passed = transfer(light.shape, kind, spread)

    def seen(image: np.ndarray) -> np.ndarray:
        whole = np.fft.irfft2(np.fft.rfft2(image) * passed, image.shape)
        return GAIN * whole[MARGIN:-MARGIN, MARGIN:-MARGIN] + OFFSET

    frame = np.round(seen(light) + rng.normal(0, READ, clean.shape))
    return frame, seen(expected), _Known(kind, spread, dose)


class _Known(whitening.NoiseSpectrum):
    """The true spectrum: that of the pixels through the box of a block, with what it aliases."""

    def __init__(self, kind: str, spread: float, dose: float) -> None:
        super().__init__((), 0.0, (BLOCK, BLOCK))
        object.__setattr__(self, "told", (kind, spread, dose))

    def power(self, fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        kind, spread, dose = self.told  # type: ignore[attr-defined]
        shot, read = dose / BLOCK**2 * (1 + EXCESS), (READ / GAIN) ** 2
        n = (fy.shape[0] * BLOCK, (fx.shape[-1] - 1) * 2 * BLOCK)
        full = np.abs(transfer(n, kind, spread)) ** 2 * shot + read
        height, width = n
        box = [_box(np.fft.fftfreq(height)), _box(np.fft.rfftfreq(width))]
        full = full * box[0][:, None] * box[1]
        full = np.concatenate([full, np.roll(full[::-1, -2:0:-1], 1, 0)], 1)  # both signs of fx
        folded = full.reshape(BLOCK, height // BLOCK, BLOCK, width // BLOCK).sum((0, 2))
        return (folded / folded[0, 0])[:, : fx.shape[-1]]


def _box(f: np.ndarray) -> np.ndarray:
    """Squared transfer of the mean over a block."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.sin(np.pi * f * BLOCK) / np.sin(np.pi * f) / BLOCK
    return np.where(np.abs(np.sin(np.pi * f)) < 1e-9, 1.0, ratio) ** 2


def illuminations(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Relative brightness over the field."""
    y, x = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    found = {
        "vignetting 40 %": 1 - 0.2 * (y**2 + x**2),
        "ramp 50 %": 1 + 0.33 * (0.6 * y + 0.8 * x) / 1.0,
        "beam 50 %": np.exp(-((y - 0.2) ** 2 + (x + 0.2) ** 2) / 2 / 1.1**2),
        "one half 40 % darker": np.where(x + 0.4 * y > 0.1, 0.6, 1.0) * np.ones_like(y),
    }
    return {name: light / light.mean() for name, light in found.items()}


def main() -> None:
    """Print and perhaps write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=len(KINDS))
    parser.add_argument("--doses", type=float, nargs="+", default=[9.0, 40.0])
    parser.add_argument("--model", default="hrtem")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--filtered", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    cleans = []
    for i, (kind, defocus) in enumerate(list(KINDS.items())[: options.images]):
        told = {"size": SIZE, "pixel_size": PIXEL, "seed": FIRST_SEED + i, "defocus": defocus}
        cleans.append(np.asarray(sbd.simulate(kind, dose=1.0, **told).clean.data, np.float64))
    if options.judge:
        _judge(cleans, options.doses, options.out)
        return
    lines = [f"{len(cleans)} images, {options.model}, {processor()}", ""]
    if options.filtered:
        lines += ["| filter | dose | raw network | ours | whole | blur |", "|---" * 6 + "|"]
        for dose in options.doses:
            for name, passes in FILTERS.items():
                lines.append(_filtered_row(cleans, dose, name, passes, options.model))
                print(lines[-1], flush=True)
        _write(lines, options.out)
        return
    lines += [
        "| noise | dose | raw network | ours | known | blur | worst over blur |",
        "|---" * 7 + "|",
    ]
    for dose in options.doses:
        for kind, spread in SPREADS:
            lines.append(_row(cleans, dose, kind, spread, options.model))
            print(lines[-1], flush=True)
    lines += ["", "| light | dose | not evened | ours | known | even |", "|---" * 6 + "|"]
    for dose in options.doses:
        for name, light in illuminations(cleans[0].shape).items():
            lines.append(_light_row(cleans, dose, name, light, options.model))
            print(lines[-1], flush=True)
    lines += [
        "",
        "| turned by 7 degrees, linear interpolation | dose | raw network | ours | unturned |",
    ]
    lines += ["|---" * 5 + "|"]
    for dose in options.doses:
        lines.append(_turned_row(cleans, dose, options.model))
        print(lines[-1], flush=True)
    _write(lines, options.out)


def _write(lines: list[str], out: Path | None) -> None:
    text = "\n".join(lines) + "\n"
    print(text)
    if out:
        out.write_text(text)


def _judge(cleans: list[np.ndarray], doses: list[float], out: Path | None) -> None:
    lines = [f"{len(cleans)} images, {processor()}", ""]
    names = ["y", "x", "amplitude", "intensity"]
    lines += [
        "| noise | dose | z | z, extremes | " + " | ".join(names) + " |",
        "|---" * (4 + len(names)) + "|",
    ]
    for dose in doses:
        for kind, spread in SPREADS:
            z = [_z(clean, dose, kind, spread, seed) for seed, clean in enumerate(cleans)]
            pulls = _pulls(dose, kind, spread, names)
            name = kind if kind == "white" else f"{kind} {spread:g}"
            values = " | ".join(f"{v:.2f}" for v in pulls)
            extremes = f"{min(z):.2f} to {max(z):.2f}"
            lines.append(f"| {name} | {dose:g} | {np.mean(z):.3f} | {extremes} | {values} |")
            print(lines[-1], flush=True)
    if out:
        out.write_text("\n".join(lines) + "\n")


def _pair(frame: np.ndarray, expected: np.ndarray, white: bool) -> list[sbd.Micrograph]:
    gain, offset = (1.0, 0.0) if white else (GAIN, OFFSET)
    return [sbd.Micrograph(i, PIXEL, gain=gain, offset=offset) for i in (frame, expected)]


def _z(clean: np.ndarray, dose: float, kind: str, spread: float, seed: int) -> float:
    frame, expected, known = record(clean, dose, kind, spread, seed)
    result = sbd.agreement(*_pair(frame, expected, known is None), denoiser=False)
    return float(np.nanstd(result.z))


def _pulls(dose: float, kind: str, spread: float, names: list[str]) -> list[float]:
    """Of round columns of 50 pm, 0.28 nm apart, twice as bright as what is between them."""
    y, x = np.mgrid[:SIZE, :SIZE]
    dy, dx = ((i + 12.6) % 25.3 - 12.6 for i in (y, x))
    clean = (1 + np.exp(-(dy**2 + dx**2) / 2 / 4.5**2)) / 2
    found: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(2):
        frame, expected, known = record(clean, dose, kind, spread, seed)
        table = sbd.find_columns(*_pair(frame, expected, known is None), halves=False)
        table = table[~table.near_frame]
        for name in names:
            off = (table[f"{name}_raw"] - table[name]) / table[f"{name}_raw_err"]
            found[name] += list(off.dropna())
    return [float(np.std(v)) for v in found.values()]


def _psnr(found: np.ndarray, expected: np.ndarray, electron: float, dose: float) -> float:
    scale = _validation.VACUUM_DOSE * BLOCK**2 / dose / electron
    inner = np.isfinite(found)
    return -10 * np.log10(np.mean(((found - expected)[inner] * scale) ** 2))


def _denoise(frame: np.ndarray, model: str, **options: object) -> np.ndarray:
    return sbd.denoise(frame.astype(np.float32), pixel_size=PIXEL, model=model, **options)


def _row(cleans: list[np.ndarray], dose: float, kind: str, spread: float, model: str) -> str:
    scores = []
    for seed, clean in enumerate(cleans):
        frame, expected, known = record(clean, dose, kind, spread, seed)
        electron = 1.0 if known is None else GAIN
        worker = Denoiser(sbd.Micrograph(frame.astype(np.float32), PIXEL), model=model)
        if known is not None:
            worker = worker._but(camera=replace(worker.camera, noise=known))
        results = [
            _denoise(frame, model, noise="white", outliers=False, illumination=False),
            _denoise(frame, model),
            worker(frame.astype(np.float32)),
        ]
        blurred = max(_psnr(gaussian_filter(frame, b), expected, electron, dose) for b in BLURS)
        scores.append([*(_psnr(r, expected, electron, dose) for r in results), blurred])
    mean, table = np.mean(scores, 0), np.array(scores)
    worst = (table[:, 1] - table[:, 3]).min()
    name = kind if kind == "white" else f"{kind} {spread:g}"
    return f"| {name} | {dose:g} |" + "".join(f" {v:.2f} |" for v in mean) + f" {worst:+.1f} |"


def _light_row(
    cleans: list[np.ndarray], dose: float, name: str, light: np.ndarray, model: str
) -> str:
    scores = []
    for seed, clean in enumerate(cleans):
        rng = np.random.default_rng(seed)
        expected, even = clean * light * dose / BLOCK**2, clean * dose / BLOCK**2
        frame, flat = rng.poisson(expected), rng.poisson(even)
        blocks = sampling.bin_counts(light * clean.mean() * dose / BLOCK**2, (BLOCK, BLOCK))
        known = Illumination(blocks, 0.0)
        sums = known.take_off(sampling.bin_counts(frame, (BLOCK, BLOCK)))
        worker = Denoiser(sbd.Micrograph(flat, PIXEL), model=model).on_blocks()
        best = known.put_back(worker(sums))
        fine = sampling.upsample(best, (BLOCK, BLOCK), frame.shape)
        results = [
            (_denoise(frame, model, illumination=False), expected),
            (_denoise(frame, model), expected),
            (fine, expected),
            (_denoise(flat, model), even),
        ]
        scores.append([_psnr(r, e, 1.0, dose) for r, e in results])
    return f"| {name} | {dose:g} |" + "".join(f" {v:.2f} |" for v in np.mean(scores, 0))


def _turned_row(cleans: list[np.ndarray], dose: float, model: str) -> str:
    scores = []
    for seed, clean in enumerate(cleans):
        expected = clean * dose / BLOCK**2
        frame = np.random.default_rng(seed).poisson(expected).astype(float)
        cut = (slice(48, -48), slice(48, -48))
        turned, truth = (
            rotate(i, 7, reshape=False, order=1, mode="mirror")[cut] for i in (frame, expected)
        )
        plain = _denoise(turned, model, noise="white")
        results = [(plain, truth), (_denoise(turned, model), truth)]
        results.append((_denoise(frame, model)[cut], expected[cut]))
        scores.append([_psnr(r, e, 1.0, dose) for r, e in results])
    return f"| turned by 7 degrees | {dose:g} |" + "".join(
        f" {v:.2f} |" for v in np.mean(scores, 0)
    )


def _filtered_row(cleans: list[np.ndarray], dose: float, name: str, passes, model: str) -> str:
    scores = []
    for seed, clean in enumerate(cleans):
        frame = np.random.default_rng(seed).poisson(clean * dose / BLOCK**2)

        def left(image: np.ndarray) -> np.ndarray:
            sums = sampling.bin_counts(image, (BLOCK, BLOCK))
            fy, fx = np.fft.fftfreq(sums.shape[0])[:, None], np.fft.rfftfreq(sums.shape[1])
            return np.fft.irfft2(np.fft.rfft2(sums) * passes(fy, fx), sums.shape)

        seen, truth = left(frame), left(clean * dose / BLOCK**2)
        size = PIXEL * BLOCK
        results = [
            sbd.denoise(seen, pixel_size=size, model=model, noise="white"),
            sbd.denoise(seen, pixel_size=size, model=model),
            left(_denoise(frame, model)),
        ]
        results += [gaussian_filter(seen, b / BLOCK) for b in BLURS]
        found = [_psnr(r, truth, 1.0, dose) - 20 * np.log10(1 / BLOCK**2) for r in results]
        scores.append([*found[:3], max(found[3:])])
    return f"| {name} | {dose:g} |" + "".join(f" {v:.2f} |" for v in np.mean(scores, 0))


if __name__ == "__main__":
    main()
