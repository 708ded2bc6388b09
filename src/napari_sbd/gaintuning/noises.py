"""What is known of an image's noise, and how to split the image into parts of independent noise.

A part with a share p of the dose has the expectation p x; what remains has (1 - p) x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SBDError
from ..noise.level import noise_level, thin

_POISSON = (0.7, 1.4)  # noise variance over mean, as still believed of counted electrons
_WHITE = (0.6, 1.6)  # power of the noise beyond 0.47 cycles per pixel over that at 0.38 to 0.45


@dataclass(frozen=True)
class Counted:
    """Electrons that were counted: Poisson, split by binomial thinning."""

    def take(self, image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
        """Draw a part of the image; ``image`` less this part is independent of it."""
        return thin(image, share, rng).astype(np.float32)

    def part(self, share: float) -> Counted:
        """The noise of a part."""
        return self

    def draw(self, expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A noisy image of a known expectation."""
        return rng.poisson(np.maximum(expected, 0)).astype(np.float32)

    def variance(self, image: np.ndarray) -> float:
        """Mean variance of the noise."""
        return float(image.mean())


@dataclass(frozen=True)
class Gaussian:
    """White Gaussian noise of one standard deviation.

    With e ~ N(0, sd^2), ``p y + sqrt(p (1 - p)) e`` and what remains of y are independent, with
    variances p sd^2 and (1 - p) sd^2: thinning, as it were (data fission, Leiner et al.,
    arXiv 2112.11079).
    """

    sd: float

    def take(self, image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
        """Draw a part of the image; ``image`` less this part is independent of it."""
        fresh = rng.standard_normal(image.shape) * (self.sd * np.sqrt(share * (1 - share)))
        return (share * image + fresh).astype(np.float32)

    def part(self, share: float) -> Gaussian:
        """The noise of a part."""
        return Gaussian(self.sd * np.sqrt(share))

    def draw(self, expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A noisy image of a known expectation."""
        return (expected + self.sd * rng.standard_normal(expected.shape)).astype(np.float32)

    def variance(self, image: np.ndarray) -> float:
        """Variance of the noise."""
        return self.sd**2


Noise = Counted | Gaussian


def recognise(
    sums: np.ndarray, gain: float | None, offset: float, loss: str
) -> tuple[np.ndarray, Noise | None]:
    """Tell the noise of an image, and put the image into units that suit it.

    Parameters
    ----------
    sums
        (Y, X) block sums in file units, finite.
    gain, offset
        File units per electron, None where unknown; file units of a block at zero electrons.
    loss
        ``"thinning"`` insists on counted electrons.

    Returns
    -------
    The image in electrons with ``Counted``, or in units of the noise with ``Gaussian``; with None
    where the noise is neither, so that no part of the image could be put aside.

    Raises
    ------
    SBDError
        If counted electrons are needed and these are none.
    """
    level = noise_level(sums)
    whole = bool((sums >= 0).all() and (sums == np.round(sums)).all())
    if gain is None and offset == 0 and whole and sums.mean() > 0:
        believed = 1.0 if abs(level**2 / sums.mean() - 1) < 0.1 else None
    else:
        believed = gain
    if believed is not None:
        electrons = np.maximum(np.rint((sums - offset) / believed), 0)
        ratio = (level / believed) ** 2 / max(float(electrons.mean()), 1e-9)
        if _POISSON[0] < ratio < _POISSON[1]:
            return electrons.astype(np.float32), Counted()
        if loss == "thinning":
            raise SBDError(
                f"The noise variance is {ratio:.3g} times that of counted electrons with a gain of "
                f"{believed:g}; correct the gain and offset, or choose another loss than thinning."
            )
    elif loss == "thinning":
        raise SBDError(
            "The loss 'thinning' needs counted electrons; give the detector's gain (file units per "
            "electron), or choose the loss sure or blind-spot."
        )
    if level <= 0 or not _WHITE[0] < _whiteness(sums) < _WHITE[1]:
        return (sums / (sums.std() or 1.0)).astype(np.float32), None
    return (sums / level).astype(np.float32), Gaussian(1.0)


def _whiteness(image: np.ndarray) -> float:
    """Power in the corners of the spectrum over the power in a ring next to them (medians)."""
    power = np.abs(np.fft.rfft2(image - image.mean())) ** 2
    radius = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1]))
    corner, ring = power[radius > 0.47], power[(radius > 0.38) & (radius < 0.45)]
    if not corner.size or not ring.size or not np.median(ring):
        return 0.0
    return float(np.median(corner) / np.median(ring))
