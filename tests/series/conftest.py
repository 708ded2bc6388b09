"""Small series whose truth is known: decays of two rates, as in a dose or a diffusion series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sbd.series import Gradients

LENGTH = 24


def decays(seed: int, grid: tuple[int, ...] = (40, 40)) -> np.ndarray:
    """(24, ...) float32: sums of a slow and a fast decay with smoothly changing shares."""
    rng = np.random.default_rng(seed)
    share = gaussian_filter(rng.standard_normal(grid), 2, mode="wrap")
    share = 0.5 + 0.25 * np.clip(share / share.std(), -2, 2)
    time = np.linspace(0, 3, LENGTH).reshape(-1, *[1] * len(grid))
    return (share * np.exp(-0.3 * time) + (1 - share) * np.exp(-2 * time)).astype(np.float32)


def table() -> Gradients:
    """Two volumes without weighting, then 22 directions."""
    rng = np.random.default_rng(0)
    bvecs = rng.standard_normal((LENGTH, 3))
    bvals = np.where(np.arange(LENGTH) < 2, 0.0, 1000.0)
    return Gradients(bvals, bvecs / np.linalg.norm(bvecs, axis=1, keepdims=True))


@pytest.fixture
def clean():
    return decays(1)


@pytest.fixture(scope="session")
def gaussian_model():
    """Trained on clean decays for noise of standard deviation 0.1."""
    from napari_sbd.series import train_series

    return train_series(decays(2), level=0.1, noise="gaussian", steps=40)
