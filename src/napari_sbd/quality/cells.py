"""Samples of one image without known counts: its pixels, judged by their neighbours.

The four pixels of each 2 x 2 cell are dealt at random to four images of half the size, which are
denoised. What a pixel should be is told twice, independently of the image that it went to: by the
two pixels beside it, and by the two above and below. Their means A and B differ from the expected
value at the pixel by its curvature only, and that is taken out with a local polynomial of degree
four, fitted to pixels of other images. Then E[(f - A) (f - B)] is the squared error of an estimate
f, if the noise of neighbours is independent (after Marcos-Morales et al., ICML 2023, arXiv
2210.05553, where single pixels of the cell judge, and their differences count as error).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..errors import SBDError
from .judges import Samples

_LEAST = 32  # px along a side
_DEGREE = 4  # of the polynomial
_WIDTH = 1.75  # px, sigma of the weights of its fit; right to 1 % for periods of 20 px
_REACH = 6  # px


@dataclass(frozen=True)
class Cells(Samples):
    """Four images from one, as ``subsampled`` makes them.

    Parameters
    ----------
    places
        (4, h, w) flat pixels of the (Y, X) whole image in each input.
    beside, above
        (4, Y, X) what the neighbours along x and along y say of each pixel, for each image.
    curvature
        (2, 4, Y, X) by how much these exceed the expected value, along x and along y.
    judged
        (4, Y, X) bool: pixels of each image whose four neighbours went to others.
    """

    places: np.ndarray
    beside: np.ndarray
    above: np.ndarray
    curvature: np.ndarray
    judged: np.ndarray

    def terms(self, estimates: np.ndarray) -> np.ndarray:
        """(Y, X) terms whose mean is the mean squared error; NaN where pixels are not judged."""
        along_x, along_y = self.curvature
        return self._products(estimates, self.beside - along_x, self.above - along_y)

    def bias(self, estimates: np.ndarray) -> float:
        """What was taken out of the mean of the terms, since neighbouring pixels differ."""
        plain = self._products(estimates, self.beside, self.above)
        return float(np.nanmean(plain - self.terms(estimates)))

    def _products(self, estimates: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        result = np.full(a.shape[1:], np.nan)
        for k, estimate in enumerate(estimates):
            whole = np.zeros(result.shape)
            whole.flat[self.places[k]] = estimate
            result = np.where(self.judged[k], (whole - a[k]) * (whole - b[k]), result)
        return result


def subsampled(image: np.ndarray, rng: np.random.Generator) -> Cells:
    """Deal the pixels of an image (Y, X), finite, to four images of half the size.

    Raises
    ------
    SBDError
        If the image is too small.
    """
    if min(image.shape) < _LEAST:
        raise SBDError(
            f"The method 'subsampling' needs an image of at least {_LEAST} x {_LEAST} pixels."
        )
    height, width = (n // 2 for n in image.shape)
    order = rng.permuted(np.tile(np.arange(4), (height, width, 1)), axis=-1).transpose(2, 0, 1)
    y, x = np.mgrid[:height, :width] * 2
    places = (y + order // 2) * image.shape[1] + x + order % 2
    dealt = np.full(image.shape, -1)
    for k, place in enumerate(places):
        dealt.flat[place] = k
    inside = np.zeros(image.shape, bool)
    inside[1:-1, 1:-1] = True
    # what a neighbour was dealt to; at the border any value will do, since it is not judged
    around = [np.roll(dealt, shift, (0, 1)) for shift in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    apart = inside & np.logical_and.reduce([d != dealt for d in around])
    beside, above = (_mean_of_neighbours(image, axis) for axis in (1, 0))
    four = (len(places), *image.shape)
    return Cells(
        inputs=image.ravel()[places],
        places=places,
        beside=np.broadcast_to(beside, four),
        above=np.broadcast_to(above, four),
        curvature=np.stack([_curvatures(image, dealt == k) for k in range(4)], 1),
        judged=np.stack([apart & (dealt == k) for k in range(4)]),
    )


def _mean_of_neighbours(image: np.ndarray, axis: int) -> np.ndarray:
    result: np.ndarray = (np.roll(image, 1, axis) + np.roll(image, -1, axis)) / 2
    return result


def _curvatures(image: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(2, Y, X) mean of two neighbours along x, and along y, less the pixel, of the expectation.

    Parameters
    ----------
    image
        (Y, X).
    own
        (Y, X) bool: pixels that must not contribute.
    """
    from scipy.ndimage import correlate

    # those are replaced by others two pixels away, in rows and columns of the same parity
    around = np.zeros((5, 5))
    around[::2, ::2] = [[0.5, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.5]]
    total = correlate(np.where(own, 0.0, image), around)
    count = correlate(np.where(own, 0.0, 1.0), around)
    near = np.divide(total, count, out=np.full(image.shape, image.mean()), where=count > 0)
    filled = np.where(own, near, image)
    return np.stack([correlate(filled, kernel, mode="reflect") for kernel in _kernels()])


@lru_cache(maxsize=1)
def _kernels() -> tuple[np.ndarray, np.ndarray]:
    """Of the mean of two neighbours along x, and along y, less the pixel, of a local polynomial.

    One fit sees pixels an even number of rows and columns away, the other pixels an odd number of
    both, so they are independent of each other, and of the pixel and its neighbours.
    """
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1]
    weight = np.exp(-(y**2 + x**2) / 2 / _WIDTH**2)
    powers = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    kernels = []
    for odd in (0, 1):
        held = (y % 2 == odd) & (x % 2 == odd) & ((y != 0) | (x != 0))
        terms = np.stack([(y[held] / _WIDTH) ** i * (x[held] / _WIDTH) ** j for i, j in powers])
        # even powers along the axis are 1 at both neighbours and 0 at the pixel; the first fit is
        # for those along x
        across = [i if odd == 0 else j for i, j in powers]
        wanted = [
            _WIDTH ** -(i + j) if other == 0 and i + j in (2, 4) else 0.0
            for (i, j), other in zip(powers, across, strict=True)
        ]
        kernel = np.zeros(y.shape)
        moments = (terms * weight[held]) @ terms.T
        kernel[held] = weight[held] * (np.linalg.solve(moments, wanted) @ terms)
        kernels.append(kernel)
    return kernels[0], kernels[1]
