"""Agreement: do the raw counts support the denoised image, place by place?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import sampling
from ..errors import SBDError, warn
from ..frames import lit_frames
from ..micrograph import Micrograph, PixelSize
from ..noise import counts as electrons
from .split_halves import Denoiser, halves, judge, neighbours, residual, still, total
from .statistic import Weights, combined, p_value, scores_at
from .visibility import VISIBLE, visibility

if TYPE_CHECKING:
    import pandas as pd

    from .result import Agreement

# the paper's blobs of 8 pixels of 6.1 pm; also the width at which missing columns of simulated Pt
# on CeO2 stand out most from the noise
_SIGMA_NM = 0.049
_SIGMA_BLOCKS = 1.47  # the same where only the lattice is known: 0.049 nm of a period of 0.25 nm
_FALLBACK_SIGMA = 6.0  # pixels
_LEAST_ELECTRONS = 4.0  # in a neighbourhood, for its scores to be nearly normal


def agreement(
    noisy: Any,
    denoised: Any,
    pixel_size: PixelSize | None = None,
    *,
    gain: float | None = None,
    offset: float | None = None,
    denoiser: Denoiser | None = None,
    columns: pd.DataFrame | np.ndarray | None = None,
    seed: int = 0,
) -> Agreement:
    """Judge a denoised image by the raw electron counts.

    Around each pixel the counts are compared with what the denoised image predicts, both how many
    they are and how concentrated (``agreement.statistic``). The default asks whether the given
    image is the truth. An image made from the very counts that judge it follows their noise a
    little, so it passes a little too easily, most of all where it invented something from that
    noise. Two ways out:

    * A movie whose scene stands still and whose frames were denoised one by one is judged across:
      the estimates of even frames by the counts of odd ones, and the other way round.
    * With ``denoiser`` each electron is dealt at random to one of two halves, which are independent
      (binomial thinning). Each half is denoised, and judged by the other. The random error of the
      halves' estimates is taken into account; what remains is what the denoiser does wrong.

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
        micrograph's own. Without a gain, whole numbers are taken for counts.
    denoiser
        Callable from an array in electrons, of the shape of ``noisy``, to its estimate. It sees
        half the electrons, brought to the scale of the whole.
    columns
        (N, 2) y, x, or a table with columns ``y`` and ``x`` [px], of the places that are judged as
        columns; by default the spots of the denoised image, if the counts can have shown them.
    seed
        Of the thinning.

    Returns
    -------
    Agreement
        Maps, a table of columns, and a verdict.

    Raises
    ------
    SBDError
        If the images do not fit each other or hold no electron counts.
    """
    from .likelihood import find_spots, likelihood_map
    from .result import Agreement

    data, model = electrons.pair(noisy, denoised, gain, offset)
    size = Micrograph(np.zeros((1, 1)), pixel_size).pixel_size_yx
    size = size or data.pixel_size_yx or model.pixel_size_yx
    counts, expected = total(data), total(model)
    sigma = _sigma(counts, expected, size)
    electrons.warn_unless_poisson(counts, max(1, round(min(sigma) / 1.5)))
    weights = Weights(sigma)
    radius = (sigma[0] * 2**0.5, sigma[1] * 2**0.5)
    if columns is not None:
        spots = _positions(columns)
    else:
        spots = find_spots(expected, sigma)
        core = sigma[0] / 2, sigma[1] / 2  # a column is narrower than its neighbourhood
        if visibility(expected, core, *spots.T) < VISIBLE:
            spots = spots[:0]
    if denoiser is not None:
        trials = halves(data, denoiser, seed)
        how = "each half of the electrons judged by what was made from the other"
    elif (lit := _lit(data, model)) and still(lit[0], weights):
        trials = neighbours(*lit)
        how = "even frames judged by odd ones and the other way round"
    else:
        trials = [(counts, expected)]
        how = "the image judged by all counts"
    z, self_use = judge(trials, weights)
    z[~(np.isfinite(counts) & np.isfinite(expected))] = np.nan
    frames = len(data.data) if data.is_movie else 1
    ratio, column_ratio = likelihood_map(counts / frames, expected / frames, spots, radius)
    return Agreement(
        z=z,
        log_likelihood_ratio=ratio,
        positions=spots,
        column_ratio=column_ratio,
        counts=counts,
        expected=expected,
        radius=radius,
        how=how,
        self_use=None if denoiser is None else self_use,
    )


def _lit(data: Micrograph, model: Micrograph) -> tuple[Micrograph, Micrograph] | None:
    """The frames of a movie that have beam, of both; None if there are not two."""
    lit = lit_frames(data) if data.is_movie else []
    if len(lit) < 2:
        return None
    if len(lit) == len(data.data):
        return data, model
    return data.replace(data=data.data[lit]), model.replace(data=model.data[lit])


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
    data, model = electrons.pair(noisy, denoised)
    radii = tuple(float(r) / 2**0.5 for r in np.broadcast_to(radius, 2))
    if not min(radii) > 0:
        raise SBDError(f"The radius of the columns must be positive, not {radius} pixels.")
    places = _positions(np.stack([np.atleast_1d(y), np.atleast_1d(x)], 1))
    difference, variance = residual(total(data), total(model))
    scores = scores_at(difference, variance, Weights((radii[0], radii[1])), *places.T)
    z = combined(list(scores)).astype(np.float64)
    return z, p_value(z)


def _sigma(
    counts: np.ndarray, expected: np.ndarray, pixel_size_yx: tuple[float, float] | None
) -> tuple[float, float]:
    """Of the neighbourhoods' Gaussian along y and x [px]."""
    if pixel_size_yx is not None:
        sigma = tuple(_SIGMA_NM / p for p in pixel_size_yx)
    else:
        block = sampling.estimate_bin(np.nan_to_num(expected, nan=float(np.nanmean(expected))))
        if block is None:
            warn(
                "The pixel size is unknown and no lattice was found; neighbourhoods of sigma "
                f"{_FALLBACK_SIGMA:g} pixels are judged. Give the pixel size."
            )
        sigma = tuple(_SIGMA_BLOCKS * b for b in block) if block else (_FALLBACK_SIGMA,) * 2
    held = np.pi * sigma[0] * sigma[1] * float(np.nanmean(counts))
    wider = max(1.0, np.sqrt(_LEAST_ELECTRONS / held), 1.0 / min(sigma))
    return sigma[0] * wider, sigma[1] * wider


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
