"""A multi-shell diffusion phantom with crossing fibres and known tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

SHELLS = (1000.0, 2000.0, 3000.0)  # s/mm2
_DIRECTIONS, _UNWEIGHTED = 30, 6
_FLUID, _GREY = 3.0e-3, 0.8e-3  # diffusivity [mm2/s]


@dataclass(frozen=True)
class Phantom:
    """What was simulated.

    Parameters
    ----------
    clean
        (N, Z, Y, X) float32, about 1 without diffusion weighting.
    mask
        (Z, Y, X) bool; around it is air.
    bvals, bvecs
        (N,) s/mm2 and (N, 3).
    """

    clean: np.ndarray
    mask: np.ndarray
    bvals: np.ndarray
    bvecs: np.ndarray


def gradients(directions: int = _DIRECTIONS) -> tuple[np.ndarray, np.ndarray]:
    """6 volumes without weighting, then so many directions on each of three shells."""
    i = np.arange(directions * len(SHELLS))
    z = (i + 0.5) / len(i)  # a half sphere, filled by the golden angle
    turn = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    points = np.stack([r * np.cos(turn), r * np.sin(turn), z], 1)
    shells = [points[k :: len(SHELLS)] for k in range(len(SHELLS))]
    bvecs = np.concatenate([np.zeros((_UNWEIGHTED, 3)), *shells])
    return np.repeat((0.0, *SHELLS), (_UNWEIGHTED, *[directions] * len(SHELLS))), bvecs


def phantom(seed: int, shape: tuple[int, int, int] = (14, 44, 44)) -> Phantom:
    """Two bundles of smoothly bending fibres that cross, in grey matter, with pools of fluid."""
    rng = np.random.default_rng(seed)

    def smooth(scale: float) -> np.ndarray:
        field = gaussian_filter(rng.standard_normal(shape), scale, mode="wrap")
        return field / field.std()

    def share(scale: float, sharpness: float, offset: float) -> np.ndarray:
        return 1 / (1 + np.exp(-sharpness * (smooth(scale) - offset)))

    bvals, bvecs = gradients()
    fluid = share(2.5, 8, 1.4)
    white = (1 - fluid) * share(3.5, 5, -0.4)
    first = share(4, 4, 0.0)
    signal = fluid[None] * np.exp(-bvals * _FLUID)[:, None, None, None] * 1.6
    grey = _GREY * (1 + 0.08 * smooth(3) + 0.03 * rng.standard_normal(shape))
    signal = signal + 1.1 * (1 - fluid - white) * np.exp(-bvals[:, None, None, None] * grey)
    for part in (first, 1 - first):
        axis = np.stack([smooth(5) for _ in range(3)])
        axis /= np.linalg.norm(axis, axis=0)
        along = 1.7e-3 * (1 + 0.08 * smooth(3) + 0.03 * rng.standard_normal(shape))
        across = 0.35e-3 * (1 + 0.2 * smooth(3) + 0.05 * rng.standard_normal(shape))
        cosine = np.einsum("nk,kzyx->nzyx", bvecs, axis)
        diffusivity = across + (along - across) * cosine**2
        signal += white * part * np.exp(-bvals[:, None, None, None] * diffusivity)
    signal *= 1 + 0.1 * smooth(8)
    middle = [np.linspace(-1, 1, n) for n in shape[1:]]
    inside = (middle[0][:, None] ** 2 + middle[1] ** 2) < 0.85
    mask = np.broadcast_to(inside, shape).copy()
    return Phantom((signal * mask).astype(np.float32), mask, bvals, bvecs)


def rician(clean: np.ndarray, sd: float, seed: int) -> np.ndarray:
    """The magnitude of a complex image with Gaussian noise of ``sd`` in both channels."""
    rng = np.random.default_rng(seed)
    real, imaginary = (rng.standard_normal(clean.shape, np.float32) * sd for _ in range(2))
    return np.hypot(clean + real, imaginary)
