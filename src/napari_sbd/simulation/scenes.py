"""Scenes that change: one structure in one to five states, for movies.

A scene is drawn as still images are (``structures.draw``), then altered as specimens are under the
beam: columns of the surface vanish, thin, come back or hop, rows of them go one after the other, a
particle turns or slides on its support, the whole tilts, what is amorphous fluctuates. What moves
without another exit wave (drift, turning in the plane, focus, brightness) belongs to ``clips``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import structures
from .atomic_columns import columns_of
from .crystals import AMORPHOUS, Atoms
from .dataset import FIELD, Wave
from .multislice import exit_wave
from .placing import tilted

_WITH_PARTICLE = ("pt_ceo2", "pt_ceo2_ideal", "metal_on_oxide")
_REACH = 1.2  # Å around the axis of a column, whose atoms go with it
_ROW = 7.0  # Å: how far from each other the columns of an event lie
_STATES = 5  # of a particle on its way


@dataclass(frozen=True)
class Scene:
    """The states of a scene.

    Parameters
    ----------
    states
        Exit waves, all of one box and voltage.
    ordered
        Whether they follow each other, as those of a particle on its way do; others come and go.
    """

    states: list[Wave]
    ordered: bool


def simulate_scene(kind: str, seed: int, box: float | None = None) -> Scene:
    """Draw a structure of one kind and propagate the beam through each of its states.

    Parameters
    ----------
    kind
        Key of ``structures.KINDS``.
    seed
        Of everything that is drawn.
    box
        Side of the scene [Å]; drawn by default.
    """
    rng = np.random.default_rng([seed, 6])
    drawn = rng.uniform(*FIELD)
    box = drawn if box is None else box
    kilovolt = (
        300.0 if kind == "pt_ceo2" else float(rng.choice([300, 200, 80], p=[0.7, 0.25, 0.05]))
    )
    atoms = structures.draw(kind, rng, box)
    models, ordered = draw_states(rng, atoms, box, kind in _WITH_PARTICLE)
    waves = [Wave(exit_wave(m, box, kilovolt), box, kilovolt, kind, columns_of(m)) for m in models]
    return Scene(waves, ordered)


def draw_states(
    rng: np.random.Generator, atoms: Atoms, box: float, with_particle: bool
) -> tuple[list[Atoms], bool]:
    """Alter a model as specimens change.

    Returns
    -------
    One to five models, and whether they follow each other.
    """
    chance = rng.random()
    if with_particle and chance < 0.35:
        models, ordered = _on_its_way(rng, atoms), True
    elif chance < 0.8:
        models, ordered = _columns_change(rng, atoms, box)
    else:
        models, ordered = [atoms] * (1 if rng.random() < 0.5 else 2), False
    if len(models) > 1:
        models = [_fluctuating(rng, m) for m in models]
        if rng.random() < 0.3:
            models = [tilted(m, rng.normal(0, 0.4, 2)) for m in models]
    return [_in_field(m, box) for m in models], ordered


def _in_field(atoms: Atoms, box: float) -> Atoms:
    xy = atoms.positions[:, :2]
    return atoms.select(np.all((xy >= 1) & (xy <= box - 1), axis=1))


def _on_its_way(rng: np.random.Generator, atoms: Atoms) -> list[Atoms]:
    """The particle turns or slides, or both, in equal steps."""
    moving = np.isin(atoms.tags, (1, 2))
    if not moving.any():
        return [atoms]
    centre = atoms.positions[moving, :2].mean(0)
    turn = np.deg2rad(rng.uniform(0.3, 2.0) * rng.choice([-1, 1])) * (rng.random() < 0.8)
    slide = np.array([rng.normal(0, 0.5), 0.0]) * (rng.random() < 0.5)
    models = []
    for step in range(_STATES):
        cos, sin = np.cos(turn * step), np.sin(turn * step)
        p = atoms.positions.copy()
        p[moving, :2] = (p[moving, :2] - centre) @ np.array([[cos, sin], [-sin, cos]])
        p[moving, :2] += centre + step * slide
        models.append(atoms.moved(p))
    return models


def _columns_change(rng: np.random.Generator, atoms: Atoms, box: float) -> tuple[list[Atoms], bool]:
    """Columns of the surface vanish and thin: each as it likes, or one after the other."""
    columns = columns_of(atoms)
    shown = (np.abs(columns[:, :2] - box / 2) < 0.4 * box).all(1)
    surface = columns[shown & (columns[:, 4] == 1)][:, :2]
    if len(surface) < 2:
        return [atoms], False
    near = surface[np.argsort(np.hypot(*(surface - surface[rng.integers(len(surface))]).T))]
    if rng.random() < 0.5:  # a row of neighbours, as where a step moves; else anywhere
        near = near[np.hypot(*(near - near[0]).T) < _ROW]
        rng.shuffle(near[1:])
    else:
        rng.shuffle(near)
    places = near[: rng.integers(1, 7)]
    gaps = np.hypot(*(atoms.positions[None, :, :2] - places[:, None]).transpose(2, 0, 1))
    masks = gaps < _REACH
    ordered = len(places) > 1 and rng.random() < 0.3  # facets that grow or sublime
    count = min(len(places) + 1, 4) if ordered else int(rng.integers(2, 4))
    fates = rng.choice([0.0, 0.5, 1.0], (count, len(places)), p=[0.45, 0.15, 0.4])
    fates[0] = rng.random() < 0.5
    if ordered:
        fates = (np.arange(count)[:, None] <= np.arange(len(places))).astype(float)
    elif (fates[1] == fates[0]).all():
        fates[1] = 1 - fates[0]
    return [_with_columns(atoms, masks, fate) for fate in fates], ordered


def _with_columns(atoms: Atoms, masks: np.ndarray, shares: np.ndarray) -> Atoms:
    """Leave a share of each of some columns, from their entrance face on."""
    keep = np.ones(len(atoms), bool)
    for mask, share in zip(masks, shares, strict=True):
        members = np.flatnonzero(mask)
        members = members[np.argsort(atoms.positions[members, 2])]
        keep[members[round(share * len(members)) :]] = False
    return atoms.select(keep)


def _fluctuating(rng: np.random.Generator, atoms: Atoms) -> Atoms:
    """What is amorphous lies elsewhere by some tenths of an ångström."""
    loose = atoms.tags == AMORPHOUS
    p = atoms.positions.copy()
    p[loose] += rng.normal(0, 0.4, (int(loose.sum()), 3))
    return atoms.moved(p)
