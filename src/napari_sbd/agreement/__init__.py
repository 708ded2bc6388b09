"""Agreement: do the raw counts support the denoised image, place by place?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import SBDError, by_name
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import as_micrograph, lit_frames
from ..noise import counts as electrons
from ..noise.as_denoised import corrected_as
from ..noise.covariance import covariance_of
from ..noise.level import can_be_dealt
from ..recipe import setting_of
from ..region import limited
from .pairs import check_counted, check_order, check_raw, working_block
from .split_halves import (
    Denoiser,
    Trial,
    halves,
    judge,
    neighbours,
    noise_halves,
    residual,
    still,
    telling,
    total,
)
from .spots import candidates, judge_spots, neighbourhood
from .statistic import Weights, combined, p_value, scores_at
from .words import BY_ALL, BY_HALVES, BY_NEIGHBOURS, BY_NOISY_HALVES

if TYPE_CHECKING:
    import pandas as pd

    from .result import Agreement

_logger = logging.getLogger(__name__)

_FAINT = 1e-3  # of the mean: the least expectation whose variance is believed


@by_name("pixel_size")
def agreement(
    noisy: Any,
    denoised: Any,
    *,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    denoiser: Denoiser | Literal[False] | None = None,
    columns: pd.DataFrame | np.ndarray | None = None,
    region: Any = None,
    seed: int = 0,
) -> Agreement:
    """Judge a denoised image by the raw electron counts.

    Around each pixel the counts are compared with what the denoised image predicts, both how many
    they are and how concentrated (``agreement.statistic``). An image made from the very counts that
    judge it follows their noise a little, so it passes a little too easily, most of all where it
    invented something from that noise. Two ways out, taken where they are open:

    * A movie whose scene stands still and whose frames were denoised one by one is judged across:
      the estimates of even frames by the counts of odd ones, and the other way round.
      Not so where its recipe says that neighbouring frames helped each other.
    * Where the denoiser is given, or known from the recipe of the denoised image, each electron is
      dealt at random to one of two halves, which are independent (binomial thinning). Each half is
      denoised, and judged by the other. The random error of the halves' estimates is taken into
      account; what remains is what the denoiser does wrong.

    Parameters
    ----------
    noisy, denoised
        Micrographs or arrays of the same shape (Y, X) or (T, Y, X) in the same units. NaN pixels
        hold no data.
    pixel_size
        nm, one number or (y, x); by default the micrograph's own. It sets the size of the
        neighbourhoods, a Gaussian of sigma 0.049 nm, or wider where that would hold too few
        electrons. Where unknown, it is taken from the lattice.
    gain, offset
        Of the noisy image, file units per electron and at zero electrons; by default the
        micrograph's own. Without a gain, whole numbers whose noise is that of electrons are taken
        for such, and others are refused.
    denoiser
        Callable from an array in electrons, of the shape of ``noisy``, to its estimate. It sees
        half the electrons, brought to the scale of the whole. By default that of the recipe, at the
        cost of three more runs; False takes none, and judges the image by all counts.
    columns
        (N, 2) y, x, or a table with columns ``y`` and ``x`` [px], of the places that are judged as
        columns; by default the columns of the denoised image as ``find_columns`` has them, if the
        counts show them.
    region
        Part of the image, as ``denoise`` takes it: verdict, maps and columns are of that part
        alone. By default all that was denoised.
    seed
        Of the thinning.

    Returns
    -------
    Agreement
        Maps, a table of columns, and a verdict.

    Raises
    ------
    SBDError
        If the images do not fit each other, stand in each other's place or hold no electron counts.

    Examples
    --------
    >>> judged = sbd.agreement(noisy, denoised)
    >>> judged.verdict()
    'The data support all ...'
    >>> flat = denoised.replace(data=np.full_like(denoised.data, denoised.data.mean()))
    >>> judged = sbd.agreement(noisy, flat, denoiser=False)
    >>> bool(judged.rejected.any())  # the data have columns, and this image none
    True
    """
    from .confirm import confirm
    from .evidence import Evidence, warn_of_lines
    from .likelihood import likelihood_map
    from .result import Agreement

    check_raw(as_micrograph(noisy))
    noisy, gain, offset = corrected_as(noisy, denoised, gain, offset)
    noisy, denoised, limits = limited(noisy, denoised, region)
    data, model = electrons.pair(noisy, denoised, gain, offset)
    check_order(data, model)
    data, model = telling(data, model)
    size = Micrograph(np.zeros((1, 1)), pixel_size).pixel_size_yx
    size = size or data.pixel_size_yx or model.pixel_size_yx
    counts, expected = total(data), total(model)
    if np.array_equal(counts, expected, equal_nan=True):
        raise SBDError("Noisy and denoised image are the same; give the raw one and its result.")
    block = working_block(model.replace(pixel_size=size))
    if gain is None and as_micrograph(noisy).gain is None:
        check_counted(data, model, block)
    found = candidates(expected, counts, size)
    sigma = neighbourhood(counts, True, size, found.scale if len(found.points) else None)
    variance = np.maximum(expected, _FAINT * np.nanmean(expected))
    noise = covariance_of(data, counts, expected, variance, block)
    if noise is None:
        electrons.warn_unless_poisson(counts, max(1, round(min(sigma) / 1.5)))
    else:
        noise.warn_unless_poisson()
        variance = variance * noise.level
    weights = Weights(sigma, noise)
    trials, how = _trials(data, model, denoiser, weights, seed)
    _logger.debug("judged %s within %s pixels, %d spots", how, sigma, len(found.points))
    judged = Evidence(counts, expected, variance, True, trials, noise)
    warn_of_lines(judged)
    spots, sights, why = found.points, None, ""
    if columns is not None:
        spots = _positions(columns) - (0 if limits is None else limits.corner)
    elif len(spots):
        confirmed = confirm(found, judged)
        spots, why, sights = confirmed.found.points, confirmed.why, confirmed.halves
    z, self_use = judge(judged.as_counts(), weights)
    z[~(np.isfinite(counts) & np.isfinite(expected))] = np.nan
    frames = len(data.data) if data.is_movie else 1
    radius = (sigma[0] * 2**0.5, sigma[1] * 2**0.5)
    ratio, column_ratio = likelihood_map(counts / frames, expected / frames, spots, radius)
    judgement = Agreement(
        z=z,
        log_likelihood_ratio=ratio,
        positions=spots,
        column_ratio=column_ratio,
        column_z=judge_spots(judged, spots, sigma),
        halves=sights,
        counts=counts,
        expected=expected,
        radius=radius,
        how=how,
        self_use=self_use if how in (BY_HALVES, BY_NOISY_HALVES) else None,
        why=why,
        by_gain=noise is None,
        frames=frames,
    )
    return judgement if limits is None else judgement.within(limits)


def _lit(data: Micrograph, model: Micrograph) -> tuple[Micrograph, Micrograph] | None:
    """The frames of a movie that have beam, of both; None if there are not two."""
    lit = lit_frames(data) if data.is_movie else []
    if len(lit) < 2:
        return None
    if len(lit) == len(data.data):
        return data, model
    return data.replace(data=data.data[lit]), model.replace(data=model.data[lit])


def _trials(
    data: Micrograph,
    model: Micrograph,
    denoiser: Denoiser | Literal[False] | None,
    weights: Weights,
    seed: int,
) -> tuple[list[Trial] | None, str]:
    """Counts with what was expected of them from others, and in words; None where all judge all."""
    from .evidence import known_denoiser

    apart = denoiser is None and not setting_of(model.metadata, "neighbours")
    if apart and (lit := _lit(data, model)) and still(lit[0], weights):
        return neighbours(*lit), BY_NEIGHBOURS
    values = [np.stack(list(electrons.frames(m))) for m in (data, model)]
    if not data.is_movie:
        values = [v[0] for v in values]
    if denoiser is None:
        denoiser = known_denoiser(values[0], values[1], model)
    if not denoiser:
        return None, BY_ALL
    if weights.noise is None and can_be_dealt(values[0]):
        return halves(data, denoiser, seed), BY_HALVES
    variance = np.maximum(values[1], _FAINT * np.nanmean(values[1])) * weights.level
    variance = np.where(np.isfinite(variance), variance, 0)
    trials = noise_halves(values[0], variance, denoiser, seed, weights.noise)
    return trials, BY_NOISY_HALVES


def judge_columns(
    noisy: Any, denoised: Any, y: Any, x: Any, radius: float | tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Judge single columns of a denoised image by the raw counts.

    Parameters
    ----------
    noisy, denoised
        As ``agreement`` takes them; movies are summed over their frames.
    y, x
        (N,) centres of the columns [px].
    radius
        Of the columns' discs, one number or along y and x [px]: sqrt(2) times the sigma of the
        neighbourhood.

    Returns
    -------
    z and its two-sided p-value, (N,) each, as in ``Agreement.z``; NaN outside the data.

    Raises
    ------
    SBDError
        If the images do not fit each other or hold no electron counts, or the radius is not
        positive.
    """
    data, model = telling(*electrons.pair(corrected_as(noisy, denoised)[0], denoised))
    radii = tuple(float(r) / 2**0.5 for r in np.broadcast_to(radius, 2))
    if not min(radii) > 0:
        raise SBDError(f"The radius of the columns must be positive, not {radius} pixels.")
    places = _positions(np.stack([np.atleast_1d(y), np.atleast_1d(x)], 1))
    counts, expected = total(data), total(model)
    noise = covariance_of(
        data,
        counts,
        expected,
        np.maximum(expected, _FAINT * np.nanmean(expected)),
        working_block(model),
    )
    weights = Weights((radii[0], radii[1]), noise)
    difference, variance = residual(counts / weights.level, expected / weights.level)
    scores = scores_at(difference, variance, weights, *places.T)
    z = combined(list(scores)).astype(np.float64)
    return z, p_value(z)


def _positions(columns: Any) -> np.ndarray:
    """(N, 2) y, x of columns given as a table or an array."""
    try:
        table = columns[["y", "x"]] if hasattr(columns, "columns") else columns
        places = np.array(table, np.float64).reshape(-1, 2)
    except (KeyError, TypeError, ValueError):
        raise SBDError(
            "The columns must be (N, 2) numbers y, x in pixels, or a table with y and x."
        ) from None
    if not np.isfinite(places).all():
        raise SBDError("The columns hold positions that are not finite.")
    return places
