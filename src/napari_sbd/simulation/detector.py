"""Detectors: from expected electrons to what the camera or the scan writes into the file."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..errors import SBDError

_MARGIN = 4.0  # reaches of a point spread by which a frame is continued before it is blurred


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
    tails
        Share of an electron's signal that spreads further, as ``exp(-r / tail_length)``: light in a
        scintillator, electrons that come back from its support.
    tail_length
        Pixels.
    gain_spread
        Standard deviation of the signal of one electron over its mean; it follows a gamma
        distribution, for 1 an exponential one.
    streak
        Length [pixels] of the decay along x, the fast axis of a scan, of a slow detector.
    fixed_pattern
        Standard deviation of the gain over the pixels, the same in every frame.
    illumination
        By which part the light falls from the middle to the corners, with the square of the radius.
    step
        Of the digitiser [file units]; 0 keeps fractions.
    interpolated
        Part of a pixel by which each frame is moved along y and x afterwards, by linear
        interpolation, as an alignment does.

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
    tails: float = 0.0
    tail_length: float = 4.0
    gain_spread: float = 0.0
    streak: float = 0.0
    fixed_pattern: float = 0.0
    illumination: float = 0.0
    step: float = 0.0
    interpolated: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not np.isfinite(value) or (value < 0 and field.name != "offset"):
                raise SBDError(f"A detector's {field.name} is a number from 0 up, not {value}.")
        if self.gain == 0:
            raise SBDError("A detector's gain must be larger than 0.")
        if self.dead + self.hot > 1:
            raise SBDError("The shares of dead and hot pixels of a detector exceed all its pixels.")
        for name in ("tails", "illumination", "interpolated"):
            if getattr(self, name) > 1:
                raise SBDError(f"A detector's {name} is a part, from 0 to 1.")

    @property
    def counts(self) -> bool:
        """Whether the file holds whole electrons."""
        others = self.offset, self.read_noise, self.mtf, self.tails, self.gain_spread, self.streak
        return self.gain == 1 and not any((*others, self.fixed_pattern, self.interpolated))


DETECTORS = {
    "counting": Detector(),
    "direct electron, integrating": Detector(
        gain=40, offset=100, read_noise=0.1, mtf=0.35, gain_spread=0.6, fixed_pattern=0.01, step=1
    ),
    "scintillator CMOS": Detector(
        gain=20, offset=100, read_noise=0.3, mtf=0.55, tails=0.15, tail_length=3,
        gain_spread=0.4, fixed_pattern=0.01, hot=2e-5, hot_current=50, step=1,
    ),
    "scintillator CCD": Detector(
        gain=5, offset=200, read_noise=0.8, mtf=0.7, tails=0.25, tail_length=4,
        gain_spread=0.4, fixed_pattern=0.02, hot=2e-5, hot_current=50, step=1,
    ),
    "STEM annular": Detector(
        gain=100, offset=1000, read_noise=0.2, gain_spread=0.5, streak=0.4, row_jitter=0.15, step=1
    ),
}  # fmt: skip
"""Typical detectors by name: of the right order, none of them one that can be bought.

Counting hides how much an electron leaves behind, and parts electrons that fall on neighbours. One
that integrates sees what each leaves in a thin layer, which varies much from one to the next, in
one pixel and a little around it; G. McMullan et al., Ultramicroscopy 147 (2014) 156, compare such
detectors at 300 kV. Scintillators spread light, and electrons that come back from below, over
several pixels: G. McMullan et al., Ultramicroscopy 109 (2009) 1126, measured a CCD, P. Grob et al.,
Ultramicroscopy 133 (2013) 1, the widths and the excess noise of three. The decay of a scintillator
and the bandwidth of its amplifier make streaks along the fast axis of a scan.
"""


def detector_named(name: str) -> Detector:
    """The detector of this name.

    Raises
    ------
    SBDError
        If there is none.
    """
    try:
        return DETECTORS[name]
    except KeyError:
        raise SBDError(f"Unknown detector {name!r}; known: {'; '.join(DETECTORS)}.") from None


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
    scene = np.asarray(expected)
    if detector.illumination:
        scene = scene * _light(scene.shape[-2:], detector.illumination)
    if detector.row_jitter:
        scene = shift_rows(scene, rng.normal(0, detector.row_jitter, scene.shape[:-1]))
    fate = rng.random(scene.shape[-2:]) if detector.dead or detector.hot else np.ones(1)
    electrons: np.ndarray = rng.poisson(scene)
    if detector.gain_spread:
        shape = detector.gain_spread**-2  # of the gamma distribution of one electron's signal
        electrons = rng.gamma(electrons * shape) / shape
    electrons = _spread(electrons, detector)
    if detector.fixed_pattern:
        response = rng.normal(1, detector.fixed_pattern, scene.shape[-2:])
        electrons = electrons * np.maximum(response, 0)
    electrons = np.where(fate < detector.dead, 0, electrons)
    if detector.hot:
        is_hot = fate >= 1 - detector.hot
        electrons = electrons + is_hot * rng.poisson(detector.hot_current, scene.shape)
    if detector.counts:
        return electrons
    signal = electrons + rng.normal(0, detector.read_noise, scene.shape)
    values = detector.gain * signal + detector.offset
    if detector.step:
        values = np.round(values / detector.step) * detector.step
    for axis in (-2, -1) if detector.interpolated else ():
        last = np.take(values, [-1], axis)
        values = values + detector.interpolated * np.diff(values, axis=axis, append=last)
    return values.astype(np.float32)


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
    result: np.ndarray = low + (where - left) * (high - low)
    return result


def streaked(scene: np.ndarray, length: float) -> np.ndarray:
    """Signal (..., X) of a detector that forgets with this decay length [pixels] along x."""
    from scipy.signal import lfilter

    kept = float(np.exp(-1 / length))
    # the scan has come from pixels like the first one
    start = kept * np.asarray(scene)[..., :1].astype(float)
    result: np.ndarray = lfilter([1 - kept], [1, -kept], scene, axis=-1, zi=start)[0]
    return result


def _light(shape: tuple[int, ...], fall: float) -> np.ndarray:
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return 1 - fall * (y[:, None] ** 2 + x**2) / 2


def _spread(electrons: np.ndarray, detector: Detector) -> np.ndarray:
    """The signal of electrons where the detector sees it.

    The Gaussian has the transfer ``exp(-2 (pi s f)^2)``, the tails, exponential in the radius, have
    ``(1 + (2 pi l f)^2)^(-3/2)``.
    """
    if detector.mtf or detector.tails:
        length = detector.tail_length if detector.tails else 0.0
        margin = int(np.ceil(_MARGIN * max(detector.mtf, 2 * length)))
        pad = [(0, 0)] * (electrons.ndim - 2) + [(margin, margin)] * 2
        wide = np.pad(electrons.astype(float), pad, mode="symmetric")
        fy, fx = np.fft.fftfreq(wide.shape[-2])[:, None], np.fft.rfftfreq(wide.shape[-1])
        f2 = (2 * np.pi) ** 2 * (fy**2 + fx**2)
        transfer = (1 - detector.tails) * np.exp(-(detector.mtf**2) * f2 / 2)
        transfer += detector.tails * (1 + length**2 * f2) ** -1.5
        wide = np.fft.irfft2(np.fft.rfft2(wide) * transfer, wide.shape[-2:])
        height, width = electrons.shape[-2:]
        electrons = wide[..., margin : margin + height, margin : margin + width]
    return streaked(electrons, detector.streak) if detector.streak else electrons
