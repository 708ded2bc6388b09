"""What the data say of each column of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import warn
from ..noise.covariance import Covariance
from .elongation import MERGED, TWO, beyond, clearly_long, elongation

if TYPE_CHECKING:
    import pandas as pd

    from ..agreement.evidence import Evidence
    from ..agreement.pairs import Pair

NOTHING = "the data show nothing here"
_CONTRADICTED = "the data contradict it"
_SOME, _MANY = 3, 0.05  # columns, and share of all, from which a spacing is suggested
_MOST = 0.5  # share of the columns, from which it is the denoised image that is wrong
_CLEARLY, _UNLIKE = 2.0, 0.1  # standard errors, and share, from which intensities are unlike
_IN_NO_HALF = "neither half of the data shows it"
_TWO = "probably two columns"


def judged(
    pair: Pair, evidence: Evidence, points: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """z and p of columns at (N, 2) y, x [px], as ``agreement`` has them."""
    from ..agreement.spots import judge_spots, neighbourhood
    from ..agreement.statistic import p_value

    sigma = neighbourhood(evidence.noisy, evidence.counts, pair.model.pixel_size_yx, scale)
    z = judge_spots(evidence, points, sigma)
    return z, p_value(z)


def stretch(
    table: pd.DataFrame,
    noisy: np.ndarray | None,
    denoised: np.ndarray,
    variance: Any,
    free: Any = slice(None),
    correlated: Covariance | None = None,
) -> None:
    """Add ``elongation`` [px], half the distance of two columns that would look like it, and its z.

    Where a column is two, or the denoised image makes one of what is two in the data, half their
    distance is added to the errors of its place: which of them is meant nobody knows. The middle of
    a single long one is known as well as that of a round one.

    Parameters
    ----------
    table
        Fits, to which is added in place.
    noisy, denoised
        (Y, X) in the unit of the fits; None where there is no noisy one.
    variance
        (Y, X) of a pixel's noise; None where it is unknown, and nothing is clear.
    free
        Rows whose errors are new.
    correlated
        How the noise of pixels hangs together; None where it is independent.
    """
    names = ["y", "x", "amplitude", "sigma", "background"]
    values = shown = table[names].to_numpy(float, copy=True)
    if "y_raw" in table:
        raw = table[[f"{name}_raw" for name in names]].to_numpy(float)
        values = np.where(np.isfinite(raw).all(1)[:, None], raw, values)
    image, spread = denoised if noisy is None else noisy, 1.0 if variance is None else variance
    found = elongation(image, values, spread, correlated)
    if variance is None:
        found.z[:] = np.nan
    table["elongation"], table["elongation_z"] = found.half, found.z
    more = beyond(found, elongation(denoised, shown, spread, correlated))
    merged = clearly_long(more.z) & (more.half > MERGED * shown[:, 3])
    both = two(table)
    new = np.zeros(len(table), bool)
    new[free] = True
    for axis, of_two, of_merged in zip("yx", found.along.T, more.along.T, strict=True):
        away = np.where(merged, more.half * np.abs(of_merged), 0)
        away = np.where(both, found.half * np.abs(of_two), away)
        for suffix in ("", "_raw"):
            name = f"{axis}{suffix}_err"
            if name in table:
                table[name] = np.hypot(table[name], np.where(new, away, 0))


def without_errors(table: pd.DataFrame) -> None:
    """Leave the errors of all columns empty, but of points that were put on nothing."""
    errors = [name for name in table if name.endswith(("_err", "_err_nm"))]
    known = table["note"] != NOTHING if "note" in table else np.ones(len(table), bool)
    table.loc[known, errors] = np.nan


def support(table: pd.DataFrame) -> None:
    """Say of each column whether the data support it, ``supported``, and else why not, ``note``.

    They do not where they contradict it, where neither half of them shows it, where it is so long
    that it is two columns, or where a point was put by hand and nothing is there.
    """
    from ..agreement.statistic import supported

    right = supported(table["agreement_z"].to_numpy(float), None)
    note = np.where(right, "", _CONTRADICTED).astype(object)
    if "halves" in table:
        note[right & (table["halves"].to_numpy() == 0)] = _IN_NO_HALF
    note[two(table)] = _TWO
    if "note" in table:
        note[(table["note"] == NOTHING).to_numpy()] = NOTHING
    table["note"] = note
    table["supported"] = note == ""


def denied(table: pd.DataFrame) -> np.ndarray:
    """(N,) which columns the data do not support, as ``agreement`` counts them.

    Those that are only probably two are none of them.

    Parameters
    ----------
    table
        From ``find_columns``, of one image or of the frames of a movie.
    """
    from ..agreement.statistic import supported

    result: np.ndarray = ~table["supported"].fillna(True).to_numpy(bool)
    if "note" not in table:
        return result
    both, z = (table["note"] == _TWO).to_numpy(), table["agreement_z"].to_numpy(float)
    frame = table["frame"].to_numpy() if "frame" in table else np.zeros(len(table))
    for number in np.unique(frame[both]):
        here = frame == number
        result[here & both] = ~supported(z[here], None)[both[here]]
    return result


def support_told(table: pd.DataFrame) -> str:
    """How many columns the data do not support, and how many more are probably two, in words."""
    refused = denied(table)
    text = f"{int(refused.sum())} not supported by the data"
    more = int((~table["supported"].fillna(True).to_numpy(bool) & ~refused).sum())
    return f"{text}, {more} more probably two columns each" if more else text


def two(table: pd.DataFrame) -> np.ndarray:
    """(N,) columns so long that they are two."""
    sigma = table["sigma"].to_numpy(float)
    long = table["elongation"].to_numpy(float) > TWO * sigma
    result: np.ndarray = long & clearly_long(table["elongation_z"].to_numpy(float))
    return result


def warn_of_all(table: pd.DataFrame, attrs: Mapping[str, Any]) -> None:
    """Warn of what concerns most columns of a table, with what is known of all."""
    warn_of_width(attrs["given_width"])
    warn_of_open(attrs.get("left_open", 0), len(table))
    warn_of_pull(attrs["pulled"], attrs["lacking"])
    warn_of_strength(attrs["intensity_ratio"])
    warn_of_two(table)
    warn_of_unlike(table)


def warn_of_two(table: pd.DataFrame) -> None:
    """Warn where many columns are two, and say which spacing may tell them apart."""
    long = two(table)
    if long.sum() >= max(_SOME, _MANY * len(table)):
        apart = 2 * float(table["elongation"][long].median())
        warn(
            f"{long.sum()} of {len(table)} columns are so much longer than wide that each is "
            f"probably two; a spacing of {apart:.1f} px may tell them apart."
        )


def warn_of_pull(pulled: float | None, lacking: Mapping[str, float] | None) -> None:
    """Warn where the network moved columns [px] to where it expects them."""
    found = []
    if pulled is not None:
        found.append(
            "shows columns nearer to where the network expects them than they are in the data, by "
            f"{pulled:.2g} px (root mean square)"
        )
    if lacking is not None:
        found.append(
            "lacks displacements of columns that the data show, most of all a wave with a period "
            f"of {lacking['period']:.3g} px and an amplitude of {lacking['amplitude']:.2g} px"
        )
    if found:
        warn(
            f"The denoised image {' and '.join(found)}. The errors of places hold that, but strain "
            "and displacements are too small in it: the columns of the table that end in _raw have "
            "the places as the data alone show them."
        )


def warn_of_strength(ratio: tuple[float, float] | None) -> None:
    """Warn where all columns are stronger or weaker in the image than in the data."""
    if ratio is None:
        return
    value, error = ratio
    if abs(value - 1) > max(_CLEARLY * error, _UNLIKE):
        warn(
            f"The denoised image shows the intensities of all columns at {100 * value:.1f} "
            f"± {100 * error:.1f} % of those in the data. Their errors hold that; the columns of "
            "the table that end in _raw have them as the data show them."
        )


def warn_of_open(count: int, of: int) -> None:
    """Warn where columns flow together so that their shapes do not tell them apart."""
    if count:
        warn(
            f"{count} of {of} columns flow together with another one, so that their widths and "
            "intensities are hardly known, and their places less well than those of others; their "
            "errors hold that."
        )


def warn_of_width(given: float | None) -> None:
    """Warn where all columns were given one width [px], since nothing tells it."""
    if given is not None:
        warn(
            "The columns flow together so far that their widths, intensities and backgrounds "
            f"cannot be told apart: all were given a width (sigma) of {given:.1f} px, and only "
            "their places have errors."
        )


def warn_of_unlike(table: pd.DataFrame) -> None:
    """Warn where most columns are there, but not as the denoised image has them.

    Where an image has hardly any noise, every error of the result contradicts it.
    """
    seen = table["halves"].to_numpy() == 2 if "halves" in table else np.zeros(len(table), bool)
    unlike = seen & (table["note"] == _CONTRADICTED).to_numpy()
    if unlike.sum() >= max(_SOME, _MOST * len(table)):
        warn(
            f"{unlike.sum()} of {len(table)} columns are in the data, but not as bright or as wide "
            "as the denoised image has them: what is wrong in it is more than the noise of the "
            "image. Where that has hardly any noise, measure on the image itself; else try another "
            "model, or check pixel size and gain."
        )
