"""Clean movies of simulated scenes, with the true place of every column in every frame.

The path of the scene, its turning, the focus and the beam wander about those of the middle frame;
states of the scene come and go or follow each other, and an exposure may hold parts of two; now and
then another scene takes over. Not simulated: blur by motion within a frame, particles that meet,
other illnesses of cameras than those of still images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import stop_if_asked
from ..sampling import WORKING_PIXEL
from . import optics
from .dataset import Wave, draw_optics
from .scenes import Scene

_STEP = 1.2  # working pixels a frame, of a drift
_TURN = 2.0  # degrees a frame, of a whole scene
_CUT = 0.1  # share of movies with another scene from some frame on
_LEAVE = 0.25  # chance that a scene leaves its state, in each frame


@dataclass(frozen=True)
class Clip:
    """A clean movie.

    Parameters
    ----------
    images
        (T, S, S) float32, vacuum = 1.
    pixel_nm
        Side of a pixel [nm].
    shifts
        (T, 2) y, x: how far the scene has moved since the first frame [px], at the middle of the
        field.
    turns
        (T,) degrees that it has turned since, about the middle of the field, positive from +x to
        +y: what was at p (y, x from there) in the first frame is at R p + shift.
    columns
        Of each frame those in its field (N, 4): y, x [px], atomic number, number of atoms.
    changed
        (T,) bool: the first frame, and those that show another state or scene than the one before.
    """

    images: np.ndarray
    pixel_nm: float
    shifts: np.ndarray
    turns: np.ndarray
    columns: list[np.ndarray]
    changed: np.ndarray


def draw_clip(
    scenes: Sequence[Scene],
    rng: np.random.Generator,
    frames: int,
    size: int,
    pixel_nm: float | None = None,
    another: Scene | None = None,
) -> Clip:
    """Draw a movie of one of some scenes.

    Parameters
    ----------
    scenes
        To choose from.
    rng
        The source of all randomness.
    frames, size
        Number of frames, and pixels along their sides.
    pixel_nm
        Side of a pixel [nm]; by default drawn among the networks' working pixels.
    another
        What is shown after a cut; by default another one of ``scenes``.
    """
    scene, other = (scenes[int(rng.integers(len(scenes)))] for _ in range(2))
    other = another or other
    pixel = rng.uniform(0.27, 0.40) if rng.random() < 0.75 else 10 * rng.uniform(0.022, 0.06)
    cut = int(rng.integers(1, frames)) if frames > 1 and rng.random() < _CUT else frames
    finer = 1.0 if pixel_nm is None else WORKING_PIXEL / pixel_nm
    pixel = pixel if pixel_nm is None else 10 * pixel_nm
    settings = _wandering(rng, draw_optics(scene.states[0], rng), frames, pixel)
    shifts, turns = _path(rng, frames)
    shifts *= finer
    placing = _Placing.draw(rng, size * pixel)
    images, columns, before, changed = [], [], None, []
    shares = [_sequence(rng, s, frames) for s in (scene, other)]
    pictures: dict[Any, Any] = {}
    for t in range(frames):
        stop_if_asked()
        which = int(t >= cut)
        states, share = (scene, other)[which].states, shares[which][t]
        total: Any = 0
        for k in np.flatnonzero(share):
            key = which, int(k), settings[t]
            if key not in pictures:
                pictures[key] = optics.image(states[k].psi, states[k].box, settings[t])
            total = total + float(share[k]) * pictures[key]
        view = placing.at(states[0].box, size, shifts[t], turns[t])
        images.append(_sampled(total, view, size))
        columns.append(_columns(states[int(share.argmax())], view, size))
        changed.append(before is None or before[0] != which or (before[1] != share).any())
        before = which, share
    gone, turned = _since_the_first(shifts, turns)
    return Clip(np.stack(images), pixel / 10, gone, turned, columns, np.array(changed))


@dataclass(frozen=True)
class _Placing:
    """Where the field of view lies in a scene."""

    side: float  # Å
    angle: float
    mirror: int
    place: np.ndarray  # x, y in -1 to 1 of what the field leaves free

    @classmethod
    def draw(cls, rng: np.random.Generator, side: float) -> _Placing:
        return cls(side, rng.uniform(0, 2 * np.pi), int(rng.choice([-1, 1])), rng.uniform(-1, 1, 2))

    def at(self, box: float, size: int, shift: np.ndarray, turn: float) -> np.ndarray:
        """(2, 3) affine map from the field to the scene, x before y, both from -1 to 1."""
        scale = self.side / box
        a = self.angle
        whole = scale * np.array(
            [
                [math.cos(a), -math.sin(a) * self.mirror],
                [math.sin(a), math.cos(a) * self.mirror],
            ]
        )
        b = math.radians(turn)
        back = np.array([[math.cos(b), math.sin(b)], [-math.sin(b), math.cos(b)]])
        turned = whole @ back
        middle = max(0.0, 1 - scale) * 0.8 * self.place
        moved = turned @ (shift[::-1] * 2 / size)
        return np.column_stack([turned, middle - moved])


def _path(rng: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """(T, 2) shifts y, x [px] and (T,) turns [degrees], about zero in the middle frame."""
    steps = np.zeros((frames, 2))
    if rng.random() < 0.7:
        direction, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0, _STEP)
        steps += speed * np.array([math.sin(direction), math.cos(direction)])
        steps += rng.normal(0, rng.uniform(0, 0.5), (frames, 2))
    turning = np.zeros(frames)
    if rng.random() < 0.5:
        turning += rng.uniform(-_TURN, _TURN)
    path, turns = np.cumsum(steps, 0), np.cumsum(turning)
    middle = frames // 2
    return path - path[middle], turns - turns[middle]


def _since_the_first(shifts: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same path about the first frame, whose middle goes round that of the field."""
    turned = turns - turns[0]
    a = np.radians(turned)
    y, x = shifts[0]
    start = np.stack([np.cos(a) * y + np.sin(a) * x, np.cos(a) * x - np.sin(a) * y], 1)
    return shifts - start, turned


def _wandering(
    rng: np.random.Generator, settings: optics.Optics, frames: int, pixel: float
) -> list[optics.Optics]:
    """Settings of each frame; the pixel's own area adds to the blur as in still images."""
    spread = math.hypot(settings.image_spread, 100 * pixel / math.sqrt(12))
    settings = replace(settings, image_spread=spread)
    if rng.random() < 0.65:
        return [settings] * frames
    focus = np.cumsum(rng.normal(0, rng.uniform(0, 1.0), frames))
    focus -= focus[frames // 2]
    return [replace(settings, defocus=settings.defocus + float(df)) for df in focus]


def _sequence(rng: np.random.Generator, scene: Scene, frames: int) -> np.ndarray:
    """(T, states): what share of each exposure shows which state."""
    count = len(scene.states)
    if scene.ordered:
        pace = rng.choice([0.5, 1.0])
        at = np.clip(np.arange(frames) * pace - max(0, frames * pace - count) / 2, 0, count - 1)
        if rng.random() < 0.5:
            at = at[::-1]
        states = np.round(at).astype(int)
    else:
        states = np.empty(frames, int)
        now = int(rng.integers(count))
        for t in range(frames):
            if count > 1 and rng.random() < _LEAVE:
                now = (now + int(rng.integers(1, count))) % count
            states[t] = now
    share: np.ndarray = np.eye(count)[states]
    between = rng.random(frames) < (0.0 if scene.ordered else 0.3)
    for t in np.flatnonzero(between)[1:] if frames > 1 else ():
        part = rng.uniform(0, 1)
        share[t] = part * np.eye(count)[states[t - 1]] + (1 - part) * share[t]
    return share


def _sampled(picture: Any, view: np.ndarray, size: int) -> np.ndarray:
    import torch

    affine = torch.from_numpy(view[None]).float()
    grid = torch.nn.functional.affine_grid(affine, [1, 1, size, size], align_corners=False)
    sampled = torch.nn.functional.grid_sample(
        picture[None, None], grid, "bicubic", "reflection", align_corners=False
    )
    image: np.ndarray = sampled[0, 0].clamp_min(0.02).numpy()
    return image


def _columns(wave: Wave, view: np.ndarray, size: int) -> np.ndarray:
    """(N, 4) y, x [px], atomic number, atoms of the columns in the field."""
    points = 2 * wave.psi.shape[0]  # of the picture, whose first pixel is centred on zero
    place = 2 * wave.columns[:, :2] / wave.box + 1 / points - 1
    field = np.linalg.solve(view[:, :2], (place - view[:, 2]).T).T
    xy = ((field + 1) * size - 1) / 2
    shown = ((xy > -0.5) & (xy < size - 0.5)).all(1)
    return np.column_stack([xy[:, ::-1], wave.columns[:, 2:4]])[shown]
