"""Movies of known truth whose scene stands still, drifts or changes, for the benchmarks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_sbd.simulation import optics, structures
from napari_sbd.simulation.atomic_columns import columns_of
from napari_sbd.simulation.crystals import Atoms
from napari_sbd.simulation.multislice import exit_wave

PIXEL = 0.0061  # nm
SIZE = 512  # pixels along a side
FRAMES = 12
_MARGIN = 224  # pixels around the field: room for drift, and for the periodic grid to wrap around
_RADIUS = 0.21  # nm: what belongs to a column that changes

Movie = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(T, Y, X) vacuum = 1; (T, 2) shift [px]; (Y, X) bool, around the columns that change."""


def _atoms(seed: int) -> tuple[Atoms, float]:
    box = (SIZE + 2 * _MARGIN) * PIXEL * 10
    return structures.draw("pt_ceo2", np.random.default_rng([seed, 4]), box), box


def _picture(atoms: Atoms, box: float) -> np.ndarray:
    """The field with its margin."""
    inside = ((atoms.positions[:, :2] > 0.5) & (atoms.positions[:, :2] < box - 0.5)).all(1)
    wave = exit_wave(atoms.select(inside), box, 300)
    image = optics.integrate(optics.image(wave, box, optics.Optics()), SIZE + 2 * _MARGIN)
    return np.clip(image.numpy(), 0, None)


def _view(picture: np.ndarray, shift: np.ndarray | None = None) -> np.ndarray:
    """The field, in which the scene has moved by a shift [px]."""
    from scipy.ndimage import shift as spline

    moved = picture if shift is None else spline(picture, shift, order=5, mode="nearest")
    inner = slice(_MARGIN, _MARGIN + SIZE)
    return np.clip(moved[inner, inner], 0, None)


def _of_states(states: list[np.ndarray], order: np.ndarray, mask: np.ndarray | None) -> Movie:
    views = np.stack([_view(s) for s in states])
    where = np.zeros((SIZE, SIZE), bool) if mask is None else mask
    return views[order], np.zeros((len(order), 2)), where


def still(seed: int) -> Movie:
    """Nothing moves."""
    return _of_states([_picture(*_atoms(seed))], np.zeros(FRAMES, int), None)


def drifting(seed: int) -> Movie:
    """2.5 pixels a frame, and 3 pixels of jitter."""
    picture, rng = _picture(*_atoms(seed)), np.random.default_rng(seed)
    path = np.outer(np.arange(FRAMES), (2.3, -1.0)) + rng.normal(0, 3, (FRAMES, 2))
    path -= path[0]
    frames = np.stack([_view(picture, p) for p in path])
    return frames, path, np.zeros((SIZE, SIZE), bool)


def _surface(seed: int) -> tuple[Atoms, float, list[np.ndarray], np.ndarray]:
    """Atoms, box, masks of the atoms of two columns at the particle's surface, their region."""
    atoms, box = _atoms(seed)
    columns = columns_of(atoms)
    low, high = (_MARGIN + 60) * PIXEL * 10, box - (_MARGIN + 60) * PIXEL * 10
    shown = ((columns[:, :2] > low) & (columns[:, :2] < high)).all(1)
    candidates = np.flatnonzero(shown & (columns[:, 4] == 1) & (columns[:, 5] >= 1))
    chosen = columns[np.random.default_rng(seed).choice(candidates, 2, replace=False), :2]
    masks, y_x, where = [], np.indices((SIZE, SIZE)), np.zeros((SIZE, SIZE), bool)
    for x, y in chosen:
        gap = np.hypot(atoms.positions[:, 0] - x, atoms.positions[:, 1] - y)
        masks.append((gap < 1.2) & (atoms.tags >= 1))
        py, px = (v / PIXEL / 10 - _MARGIN for v in (y, x))
        where |= np.hypot(y_x[0] - py, y_x[1] - px) < _RADIUS / PIXEL
    return atoms, box, masks, where


def blinking(seed: int) -> Movie:
    """Two surface columns are there or not, at random in each frame."""
    atoms, box, masks, where = _surface(seed)
    states = [_picture(atoms.select(k), box) for k in (atoms.tags >= 0, ~masks[0] & ~masks[1])]
    return _of_states(states, np.random.default_rng(seed).integers(0, 2, FRAMES), where)


def hopping(seed: int) -> Movie:
    """A surface column is now at one place and now at another, for three frames each."""
    atoms, box, masks, where = _surface(seed)
    states = [_picture(atoms.select(~mask), box) for mask in masks]
    return _of_states(states, np.arange(FRAMES) // 3 % 2, where)


def sudden(seed: int) -> Movie:
    """Another scene from the middle on."""
    states = [_picture(*_atoms(seed)), _picture(*_atoms(seed + 50))]
    return _of_states(states, (np.arange(FRAMES) >= FRAMES // 2).astype(int), None)


def _turning(seed: int, tag: int, degrees: float) -> Movie:
    atoms, box = _atoms(seed)
    turned = atoms.tags >= tag
    centre = atoms.positions[turned, :2].mean(0)
    states = []
    for t in range(FRAMES):
        a = np.deg2rad(degrees * t)
        turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        p = atoms.positions.copy()
        p[turned, :2] = (p[turned, :2] - centre) @ turn.T + centre
        states.append(_picture(atoms.moved(p), box))
    return _of_states(states, np.arange(FRAMES), None)


def particle_turning(seed: int) -> Movie:
    """The particle turns by one degree a frame, the support stands still."""
    return _turning(seed, 1, 1.0)


def all_turning(seed: int) -> Movie:
    """Everything turns by one degree a frame."""
    return _turning(seed, 0, 1.0)


SCENES: dict[str, Callable[[int], Movie]] = {
    "still": still,
    "drifting": drifting,
    "columns blink": blinking,
    "a column hops": hopping,
    "sudden change": sudden,
    "particle turns": particle_turning,
    "everything turns": all_turning,
}
