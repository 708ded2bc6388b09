"""Images of objects larger than atoms, as TEM and STEM show them at low magnification.

Nothing is propagated: particles, grains, layers, fibres, texture and fringes are drawn as the eye
sees them, over and into each other. Objects of all sizes that hide each other have the statistics
of natural scenes (dead leaves; Lee, Mumford and Huang, Int. J. Comput. Vis. 41 (2001) 35).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial import cKDTree

_FINER = 2  # samples per pixel and axis that are drawn and averaged
_DARKEST = 0.02
_CONTRAST = 0.04, 0.7  # standard deviation over the mean
_SPREAD = 0.3, 1.5  # pixels, of the point spread
_AT_ONCE = 3  # kinds of objects in an image at most


def low_magnification_image(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a clean image.

    Parameters
    ----------
    rng
        The source of all randomness.
    size
        Pixels along a side.

    Returns
    -------
    (size, size) float32, positive, of about 1 in the mean.
    """
    n = _FINER * size
    picture = rng.uniform(0, 1) * _smooth(rng, n)
    kinds = rng.permutation(len(_KINDS))[: rng.integers(1, _AT_ONCE + 1)]
    for kind in kinds:
        picture = _KINDS[kind](rng, picture)
    if rng.random() < 0.25:
        picture = _absorbing(rng, picture)
    picture = gaussian_filter(picture, _FINER * rng.uniform(*_SPREAD), mode="reflect")
    picture = picture.reshape(size, _FINER, size, _FINER).mean((1, 3))
    contrast = np.exp(rng.uniform(*np.log(_CONTRAST)))
    picture = 1 + contrast * (picture - picture.mean()) / (picture.std() + 1e-9)
    if rng.random() < 0.15:
        picture = _framed(rng, picture)
    result: np.ndarray = np.maximum(picture, _DARKEST).astype(np.float32)
    return result


def _particles(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Ellipses and convex polygons that hide, darken or shade what is below."""
    n = len(picture)
    largest = np.exp(rng.uniform(*np.log((0.02, 0.35)))) * n
    hides, softness = rng.random() < 0.6, np.exp(rng.uniform(*np.log((0.5, 12))))
    corners = 0 if rng.random() < 0.5 else int(rng.integers(3, 9))
    rim = rng.uniform(-1, 1) if rng.random() < 0.3 else 0.0
    for _ in range(int(np.exp(rng.uniform(np.log(2), np.log(70))))):
        radius = max(3.0, largest * rng.uniform(0.2, 1) ** 2)
        cy, cx = rng.uniform(0, n, 2)
        rows, columns = (
            slice(max(0, int(c - 2 * radius)), int(c + 2 * radius) + 1) for c in (cy, cx)
        )
        part = picture[rows, columns]
        y, x = np.ogrid[: part.shape[0], : part.shape[1]]
        y, x = y + rows.start - cy, x + columns.start - cx
        inside = _depth(rng, y, x, radius, corners)
        cover = np.clip(0.5 + inside / softness, 0, 1)
        value = rng.uniform(-1, 1) * (1 + rng.uniform(-1, 1) * (x + y) / (2 * radius))
        value = value + rim * np.exp(-((inside / (2 * _FINER)) ** 2))
        below = 1 - cover if hides else 1.0
        picture[rows, columns] = below * part + cover * value
    return picture


def _depth(
    rng: np.random.Generator, y: np.ndarray, x: np.ndarray, radius: float, corners: int
) -> np.ndarray:
    """How far points lie inside an ellipse (no corners) or a convex polygon [samples]."""
    turn = rng.uniform(0, 2 * np.pi)
    if not corners:
        longer = rng.uniform(0.6, 1)
        along, across = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        ellipse: np.ndarray = radius - np.hypot(along, across / longer)
        return ellipse
    angles = turn + 2 * np.pi * (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) / corners
    polygon: np.ndarray = np.minimum.reduce(
        [radius * rng.uniform(0.6, 1) - np.cos(a) * x - np.sin(a) * y for a in angles]
    )
    return polygon


def _outlines(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Rings and hollow polygons: loops, shells, holes with a rim."""
    n = len(picture)
    y, x = np.ogrid[:n, :n]
    width = _FINER * np.exp(rng.uniform(*np.log((0.5, 3))))
    corners = 0 if rng.random() < 0.7 else int(rng.integers(3, 7))
    for _ in range(int(np.exp(rng.uniform(0, np.log(20))))):
        radius = n * np.exp(rng.uniform(*np.log((0.02, 0.3))))
        cy, cx = rng.uniform(0, n, 2)
        inside = _depth(rng, y - cy, x - cx, radius, corners)
        picture = picture + rng.uniform(-3, 3) * np.exp(-((inside / width) ** 2))
    return picture


def _grains(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Cells that fill the plane, each with a value and a ramp, and perhaps dark borders."""
    n = len(picture)
    count = int(np.exp(rng.uniform(np.log(6), np.log(200))))
    centres = rng.uniform(-0.1 * n, 1.1 * n, (count, 2))
    points = np.moveaxis(np.indices((n, n)), 0, -1)
    distance, nearest = cKDTree(centres).query(points, k=2)
    own = nearest[..., 0]
    offset = (points - centres[own]) * (np.sqrt(count) / n)
    ramps = rng.normal(0, rng.uniform(0, 0.8), (count, 2))
    cells = rng.normal(0, 1, count)[own] + (ramps[own] * offset).sum(-1)
    if rng.random() < 0.3:
        apart = distance[..., 1] - distance[..., 0]
        cells -= rng.uniform(0.5, 2) * np.exp(-apart / (_FINER * rng.uniform(0.5, 2)))
    result: np.ndarray = cells + rng.uniform(0, 0.5) * picture
    return result


def _layers(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Stripes, perhaps bent, of widths and values of their own."""
    n = len(picture)
    y, x = np.ogrid[:n, :n]
    turn = rng.uniform(0, 2 * np.pi)
    along = np.cos(turn) * x + np.sin(turn) * y
    across = np.cos(turn) * y - np.sin(turn) * x
    if rng.random() < 0.3:
        bend, period = rng.uniform(0, 0.05) * n, rng.uniform(0.3, 2) * n
        along = along + bend * np.sin(2 * np.pi * across / period)
    typical = n * np.exp(rng.uniform(*np.log((0.02, 0.3))))
    borders = np.cumsum(typical * rng.exponential(1, 3 * int(n / typical) + 4)) - 1.5 * n
    values = rng.normal(0, 1, len(borders) + 1)
    if rng.random() < 0.3:
        values[rng.random(len(values)) < 0.7] = 0  # single layers
    result: np.ndarray = values[np.searchsorted(borders, along)] + rng.uniform(0, 1) * picture
    return result


def _fibres(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Curves of one width, each a walk whose direction turns slowly."""
    n = len(picture)
    lines, steps = np.zeros_like(picture), 4 * n
    for _ in range(int(np.exp(rng.uniform(0, np.log(60))))):
        turning = rng.normal(0, rng.uniform(0.002, 0.03), steps)
        direction = rng.uniform(0, 2 * np.pi) + np.cumsum(turning)
        start = rng.uniform(0, n, 2)[:, None]
        way = start + 0.5 * np.cumsum([np.sin(direction), np.cos(direction)], 1)
        y, x = way.astype(int)
        on = (y >= 0) & (y < n) & (x >= 0) & (x < n)
        lines[y[on], x[on]] = rng.uniform(0.4, 1)
    lines = gaussian_filter(lines, _FINER * np.exp(rng.uniform(*np.log((0.4, 2.5)))))
    result: np.ndarray = picture + rng.choice([-1, 1]) * rng.uniform(1, 4) * lines / (
        lines.max() + 1e-9
    )
    return result


def _branches(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Trees whose branches grow thinner: dendrites, cracks, needles."""
    n = len(picture)
    trees = np.zeros_like(picture)
    for _ in range(int(rng.integers(1, 6))):
        start, direction = rng.uniform(0, n, 2), rng.uniform(0, 2 * np.pi)
        growing = [(start, direction, rng.uniform(0.2, 0.8) * n, rng.uniform(0.5, 3))]
        while growing:
            begin, direction, length, thick = growing.pop()
            steps = max(2, int(2 * length))
            bent = direction + np.cumsum(rng.normal(0, 0.03, steps))
            way = begin[:, None] + 0.5 * np.cumsum([np.sin(bent), np.cos(bent)], 1)
            y, x = way.astype(int)
            on = (y >= 0) & (y < n) & (x >= 0) & (x < n)
            trees[y[on], x[on]] = np.maximum(trees[y[on], x[on]], thick)
            for _ in range(int(rng.integers(0, 4)) if length > 0.06 * n else 0):
                at = int(rng.integers(steps))
                turned = bent[at] + rng.choice([-1, 1]) * rng.uniform(0.2, 1.2)
                growing.append((way[:, at], turned, rng.uniform(0.3, 0.7) * length, 0.7 * thick))
    trees = gaussian_filter(trees, _FINER * np.exp(rng.uniform(*np.log((0.4, 1.5)))))
    strength = rng.choice([-1, 1]) * rng.uniform(1, 5)
    result: np.ndarray = picture + strength * trees / (trees.max() + 1e-9)
    return result


def _texture(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Random structure of a band of frequencies or of all sizes, perhaps along one direction."""
    n = len(picture)
    fy, fx = np.fft.fftfreq(n)[:, None] * _FINER, np.fft.rfftfreq(n) * _FINER
    turn, longer = rng.uniform(0, np.pi), np.exp(rng.uniform(0, 1.5)) if rng.random() < 0.3 else 1.0
    along, across = np.cos(turn) * fx + np.sin(turn) * fy, np.cos(turn) * fy - np.sin(turn) * fx
    f = np.hypot(along, longer * across)
    if rng.random() < 0.5:
        middle = np.exp(rng.uniform(*np.log((0.015, 0.3))))
        amplitude = np.exp(-(((f - middle) / (middle * rng.uniform(0.1, 0.8))) ** 2) / 2)
    else:
        amplitude = (f + 1 / n) ** -rng.uniform(0.8, 2.2) * np.exp(-((f / 0.35) ** 2))
    field = _unit(np.fft.irfft2(np.fft.rfft2(rng.standard_normal((n, n))) * amplitude, (n, n)))
    where = _somewhere(rng, n)
    result: np.ndarray = picture + rng.uniform(0.2, 2) * where * field
    return result


def _fringes(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """One to three plane waves within a part of the image: fringes, moire, or a lattice."""
    n = len(picture)
    y, x = np.ogrid[:n, :n]
    period = _FINER * np.exp(rng.uniform(*np.log((3, 30))))
    turn, waves = rng.uniform(0, 2 * np.pi), np.zeros_like(picture)
    for i in range(int(rng.integers(1, 4))):
        angle = turn + i * (np.pi / 3 if rng.random() < 0.5 else np.pi / 2)
        phase = 2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period
        waves += np.cos(phase + rng.uniform(0, 2 * np.pi))
    result: np.ndarray = picture + rng.uniform(0.2, 1.5) * _somewhere(rng, n) * waves
    return result


_KINDS: tuple[Callable[[np.random.Generator, np.ndarray], np.ndarray], ...] = (
    _particles,
    _particles,
    _outlines,
    _grains,
    _layers,
    _fibres,
    _branches,
    _texture,
    _fringes,
)


def _absorbing(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """What was drawn as a thickness, by the law of Beer and Lambert: objects shine through."""
    thickness = (picture - picture.min()) / (picture.std() + 1e-9)
    result: np.ndarray = np.exp(-np.exp(rng.uniform(*np.log((0.1, 1.5)))) * thickness)
    return result


def _smooth(rng: np.random.Generator, n: int) -> np.ndarray:
    """A slow field of unit variance: thickness, illumination, a bent film."""
    coarse = rng.standard_normal((int(rng.integers(2, 6)),) * 2)
    return _unit(zoom(coarse, n / len(coarse), order=3, mode="nearest", grid_mode=True)[:n, :n])


def _somewhere(rng: np.random.Generator, n: int) -> np.ndarray:
    """1 where something is, 0 elsewhere: everywhere, or in a part with a soft or a sharp border."""
    if rng.random() < 0.4:
        return np.ones((n, n))
    sharpness = np.exp(rng.uniform(0, 3))
    result: np.ndarray = np.clip(0.5 + sharpness * (_smooth(rng, n) + rng.uniform(-1, 1)), 0, 1)
    return result


def _framed(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Cut by the edge of an aperture, a grid bar or a frame that was turned."""
    n = len(picture)
    y, x = np.ogrid[:n, :n]
    y, x = y - n / 2, x - n / 2
    turn, kept = rng.uniform(0, np.pi / 2), np.ones((n, n), bool)
    for i in range(int(rng.integers(1, 5))):
        angle = turn + i * np.pi / 2
        kept &= np.cos(angle) * x + np.sin(angle) * y < n * rng.uniform(0.2, 0.5)
    value = rng.choice([_DARKEST, picture.min(), 1.0, picture.max()])
    return np.where(kept, picture, value)


def _unit(field: np.ndarray) -> np.ndarray:
    result: np.ndarray = (field - field.mean()) / (field.std() + 1e-9)
    return result
