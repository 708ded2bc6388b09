"""What the judgement of a denoised image says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..units import number_of
from .discs import disc, nearest_disc
from .statistic import FALSE_DISCOVERIES, p_value, supported

if TYPE_CHECKING:
    import pandas as pd

    from ..region import Limits


_FAINT = 1e-3  # of the mean: the least expectation whose variance is believed
_MOST = 4.0  # times by which a variance may be wrong, at most


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far raw counts and denoised image agree, neighbourhood by neighbourhood.

    Parameters
    ----------
    z
        (Y, X) float32, N(0, 1) around each pixel where the denoised image is right; positive where
        the data have more electrons in the middle of the neighbourhood than it says. NaN where
        there are no data.
    log_likelihood_ratio
        (Y, X) float32, the SBD paper's map: mean log-likelihood ratio of the counts, column against
        vacuum; NaN between the columns' discs and the vacuum.
    positions
        (N, 2) y, x of the columns that were judged [px].
    column_ratio
        (N,) values of their discs in the map of the SBD paper.
    column_z
        (N,) z around their centres.
    halves
        (N,) in how many of the images made from either half of the data each is seen; None where
        there are no halves.
    counts, expected
        (Y, X) electrons per pixel in the data and in the denoised image, summed over frames.
    radius
        Of a column's disc along y and x [px].
    how
        Which counts judged which estimate, in words.
    self_use
        Standard deviation that z would have if the image were judged by the counts that it was made
        from, 1 being ideal; None where unknown.
    why
        In words, why the columns of the image are not judged one by one; empty where they are.
    by_gain
        Whether the noise that z counts in follows from the gain; else it was measured.
    frames
        Whose electrons were summed.

    Examples
    --------
    >>> judged = sbd.agreement(noisy, denoised)
    >>> judged.z.shape == noisy.shape
    True
    >>> judged.verdict()
    'The data support all ...'
    >>> len(judged.columns) > 100
    True
    >>> sorted(judged.at(y=48, x=48))
    ['electrons', 'expected', 'log_likelihood_ratio', 'p', 'z']
    """

    z: np.ndarray = field(repr=False)
    log_likelihood_ratio: np.ndarray = field(repr=False)
    positions: np.ndarray = field(repr=False)
    column_ratio: np.ndarray = field(repr=False)
    column_z: np.ndarray = field(repr=False)
    halves: np.ndarray | None = field(repr=False)
    counts: np.ndarray = field(repr=False)
    expected: np.ndarray = field(repr=False)
    radius: tuple[float, float]
    how: str
    self_use: float | None = None
    why: str = ""
    by_gain: bool = True
    frames: int = 1

    @cached_property
    def p(self) -> np.ndarray:
        """(Y, X) float32 two-sided p-values of ``z``."""
        return p_value(self.z).astype(np.float32)

    @cached_property
    def rejected(self) -> np.ndarray:
        """(Y, X) bool: where counts and denoised image disagree, at 5 % false discoveries."""
        from scipy.stats import false_discovery_control

        held = np.isfinite(self.z)
        mask = np.zeros(self.z.shape, bool)
        if held.any():
            p = p_value(self.z[held])
            mask[held] = false_discovery_control(p) < FALSE_DISCOVERIES
        return mask

    @cached_property
    def columns(self) -> pd.DataFrame:
        """One row for each column: y, x [px], z, p, q, supported [bool], log_likelihood_ratio,
        electrons and expected [in the disc].

        q is p adjusted for the number of columns after Benjamini and Hochberg; supported columns
        have at least 0.05, and are seen in the image of at least one half, where there are halves.
        """
        import pandas as pd
        from scipy.stats import false_discovery_control

        z, p = self.column_z, p_value(self.column_z)
        q = np.full_like(p, np.nan)
        held = np.isfinite(p)
        if held.any():
            q[held] = false_discovery_control(p[held])
        discs = np.array([self._disc(y, x) for y, x in self.positions]).reshape(-1, 2)
        return pd.DataFrame(
            {
                "y": self.positions[:, 0],
                "x": self.positions[:, 1],
                "z": z,
                "p": p,
                "q": q,
                "supported": supported(z, self.halves),
                "log_likelihood_ratio": self.column_ratio,
                "electrons": discs[:, 0],
                "expected": discs[:, 1],
            }
        )

    def unsupported_between(self, gain_error: float, offset_error: float = 0.0) -> tuple[int, int]:
        """The fewest and the most columns not supported, where the gain is not known exactly.

        Beside a gain that is too large an offset is found that is too large as well, since both
        are those of one line through variance over brightness, which is surest at the mean.

        Parameters
        ----------
        gain_error
            Standard error, as a share of the gain.
        offset_error
            Standard error, as a share of the mean above the offset.
        """
        counts = [int((~self.columns["supported"]).sum())]
        if self.by_gain and len(self.positions):
            bright = self.expected[self._pixel(*self.positions.T)] / np.nanmean(self.expected)
            share = gain_error - offset_error / np.maximum(bright, _FAINT)
            for sign in (-1, 1):
                z = self.column_z / np.sqrt(np.clip(1 + sign * share, 1 / _MOST, _MOST))
                counts.append(int((~supported(z, self.halves)).sum()))
        return min(counts), max(counts)

    def within(self, limits: Limits) -> Agreement:
        """The same of a part alone, in pixels of the image: NaN and without columns elsewhere.

        Parameters
        ----------
        limits
            The part, as ``region.limited`` gives it.
        """
        inside = limits.holds(self.positions)
        return replace(
            self,
            z=limits.whole(self.z),
            log_likelihood_ratio=limits.whole(self.log_likelihood_ratio),
            counts=limits.whole(self.counts),
            expected=limits.whole(self.expected),
            positions=self.positions[inside] + limits.corner,
            column_ratio=self.column_ratio[inside],
            column_z=self.column_z[inside],
            halves=None if self.halves is None else self.halves[inside],
        )

    def at(self, y: float, x: float) -> dict[str, float]:
        """Electrons counted and expected in the disc around a point, and z and p there.

        Parameters
        ----------
        y, x
            The point [px].
        """
        electrons, expected = self._disc(y, x)
        pixel = self._pixel(np.array(y), np.array(x))
        z = float(self.z[pixel])
        return {
            "electrons": electrons,
            "expected": expected,
            "z": z,
            "p": float(p_value(np.array(z))),
            "log_likelihood_ratio": float(self.log_likelihood_ratio[pixel]),
        }

    def verdict(self) -> str:
        """The result in a sentence or two."""
        spread = float(np.nanmedian(np.abs(self.z)) / 0.6745)
        if spread > 3:
            return (
                f"The denoised image does not fit these counts anywhere (typical deviation "
                f"{spread:.1f} sigmas): another image, unit or gain."
            )
        bad, total = int((~self.columns["supported"]).sum()), len(self.columns)
        if not total:
            text = "There are no columns to judge"
            text += f": {self.why.rstrip('.')}" if self.why else ""
        elif not bad:
            text = f"The data support {'all ' if total > 1 else ''}{number_of(total, 'column')}"
        else:
            text = (
                f"{bad} of {total} columns {'is' if bad == 1 else 'are'} not supported by the data"
            )
        places, elsewhere = self._between_columns
        if elsewhere:
            text += f"; {elsewhere} other place{' differs' if elsewhere == 1 else 's differ'}"
        text += f" (5 % false discoveries; {self.how})."
        if elsewhere and self.frames > 1:
            off = float(np.median(np.abs(self.z[places]))) / self.frames**0.5
            text += (
                f" All {self.frames} frames together tell what one does not: there the denoised "
                f"frames are off by about {off:.1f} times the noise of one."
            )
        return text

    @property
    def _between_columns(self) -> tuple[np.ndarray, int]:
        """(Y, X) bool of connected places that disagree and touch no column, and their number."""
        from scipy.ndimage import label

        places, count = label(self.rejected)
        at_columns = nearest_disc(self.z.shape, self.positions, self.radius) >= 0
        between = np.setdiff1d(np.arange(1, count + 1), places[at_columns])
        return np.isin(places, between), len(between)

    def _pixel(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pixels nearest to points [px]."""
        row, column = (
            np.clip(np.rint(c).astype(int), 0, n - 1)
            for c, n in zip((y, x), self.z.shape, strict=True)
        )
        return row, column

    def _disc(self, y: float, x: float) -> tuple[float, float]:
        """Electrons counted and expected within the radius of a point."""
        window, distance = disc(self.z.shape, (y, x), self.radius)
        inside = distance <= 1
        counts, expected = (np.nansum(i[window][inside]) for i in (self.counts, self.expected))
        return float(counts), float(expected)
