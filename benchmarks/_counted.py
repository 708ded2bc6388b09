"""Counted stacks with known truth: energy losses of a film, and a film that fades under the beam.

Targets hold a part that no reference has: an element in one, a phase that grows in the other.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def film(seed: int, unseen: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Electron energy losses (128, 40, 40) of two elements; mean of about 1, and what is unseen.

    Parameters
    ----------
    seed
        Of thickness, composition and background.
    unseen
        Whether a corner holds a third element.
    """
    rng, side = np.random.default_rng(seed), 40
    loss = np.linspace(300.0, 800.0, 128)[:, None, None]  # eV
    slope = 2.8 + 0.2 * _share(rng, side)
    power = (loss / 300) ** -slope
    edges = _edge(loss, 456, 0.12) * _share(rng, side) + _edge(loss, 640, 0.1) * _share(rng, side)
    corner = _corner(side) if unseen else np.zeros((side, side), bool)
    edges = edges + corner * _edge(loss, 532, 0.25)
    spectra = (0.6 + 0.8 * _share(rng, side)) * (power + edges)
    return (spectra / spectra.mean()).astype(np.float32), corner


def fading(seed: int, unseen: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A dose series (40, 40, 40): two phases that fade at rates of their own; mean of about 1.

    Parameters
    ----------
    seed
        Of the phases and their rates.
    unseen
        Whether a corner brightens instead, as contamination does.
    """
    rng, side = np.random.default_rng(seed), 40
    dose = np.linspace(0, 3, 40)[:, None, None]  # critical doses of the slower phase
    share, rate = _share(rng, side), 1 + 0.3 * (_share(rng, side) - 0.5)
    fast = np.exp(-3 * rate * dose)
    signal = 0.5 + share * np.exp(-rate * dose) + (1 - share) * fast
    corner = _corner(side) if unseen else np.zeros((side, side), bool)
    signal = np.where(corner, 0.5 + 1.5 * (1 - np.exp(-1.5 * dose)), signal)
    signal = signal * (0.7 + 0.6 * _share(rng, side))
    return (signal / signal.mean()).astype(np.float32), corner


def _share(rng: np.random.Generator, side: int) -> np.ndarray:
    smooth = gaussian_filter(rng.standard_normal((side, side)), 4, mode="wrap")
    return 1 / (1 + np.exp(-3 * smooth / smooth.std()))


def _edge(loss: np.ndarray, onset: float, ratio: float) -> np.ndarray:
    step = 1 / (1 + np.exp(-(loss - onset) / 3))
    white = 2.0 * np.exp(-(((loss - onset - 8) / 5) ** 2))
    return ratio * (step * np.exp(-np.clip(loss - onset, 0, None) / 150) + white)


def _corner(side: int) -> np.ndarray:
    corner = np.zeros((side, side), bool)
    corner[: side // 3, : side // 3] = True
    return corner
