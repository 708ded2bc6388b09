"""Which denoiser is closest to the truth, and how close, told by volumes that it does not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..denoise import Progress
from ..errors import SBDError, in_words, listening, warn
from .classic import by_pca, check_method
from .denoise import denoise_series
from .files import named_mask
from .model import SeriesModel
from .noises import Noise
from .plan import noise_within
from .stack import Series, as_series, signals, usable_mask

_FOLDS = 8  # groups of volumes, each put aside once
_PARTS = 4  # of the voxels, each filled by what the others teach
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
    that is seen is known better. The order does not hang on the noise level; what errs by less
    than it is known to has 0.

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
    for method in methods.values():
        if isinstance(method, str):
            check_method(method)
    with in_words():
        known = _Known.of(stack, mask, noise, coils, level)
        rng = np.random.default_rng(seed)
        order = rng.permutation(known.stack.length)
        squares = dict.fromkeys((*methods, "regression"), 0.0)
        for k in range(_FOLDS):
            aside = known.all_of(order[k::_FOLDS])
            given, filled = known.without(aside, rng)
            measured_there, found = known.seen[:, aside], known.noise
            for name, method in methods.items():
                answer = known.answer(method, given, should_stop, tell=k == 0)
                mean = found.expected(answer[:, aside])
                squares[name] += _excess(mean, measured_there, filled, found) / _FOLDS
            squares["regression"] += _excess(filled, measured_there, filled, found) / _FOLDS
            if progress:
                progress(k + 1, _FOLDS)
    ranked = sorted(squares.items(), key=lambda item: item[1])
    return {name: float(np.sqrt(max(value, 0.0))) for name, value in ranked}


def halves_series(
    stack: Any,
    method: SeriesModel | str | Callable[[Any], Any],
    mask: Any = None,
    *,
    noise: str = "auto",
    coils: int = 1,
    level: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> np.ndarray:
    """Estimate, voxel by voxel, the error that chance makes, from halves of the volumes.

    Each half of the volumes, in a random order, is filled up by regression, with noise of its own,
    and denoised. The two answers share no noise, so half of their difference is what noise alone
    makes of their mean. An error that both answers have in common does not show.

    Parameters
    ----------
    stack, mask, noise, coils, level, seed
        As in ``compare_series``.
    method
        A model, a method of ``pca_series``, or a function.
    progress, should_stop
        As in ``denoise_series``; progress in halves.

    Returns
    -------
    float32, shape of a volume: root mean square over the volumes, in units of the noise; NaN
    outside the mask.

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
    >>> errors = sbd.halves_series(counted, "local-pca", level=0.1)
    >>> bool(np.median(errors) < 0.3)
    True
    """
    if isinstance(method, str):
        check_method(method)
    with in_words():
        known = _Known.of(stack, mask, noise, coils, level)
        rng = np.random.default_rng(seed)
        order = rng.permutation(known.stack.length)
        answers = []
        for k in range(2):
            given, _ = known.without(known.all_of(order[k::2]), rng)
            answers.append(known.answer(method, given, should_stop, tell=k == 0))
            if progress:
                progress(k + 1, 2)
    first, second = answers
    mean = known.noise.expected((first + second) / 2)
    variance = known.noise.at_least(known.noise.variance(mean))
    result = np.full(known.stack.grid, np.nan, np.float32)
    result[known.mask] = np.sqrt(np.mean(((first - second) / 2) ** 2 / variance, 1))
    return result


@dataclass(frozen=True)
class _Known:
    """A stack with its noise, and the signals (V, N) of the voxels of a mask."""

    stack: Series
    mask: np.ndarray
    noise: Noise
    seen: np.ndarray

    @classmethod
    def of(cls, stack: Any, mask: Any, noise: str, coils: int, level: float | None) -> _Known:
        source = as_series(stack)
        if source.length < _FOLDS:
            raise SBDError(
                f"The stack has {source.length} volumes; to put some aside, {_FOLDS} are needed."
            )
        inside = usable_mask(named_mask(mask)[1], source)
        inside, found = noise_within(source, inside, noise, coils, level)
        return cls(source, inside, found, signals(np.asarray(source.data), inside))

    def all_of(self, volumes: np.ndarray) -> np.ndarray:
        """Volumes, and those that hold the very same values: they would tell their noise."""
        _, kind = np.unique(self.seen, axis=1, return_inverse=True)
        alike = np.flatnonzero(np.isin(kind, kind[volumes]))
        return np.concatenate([volumes, np.setdiff1d(alike, volumes)])

    def without(self, aside: np.ndarray, rng: np.random.Generator) -> tuple[Series, np.ndarray]:
        """The stack with some volumes replaced, and the means (V, K) that they are made from."""
        filled = _regressed(self.seen, aside)
        data = np.array(self.stack.data, np.float32)
        place = np.ix_(aside, np.flatnonzero(self.mask))
        drawn = self.noise.draw(self.noise.without_floor(filled), rng)
        data.reshape(len(data), -1)[place] = drawn.T
        return self.stack.replace(data=data, source=None), filled

    def answer(
        self, method: Any, given: Series, should_stop: Callable[[], bool] | None, tell: bool
    ) -> np.ndarray:
        """What a method makes (V, N) of a stack; what is warned of is told where ``tell`` is."""
        answer: Any
        if isinstance(method, SeriesModel):
            with listening() as words:
                answer = denoise_series(given, method, self.mask, should_stop=should_stop)
            for sentence in words if tell else ():
                warn(sentence)
        elif isinstance(method, str):
            answer = by_pca(given, self.mask, self.noise, method, should_stop=should_stop)
        else:
            answer = method(given)
        data = np.asarray(as_series(answer).data)
        if data.shape != given.data.shape:
            raise SBDError("A method must return a stack of the shape that it was given.")
        return np.asarray(data[:, self.mask].T, np.float32)


def _regressed(seen: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """Volumes (V, K) put aside, by linear regression on the others.

    Each part of the voxels is filled with what the other parts teach, so that its own noise, by
    which the answers are judged, is not in it.
    """
    rest = np.setdiff1d(np.arange(seen.shape[1]), aside)
    filled = np.empty((len(seen), len(aside)), np.float32)
    for k in range(_PARTS):
        own = np.arange(len(seen)) % _PARTS == k
        x, y = (seen[~own][:, which].astype(np.float64) for which in (rest, aside))
        middle = x.mean(0), y.mean(0)
        x -= middle[0]
        gram = x.T @ x
        gram += np.eye(len(gram)) * (_RIDGE * gram.trace() / len(gram))
        slopes = np.linalg.solve(gram, x.T @ (y - middle[1]))
        filled[own] = (seen[own][:, rest] - middle[0]) @ slopes + middle[1]
    return filled


def _excess(mean: np.ndarray, measured: np.ndarray, about: np.ndarray, noise: Noise) -> float:
    """Mean square error of means in units of the noise, less the noise of what was measured."""
    variance = noise.at_least(noise.variance(about))
    return float(np.mean(np.square(mean - measured) / variance)) - 1.0
