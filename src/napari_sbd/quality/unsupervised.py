"""Error, PSNR and comparison of denoisers from noisy data alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import SBDError
from ..noise.counts import in_electrons, warn_unless_poisson
from .judges import Denoiser, Samples
from .samples import HANDS, Method, draw
from .scatter import mean_and_error, tile_sums

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

_DRAWS = 2000
_LEVEL = 0.95


@dataclass(frozen=True)
class Score:
    """An estimate of the error of a denoiser, without the truth.

    Parameters
    ----------
    umse, umse_low, umse_high
        Mean squared error [electrons^2] and its 95 % interval. It is unbiased, so noise can make it
        negative where the error is small.
    peak
        Of the PSNR [electrons].
    method
        Where the samples came from.
    bias
        What was subtracted since neighbouring pixels differ [electrons^2]; only of subsampling.

    Examples
    --------
    >>> score = sbd.upsnr(noisy, lambda image: np.full(image.shape, image.mean()), 50.0)
    >>> isinstance(score, sbd.Score), score.peak
    (True, 50.0)
    """

    umse: float
    umse_low: float
    umse_high: float
    peak: float
    method: str
    bias: float = 0.0

    @property
    def value(self) -> float:
        """uPSNR [dB]; infinite where the uMSE is not positive."""
        return _decibel(self.umse, self.peak)

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval [dB]."""
        return _decibel(self.umse_high, self.peak)

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval [dB]; infinite where the data set no limit."""
        return _decibel(self.umse_low, self.peak)

    @property
    def resolved(self) -> bool:
        """Whether the data tell the error from zero."""
        return self.umse_low > 0

    def __str__(self) -> str:
        if self.resolved:
            return f"{self.value:.1f} dB ({self.low:.1f} to {self.high:.1f})"
        return f"not resolvable, above {self.low:.1f} dB"


def upsnr(
    noisy: Any,
    denoiser: Denoiser,
    peak: float | None = None,
    method: Method = "thinning",
    *,
    interval: Literal["analytic", "bootstrap"] = "analytic",
    seed: int = 0,
) -> Score:
    """Estimate the PSNR of a denoiser without the truth.

    Parameters
    ----------
    noisy
        Micrograph, or array in electrons: (Y, X), or (T, Y, X), frame by frame; ``frames`` and
        ``exposures`` need at least two, ``subsampling`` takes a single image.
    denoiser
        Callable from an array (Y, X) in electrons to its estimate, same shape and unit.
    peak
        Of the PSNR [electrons]; by default the largest value of the denoised image, so that the
        score does not depend on the dose.
    method
        * ``thinning``: the electrons of each image are dealt to five hands; each hand judges what
          the denoiser makes of the other four. Exact for counts. The denoiser sees four fifths of
          the dose, brought to the scale of the whole, and its error at that dose is estimated.
        * ``frames``: each frame of a movie is judged by its neighbours; the scene moves little.
        * ``exposures``: each frame is judged by all others; the scene stands still.
        * ``subsampling``: the four pixels of each 2 x 2 cell are dealt to four images of half the
          size, and judged by their neighbours in the others. The noise of neighbouring pixels must
          be independent, which is tested. The denoiser sees images of doubled pixel size. What
          neighbouring pixels differ by is estimated from the image, subtracted and reported as
          ``bias``.
    interval
        ``analytic`` is normal, from the products of near pixels' terms; ``bootstrap`` resamples
        tiles of them.
    seed
        Of whatever is drawn at random.

    Returns
    -------
    Score
        With value, low, high [dB], umse and peak. Terms are pooled over all pixels and frames, and
        one logarithm is taken at the end.

    Raises
    ------
    SBDError
        If the data do not suit the method.

    Examples
    --------
    >>> peak = float(phantom.clean.data.max())
    >>> score = sbd.upsnr(noisy, lambda image: np.full(image.shape, image.mean()), peak)
    >>> truth = sbd.psnr(np.full(noisy.shape, noisy.data.mean()), phantom.clean, peak)
    >>> bool(score.low < truth < score.high)
    True
    """
    if interval not in ("analytic", "bootstrap"):
        raise SBDError(f"The interval is 'analytic' or 'bootstrap', not {interval!r}.")
    samples = draw(noisy, method, seed)
    estimates = samples.estimates(denoiser)
    _warn_unless_exact(samples, method)
    top = _peak(peak, estimates)
    return _score(samples.terms(estimates), samples.bias(estimates), top, method, interval, seed)


def umse(
    noisy: Any, denoiser: Denoiser, method: Method = "thinning", *, seed: int = 0
) -> tuple[float, float, float]:
    """Estimate the mean squared error of a denoiser without the truth.

    Parameters
    ----------
    noisy, denoiser, method, seed
        As in ``upsnr``, which raises the same errors.

    Returns
    -------
    uMSE and its 95 % interval, low and high [electrons^2].

    Examples
    --------
    >>> value, low, high = sbd.umse(noisy, lambda image: np.full(image.shape, image.mean()))
    >>> low < value < high
    True
    """
    score = upsnr(noisy, denoiser, 1.0, method, seed=seed)
    return score.umse, score.umse_low, score.umse_high


def compare(
    noisy: Any,
    denoisers: dict[str, Denoiser],
    peak: float | None = None,
    method: Method = "thinning",
    *,
    reference: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare denoisers on the same noisy data, without the truth.

    All are judged by the same samples, whose noise cancels in the differences, so these resolve
    what single scores cannot.

    Parameters
    ----------
    noisy, method, seed
        As ``upsnr`` takes them.
    peak
        Of all PSNRs [electrons]; by default the largest value of the reference's estimate.
    denoisers
        Name to callable, at least one.
    reference
        The name that the others are compared with; by default the one of the least uMSE.

    Returns
    -------
    pandas.DataFrame
        One row for each denoiser, in the order given: upsnr, low, high [dB, 95 %], umse
        [electrons^2]; difference, difference_low, difference_high: uMSE less the reference's, with
        intervals that hold for all pairs at once with 95 % probability (Bonferroni); verdict.
        ``attrs["peak"]`` holds the peak, ``attrs["unit"]`` its unit: ``"electrons"``, or ``"image
        units"`` where the gain is unknown; errors are then in those.

    Raises
    ------
    SBDError
        If the data do not suit the method, or the names the dictionary.

    Examples
    --------
    >>> from scipy.ndimage import gaussian_filter
    >>> blurs = {f"{s} px": lambda image, s=s: gaussian_filter(image * 1.0, s) for s in (1, 5)}
    >>> table = sbd.compare(noisy, blurs)
    >>> table["verdict"].to_dict()
    {'1 px': 'reference', '5 px': 'worse than 1 px'}
    """
    import pandas as pd
    from scipy.stats import norm

    if not denoisers:
        raise SBDError("Give at least one denoiser to compare.")
    if reference is not None and reference not in denoisers:
        raise SBDError(f"There is no denoiser {reference!r}; known: {', '.join(denoisers)}.")
    samples = draw(noisy, method, seed)
    terms, scores = {}, {}
    for name, denoiser in denoisers.items():
        estimates = samples.estimates(denoiser)
        top = _peak(peak, estimates)
        terms[name] = samples.terms(estimates)
        bias = samples.bias(estimates)
        scores[name] = _score(terms[name], bias, top, method, "analytic", seed)
    _warn_unless_exact(samples, method)
    best = reference or min(scores, key=lambda name: scores[name].umse)
    top = scores[best].peak
    scores = {name: replace(score, peak=top) for name, score in scores.items()}
    pairs = max(1, len(scores) * (len(scores) - 1) // 2)
    reach = float(norm.isf((1 - _LEVEL) / 2 / pairs))
    _logger.debug("best of %s by %s: %s", list(scores), method, best)
    rows = []
    for name, score in scores.items():
        mean, error = mean_and_error(terms[name] - terms[best])
        low, high = mean - reach * error, mean + reach * error
        rows.append((score.value, score.low, score.high, score.umse, mean, low, high))
    names = "upsnr", "low", "high", "umse", "difference", "difference_low", "difference_high"
    table = pd.DataFrame(rows, index=pd.Index(list(scores), name="denoiser"), columns=list(names))
    table.attrs["peak"] = top
    table.attrs["unit"] = "electrons" if in_electrons(noisy) else "image units"
    table["verdict"] = [
        _verdict(name, best, low, high)
        for name, low, high in zip(
            table.index, table["difference_low"], table["difference_high"], strict=True
        )
    ]
    return table


def _warn_unless_exact(samples: Samples, method: Method) -> None:
    """Warn where electrons were dealt out that cannot have been counted."""
    if method == "thinning":
        warn_unless_poisson(samples.inputs[0] * (HANDS - 1) / HANDS, 1)


def _score(
    terms: np.ndarray, bias: float, peak: float, method: str, interval: str, seed: int
) -> Score:
    low, high = _bootstrap(terms, seed) if interval == "bootstrap" else _analytic(terms)
    return Score(float(np.nanmean(terms)), low, high, peak, method, bias)


def _analytic(terms: np.ndarray) -> tuple[float, float]:
    from scipy.stats import norm

    mean, error = mean_and_error(terms)
    reach = float(norm.isf((1 - _LEVEL) / 2)) * error
    return mean - reach, mean + reach


def _bootstrap(terms: np.ndarray, seed: int) -> tuple[float, float]:
    """Percentiles of means when square tiles of the terms are drawn again."""
    rng = np.random.default_rng([seed, 1])
    sums = tile_sums(terms)
    means = sums[rng.integers(0, len(sums), (_DRAWS, len(sums)))].sum(1)
    low, high = np.quantile(means / np.isfinite(terms).sum(), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    mean = float(np.nanmean(terms))
    return mean + float(low), mean + float(high)


def _peak(peak: float | None, estimates: np.ndarray) -> float:
    top = float(estimates.max()) if peak is None else float(peak)
    if not 0 < top < np.inf:
        raise SBDError(f"The peak must be positive and finite, not {top:g}.")
    return top


def _decibel(error: float, peak: float) -> float:
    return float(10 * np.log10(peak**2 / error)) if error > 0 else float("inf")


def _verdict(name: str, best: str, low: float, high: float) -> str:
    if name == best:
        return "reference"
    if low > 0:
        return f"worse than {best}"
    if high < 0:
        return f"better than {best}"
    return f"not distinguishable from {best}"
