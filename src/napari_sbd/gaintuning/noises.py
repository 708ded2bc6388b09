"""What is known of an image's noise, and how to split the image into parts of independent noise.

A part with a share p of the dose has the expectation p x; what remains has (1 - p) x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SBDError
from ..noise import model
from ..noise.level import thin


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
        result: np.ndarray = rng.poisson(np.maximum(expected, 0)).astype(np.float32)
        return result

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
        result: np.ndarray = (share * image + fresh).astype(np.float32)
        return result

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
    found = model.noise_model(sums, gain, offset)
    if isinstance(found, model.Counted):
        electrons = np.maximum(np.rint((sums - offset) / found.gain), 0)
        return electrons.astype(np.float32), Counted()
    if loss == "thinning":
        raise SBDError(
            f"The loss 'thinning' needs counted electrons. {found.evidence} Correct the detector's "
            "gain (file units per electron) and offset till the noise variance is about one times "
            "that of counted electrons, or choose the loss sure or blind-spot."
        )
    if isinstance(found, model.Gaussian):
        return (sums / found.sd).astype(np.float32), Gaussian(1.0)
    return (sums / (sums.std() or 1.0)).astype(np.float32), None
