"""The table of atomic columns: found, fitted, judged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled, SBDError, in_words, stopping, warn
from ..micrograph import PixelSize
from .measured import measured, moved
from .verdict import support, warn_of_all, without_errors

if TYPE_CHECKING:
    import pandas as pd

    from ..agreement.pairs import Pair
    from ..region import Limits
    from ..spots import Polarity
    from .inputs import Images

_logger = logging.getLogger(__name__)


def find_columns(
    noisy: Any,
    denoised: Any = None,
    *,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    polarity: Polarity = "auto",
    sensitivity: float = 0.5,
    spacing: float | None = None,
    alpha: float | None = None,
    halves: bool = True,
    region: Any = None,
    progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Find the atomic columns of a denoised image, fit them, and judge them by the raw counts.

    Parameters
    ----------
    noisy
        The electron counts that the denoised image was made from, for the fit to the counts, for
        counting errors and for the agreement; None where there are none.
    denoised
        A micrograph or array, (Y, X) or (T, Y, X). The order was the other way round once; where
        that can be recognised, a warning says so and the images are taken the right way round.
    pixel_size
        nm, one number or (y, x); by default the micrograph's own.
    gain, offset
        Of ``noisy``: file units per electron, and at zero electrons.
    polarity
        ``"bright"``, ``"dark"``, or ``"auto"``.
    sensitivity
        0 to 1: extrema count from 0.8 (1 - sensitivity) of the response of a typical column.
    spacing
        Of nearest columns [px]; by default their width is taken from the image.
    alpha
        Of the outline, in units of the spacing; 1.08 by default.
    halves
        Where the denoised image carries the recipe of a network, each half of the data, dealt at
        random, is denoised and judges what was made from the other: acceptance, ``agreement_z`` and
        ``supported`` rest on data that the judged image was not made from. That takes three more
        runs of the denoiser for each frame (gains are tuned again for each half of the frame that
        they were tuned on). False, or another denoiser: the image is judged by the data that it
        was made from, which a lattice that was made from noise passes easily.
    region
        Part of the image, as ``denoise`` takes it: columns of that part alone are listed and
        counted. They are found, fitted and judged as those of the whole image are. By default all
        that was denoised.
    progress
        Called with (done, total), in frames.
    should_stop
        Asked often; True ends the work.

    Returns
    -------
    One row for each column: ``y``, ``x`` [px, centre of pixel (0, 0) is 0, 0], ``y_err``,
    ``x_err``, ``intensity`` (integral of the Gaussian above the background; negative for dark
    columns), ``intensity_err``, ``sigma`` [px], ``sigma_err``, ``amplitude``, ``background``; the
    same from the counts alone as ``y_raw``, ``y_raw_err``, ...; ``surface`` [bool], ``near_frame``
    [bool, where the denoised image is less exact],
    ``elongation`` [px; half the distance of two columns that would look like it; where a column is
    two, or two in the data and one in the image, it is part of the errors of the place] and
    ``elongation_z``; ``halves`` (in how many of the images made from either half of the data it is
    seen); ``agreement_z``, ``agreement_p``,
    ``supported`` [bool; false where the data contradict the denoised image, at a false discovery
    rate of 5 %, where neither half shows the column, or where it is so long that it is two] and
    ``note`` (why not); ``y_nm``, ``x_nm``, ``y_err_nm``, ``x_err_nm`` when calibrated; ``frame``
    for movies. Errors are one standard deviation; NaN of an image that was denoised, by its recipe,
    where ``noisy`` is None. Where columns flow together so far that nothing tells their width,
    all are given one (``attrs["given_width"]`` [px]; None as a rule), only places have errors,
    and a warning says so. Where some do so that fits to image and data come to other widths,
    their number is ``attrs["left_open"]``, their errors hold what the fits differ by, and a
    warning says so. Intensities are in electrons where ``noisy`` holds counts, else in units of
    the image.
    ``attrs`` hold scale [px], spacing [px], polarity, threshold, unit, what judged
    (``judged``), how much of the halves' columns is the same
    (``reproduced``), in what share of the area with structure they show other things (``unclear``;
    from 0.22 on a warning says that columns may be missing), what the errors of places were
    multiplied by, as halves tell (``position_factor``), how far the network pulled columns to where
    it expects them (``pulled`` [px]; None where that is no more than usual), the wave of
    displacements that it lacks most (``lacking``: its period and amplitude, and all of them
    together, root mean square [px]; None without any), the intensity of all columns over that in
    the data and its standard error (``intensity_ratio``), what else they have in common there
    (``in_data``: the width over that in the denoised image, and errors), and recipe; for a movie
    those of its first frame with columns, the number of ``frames``, and those that are blank or
    without beam (``blank``). An image without columns gives an empty table and a
    warning; noise that is not that of electron counts gives a warning.

    Raises
    ------
    SBDError
        If the input cannot be used, one image stands in the place of the other, or there are too
        many extrema.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> columns = sbd.find_columns(noisy, denoised)
    >>> bool(columns["supported"].mean() > 0.95)
    True
    >>> bool(columns["x_err"].median() < 0.3)  # px, one standard deviation
    True
    """
    import pandas as pd

    from ..spots import check_settings
    from .inputs import inputs, recipe_of

    check_settings(sensitivity, polarity, spacing)
    if alpha is not None and not 0.5 < alpha < np.inf:
        raise SBDError(f"Alpha is larger than 0.5 spacings, not {alpha}.")
    with in_words():
        images = inputs(noisy, denoised, pixel_size, gain, offset, region)
        settings = {"polarity": polarity, "sensitivity": sensitivity, "spacing": spacing}
        told: dict[str, Any] = {**settings, "alpha": alpha, "halves": halves}
        if images.limits is not None:
            told["region"] = str(images.limits.wanted.region)
        entry = recipe_of(images, told)
        images.warn_if_unseen()
        blank = images.blank()
        tables: list[pd.DataFrame] = []
        passed_over = blank if len(blank) < images.count else []
        usual: Polarity | None = None
        for t in range(images.count):
            if should_stop and should_stop():
                raise Cancelled("The search for columns was stopped.")
            if progress and t in passed_over:
                progress(t + 1, images.count)
            if t in passed_over:
                continue
            frame = images.frame(t)
            with stopping(should_stop):
                found = _find(frame, settings, alpha, halves, usual)
            if usual is None and polarity == "auto" and len(found):
                usual = found.attrs["polarity"]
            independent = found.attrs["correlated_over"] is None
            if not tables and frame.pair is not None and len(found) and independent:
                _warn_unless_poisson(frame.pair, found.attrs["scale"])
            found.attrs["recipe"] = entry
            if images.model.is_movie:
                found.insert(0, "frame", t)
            tables.append(found)
            if progress:
                progress(t + 1, images.count)
    if not images.model.is_movie:
        return tables[0]
    if passed_over:
        warn(
            f"No atomic columns were looked for in frames {passed_over}, which are blank or "
            "without beam, or cannot be read."
        )
    with_columns = [t for t in tables if len(t)] or tables[:1]
    attrs = with_columns[0].attrs
    for table in tables:
        table.attrs = {}
    result = pd.concat(with_columns, ignore_index=True)
    result.attrs = {**attrs, "frames": images.count, "blank": blank}
    return result


def _find(
    frame: Images,
    settings: dict[str, Any],
    alpha: float | None,
    halves: bool,
    usual: Polarity | None,
) -> pd.DataFrame:
    """The table of one frame; ``usual`` is the polarity of those before it."""
    from ..agreement.confirm import confirm
    from ..agreement.evidence import warn_of_lines
    from ..agreement.spots import candidates
    from ..spots import spacing
    from .honeycomb import warn_of_even, warn_of_middles

    model, pair = frame.model, frame.pair
    noisy = None if pair is None else np.asarray(pair.data.data, np.float64)
    found = candidates(model.data, noisy, model.pixel_size_yx, **settings)
    if usual is not None and found.even:  # a frame that does not tell follows those before it
        told = {**settings, "polarity": usual}
        found = candidates(model.data, noisy, model.pixel_size_yx, **told)
    points = np.column_stack([found.y, found.x])
    _logger.debug("%d candidates for columns; %s", len(points), found.why or "as asked")
    why = found.why or "No extremum is above the threshold; raise the sensitivity."
    evidence, confirmed = None, None
    if len(points):
        evidence = frame.evidence(halves)
    if evidence is not None:
        confirmed = confirm(found, evidence, settings["sensitivity"])
        points, why = confirmed.found.points, confirmed.why or why
    attrs: dict[str, Any] = {
        "scale": found.scale,
        "spacing": spacing(points),
        "polarity": "bright" if found.bright else "dark",
        "threshold": found.threshold,
        "alpha": alpha,
        "given_width": None,
        "left_open": 0,
        "pulled": None,
        "lacking": None,
        "in_data": None,
        "intensity_ratio": None,
        "intensity_factor": None,
        "unit": "electrons" if pair is not None and pair.counts else "image units",
        "pixel_size_nm": model.pixel_size,
        "shape": list(model.shape),
        "halves": halves,
        "judged": None if pair is None or evidence is None else evidence.how,
        "reproduced": None if confirmed is None else confirmed.score,
        "unclear": None if confirmed is None else confirmed.unclear,
        "correlated_over": None,
    }
    if evidence is not None and evidence.noise is not None:
        attrs["correlated_over"] = round(evidence.noise.noise.correlated_over, 2)
        if evidence.counts:
            evidence.noise.warn_unless_poisson()
    if evidence is not None:
        warn_of_lines(evidence)
    if not len(points):
        warn(f"No atomic columns were found. {why}")
    if settings["polarity"] == "auto":
        warn_of_even(found.even and usual is None and len(points) > 0, found.bright)
        warn_of_middles(model.data, points, found.bright, model.pixel_size_yx)
    start = np.column_stack([points, np.full((len(points), 3), np.nan)])
    judging = evidence if len(points) else None
    table = measured(frame, judging, start, None, attrs, judged_at=points)
    if frame.unseen:
        without_errors(table)
    if confirmed is not None and confirmed.halves is not None:
        table["halves"] = confirmed.halves if len(points) else np.zeros(0, int)
    if frame.limits is not None:
        table = _inside(table, frame.limits, frame.model.pixel_size_yx, attrs)
    support(table)
    warn_of_all(table, attrs)
    table.attrs = attrs
    return table


def _inside(
    table: pd.DataFrame,
    limits: Limits,
    size: tuple[float, float] | None,
    attrs: dict[str, Any],
) -> pd.DataFrame:
    """The rows of a part of the image, in pixels of the image."""
    kept = table[limits.holds(table[["y", "x"]].to_numpy(float))].reset_index(drop=True)
    if len(table) and not len(kept):
        warn("There are no atomic columns in the region.")
    attrs.update(shape=list(limits.wanted.shape), region=str(limits.wanted.region))
    return moved(kept, limits.corner, size)


def _warn_unless_poisson(pair: Pair, scale: float) -> None:
    from ..noise import counts as electrons

    if pair.counts:
        electrons.warn_unless_poisson(next(electrons.frames(pair.data)), round(scale / 1.5) or 1)
