"""Denoisers that need no reference: local PCA, and DIPY's MP-PCA and local PCA."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from ..denoise import Progress
from ..errors import SBDError, in_words
from ..micrograph import Micrograph
from ..recipe import origin_of, recipe
from .files import named_mask
from .local_pca import local_pca
from .noises import Noise
from .plan import noise_within
from .stack import Series, as_given, as_series, signals, usable_mask

Stack = TypeVar("Stack", Series, Micrograph, np.ndarray)
_RADIUS = 2  # of DIPY's patches [voxels]
Method = Literal["local-pca", "dipy-mp-pca", "dipy-local-pca"]


def pca_series(
    stack: Stack,
    mask: Any = None,
    *,
    method: str = "local-pca",
    noise: str = "auto",
    coils: int = 1,
    level: float | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Stack:
    """Denoise a stack without any reference, and take the noise floor of magnitudes off.

    Parameters
    ----------
    stack
        (N, Y, X) or (N, Z, Y, X): an array, ``Micrograph`` or ``Series``, or with its axes in any
        order a signal of HyperSpy or an array of xarray whose axes say which one is the signal.
    mask
        (Y, X) or (Z, Y, X): voxels outside stay as they are. The path of a file can be given, which
        a recipe then names; it cannot name an array.
    method
        ``"local-pca"``; ``"dipy-mp-pca"`` or ``"dipy-local-pca"``, those of DIPY (extra
        ``series``), whose patches are 5 voxels wide along each axis and which need volumes
        (N, Z, Y, X).
    noise, coils, level
        As in ``train_series``; the level is estimated where it is not given.
    progress, should_stop
        As in ``denoise_series``; DIPY's methods hear neither.

    Returns
    -------
    float32, same kind and shape as the input; all but arrays carry a recipe.

    Raises
    ------
    SBDError
        If the input cannot be used, or DIPY is not installed.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> start = np.linspace(1, 2, 1024).reshape(32, 32)
    >>> decay = np.exp(-np.linspace(0, 2, 12))[:, None, None] * start
    >>> counted = np.random.default_rng(0).normal(decay, 0.1)
    >>> sbd.pca_series(counted).shape
    (12, 32, 32)
    """
    check_method(method)
    source = as_series(stack)
    masked, mask = named_mask(mask)
    with in_words():
        inside = usable_mask(mask, source)
        signals(np.asarray(source.data), inside)  # refuses what is not finite
        inside, found = noise_within(source, inside, noise, coils, level)
        clean = by_pca(source, inside, found, method, progress, should_stop)
    if isinstance(stack, np.ndarray):
        return clean
    entry = recipe(
        "pca_series",
        origin_of(source),
        method=method,
        noise=found.kind,
        coils=coils,
        level=found.level,
        estimated=level is None,
        mask=masked,
    )
    result: Stack = as_given(stack, source, clean, entry)
    return result


def by_pca(
    source: Series,
    inside: np.ndarray,
    noise: Noise,
    method: str,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> np.ndarray:
    """(N, ...) float32 clean signals of the voxels of a mask, of known noise; others as they are.

    Parameters
    ----------
    source
        The stack, finite in the mask.
    inside
        bool, the shape of a volume.
    noise
        Kind and level.
    method, progress, should_stop
        As ``pca_series`` takes them.
    """
    data = np.where(inside, np.asarray(source.data, np.float32), np.float32(0))
    if method == "local-pca":
        mean = local_pca(data, inside, noise, progress, should_stop)
    else:
        mean = _dipy(data, inside, noise, method)
    result: np.ndarray = np.where(inside, noise.without_floor(mean), source.data)
    return result.astype(np.float32)


def check_method(method: str) -> None:
    """Refuse a method that does not exist, before any work is done."""
    if method not in get_args(Method):
        raise SBDError(f"The method is one of {', '.join(get_args(Method))}, not {method!r}.")


def methods_for(stack: Series) -> tuple[str, ...]:
    """The methods that can be used here on a stack: those of DIPY where it is installed."""
    usable = _takes(stack.grid) and find_spec("dipy") is not None
    return get_args(Method) if usable else ("local-pca",)


def _takes(grid: tuple[int, ...]) -> bool:
    """Whether the patches of DIPY fit."""
    return len(grid) == 3 and all(n == 1 or n >= 2 * _RADIUS + 1 for n in grid)


def _dipy(data: np.ndarray, mask: np.ndarray, noise: Noise, method: str) -> np.ndarray:
    """Mean signals by DIPY."""
    if not _takes(mask.shape):
        raise SBDError(
            f"DIPY's PCA needs volumes (N, Z, Y, X) of 5 voxels or more along each axis, or one "
            f"slice; these measure {' x '.join(map(str, mask.shape))}. Method local-pca takes them."
        )
    try:
        from dipy.denoise.localpca import localpca, mppca
    except ImportError as error:
        raise SBDError(
            "DIPY is not installed; run: pip install 'napari-sbd[series]', or use method local-pca."
        ) from error
    last, sigma = np.moveaxis(data, 0, -1), noise.level
    if noise.kind == "poisson":
        sigma = float(np.sqrt(noise.variance(data[:, mask].mean())))
    options: dict[str, Any] = {"mask": mask, "patch_radius": _RADIUS, "suppress_warning": True}
    with np.errstate(invalid="ignore", divide="ignore"):  # outside the mask
        mp = method == "dipy-mp-pca"
        found = mppca(last, **options) if mp else localpca(last, sigma=sigma, **options)
    return np.moveaxis(found, -1, 0)
