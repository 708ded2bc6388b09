"""Series: a stack whose every voxel holds a signal along the first axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph, unmasked
from ..micrograph.foreign import stack_as_given, stack_of
from ..recipe import KEY, kept_as_text, with_recipe
from .gradients import Gradients

_BLOCK_VALUES = 2**26  # in one block that is read at a time


@final
@dataclass(frozen=True, eq=False)
class Series:
    """A stack with a signal along its first axis in every voxel.

    Parameters
    ----------
    data
        (N, Y, X) or (N, Z, Y, X), numpy or dask, real, in the file's own values.
    gradients
        The table of a diffusion acquisition; None for other stacks.
    header
        The NIfTI image's header and affine, to be written again; None from other files.
    origin
        The micrograph that it was made of, whose calibration is written again; None from others.
    metadata
        Plain nested dicts; results keep their recipe under ``"napari_sbd"``.
    name
        A short name for people.
    source
        The file that the data came from.

    Raises
    ------
    SBDError
        If the array is no such stack, or the table has another number of volumes.

    Examples
    --------
    >>> stack = sbd.Series(np.zeros((5, 32, 32)))
    >>> stack.length, stack.grid
    (5, (32, 32))
    >>> stack
    Series('', 5 x 32 x 32 float64, no gradient table)
    """

    data: Any
    gradients: Gradients | None = None
    header: Any = None
    origin: Micrograph | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    source: Path | None = None

    def __post_init__(self) -> None:
        data = unmasked(self.data)
        if not isinstance(getattr(data, "dtype", None), np.dtype):
            data = np.asarray(data)
        object.__setattr__(self, "data", data)
        if data.dtype.kind not in "buif":
            raise SBDError(f"The stack is of type {data.dtype}; real numbers are needed.")
        if data.ndim not in (3, 4) or data.shape[0] < 2 or 0 in data.shape:
            raise SBDError(
                "A stack (N, Y, X) or (N, Z, Y, X) with N of 2 or more is needed; these data have "
                f"shape {tuple(data.shape)}."
            )
        if self.gradients is not None and len(self.gradients.bvals) != data.shape[0]:
            raise SBDError(
                f"The stack has {data.shape[0]} volumes, its gradient table "
                f"{len(self.gradients.bvals)}; give the table of this acquisition."
            )

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.data.shape))
        table = "no" if self.gradients is None else "a"
        return f"Series({self.name!r}, {shape} {self.data.dtype}, {table} gradient table)"

    @property
    def length(self) -> int:
        """N, the number of volumes or channels."""
        return int(self.data.shape[0])

    @property
    def grid(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X)."""
        return tuple(self.data.shape[1:])

    def replace(self, **changes: Any) -> Series:
        """Return a copy with some fields changed.

        Parameters
        ----------
        **changes
            New values of fields, by name.
        """
        return replace(self, **changes)


def as_series(stack: Any) -> Series:
    """The series of a ``Series``, a ``Micrograph`` (less its offset), an array or an object of
    another program, whose axes say which of them is the signal."""
    if isinstance(stack, Series):
        return stack
    if isinstance(stack, Micrograph):
        data = stack.data - stack.offset if stack.offset else stack.data
        return Series(
            data, origin=stack, metadata=stack.metadata, name=stack.name, source=stack.source
        )
    known = stack_of(stack)
    if known is None:
        return Series(stack)
    data, recipe = known
    return Series(data, metadata=kept_as_text(recipe))


def as_given(stack: Any, source: Series, data: np.ndarray, entry: dict[str, Any]) -> Any:
    """A result in the form in which the stack was given, with one more step in its recipe.

    Parameters
    ----------
    stack, source
        What was given, and its series.
    data
        (N, ...) the result, which is changed for a micrograph with an offset.
    entry
        The step.
    """
    if isinstance(stack, Micrograph) and stack.offset:
        data += np.float32(stack.offset)
    if isinstance(stack, Series | Micrograph):
        return with_recipe(stack.replace(data=data), entry)
    if stack_of(stack) is None:
        return data
    made = with_recipe(source.replace(data=data), entry)
    return stack_as_given(stack, data, made.metadata[KEY])


def to_micrograph(series: Series) -> Micrograph:
    """The micrograph of a series (N, Y, X), with the calibration and offset of its origin."""
    whole = series.origin or Micrograph(series.data, name=series.name)
    data = series.data + whole.offset if whole.offset else series.data
    return whole.replace(data=data, metadata=series.metadata)


def usable_mask(mask: Any, series: Series) -> np.ndarray:
    """The mask as bool, all True for None.

    Raises
    ------
    SBDError
        If it has another shape than a volume, or is empty.
    """
    if mask is None:
        return np.ones(series.grid, bool)
    inside: np.ndarray = np.nan_to_num(np.asarray(mask)) != 0  # NaN often stands around a brain
    if inside.shape != series.grid:
        raise SBDError(
            f"The mask has shape {inside.shape}, a volume of the stack {series.grid}; they must be "
            "the same."
        )
    if not inside.any():
        raise SBDError("The mask is empty: it leaves no voxel to work on.")
    return inside


def blocks(series: Series, mask: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Go through a stack in slabs along its first spatial axis.

    Parameters
    ----------
    series
        The stack; a lazy one is read slab by slab.
    mask
        bool, shape of ``series.grid``; slabs outside are left out.

    Yields
    ------
    The slab's place along the axis, its voxels' signals (V, N) float32, its mask.

    Raises
    ------
    SBDError
        If a voxel of the mask is not finite.
    """
    step = rows_of(series)
    for start in range(0, series.grid[0], step):
        rows = slice(start, min(start + step, series.grid[0]))
        if mask[rows].any():
            yield rows, signals(np.asarray(series.data[:, rows]), mask[rows]), mask[rows]


def rows_of(series: Series, times: int = 1) -> int:
    """Rows of the first spatial axis in one slab, if each value is held some times over."""
    per_row = series.length * int(np.prod(series.grid[1:])) * times
    return max(1, _BLOCK_VALUES // per_row)


def signals(data: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Signals (V, N) float32 of the voxels of a mask in a stack (N, ...).

    Raises
    ------
    SBDError
        If one is not finite.
    """
    found = np.ascontiguousarray(data[:, mask].T, np.float32)
    bad = int((~np.isfinite(found)).any(1).sum())
    if bad:
        raise SBDError(
            f"{bad} voxels of the stack hold NaN or infinite values; give a mask that leaves them "
            "out."
        )
    return found


def measured(data: np.ndarray, mask: np.ndarray, counted: bool) -> np.ndarray:
    """The mask without voxels that are 0 throughout, as around a brain that was cut out.

    Only where values are counts can noise leave a 0 in all of them.
    """
    return mask if counted else mask & (data != 0).any(0)


def patch_sides(grid: tuple[int, ...], voxels: int, longest: int) -> list[int]:
    """Sides of a patch of so many voxels at most; where the grid is thin, the others are longer."""
    sides, left = [0] * len(grid), float(voxels)
    for rank, axis in enumerate(sorted(range(len(grid)), key=lambda a: grid[a])):
        even = round(left ** (1 / (len(grid) - rank)))
        sides[axis] = min(even, grid[axis], longest)
        left /= sides[axis]
    return sides


def box(mask: np.ndarray, most: int, rng: np.random.Generator) -> tuple[slice, ...]:
    """A part of a volume, of so many voxels at most, around a voxel of the mask."""
    grid = mask.shape
    if mask.size <= most:
        return tuple(slice(0, n) for n in grid)
    sides = list(grid)
    while np.prod(sides) > most:
        sides[int(np.argmax(sides))] -= 1
    centre = rng.choice(np.argwhere(mask))
    corners = (min(max(c - s // 2, 0), n - s) for c, s, n in zip(centre, sides, grid, strict=True))
    return tuple(slice(a, a + s) for a, s in zip(corners, sides, strict=True))
