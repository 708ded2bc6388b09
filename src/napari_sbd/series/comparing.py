"""Which denoiser is closest to the truth, told by volumes that it does not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..denoise import Progress
from ..errors import SBDError, in_words
from .classic import check_method, pca_series
from .denoise import denoise_series
from .files import named_mask
from .level import estimate_level
from .model import SeriesModel
from .noises import Noise
from .plan import recognise
from .stack import Series, as_series, signals, usable_mask

_FOLDS = 8  # groups of volumes, each put aside once
_RIDGE = 1e-3  # of the regression, over the mean power of a volume


def compare_series(
    stack: Any,
    methods: Mapping[str, SeriesModel | str | Callable[[Any], Any]],
    mask: Any = None,
    *,
    noise: str = "auto",
    coils: int = 1,
    level: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, float]:
    """Rank denoisers on a noisy stack, without any truth.

    Every eighth volume in a random order is put aside and replaced by what a regression makes of
    the others, with noise of its own; a denoiser sees the filled stack, and its answer for these
    volumes is compared with what was measured. That noise is independent of the answer, so it only
    adds its known variance (Batson and Royer, ICML 2019).

    Parameters
    ----------
    stack
        (N, Y, X) or (N, Z, Y, X), as ``denoise_series`` takes it, noisy.
    methods
        By name: models, methods of ``pca_series``, or functions that return a denoised stack of the
        same kind.
    mask
        The voxels to compare in, or the path of their file.
    noise, coils, level
        As in ``train_series``.
    seed
        Of the groups, and of the noise.
    progress, should_stop
        As in ``denoise_series``; progress in groups.

    Returns
    -------
    By name, best first: the root mean square error of volumes not seen, in units of the noise.
    ``"regression"`` is what the volumes are filled with. The figures rank the methods; a volume
    that is seen is known better.

    Raises
    ------
    SBDError
        If the stack has fewer than 8 volumes, or cannot be used.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> start = np.linspace(1, 2, 1024).reshape(32, 32)
    >>> decay = np.exp(-np.linspace(0, 2, 16))[:, None, None] * start
    >>> counted = np.random.default_rng(0).normal(decay, 0.1)
    >>> sorted(sbd.compare_series(counted, {"local PCA": "local-pca"}, level=0.1))
    ['local PCA', 'regression']
    """
    source = as_series(stack)
    if source.length < _FOLDS:
        raise SBDError(
            f"The stack has {source.length} volumes; to put some aside, {_FOLDS} are needed."
        )
    for method in methods.values():
        if isinstance(method, str):
            check_method(method)
    with in_words():
        inside = usable_mask(named_mask(mask)[1], source)
        kind: Any = recognise(source) if noise == "auto" else noise
        basis = Noise(kind, coils=coils)
        found = basis.at(estimate_level(source, basis, inside) if level is None else level)
        seen = signals(np.asarray(source.data), inside)
        rng = np.random.default_rng(seed)
        order = rng.permutation(source.length)
        squares = dict.fromkeys((*methods, "regression"), 0.0)
        for k in range(_FOLDS):
            aside = order[k::_FOLDS]
            filled = _regressed(seen, aside)
            data = np.array(source.data, np.float32)
            place = np.ix_(aside, np.flatnonzero(inside))
            data.reshape(len(data), -1)[place] = found.draw(found.without_floor(filled), rng).T
            given = source.replace(data=data, source=None)
            for name, method in methods.items():
                mean = found.expected(
                    _answer(method, given, inside, found, should_stop)[aside][:, inside].T
                )
                squares[name] += _excess(mean, seen[:, aside], filled, found) / _FOLDS
            squares["regression"] += _excess(filled, seen[:, aside], filled, found) / _FOLDS
            if progress:
                progress(k + 1, _FOLDS)
    errors = {name: float(np.sqrt(max(value, 0.0))) for name, value in squares.items()}
    return dict(sorted(errors.items(), key=lambda item: item[1]))


def _answer(
    method: Any,
    given: Series,
    inside: np.ndarray,
    noise: Noise,
    should_stop: Callable[[], bool] | None,
) -> np.ndarray:
    if isinstance(method, SeriesModel):
        answer = denoise_series(given, method, inside, should_stop=should_stop)
    elif isinstance(method, str):
        of: Any = {"noise": noise.kind, "coils": noise.coils, "level": noise.level}
        answer = pca_series(given, inside, method=method, should_stop=should_stop, **of)
    else:
        answer = method(given)
    data = np.asarray(as_series(answer).data)
    if data.shape != given.data.shape:
        raise SBDError("A method must return a stack of the shape that it was given.")
    return data


def _regressed(seen: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """Volumes (V, K) put aside, by linear regression on the others over all voxels."""
    rest = np.setdiff1d(np.arange(seen.shape[1]), aside)
    x, y = seen[:, rest].astype(np.float64), seen[:, aside].astype(np.float64)
    middle = x.mean(0), y.mean(0)
    x -= middle[0]
    gram = x.T @ x
    gram += np.eye(len(gram)) * (_RIDGE * gram.trace() / len(gram))
    return np.asarray(x @ np.linalg.solve(gram, x.T @ (y - middle[1])) + middle[1], np.float32)


def _excess(mean: np.ndarray, measured: np.ndarray, about: np.ndarray, noise: Noise) -> float:
    """Mean square error of means in units of the noise, less the noise of what was measured."""
    variance = np.maximum(noise.variance(about), 0.1 * noise.level**2)
    return float(np.mean(np.square(mean - measured) / variance)) - 1.0
