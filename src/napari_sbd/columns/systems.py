"""Many small symmetric systems at once, scaled to unit diagonals."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_CHUNK = 512  # columns worked on at once, so that their pixels stay in the processor's cache
_DAMPING = 1e-6
_LEAST = 1e-9  # eigenvalue of a scaled Fisher matrix, below which the data do not fix a column


def solve(information: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Solve each 5 x 5 system after scaling to a unit diagonal; zero where there are no data."""
    scale = _scale(information)
    matrix = information / (scale[:, :, None] * scale[:, None]) + _DAMPING * np.eye(5)
    step: np.ndarray = np.linalg.solve(matrix, (score / scale)[:, :, None])[:, :, 0] / scale
    return step


def inverse(information: np.ndarray) -> np.ndarray:
    """Inverse of each matrix; zero for values that are held, NaN where it is not definite."""
    scale = _scale(information)
    held = np.diagonal(information, axis1=1, axis2=2) == 0
    outer = scale[:, :, None] * scale[:, None]
    matrix = information / outer
    matrix += held[:, :, None] * np.eye(held.shape[1])
    matrix += _LEAST * np.eye(held.shape[1])
    found = np.full(matrix.shape, np.nan)
    finite = np.isfinite(matrix).all((1, 2))
    found[finite] = np.linalg.inv(matrix[finite])
    variance = np.diagonal(found, axis1=1, axis2=2)
    found[~((variance > 0) & (variance < 0.1 / _LEAST)).all(1)] = np.nan
    result: np.ndarray = found / outer * ~(held[:, :, None] | held[:, None])
    return result


def _scale(information: np.ndarray) -> np.ndarray:
    """Roots of the diagonals, 1 where they are zero."""
    diagonal = np.diagonal(information, axis1=1, axis2=2)
    return np.sqrt(np.where(diagonal > 0, diagonal, 1.0))


def each(work: Callable[[np.ndarray], None], index: np.ndarray) -> None:
    """Work on some columns, in parts at the same time; the parts write to places of their own."""
    parts = [index[first : first + _CHUNK] for first in range(0, len(index), _CHUNK)]
    if len(parts) < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(work, parts))
