"""What columns are fitted to: the pixels around each, and the model of all of them there."""

from __future__ import annotations

from typing import Any

import numpy as np

from .overlap import Around, neighbours, owners, tilts
from .systems import each

_REACH = 2.6  # radii within which columns shine into the pixels of another
_FLANK = 3.5  # widths from a column on which it does, at the least
_MOST_NEIGHBOURS = 20


class Scene:
    """An image, which pixels belong to which column, and which columns overlap."""

    def __init__(
        self,
        image: np.ndarray,
        values: np.ndarray,
        radius: float,
        poisson: bool,
        held: np.ndarray,
        variance: np.ndarray | None,
    ) -> None:
        self.image, self.radius, self.poisson, self.held = image, radius, poisson, held
        self.centres = np.rint(values[:, :2]).astype(int)
        reach = max(_REACH * radius, radius + _FLANK * float(np.median(values[:, 3])))
        self.others = neighbours(values, reach, _MOST_NEIGHBOURS)
        self.owner, self.around = owners(values, image.shape), Around(values[:, :2])
        self.weight = None if variance is None else (1 / variance).astype(np.float32)
        # a model near or below zero would claim endless information
        self.floor = max(0.05 * float(np.nanmean(image)), 1e-9) if poisson else 0.0
        self.slope = np.zeros(image.shape, np.float32)

    def lay_backgrounds(self, values: np.ndarray) -> None:
        """Take over how the backgrounds change from column to column."""
        self.slope = tilts(values, self.owner, self.around.slopes(values)).astype(np.float32)

    def evaluate(self, values: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fisher information (n, 5, 5) and score (n, 5) of some columns."""
        window = Window(self, part)
        residual, weight = window.residual(values)
        derivative = window.derivatives(values, part)
        weighted = derivative * weight[:, None]
        information = weighted @ derivative.transpose(0, 2, 1)
        score = (weighted @ residual[:, :, None])[:, :, 0]
        return information.astype(float), score.astype(float)

    def misfit(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) dispersion and freedom of the columns, as of ``GaussianFit``."""
        dispersion, freedom = np.empty((2, len(values)))

        def look(part: np.ndarray) -> None:
            window = Window(self, part)
            residual, weight = window.residual(values)
            own = (window.owner == part[:, None, None]).reshape(weight.shape) & (weight > 0)
            freedom[part] = np.maximum(own.sum(1) - 5, 1)
            dispersion[part] = (residual**2 * weight * own).sum(1) / freedom[part]

        each(look, np.arange(len(values)))
        return dispersion, freedom

    def coupling(
        self, values: np.ndarray, part: np.ndarray, others: np.ndarray, whole: bool = False
    ) -> np.ndarray:
        """(n, K, 5, 5) Fisher information that columns share with K neighbours each, zero where
        one is -1: in the pixels that both are fitted to, or in all of the first (``whole``)."""
        window = Window(self, part)
        _, weight = window.residual(values)
        near = window.derivatives(values, part) * weight[:, None]
        result = np.zeros((*others.shape, 5, 5))
        for slot in np.flatnonzero((others >= 0).any(0)):
            some = np.flatnonzero(others[:, slot] >= 0)
            there = others[some, slot]
            far = window.derivatives(values, there, some)
            if not whole:
                centre = self.centres[there, :, None, None]
                distance = np.hypot(
                    window.rows[some, :, None] - centre[:, 0],
                    window.columns[some, None] - centre[:, 1],
                )
                far *= (distance <= self.radius).reshape(len(some), 1, -1)
            result[some, slot] = near[some] @ far.transpose(0, 2, 1)
        return result


class Window:
    """The pixels within the radius of some columns."""

    def __init__(self, scene: Scene, part: np.ndarray) -> None:
        self.scene, self.part = scene, part
        reach = int(np.ceil(scene.radius))
        offset = np.arange(-reach, reach + 1)
        rows, columns = scene.centres[part, :1] + offset, scene.centres[part, 1:] + offset
        height, width = scene.image.shape
        inside = ((rows >= 0) & (rows < height))[:, :, None]
        inside = inside & ((columns >= 0) & (columns < width))[:, None, :]
        inside &= offset[:, None] ** 2 + offset**2 <= scene.radius**2
        place = np.clip(rows, 0, height - 1)[:, :, None], np.clip(columns, 0, width - 1)[:, None]
        data = scene.image[place]
        self.weight = None if scene.weight is None else scene.weight[place]
        self.owner = scene.owner[place]
        self.slope = scene.slope[place]
        self.valid = inside & np.isfinite(data)
        self.data = np.where(self.valid, data, 0.0).astype(np.float32)
        self.rows, self.columns = rows, columns

    def profiles(
        self, values: np.ndarray, some: slice | np.ndarray = slice(None)
    ) -> tuple[Any, ...]:
        """Gaussians along y and x, and the distances from their centres, of (n, 5) columns, one in
        each of some windows, or of (n, K, 5)."""
        rows, columns = self.rows[some], self.columns[some]
        if values.ndim == 3:
            rows, columns = rows[:, None], columns[:, None]
        dy, dx = rows - values[..., :1], columns - values[..., 1:2]
        dy, dx = dy.astype(np.float32), dx.astype(np.float32)
        scale = (-0.5 / values[..., 3:4] ** 2).astype(np.float32)
        return np.exp(dy**2 * scale), np.exp(dx**2 * scale), dy, dx

    def derivatives(
        self, values: np.ndarray, index: np.ndarray, some: slice | np.ndarray = slice(None)
    ) -> np.ndarray:
        """(n, 5, pixels) derivatives of the model by the values of one column in each of some
        windows."""
        v = values[index]
        gy, gx, dy, dx = self.profiles(v, some)
        amplitude, width = v[:, 2:3].astype(np.float32), v[:, 3:4].astype(np.float32)
        gy_a = amplitude * gy
        y1, x1 = gy_a * dy / width**2, gx * dx / width**2
        y2, x2 = y1 * dy / width, x1 * dx / width
        result = np.empty((len(v), 5, gy.shape[1], gx.shape[1]), np.float32)
        for i, (along_y, along_x) in enumerate([(y1, gx), (gy_a, x1), (gy, gx)]):
            np.multiply(along_y[:, :, None], along_x[:, None], out=result[:, i])
        result[:, 3] = y2[:, :, None] * gx[:, None] + gy_a[:, :, None] * x2[:, None]
        result[:, 4] = self.owner[some] == index[:, None, None]
        result[self.scene.held[index]] = 0
        return result.reshape(len(v), 5, -1)

    def residual(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, pixels) data less model, and the weight of each pixel (0 outside)."""
        near = np.column_stack([self.part, self.scene.others[self.part]])
        centre = values[near]
        strength = np.where(near >= 0, centre[:, :, 2], 0.0).astype(np.float32)
        gy, gx, *_ = self.profiles(centre)
        singles = values.astype(np.float32)
        model = singles[self.owner, 4] + self.slope
        model += (strength[:, :, None] * gy).transpose(0, 2, 1) @ gx
        weight = self.valid.astype(np.float32)
        if self.weight is not None:
            weight *= self.weight
        elif self.scene.poisson:
            weight /= np.maximum(model, np.float32(self.scene.floor))
        count = len(self.part)
        return (self.data - model).reshape(count, -1), weight.reshape(count, -1)
