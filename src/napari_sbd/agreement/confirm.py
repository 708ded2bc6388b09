"""Whether the columns of a denoised image are in the data, and not only in the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import warn
from ..micrograph.frames import mean_filled
from ..spots import Detection, curvature, detect, spacing
from .evidence import Evidence
from .visibility import VISIBLE, seen_by_the_other, visibility

# benchmarks/columns_acceptance.py: what the score must be so that no image with F1 < 0.8 passes
REPRODUCED = 0.78
# standard errors of a faint column's curvature in the noisy data: enough alone, and where a half's
# image shows it too, which at 2 and 20 electrons per pixel tells true from false ones best
_CLEAR, _SHOWN = 3.0, 1.0
# of the structure around columns, from which an image shows something at a place; and how far both
# halves must be alike there
_SHOWN_AT_ALL, _ALIKE = 0.15, 0.5
_UNCLEAR = 0.22  # of that area, as REPRODUCED has it for columns
_AROUND = 3.0  # widths of a column over which that is looked at
_NEAR = 0.27  # of the spacing: how far apart two sights of one column may be, as in compare_columns


@dataclass(frozen=True, eq=False)
class Confirmation:
    """What the data say of all columns together.

    Parameters
    ----------
    found
        The columns without the faint ones that the data do not show; none where ``why`` says that
        they are not to be believed.
    halves
        (N,) in how many of the images made from either half of the data each column is; None where
        the denoiser is unknown.
    score
        F1 of the columns of one half against those of the other, or of a half against the whole,
        whichever is lower; None where the denoiser is unknown.
    visible
        How far they stand out of the noise together [sigmas].
    why
        In words, why they are not to be believed; empty where they are.
    unclear
        Share of the area with structure of the size of columns that the two halves show otherwise;
        None where the denoiser is unknown.
    """

    found: Detection
    halves: np.ndarray | None
    score: float | None
    visible: float
    why: str
    unclear: float | None = None


def confirm(found: Detection, evidence: Evidence, sensitivity: float = 0.5) -> Confirmation:
    """Look for the columns of an image in the images made from either half of its data.

    Where the denoiser is unknown, the image itself is taken for the truth, which is too kind to a
    lattice that was made from noise.
    """
    assert found.scale is not None
    sigma, points = (found.scale, found.scale), found.points
    if evidence.trials is None:
        seen = visibility(
            evidence.expected, sigma, found.y, found.x, evidence.variance, evidence.noise
        )
        why = _too_faint(seen, "they come from the noise")
        kept = ~found.faint | (_curvature(found, evidence) > _CLEAR)
        return Confirmation(_kept(found, kept, why), None, None, seen, why)
    seen = seen_by_the_other(
        evidence.trials, sigma, found.y, found.x, evidence.variance, evidence.noise
    )
    parts = [_again(found, estimate, sensitivity) for estimate in evidence.estimates]
    limit = _NEAR * spacing(points[~found.faint])
    limit = limit if np.isfinite(limit) else found.scale
    halves = np.sum([_near(points, part.points, limit) for part in parts], axis=0)
    one, other = (part.points[~part.faint] for part in parts)
    whole = points[~found.faint]
    score = min(_f1(one, other, limit), (_f1(whole, one, limit) + _f1(whole, other, limit)) / 2)
    why = _too_faint(seen, "the electrons put aside do not show them")
    unclear = _unclear(found, evidence)
    if not why and score < REPRODUCED:
        why = (
            f"The images denoised from two halves of the data share {score:.0%} of their columns, "
            f"and {REPRODUCED:.0%} are needed: the lattice is not in the data, or too faint for "
            "their dose. Judged by all electrons, the image is given as it is, unconfirmed."
        )
    elif not why and unclear > _UNCLEAR:
        warn(
            f"In {unclear:.0%} of the area in which the denoised image shows structure, images "
            "denoised from two halves of the data show another one: columns may be missing there, "
            "and no count or outline of all columns is to be trusted."
        )
    kept = ~found.faint | ((halves > 0) & (_curvature(found, evidence) > _SHOWN))
    seen_in = None if why else halves[kept]
    return Confirmation(_kept(found, kept, why), seen_in, score, seen, why, unclear)


def _unclear(found: Detection, evidence: Evidence) -> float:
    """Share of the area with structure of the size of columns that the halves show otherwise.

    A crystal that a denoiser draws as fringes has no columns to be compared, and halves draw other
    fringes. So are speckles of what is amorphous, which are no columns, so this is no reason to
    refuse the others.
    """
    from scipy.ndimage import gaussian_filter

    scale = found.scale
    assert scale is not None

    def smooth(image: np.ndarray) -> np.ndarray:
        result: np.ndarray = gaussian_filter(image, _AROUND * scale)
        return result

    whole, one, other = (
        curvature(mean_filled(image), scale) for image in (evidence.expected, *evidence.estimates)
    )
    power = smooth(whole**2)
    place = tuple(
        np.clip(np.rint(v[~found.faint]).astype(int), 0, n - 1)
        for v, n in zip((found.y, found.x), whole.shape, strict=True)
    )
    shown = power > _SHOWN_AT_ALL**2 * np.median(power[place])
    both = np.sqrt(smooth(one**2) * smooth(other**2))
    alike = smooth(one * other) > _ALIKE * both
    return float((~alike)[shown].mean()) if shown.any() else 0.0


def _kept(found: Detection, kept: np.ndarray, why: str) -> Detection:
    return found.only(np.zeros(len(kept), bool) if why else kept, why)


def _curvature(found: Detection, evidence: Evidence) -> np.ndarray:
    """(N,) of each column in the noisy data, in standard errors."""
    from scipy.ndimage import gaussian_laplace

    assert found.scale is not None
    held = np.where(np.isfinite(evidence.noisy), evidence.noisy, evidence.expected)
    response = curvature(mean_filled(held), found.scale)
    place = tuple(
        np.clip(np.rint(v).astype(int), 0, n - 1)
        for v, n in zip((found.y, found.x), held.shape, strict=True)
    )
    # the squares of the kernel of width s add up to 1 / (2 pi s^6) where noise is independent
    squares = 1 / (2 * np.pi * found.scale**6)
    if evidence.noise is not None:
        reach = int(np.ceil(5 * found.scale)) + max(evidence.noise.half)
        kernel = np.zeros((2 * reach + 1,) * 2)
        kernel[reach, reach] = 1
        kernel = gaussian_laplace(kernel, found.scale, mode="constant")
        squares = float((evidence.spread(kernel) ** 2).sum())
    spread = np.sqrt(evidence.variance[place] * squares)
    sign = -1 if found.bright else 1
    result: np.ndarray = sign * response[place] / spread
    return result


def _too_faint(seen: float, then: str) -> str:
    if seen >= VISIBLE:
        return ""
    return (
        f"All spots of the denoised image together stand out of the noise by {seen:.1f} sigmas, "
        f"and {VISIBLE:g} are needed: {then}."
    )


def _again(found: Detection, image: np.ndarray, sensitivity: float) -> Detection:
    """The columns of a half's image, of the width and polarity of the whole's."""
    polarity = "bright" if found.bright else "dark"
    return detect(
        image,
        sensitivity=sensitivity,
        polarity=polarity,  # type: ignore[arg-type]
        scale=found.scale,
    )


def _near(points: np.ndarray, others: np.ndarray, limit: float) -> np.ndarray:
    from scipy.spatial import cKDTree

    if not len(others):
        return np.zeros(len(points), bool)
    result: np.ndarray = cKDTree(others).query(points)[0] <= limit
    return result


def _f1(one: np.ndarray, other: np.ndarray, limit: float) -> float:
    """Of two sets of points; those that are nearest to each other are pairs."""
    from scipy.spatial import cKDTree

    if not len(one) or not len(other):
        return 0.0
    distance, there = cKDTree(other).query(one)
    back = cKDTree(one).query(other)[1]
    pairs = (distance <= limit) & (back[there] == np.arange(len(one)))
    return 2 * float(pairs.sum()) / (len(one) + len(other))
