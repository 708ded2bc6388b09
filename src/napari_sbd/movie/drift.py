"""Drift of a movie."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..denoising.denoiser import Denoiser
from ..errors import SBDError, in_words, warn
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import as_micrograph
from ..micrograph.telling import frame_or_nan
from ..networks.choice import Modality
from ..noise.as_denoised import camera_corrected
from ..units import with_error
from .track import JITTER, REACH, Track

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

SMALLEST_AGREEMENT = 0.8
_CHANCE = 0.95  # that a scene which stays is told as one


@dataclass(frozen=True)
class Drift:
    """The path of the scene.

    Parameters
    ----------
    shifts
        (N, 2) y, x [px]: what is at (y, x) in the first frame is at ``(y, x) + shifts[t]`` in
        frame t. NaN for frames that are blank or cannot be read.
    errors
        (N, 2) one standard error [px].
    agreement, agreement_err
        (N,) correlation of each frame with the ones before after registration, corrected for
        noise, and its standard error: 1 for the same scene. NaN where the data cannot tell.
    pixel_size
        nm per pixel along y and x, or None.
    estimated
        Arguments and model of ``estimate_drift``, for recipes; None where it was not used.

    Examples
    --------
    >>> shifts = np.array([[0, 0], [2.2, -1]])  # y, x [px] of two frames
    >>> drift = sbd.Drift(shifts, np.full((2, 2), 0.3), np.ones(2), np.zeros(2), (0.05, 0.05))
    >>> drift.shifts_nm
    array([[ 0.  ,  0.  ],
           [ 0.11, -0.05]])
    """

    shifts: np.ndarray
    errors: np.ndarray
    agreement: np.ndarray
    agreement_err: np.ndarray
    pixel_size: tuple[float, float] | None = None
    estimated: dict[str, Any] | None = None

    @property
    def shifts_nm(self) -> np.ndarray:
        """(N, 2) y, x [nm].

        Raises
        ------
        SBDError
            If the pixel size is unknown.
        """
        result: np.ndarray = self.shifts * self._size()
        return result

    @property
    def errors_nm(self) -> np.ndarray:
        """(N, 2) one standard error [nm]; raises as ``shifts_nm``."""
        result: np.ndarray = self.errors * self._size()
        return result

    @property
    def changed(self) -> np.ndarray:
        """(N,) bool: frames that clearly do not show the scene of the ones before."""
        clear = self.agreement + 3 * self.agreement_err < 1
        result: np.ndarray = clear & (self.agreement < SMALLEST_AGREEMENT)
        return result

    def verdict(self) -> str:
        """How far the scene moved, and whether it stayed the same, in words."""
        told = np.isfinite(self.shifts[:, 0])
        unit, size = ("px", (1.0, 1.0)) if self.pixel_size is None else ("nm", self.pixel_size)
        path, errors = self.shifts[told] * size, self.errors[told] * size
        reach = np.hypot(*path.T)
        farthest = int(reach.argmax())
        along = path[farthest] / (reach[farthest] or 1.0)
        text = with_error(float(reach[farthest]), float(np.hypot(*(along * errors[farthest]))))
        still = ""
        if reach[farthest] and (errors[reach > 0] > 0).all():
            # of as many frames whose shifts are errors alone, all are nearer in 95 %
            nearest = np.sum((path / np.where(errors > 0, errors, 1.0)) ** 2, axis=1).max()
            chance = _CHANCE ** (1 / max(len(path) - 1, 1))
            still = ", which may be errors alone" if nearest < -2 * np.log1p(-chance) else ""
        return f"The scene moves by up to {text} {unit}{still}. {self._doubt()}".strip()

    def _doubt(self) -> str:
        """Why the shifts may be meaningless; empty where they are not in doubt."""
        if self.changed.any():
            frames = np.flatnonzero(self.changed)
            return (
                f"It is not stationary: {len(frames)} of {len(self.changed)} frames, the first is "
                f"{frames[0]}, agree with those before them by less than {SMALLEST_AGREEMENT:g} "
                f"(least {np.nanmin(self.agreement):.2g}, 1 is the same scene), so their shifts "
                "may be meaningless."
            )
        if len(self.agreement) > 1 and np.isnan(self.agreement[1:]).all():
            return (
                "The contrast is too low to tell whether it stays the same, "
                "so these shifts may be meaningless."
            )
        return ""

    def table(self) -> pd.DataFrame:
        """One row for each frame: frame, y_px, x_px, y_err_px, x_err_px, agreement, changed.

        Where the pixel size is known also y_nm, x_nm, y_err_nm, x_err_nm.
        """
        import pandas as pd

        columns = {"frame": np.arange(len(self.shifts))}
        columns |= _named(self.shifts, self.errors, "px")
        if self.pixel_size is not None:
            columns |= _named(self.shifts_nm, self.errors_nm, "nm")
        return pd.DataFrame({**columns, "agreement": self.agreement, "changed": self.changed})

    def _size(self) -> np.ndarray:
        if self.pixel_size is None:
            raise SBDError("The pixel size of the movie is unknown; give it in nm.")
        return np.array(self.pixel_size)


def estimate_drift(
    movie: Micrograph | np.ndarray,
    *,
    pixel_size: PixelSize | None = None,
    model: str | Path = "auto",
    modality: Modality = "auto",
    device: str = "auto",
    dark: str | None = None,
    gain_reference: str | None = None,
    fixed_pattern: bool = False,
    jitter: float = JITTER,
    largest_step: float = REACH,
    progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Drift:
    """Estimate the drift of a movie.

    Each frame is denoised at the working sampling and registered on the mean of up to 16 frames
    before it. Frames are read once and not kept.

    Parameters
    ----------
    movie
        A micrograph or array (T, Y, X).
    pixel_size
        nm, one number or (y, x); by default the micrograph's own.
    model, modality, device, dark, gain_reference, fixed_pattern
        As ``denoise`` takes them.
    jitter
        nm; standard deviation of the steps between frames about a smooth path. It decides between
        places that a lattice makes alike, so it should be well below the lattice period.
    largest_step
        nm; how far the scene may jump from its predicted place.
    progress
        Called with (done, total) in frames.
    should_stop
        Asked before every pass of the network; True ends the work.

    Raises
    ------
    SBDError
        If this is no movie, or its frames cannot be denoised.
    Cancelled
        If ``should_stop`` said so.

    Warns
    -----
    In words, if the frames do not agree with each other after registration, or show too little to
    tell.

    Examples
    --------
    >>> drift = sbd.estimate_drift(movie, model="hrtem")
    >>> drift.shifts.shape, drift.errors.shape  # y, x [px]
    ((3, 2), (3, 2))
    """
    source = as_micrograph(movie, pixel_size)
    if not source.is_movie:
        raise SBDError("Drift needs a movie (T, Y, X); this is a single image.")
    camera: dict[str, Any] = {"dark": dark, "gain_reference": gain_reference}
    camera["fixed_pattern"] = fixed_pattern
    source = camera_corrected(source, **camera)
    for value, what in ((jitter, "jitter"), (largest_step, "largest step")):
        if not 0 < value < np.inf:
            raise SBDError(f"The {what} is a positive number in nm, not {value}.")
    with in_words():
        worker = Denoiser(source, model=model, modality=modality, device=device)
        track = Track(worker, jitter, largest_step, should_stop or (lambda: False))
        rows = []
        for t in range(len(source.data)):
            rows.append(track.row(frame_or_nan(source, t)))
            if progress:
                progress(t + 1, len(source.data))
    columns = np.array(rows)
    how = {**worker.named(), "device": str(worker.passes.device), "pixel_size": source.pixel_size}
    how |= {"jitter": jitter, "largest_step": largest_step, **camera}
    drift = Drift(
        columns[:, :2], columns[:, 2:4], columns[:, 4], columns[:, 5], source.pixel_size_yx, how
    )
    _logger.debug("%s", drift.verdict())
    if drift._doubt():
        warn(drift.verdict())
    return drift


def _named(values: np.ndarray, errors: np.ndarray, unit: str) -> dict[str, np.ndarray]:
    names = f"y_{unit}", f"x_{unit}", f"y_err_{unit}", f"x_err_{unit}"
    return dict(zip(names, np.hstack([values, errors]).T, strict=True))
