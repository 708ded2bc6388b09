"""Detectors: from expected electrons to what the camera or the scan writes into the file."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..errors import SBDError


@dataclass(frozen=True)
class Detector:
    """Properties of a camera, or of a scanned detector.

    Parameters
    ----------
    gain
        File units per electron.
    offset
        File units at zero electrons.
    read_noise
        Standard deviation of the read-out noise [electrons].
    mtf
        Standard deviation [pixels] of the Gaussian over which one electron's signal spreads; it
        blurs the image and correlates the noise of neighbours. 0 for a counting detector.
    dead
        Share of pixels that see nothing, the same ones in every frame.
    hot
        Share of pixels with a large dark current, the same ones in every frame.
    hot_current
        Mean dark current of a hot pixel [electrons per frame].
    row_jitter
        Standard deviation [pixels] by which the rows of a scan are shifted along x.

    Raises
    ------
    SBDError
        If a number is impossible.
    """

    gain: float = 1.0
    offset: float = 0.0
    read_noise: float = 0.0
    mtf: float = 0.0
    dead: float = 0.0
    hot: float = 0.0
    hot_current: float = 20.0
    row_jitter: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not np.isfinite(value) or (value < 0 and field.name != "offset"):
                raise SBDError(f"A detector's {field.name} is a number from 0 up, not {value}.")
        if self.gain == 0:
            raise SBDError("A detector's gain must be larger than 0.")
        if self.dead + self.hot > 1:
            raise SBDError("The shares of dead and hot pixels of a detector exceed all its pixels.")

    @property
    def counts(self) -> bool:
        """Whether the file holds whole electrons."""
        return self.gain == 1 and self.offset == 0 and self.read_noise == 0 and self.mtf == 0


def detect(expected: np.ndarray, detector: Detector, rng: np.random.Generator) -> np.ndarray:
    """Record expected electrons.

    Poisson sampling comes first and the spreading by the MTF after it, as in a scintillator, so
    that neighbouring pixels share their noise.

    Parameters
    ----------
    expected
        (Y, X) or (T, Y, X) expected electrons per pixel, >= 0.
    detector
        What records them.
    rng
        Source of chance.

    Returns
    -------
    Same shape, file units: int64 where the detector writes whole electrons, else float32.
    """
    from scipy.ndimage import gaussian_filter

    scene = np.asarray(expected)
    if detector.row_jitter:
        scene = shift_rows(scene, rng.normal(0, detector.row_jitter, scene.shape[:-1]))
    fate = rng.random(scene.shape[-2:]) if detector.dead or detector.hot else np.ones(1)
    electrons = rng.poisson(scene)
    if detector.mtf:
        sigma = (0,) * (scene.ndim - 2) + (detector.mtf,) * 2
        electrons = gaussian_filter(electrons.astype(float), sigma, mode="reflect")
    electrons = np.where(fate < detector.dead, 0, electrons)
    if detector.hot:
        is_hot = fate >= 1 - detector.hot
        electrons = electrons + is_hot * rng.poisson(detector.hot_current, scene.shape)
    if detector.counts:
        return electrons
    signal = electrons + rng.normal(0, detector.read_noise, scene.shape)
    return (detector.gain * signal + detector.offset).astype(np.float32)


def shift_rows(scene: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Shift every row along x by its own number of pixels (linear interpolation).

    Parameters
    ----------
    scene
        (..., X).
    shifts
        (...) pixels; what comes in from outside repeats the last pixel.
    """
    width = scene.shape[-1]
    where = np.clip(np.arange(width) - shifts[..., None], 0, width - 1)
    left = np.minimum(where.astype(int), width - 2)
    low, high = (np.take_along_axis(scene, i, -1) for i in (left, left + 1))
    return low + (where - left) * (high - low)
