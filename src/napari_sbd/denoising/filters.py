"""Classical denoisers, each at the working sampling: sometimes all that one needs.

Each takes an image (Y, X) in any linear unit and returns its estimate, float32, same shape and
unit. The image is summed to blocks, filtered, and spread over the pixels again. Filters that need a
unit noise variance (non-local means, wavelet, total variation, BM3D) stabilise it (Anscombe,
Biometrika 35 (1948) 246) and undo that without bias (Mäkitalo and Foi, IEEE Trans. Image Process.
20 (2011) 99, the closed form). For that they must know which value means no electrons; it is taken
for 0 unless an offset is told, and a wrong one makes them worse.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np

from .. import sampling
from ..errors import SBDError, by_name
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import finite_or_nan, mean_filled
from ..noise import level as noise
from .working_block import lattice_block

Filter = Callable[[np.ndarray], np.ndarray]
Method = Callable[[np.ndarray], np.ndarray]

_FEWEST = 8  # working pixels along an image; fewer leave the filters no neighbourhood
# BM3D looks at pieces of 8 x 8, and its package does not bear images of hardly more than one.
_BM3D = 16
_WIDTHS = 0.5 * 2 ** (np.arange(11) / 2)  # sigmas of Gaussians [working pixels]
_BRAGG_LIMIT = 3.0  # times the background, over 3 x 3 frequencies; noise hardly exceeds that
_BRAGG_REACH = 2  # frequencies around a Bragg peak that pass


@by_name("pixel_size", "gain", "offset", "block")
def denoisers(
    *,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float = 0.0,
    block: tuple[int, int] | None = None,
) -> dict[str, Filter]:
    """All classical denoisers, by name.

    Parameters
    ----------
    pixel_size
        nm, one number or (y, x); decides how many pixels are summed. Where unknown, the lattice
        does.
    gain, offset
        File units per electron and at zero electrons, for the filters that stabilise the variance;
        an unknown gain is estimated from the noise, an offset cannot be and must be given.
    block
        Pixels to sum along y and x, in place of the choice from the pixel size.

    Returns
    -------
    Name to callable from an array (Y, X) to its estimate. BM3D is among them where the package of
    that name is installed.

    Examples
    --------
    >>> filters = sbd.denoisers(pixel_size=0.03, gain=1.0)
    >>> filters["Gaussian"](noisy.data).shape
    (96, 96)
    """
    linear: dict[str, Method] = {
        "Gaussian": gaussian,
        "Wiener": wiener,
        "average background subtraction": background_subtraction,
        "Bragg": bragg,
    }
    stabilised: dict[str, Method] = {
        "non-local means": non_local_means,
        "wavelet": wavelet,
        "total variation": total_variation,
    }
    if find_spec("bm3d"):
        stabilised["BM3D"] = bm3d
    table: dict[str, Filter] = {}
    for name, method in (linear | stabilised).items():
        table[name] = partial(
            at_working_sampling,
            method=method,
            pixel_size=pixel_size,
            block=block,
            stabilise=name in stabilised,
            gain=gain,
            offset=offset,
        )
    return table


def at_working_sampling(
    image: np.ndarray,
    method: Method,
    *,
    pixel_size: PixelSize | None = None,
    block: tuple[int, int] | None = None,
    stabilise: bool = False,
    gain: float | None = None,
    offset: float = 0.0,
) -> np.ndarray:
    """Apply a filter to block sums and spread the result over the pixels.

    Parameters
    ----------
    image
        (Y, X) in any linear unit; NaN pixels hold no data.
    method
        Callable from an array (h, w) to its estimate.
    pixel_size, block
        As ``denoisers`` takes them.
    stabilise
        Whether ``method`` wants values whose noise has unit variance.
    gain, offset
        For the stabilisation.

    Raises
    ------
    SBDError
        If the image is constant or of a few blocks, or its noise cannot be stabilised.
    """
    values = finite_or_nan(image)
    if values.ndim != 2:
        raise SBDError("Filters take single images; apply them frame by frame.")
    large = min(values.shape) >= _FEWEST
    b = block or (lattice_block(Micrograph(values, pixel_size)) if large else (1, 1))
    height, width = (n // each for n, each in zip(values.shape, b, strict=True))
    if min(height, width) < _FEWEST:
        raise SBDError(
            f"The image has {height} x {width} working pixels and a filter needs at least "
            f"{_FEWEST} x {_FEWEST}; give a larger image or a smaller block."
        )
    sums = mean_filled(sampling.bin_counts(values, b))
    if not stabilise:
        return sampling.upsample(method(sums), b, values.shape)
    area = b[0] * b[1]
    unit = gain or noise.estimate_gain(sums, area, offset)
    if unit is None:
        raise SBDError(
            "The noise of this image cannot be stabilised: its mean or its noise is zero; "
            "give gain and offset."
        )
    counts = (sums - offset * area) / unit
    estimate = inverse_anscombe(method(anscombe(counts)))
    return sampling.upsample(estimate * unit + offset * area, b, values.shape)


def gaussian(image: np.ndarray) -> np.ndarray:
    """Gaussian blur of the width with the least error after Stein's unbiased estimate."""
    from scipy.ndimage import gaussian_filter

    variance = noise.noise_level(image) ** 2
    impulse = np.zeros((65, 65))
    impulse[32, 32] = 1

    def risk(sigma: float) -> float:
        leverage = gaussian_filter(impulse, sigma)[32, 32]
        return float(
            ((image - gaussian_filter(image, sigma)) ** 2).mean() + 2 * variance * leverage
        )

    result: np.ndarray = gaussian_filter(image, min(_WIDTHS, key=risk))
    return result


def wiener(image: np.ndarray) -> np.ndarray:
    """Wiener filter with the radial background of the spectrum for the noise (Kilaas, J. Microsc.
    190 (1998) 45): each Fourier coefficient times (P - B) / P, with its power P and background B.
    """
    return _fourier(image, lambda ratio: 1 - 1 / ratio)


def background_subtraction(image: np.ndarray) -> np.ndarray:
    """Average background subtraction filter (Kilaas 1998): amplitudes less the background's."""
    return _fourier(image, lambda ratio: 1 - 1 / np.sqrt(ratio))


def bragg(image: np.ndarray) -> np.ndarray:
    """Bragg filter: only the surroundings of lattice peaks in the spectrum pass, and the slowest
    variations. It draws its lattice into the vacuum, too.
    """
    from scipy.ndimage import maximum_filter

    def mask(ratio: np.ndarray) -> np.ndarray:
        near = maximum_filter(ratio, 2 * _BRAGG_REACH + 1, mode="wrap")
        result: np.ndarray = near > _BRAGG_LIMIT
        return result

    return _fourier(image, mask)


def non_local_means(image: np.ndarray) -> np.ndarray:
    """Non-local means of unit noise."""
    from skimage.restoration import denoise_nl_means

    result: np.ndarray = denoise_nl_means(image, 5, 9, h=0.6, sigma=1.0, fast_mode=True)
    return result


def wavelet(image: np.ndarray) -> np.ndarray:
    """Wavelet shrinkage of unit noise (BayesShrink)."""
    from skimage.restoration import denoise_wavelet

    result: np.ndarray = denoise_wavelet(
        image, sigma=1.0, method="BayesShrink", rescale_sigma=False
    )
    return result


def total_variation(image: np.ndarray) -> np.ndarray:
    """Total variation denoising of unit noise (Chambolle)."""
    from skimage.restoration import denoise_tv_chambolle

    result: np.ndarray = denoise_tv_chambolle(image, weight=0.7)
    return result


def bm3d(image: np.ndarray) -> np.ndarray:
    """BM3D of unit noise; its package is not free for commercial use."""
    import bm3d as package

    height, width = image.shape
    more = [(0, max(0, _BM3D - n)) for n in image.shape]
    result: np.ndarray = package.bm3d(np.pad(image, more, "symmetric"), 1.0)
    return result[:height, :width]


def anscombe(counts: np.ndarray) -> np.ndarray:
    """Poisson counts to values of about unit variance."""
    result: np.ndarray = 2 * np.sqrt(np.maximum(counts, 0) + 3 / 8)
    return result


def inverse_anscombe(values: np.ndarray) -> np.ndarray:
    """Mean counts from the mean of stabilised ones."""
    d = np.maximum(values, 2 * np.sqrt(3 / 8))
    root = np.sqrt(3 / 2)
    result: np.ndarray = d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8
    return result


def _fourier(image: np.ndarray, transfer: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Multiply the spectrum by a function of power over radial background; the mean and the
    slowest variations, of which no ring tells a background, are kept.

    The background is the median around each ring, which lattice peaks do not disturb; the power is
    averaged over 3 x 3 frequencies.
    """
    from scipy.ndimage import median, uniform_filter

    mean = image.mean()
    spectrum = np.fft.fft2(image - mean)
    power = np.abs(spectrum) ** 2
    ky, kx = (np.fft.fftfreq(n) for n in image.shape)
    ring = np.round(np.hypot(ky[:, None], kx) * min(image.shape)).astype(int)
    background = median(power, ring, np.arange(ring.max() + 1))[ring] / np.log(2)
    ratio = uniform_filter(power, 3, mode="wrap") / np.maximum(
        background, 1e-30 * (power.max() or 1.0)
    )
    ratio[np.ix_((-1, 0, 1), (-1, 0, 1))] = np.inf
    factor = np.clip(transfer(np.maximum(ratio, 1.0)), 0, 1)
    result: np.ndarray = np.fft.ifft2(spectrum * factor).real + mean
    return result
