"""A diffusion phantom of straight bundles with sharp edges that cross, two compartments a fibre.

Orientations are few and the same along a bundle, so that one phantom lacks what another has.
"""

from __future__ import annotations

import numpy as np

from _diffusion import Phantom, gradients

KINDS = ("grey", "one bundle", "crossing", "fluid", "unseen tissue")
_APART = 25.0  # degrees from any orientation of the reference, at least
_FLUID, _UNSEEN = 3.0e-3, 0.25e-3  # diffusivity [mm2/s]


def orientations(seed: int, away_from: np.ndarray | None = None) -> np.ndarray:
    """(3, 3) unit vectors at least 25 degrees from each other and from those given."""
    rng = np.random.default_rng(seed)
    found = np.zeros((0, 3)) if away_from is None else away_from
    first = len(found)
    while len(found) < first + 3:
        axis = rng.standard_normal(3)
        axis /= np.linalg.norm(axis)
        if (np.abs(found @ axis) < np.cos(np.radians(_APART))).all():
            found = np.concatenate([found, axis[None]])
    return found[first:]


def bundles(
    axes: np.ndarray, seed: int, shape: tuple[int, int, int] = (6, 20, 20), lesion: bool = False
) -> tuple[Phantom, np.ndarray]:
    """A phantom, and which of ``KINDS`` each voxel (Z, Y, X) is.

    Parameters
    ----------
    axes
        (3, 3) orientations of the bundles.
    seed
        Of their places, and of what varies from bundle to bundle and voxel to voxel.
    lesion
        Whether a part holds restricted tissue that no other phantom has.
    """
    rng = np.random.default_rng(seed)
    bvals, bvecs = gradients(35)
    place = np.stack(np.indices(shape), -1) - (np.array(shape) - 1) / 2
    wide = shape[1]
    between = 1 + 0.04 * rng.standard_normal(3)  # of a bundle's diffusivities

    def weighted(diffusivity: np.ndarray) -> np.ndarray:
        return np.exp(-bvals[:, None, None, None] * diffusivity)

    def within() -> np.ndarray:
        return 1 + 0.02 * rng.standard_normal(shape)

    def fibre(k: int) -> np.ndarray:
        cosine2 = (bvecs @ axes[k])[:, None, None, None] ** 2
        intra = weighted(cosine2 * 1.8e-3 * between[k] * within())
        across = 0.6e-3 * between[(k + 1) % 3] * within()
        extra = weighted(across + cosine2 * (1.6e-3 - across))
        share = 0.6 * between[(k + 2) % 3]
        return share * intra + (1 - share) * extra

    inside = []
    for axis in axes:
        off = place - rng.uniform(-0.12, 0.12, 3) * wide
        away = np.linalg.norm(off - (off @ axis)[..., None] * axis, axis=-1)
        inside.append(away < wide * rng.uniform(0.17, 0.25))
    count = np.sum(inside, 0)
    kind = np.minimum(count, 2)
    middle = np.array([0, *rng.uniform(0.25, 0.45, 2) * rng.choice([-1, 1], 2)]) * wide
    kind[np.linalg.norm(place - middle, axis=-1) < wide * 0.14] = 3
    if lesion:
        kind[np.linalg.norm(place + middle, axis=-1) < wide * 0.12] = 4
    signal = 0.7 * weighted(1.1e-3 * within()) + 0.3 * weighted(0.35e-3 * within())
    white = sum(m * fibre(k) for k, m in enumerate(inside)) / np.maximum(count, 1)
    signal = np.where(count > 0, 0.9 * white, signal)
    signal = np.where(kind == 3, 1.5 * weighted(_FLUID * within()), signal)
    signal = np.where(kind == 4, 1.2 * weighted(_UNSEEN * within()), signal)
    clean = (signal * (1 + 0.01 * rng.standard_normal(shape))).astype(np.float32)
    return Phantom(clean, np.ones(shape, bool), bvals, bvecs), kind
