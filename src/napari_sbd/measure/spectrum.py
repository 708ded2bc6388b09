"""Fourier transform of a box of an image: its power, and spots with their spacings and errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SBDError
from ..micrograph.frames import mean_filled
from ..spacings import reflections

Box = tuple[tuple[int, int], tuple[int, int]]

_LEAST = 8  # pixels along a side of a box
_REACH = 2.5  # bins around a click in which the peak is looked for
_RING = 3.0  # bins to each side of a spot's ring, from which its noise is told
_STEPS, _CLOSE = 30, 1e-6  # of Newton's method [bins]
_SIGNIFICANT = 1e-3  # chance that noise makes a peak as high anywhere in the search
_TWIN = 4.0  # bins: nearer to each other, the pattern and its opposite are one peak


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The Fourier transform of a box.

    Parameters
    ----------
    power
        (h, w) of the box times a Hann window, zero frequency at ``h // 2, w // 2``.
    fy, fx
        Frequencies of rows and columns, rising [1/unit].
    unit
        ``"nm"``, or ``"px"`` where the image is not calibrated.
    values
        (h, w) the box, less its mean, times the window.
    window
        (h, w).
    step
        Size of a pixel along y and x [unit].
    noisy
        Whether what lies between the spots is the noise that the image was recorded with.
    """

    power: np.ndarray
    fy: np.ndarray
    fx: np.ndarray
    unit: str
    values: np.ndarray
    window: np.ndarray
    step: tuple[float, float]
    noisy: bool = True

    @property
    def bin(self) -> np.ndarray:
        """(2,) distance of neighbouring frequencies along y and x [1/unit]."""
        return np.array([self.fy[1] - self.fy[0], self.fx[1] - self.fx[0]])


@dataclass(frozen=True)
class Spot:
    """A peak of a spectrum.

    Parameters
    ----------
    y, x
        Frequency [1/unit].
    covariance
        (2, 2) of y and x, from the noise around the peak [1/unit^2]; NaN of a denoised image, in
        which the peak is still where the noise has put it and little is left around.
    power
        At the peak, over that of the noise around it.
    significant
        Whether noise alone makes such a peak in less than one search of a thousand.
    """

    y: float
    x: float
    covariance: np.ndarray
    power: float
    significant: bool

    @property
    def frequency(self) -> float:
        """Length [1/unit]."""
        return float(np.hypot(self.y, self.x))

    @property
    def spacing(self) -> float:
        """Of the lattice planes [unit]."""
        return 1 / self.frequency

    @property
    def spacing_err(self) -> float:
        """One standard deviation [unit]."""
        along = np.array([self.y, self.x]) / self.frequency
        return float(np.sqrt(along @ self.covariance @ along) / self.frequency**2)

    @property
    def direction(self) -> float:
        """From +x to up on the screen, of the normal of the planes [degrees, 0 to 180]."""
        # rounded, since -1e-17 would read 180
        return float(np.round(np.degrees(np.arctan2(-self.y, self.x)), 9) % 180)

    @property
    def direction_err(self) -> float:
        """One standard deviation [degrees]."""
        across = np.array([self.x, -self.y]) / self.frequency
        return float(np.degrees(np.sqrt(across @ self.covariance @ across) / self.frequency))


def box_spectrum(
    image: np.ndarray,
    pixel_size_yx: tuple[float, float] | None = None,
    box: Box | None = None,
    noisy: bool = True,
) -> Spectrum:
    """Transform a box of an image.

    Parameters
    ----------
    image
        (Y, X); pixels that are not finite hold no data.
    pixel_size_yx
        nm; None leaves the spectrum in pixels.
    box
        ``((top, bottom), (left, right))``, half-open [px], cut where it leaves the image; all of
        it by default.
    noisy
        False of a denoised image: errors of its spots are not known.

    Raises
    ------
    SBDError
        If the box holds fewer than 8 pixels along a side, or no data.
    """
    part = np.asarray(image)[box_slices(image.shape, box)]
    if min(part.shape) < _LEAST:
        raise SBDError(
            f"The box holds {part.shape[0]} x {part.shape[1]} pixels of the image; draw one of at "
            f"least {_LEAST} x {_LEAST}."
        )
    values = np.asarray(part, np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    if np.isnan(values).all():
        raise SBDError("The box holds no data; move it onto the image.")
    values = mean_filled(values)
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in values.shape))
    values = (values - (values * window).sum() / window.sum()) * window
    power = np.fft.fftshift(np.abs(np.fft.fft2(values)) ** 2)
    step = pixel_size_yx or (1.0, 1.0)
    fy, fx = (np.fft.fftshift(np.fft.fftfreq(n, s)) for n, s in zip(power.shape, step, strict=True))
    unit = "nm" if pixel_size_yx else "px"
    return Spectrum(power, fy, fx, unit, values, window, step, noisy)


def box_slices(shape: tuple[int, ...], box: Box | None) -> tuple[slice, slice]:
    """Rows and columns of a box that lie on an image."""
    if box is None:
        return slice(None), slice(None)
    rows, columns = (
        slice(*(int(np.clip(v, 0, n)) for v in ends))
        for ends, n in zip(box, shape[-2:], strict=True)
    )
    return rows, columns


def snap(spectrum: Spectrum, y: float, x: float) -> Spot:
    """The peak at a place of a spectrum.

    The highest value within 2.5 bins is followed to the top between the bins. Noise shifts the top
    by its gradient there over the curvature of the peak, which gives the errors; its power is the
    median of the ring of the same frequency (exponential distribution: over log 2).

    Parameters
    ----------
    spectrum
        From ``box_spectrum``.
    y, x
        Frequency [1/unit].

    Raises
    ------
    SBDError
        If there is no peak to be told from the mean of the box, or none inside the spectrum.
    """
    size = spectrum.bin
    row, column = np.meshgrid(spectrum.fy, spectrum.fx, indexing="ij")
    distance = np.hypot((row - y) / size[0], (column - x) / size[1])
    near = (distance <= _REACH) & (np.hypot(row / size[0], column / size[1]) >= _TWIN / 2)
    if not near.any():
        raise SBDError("There is no peak here: click nearer to a spot, off the centre.")
    best = int(np.argmax(np.where(near, spectrum.power, -1)))
    start = np.array([row.flat[best], column.flat[best]])
    place = _climb(spectrum, start)
    height, _, curvature = _around(spectrum, place)
    if not height > 0:
        raise SBDError("There is no peak here: all of the box has one value.")
    level = _level(spectrum, start)
    over = height / level
    # white noise of the ring's power: variance of a pixel, then of the gradient of the power
    noise = level / (spectrum.window**2).sum()
    positions = [
        (np.arange(n) - (n - 1) / 2) * s
        for n, s in zip(spectrum.power.shape, spectrum.step, strict=True)
    ]
    inertia = [
        float((spectrum.window**2 * p**2).sum())
        for p in (positions[0][:, None], positions[1][None, :])
    ]
    gradient = 8 * np.pi**2 * height * noise * np.diag(inertia)
    inverse = np.linalg.inv(curvature)
    covariance = inverse @ gradient @ inverse.T if spectrum.noisy else np.full((2, 2), np.nan)
    chance = near.sum() * np.exp(-min(over, 700.0))
    return Spot(
        float(place[0]),
        float(place[1]),
        covariance,
        float(over),
        bool(chance < _SIGNIFICANT and (np.linalg.eigvalsh(-curvature) > 0).all()),
    )


def strongest(
    image: np.ndarray,
    pixel_size_yx: tuple[float, float] | None = None,
    box: Box | None = None,
    most: int = 8,
    noisy: bool = True,
) -> tuple[Spectrum, list[Spot]]:
    """The strongest spots of a box, one of each pair, the first two not on one line.

    Parameters
    ----------
    image, pixel_size_yx, box, noisy
        As ``box_spectrum`` has them.
    most
        Spots at most.

    Raises
    ------
    SBDError
        If the box is too small, or shows no reflection.
    """
    spectrum = box_spectrum(image, pixel_size_yx, box, noisy)
    found = reflections(np.asarray(image)[box_slices(image.shape, box)])
    spots: list[Spot] = []
    for n in np.argsort(-found.amplitude):
        try:
            spot = snap(spectrum, *(found.frequency[n] / spectrum.step))
        except SBDError:
            continue
        here = np.array([spot.y, spot.x])
        others = [np.array([s.y, s.x]) for s in spots]
        twin = any(
            np.abs((here - sign * o) / spectrum.bin).max() < 1 for o in others for sign in (1, -1)
        )
        if spot.significant and not twin:
            spots.append(spot)
    if not spots:
        raise SBDError("The box shows no reflection beyond its noise; take a larger box.")
    second = next(
        (n for n, s in enumerate(spots) if 10 < angle_between(spots[0], s)[0] < 170), None
    )
    if second is not None:
        spots.insert(1, spots.pop(second))
    return spectrum, spots[:most]


def angle_between(one: Spot, other: Spot) -> tuple[float, float]:
    """Angle between two spots and its error [degrees], 0 to 180."""
    a, b = (np.array([s.y, s.x]) for s in (one, other))
    angle = np.degrees(np.arctan2(abs(a[0] * b[1] - a[1] * b[0]), a @ b))
    return float(angle), float(np.hypot(one.direction_err, other.direction_err))


def _climb(spectrum: Spectrum, start: np.ndarray) -> np.ndarray:
    """The top of the peak nearest to a bin, by Newton's method."""
    # from a bin, no way up is seen to a top that is half a bin away along both axes
    around = start + spectrum.bin / 2 * np.array([(i, j) for i in (0, -1, 1) for j in (0, -1, 1)])
    place: np.ndarray = around[np.argmax([_around(spectrum, near)[0] for near in around])]
    for _ in range(_STEPS):
        _, slope, curvature = _around(spectrum, place)
        if (np.linalg.eigvalsh(curvature) >= 0).any():
            break
        step = -np.linalg.solve(curvature, slope)
        step *= min(1.0, 0.5 / np.abs(step / spectrum.bin).max(initial=1e-12))
        place = place + step
        if np.abs((place - start) / spectrum.bin).max() > 1.0:
            return start  # no top of its own
        if np.abs(step / spectrum.bin).max() < _CLOSE:
            break
    return place


def _around(spectrum: Spectrum, place: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Power, its slope and its curvature at any frequency."""
    h, w = spectrum.power.shape
    y, x = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip((h, w), spectrum.step, strict=True))
    ey, ex = np.exp(-2j * np.pi * place[0] * y), np.exp(-2j * np.pi * place[1] * x)
    turn = -2j * np.pi
    rows = np.stack([ey, ey * turn * y, ey * (turn * y) ** 2])
    columns = np.stack([ex, ex * turn * x, ex * (turn * x) ** 2])
    f = rows @ spectrum.values @ columns.T  # derivatives of the transform along y and x
    first = np.array([f[1, 0], f[0, 1]])
    second = np.array([[f[2, 0], f[1, 1]], [f[1, 1], f[0, 2]]])
    slope = 2 * (f[0, 0].conj() * first).real
    curvature = 2 * (np.outer(first.conj(), first) + f[0, 0].conj() * second).real
    return float(abs(f[0, 0]) ** 2), slope, curvature


def _level(spectrum: Spectrum, place: np.ndarray) -> float:
    """Power of the noise at the frequency of a spot."""
    size = spectrum.bin
    width = _RING * float(size.max())
    radius = np.hypot(spectrum.fy[:, None], spectrum.fx[None, :])
    ring = np.abs(radius - np.hypot(*place)) <= width
    return float(np.median(spectrum.power[ring]) / np.log(2)) or 1e-300
