"""Images and movies denoised in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .denoising.settings import NEIGHBOURS, Settings, takes_settings
from .errors import SBDError, in_words
from .micrograph.foreign import as_given
from .micrograph.frames import as_micrograph
from .session import Progress, Session

__all__ = ["Progress", "denoise", "denoise_movie"]

Image = TypeVar("Image")


@takes_settings
def denoise(
    image: Image,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> Image:
    """Estimate the noise-free image.

    The counts are summed to the model's working sampling, reduced by their mean, scaled, passed
    through the network and spread over the pixels again (``sampling.upsample``).
    Frames of a movie are independent of each other, unless ``neighbours`` help. Blank ones stay as
    they are, those that cannot be read become NaN; the recipe lists both, and a warning names them.

    Parameters
    ----------
    image
        A micrograph, or an array (Y, X) or (T, Y, X) in any linear unit, at least 32 x 32 pixels.
        Pixels that are NaN, infinite or masked hold no data. Signals of HyperSpy, arrays of xarray,
        images of abTEM and data sets of quantem are taken with the calibration of their axes,
        tables of pandas row by row.
    **settings
        Those of ``Settings``.
    progress
        Called with (done, total), in frames; gain tuning counts as one more.
    should_stop
        Asked before every tile; True ends the work.

    Returns
    -------
    The expected value of each pixel, float32, same shape and units as the input: a micrograph with
    its calibration and recipe for a micrograph, an array for an array, a signal with its axes and
    metadata for a signal, a table with its index and columns for a table. Pixels stay NaN only
    where a whole block holds no data.

    Raises
    ------
    SBDError
        If the input cannot be used, with a sentence that says why.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> denoised = sbd.denoise(noisy, model="hrtem")
    >>> sbd.psnr(denoised, phantom.clean) > sbd.psnr(noisy, phantom.clean) + 10
    True
    >>> clean = sbd.denoise(noisy.data, pixel_size=0.03, model="hrtem")  # an array gives an array
    >>> np.array_equal(clean, denoised.data)
    True
    """
    chosen = Settings.of(**settings)
    source = as_micrograph(image)
    with in_words():
        result = Session(source, chosen, progress=progress, should_stop=should_stop).collect()
    given: Image = as_given(image, result)
    return given


@takes_settings
def denoise_movie(
    movie: Image,
    *,
    neighbours: int = NEIGHBOURS,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> Image:
    """Estimate the noise-free movie, frame by frame with the counts of neighbouring frames.

    It is ``denoise`` with ``neighbours``. Drift is estimated on the way and taken out of the
    neighbours, by whole pixels. Where the scene is still, a frame gets the counts of all frames of
    its window; where it changes, those of the neighbours are weighted down (see ``movie.fusion``).
    One frame costs some two and a half times what it takes alone. The offset matters here, since it
    tells the noise of dark places.

    Parameters
    ----------
    movie
        A micrograph, or an array (T, Y, X) in any linear unit.
    neighbours
        Frames on each side of a frame: its window has ``2 neighbours + 1`` frames.
    progress, should_stop
        As ``denoise`` takes them.
    **settings
        Those of ``Settings``.

    Returns
    -------
    The expected value of each pixel, float32, same shape and units as the input.

    Raises
    ------
    SBDError
        If this is no movie, or cannot be denoised.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> sbd.denoise_movie(movie, neighbours=1, model="hrtem").shape
    (3, 64, 64)
    """
    if neighbours != int(neighbours) or neighbours < 1:
        raise SBDError(f"The neighbours are a whole number from 1 up, not {neighbours}.")
    told: dict[str, Any] = {"progress": progress, "should_stop": should_stop}
    return denoise(movie, neighbours=neighbours, **told, **settings)
