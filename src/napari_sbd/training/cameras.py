"""What is left of a camera once its noise was made white and its light even, for training.

``noise/`` prepares images for the network, but never perfectly: the spectrum of the noise is
estimated, read-out noise hides the fine detail that the camera's point spread damped, illumination
is evened out up to a remainder, and pixels that were left out come back as smooth patches. Of a
scan the rows stay shifted, and whitening, which knows no phases, leaves one-sided streaks askew.
"""

from __future__ import annotations

import numpy as np

from ..simulation.detector import shift_rows

_MARGIN = 16  # working pixels around a crop, where the filters reach beyond it
_READ_NOISE = 0.02, 2.0  # variance over that of the mean count
_ILLUMINATION = 0.3  # largest relative change over a crop
_SPREAD = 0.2, 1.5  # working pixels, standard deviation of a point spread
_MISFIT = 0.12  # of the estimated noise amplitude, standard deviation
_FLOOR = 0.02, 0.3  # of the largest noise amplitude, below which nothing is raised
_JITTER = 0.3  # working pixels, largest standard deviation of the shifts of rows
_STREAK = 0.2, 1.5  # working pixels, length of a decay along the rows


def leave_over(
    expected: np.ndarray, rng: np.random.Generator, scanned: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Record expected counts with an imperfect camera, and prepare them as images are prepared.

    Parameters
    ----------
    expected
        (H, W) electrons per working pixel, or (T, H, W) of a movie, which one camera records.
    rng
        Source of chance.
    scanned
        Probability that a scan recorded them, along x or y, rather than a camera.

    Returns
    -------
    What the network is shown, and what it should find, both of its shape, float32 in counts.
    """
    is_scan = scanned > 0 and rng.random() < scanned
    if is_scan and rng.random() < 0.5:
        turned = leave_over(np.swapaxes(expected, -1, -2), rng, 1.0)
        noisy, clean = (np.ascontiguousarray(np.swapaxes(v, -1, -2)) for v in turned)
        return noisy, clean
    expected = expected * _ramp(expected.shape[-2:], rng)
    around = [(0, 0)] * (expected.ndim - 2) + [(_MARGIN, _MARGIN)] * 2
    wide = np.pad(expected, around, mode="reflect")
    if is_scan:
        wide = shift_rows(wide, rng.normal(0, rng.uniform(0, _JITTER), wide.shape[:-1]))
    noise = rng.poisson(wide) - wide
    if rng.random() < 0.5:
        read = np.exp(rng.uniform(*np.log(_READ_NOISE))) * expected.mean()
        noise = noise + rng.normal(0, np.sqrt(read), wide.shape)
    if rng.random() < 0.6:
        signal, colour = (_streak if is_scan else _transfer)(wide.shape[-2:], rng)
        wide, noise = _filtered(wide, signal), _filtered(noise, colour)
    inner = slice(_MARGIN, -_MARGIN)
    clean = wide[..., inner, inner].astype(np.float32)
    noisy = clean + noise[..., inner, inner].astype(np.float32)
    for frame in noisy.reshape(-1, *noisy.shape[-2:]):
        _patch(frame, rng)
    return noisy, clean


def _ramp(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    y, x = np.linspace(-0.5, 0.5, shape[0])[:, None], np.linspace(-0.5, 0.5, shape[1])
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(0, _ILLUMINATION)
    along = np.sin(angle) * y + np.cos(angle) * x
    result: np.ndarray = 1 + size * (along + rng.uniform(-1, 1) * along**2)
    return result


def _transfer(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What signal and noise pass: a point spread, then the inverse of the noise as estimated."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    turn = rng.uniform(0, np.pi)
    along, across = np.cos(turn) * fx + np.sin(turn) * fy, np.cos(turn) * fy - np.sin(turn) * fx
    spread = rng.uniform(*_SPREAD)
    longer = rng.uniform(1, 2) if rng.random() < 0.3 else 1.0
    f2 = along**2 + (longer * across) ** 2
    if rng.random() < 0.7:
        amplitude = np.exp(-2 * (np.pi * spread) ** 2 * f2)
    else:  # long tails
        amplitude = np.exp(-2 * np.pi * 0.6 * spread * np.sqrt(f2))
    return _made_white(amplitude, np.sqrt(fy**2 + fx**2), rng)


def _streak(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The same for a detector whose signal decays along x, after it has come."""
    fx = np.fft.rfftfreq(shape[1])[None]
    kept = np.exp(-1 / rng.uniform(*_STREAK))
    return _made_white((1 - kept) / (1 - kept * np.exp(-2j * np.pi * fx)), fx, rng)


def _made_white(
    transfer: np.ndarray, f: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A transfer, at frequencies f, times the inverse of the noise amplitude as estimated."""
    read = rng.uniform(0, 0.3)
    true = np.sqrt((np.abs(transfer) ** 2 + read**2) / (1 + read**2))
    wrong = rng.normal(0, _MISFIT, 3)
    misfit = wrong[0] * np.cos(2 * np.pi * f) + wrong[1] * np.cos(4 * np.pi * f) + wrong[2] * f
    floor = np.exp(rng.uniform(*np.log(_FLOOR)))
    raised = 1 / np.maximum(true, floor)
    return transfer * raised, true * raised * np.exp(misfit)


def _filtered(image: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.fft.irfft2(np.fft.rfft2(image) * transfer, image.shape[-2:])
    return result


def _patch(noisy: np.ndarray, rng: np.random.Generator) -> None:
    """Fill some pixels as those without data are filled; leave a few too bright."""
    height, width = noisy.shape
    for _ in range(rng.integers(1, 12) if rng.random() < 0.4 else 0):
        y, x = rng.integers(1, height - 1), rng.integers(1, width - 1)
        around = noisy[y - 1 : y + 2, x - 1 : x + 2]
        noisy[y, x] = (around.sum() - noisy[y, x]) / 8
    for _ in range(rng.integers(1, 4) if rng.random() < 0.2 else 0):
        noisy[rng.integers(height), rng.integers(width)] += rng.uniform(3, 7) * noisy.std()
