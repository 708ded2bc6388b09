"""Images of other programs: of HyperSpy, xarray, quantem, abTEM and pandas.

They are known by what they have, so that none of these packages is imported: a micrograph comes of
them with its calibration and recipe, and a result becomes one of them again, with the recipe in its
metadata.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..axes import Axis, calibration, frames_first, is_image, stack_first
from ..errors import SBDError, warn
from ..recipe import KEY, kept_as_text
from . import Micrograph


@dataclass(frozen=True)
class _Kind:
    """How one kind of object is understood.

    Parameters
    ----------
    name
        For people.
    fits
        Whether an object is of this kind.
    data
        Its array.
    axes
        Its axes, in the order of the array.
    back
        The same kind of object with other values and a recipe (JSON).
    recipe
        What ``back`` kept as such; None without.
    """

    name: str
    fits: Callable[[Any], bool]
    data: Callable[[Any], Any]
    axes: Callable[[Any], list[Axis]]
    back: Callable[[Any, Any, str], Any]
    recipe: Callable[[Any], Any]


def micrograph_of(image: Any) -> Micrograph | None:
    """A micrograph of an object of another program; None for arrays and what is not known.

    Parameters
    ----------
    image
        ``hyperspy.signals.Signal2D`` with up to one navigation axis, ``xarray.DataArray`` with two
        or three dimensions, a data set of quantem, an image of abTEM or a table of pandas whose
        rows are those of the image. Lazy data stay lazy.

    Raises
    ------
    SBDError
        If it is known and holds no image or movie.
    """
    kind = _kind(image)
    if kind is None:
        return None
    data, axes = kind.data(image), kind.axes(image)
    if not is_image(axes):
        raise SBDError(f"This {kind.name} is no image or movie; give one with two or three axes.")
    order = frames_first(axes)
    metadata = kept_as_text(kind.recipe(image))
    return Micrograph(data.transpose(order), **calibration(axes, order), metadata=metadata)


def ours(image: Any) -> Any:
    """A micrograph of an image of another program; anything else as it is."""
    known = None if image is None else micrograph_of(image)
    return image if known is None else known


def as_given(image: Any, result: Micrograph) -> Any:
    """The result for an image in the form in which the image was given.

    Parameters
    ----------
    image
        What the user gave.
    result
        Of the same frames.

    Returns
    -------
    A micrograph for a micrograph, an object of the other program for one of it (its axes and
    metadata, and the recipe), else an array.
    """
    if isinstance(image, Micrograph):
        return result
    kind = _kind(image)
    if kind is None:
        return result.data
    order = frames_first(kind.axes(image))
    data = result.data.transpose(np.argsort(order))
    return kind.back(image, data, json.dumps(result.metadata.get(KEY)))


def stack_of(stack: Any) -> tuple[Any, str] | None:
    """Signals (N, ..., Y, X) of an object of another program, and what has been done to them.

    None for arrays and what is not known. Lazy data stay lazy.
    """
    kind = _kind(stack)
    if kind is None:
        return None
    return kind.data(stack).transpose(stack_first(kind.axes(stack))), kind.recipe(stack)


def stack_as_given(stack: Any, data: np.ndarray, recipe: Any) -> Any:
    """Signals (N, ..., Y, X) in the form in which ``stack_of`` got them, with a recipe."""
    kind = _kind(stack)
    assert kind is not None
    order = stack_first(kind.axes(stack))
    return kind.back(stack, data.transpose(np.argsort(order)), json.dumps(recipe))


def _kind(image: Any) -> _Kind | None:
    if isinstance(image, Micrograph | np.ndarray):
        return None
    return next((kind for kind in _KINDS if kind.fits(image)), None)


def _hyperspy_axes(signal: Any) -> list[Axis]:
    manager = signal.axes_manager
    stored = sorted(
        (*manager.navigation_axes, *manager.signal_axes), key=lambda axis: axis.index_in_array
    )
    return [
        Axis(str(a.name), str(a.units), getattr(a, "scale", None), bool(a.navigate)) for a in stored
    ]


def _hyperspy_back(signal: Any, data: Any, recipe: str) -> Any:
    result = signal._deepcopy_with_new_data(data)
    result.metadata.set_item(f"General.{KEY}", recipe)
    return result


def _xarray_axes(array: Any) -> list[Axis]:
    return [_xarray_axis(array, name) for name in array.dims]


def _xarray_axis(array: Any, name: Any) -> Axis:
    """An axis with even coordinates, also where single precision rounds them, or times of numpy;
    others have no calibration."""
    if name not in array.coords or len(array.coords[name]) < 2:
        return Axis(name)
    along = array.coords[name]
    places, unit = np.asarray(along.values), along.attrs.get("units")
    if places.dtype.kind in "mM":
        places, unit = (places - places[0]) / np.timedelta64(1, "s"), "s"
    if places.dtype.kind not in "iuf":
        return Axis(name)
    rounding = 2 * np.spacing(np.abs(places).max()) if places.dtype.kind == "f" else 0
    steps = np.diff(places.astype(float))
    if np.allclose(steps, steps.mean(), rtol=1e-3, atol=rounding):
        return Axis(name, unit, steps.mean())
    if unit is not None:
        warn(f"The coordinates along {name} are not evenly spaced, so no size of a step is taken.")
    return Axis(name, unit)


def _xarray_back(array: Any, data: Any, recipe: str) -> Any:
    result = array.copy(data=data)
    result.attrs = {**array.attrs, KEY: recipe}
    return result


def _listed_axes(image: Any, units: Sequence[Any]) -> list[Axis]:
    """Axes without names, of which the last two are y and x."""
    steps, count = list(image.sampling), len(image.shape)
    steps, units = [None] * (count - len(steps)) + steps, ["", *units][-count:]
    names = ["t", "y", "x"][-count:] if count <= 3 else [None] * count
    return [Axis(n, u, s) for n, u, s in zip(names, units, steps, strict=False)]


def _abtem_axes(image: Any) -> list[Axis]:
    """Those of an image; what else abTEM measures has a sampling in other units."""
    if "Images" not in {kind.__name__ for kind in type(image).__mro__}:
        raise SBDError(f"{type(image).__name__} of abTEM are no images; give measurements.Images.")
    return _listed_axes(image, ["Å", "Å"])


def _quantem_back(image: Any, data: Any, recipe: str) -> Any:
    result = copy.deepcopy(image)
    result.array = np.ascontiguousarray(data)
    if isinstance(getattr(result, "metadata", None), dict):
        result.metadata[KEY] = recipe
    return result


def _abtem_back(image: Any, data: Any, recipe: str) -> Any:
    """Values take the place of those in a copy; sampling [Å] and metadata are kept."""
    result = image.copy()
    result._array = np.asarray(data)
    result.metadata[KEY] = recipe
    return result


def _pandas_values(table: Any) -> np.ndarray:
    """Values of a table; NaN where pandas has its own sign for none."""
    values: np.ndarray = table.to_numpy()
    if values.dtype == object and all(dtype.kind in "buif" for dtype in table.dtypes):
        values = table.to_numpy(dtype=float, na_value=np.nan)
    return values


def _pandas_back(table: Any, data: Any, recipe: str) -> Any:
    result = type(table)(np.asarray(data), index=table.index, columns=table.columns)
    result.attrs = {**table.attrs, KEY: recipe}
    return result


_KINDS = (
    _Kind(
        "signal of HyperSpy",
        lambda s: hasattr(s, "axes_manager") and hasattr(s, "data"),
        lambda s: s.data,
        _hyperspy_axes,
        _hyperspy_back,
        lambda s: s.metadata.get_item(f"General.{KEY}", None),
    ),
    _Kind(
        "array of xarray",
        lambda a: all(hasattr(a, name) for name in ("dims", "coords", "attrs", "data")),
        lambda a: a.data,
        _xarray_axes,
        _xarray_back,
        lambda a: a.attrs.get(KEY),
    ),
    _Kind(
        "image of abTEM",
        lambda i: type(i).__module__.startswith("abtem") and hasattr(i, "sampling"),
        lambda i: i.array,
        _abtem_axes,
        _abtem_back,
        lambda i: i.metadata.get(KEY),
    ),
    _Kind(
        "data set of quantem",
        lambda d: all(hasattr(d, name) for name in ("array", "sampling", "units")),
        lambda d: d.array,
        lambda d: _listed_axes(d, d.units),
        _quantem_back,
        lambda d: getattr(d, "metadata", {}).get(KEY),
    ),
    _Kind(
        "table of pandas",
        lambda t: all(hasattr(t, name) for name in ("iloc", "index", "columns", "attrs")),
        _pandas_values,
        lambda t: [Axis("y"), Axis("x")],
        _pandas_back,
        lambda t: t.attrs.get(KEY),
    ),
)
