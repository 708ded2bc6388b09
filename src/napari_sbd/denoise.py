"""A trained network applied to images and movies."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .denoising.denoiser import Denoiser, Quality
from .errors import BlankImage, Cancelled, SBDError, in_words
from .frames import as_micrograph
from .micrograph import Micrograph, PixelSize

if TYPE_CHECKING:
    from .gaintuning import Tuned

Progress = Callable[[float, float], None]
Image = TypeVar("Image", Micrograph, np.ndarray)


def denoise(
    image: Image,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    *,
    model: str | Path = "auto",
    gain_tuning: bool | str | Path | Tuned = False,
    quality: Quality = "fast",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Image:
    """Estimate the noise-free image.

    The counts are summed to the model's working sampling, reduced by their mean, scaled, passed
    through the network and spread over the pixels again (``sampling.upsample``).
    Frames of a movie are independent of each other; blank ones stay as they are.

    Parameters
    ----------
    image
        A micrograph, or an array (Y, X) or (T, Y, X) in any linear unit, at least 32 x 32 pixels.
        Pixels that are NaN, infinite or masked hold no data.
    pixel_size
        nm, one number or (y, x); by default the micrograph's own. Where unknown, the working
        sampling is taken from the lattice in the power spectrum.
    gain, offset
        File units per electron, and at zero electrons; by default the micrograph's own. They only
        tell the dose, on which warnings depend; the result does not, since the network is
        scale-equivariant.
    model
        ``"auto"`` takes the bundled model that predicts held-out pixels best
        (``networks.choice``); or a name from ``models()``, or the path of a ``.safetensors`` file.
    gain_tuning
        True adapts the model to the image first, as ``gain_tune`` does by default; what
        ``gain_tune`` returned, or the path where that was saved, is applied as it is.
    quality
        ``"fast"`` is one pass of the network; ``"best"`` averages over the 8 flips and turns of the
        image and over shifted grids of blocks.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    seed
        Of gain tuning; nothing else is drawn at random.
    progress
        Called with (done, total), in frames; gain tuning counts as one more.
    should_stop
        Asked before every tile; True ends the work.

    Returns
    -------
    The expected value of each pixel, float32, same shape and units as the input: a micrograph with
    its calibration and recipe for a micrograph, an array for an array. Pixels stay NaN only where a
    whole block holds no data.

    Raises
    ------
    SBDError
        If the input cannot be used, with a sentence that says why.
    Cancelled
        If ``should_stop`` said so.
    """
    source = as_micrograph(image, pixel_size, gain, offset)
    if quality not in ("fast", "best"):
        raise SBDError(f"The quality is 'fast' or 'best', not {quality!r}.")
    stop = should_stop or (lambda: False)
    tuned, first, blank = None, int(gain_tuning is True), []
    which: dict[str, Any] = {"model": model}
    if not isinstance(gain_tuning, bool):
        from .gaintuning.tuned import given

        tuned, which = given(gain_tuning, model)
    with in_words():
        worker = Denoiser(source, **which, quality=quality, device=device)
        frames = source.data if source.is_movie else source.data[None]
        if first:
            from .gaintuning.tune import tune_model

            tell = partial(_tell, progress, 0, first + len(frames))
            tuned = tune_model(
                worker, seed=seed, progress=lambda n, of: tell(n / of), should_stop=stop
            )
            if tuned.report.cancelled:
                raise Cancelled("Stopped before the tuning was complete.")
        if tuned:
            tuned.check(worker.card, len(frames))
        trained = worker.network
        result = np.empty(frames.shape, np.float32)
        for t, frame in enumerate(frames):
            if tuned:
                worker.network = tuned.over(trained, t)
            try:
                tell = partial(_tell, progress, first + t, first + len(frames))
                result[t] = worker(frame, tell, stop)
            except BlankImage:
                blank.append(t)
                result[t] = np.asarray(frame)
    if blank:
        warnings.warn(f"Frames {blank} are blank and were left as they are.", stacklevel=2)
    data = result.reshape(source.shape)
    if not isinstance(image, Micrograph):
        return data
    tuning = tuned.settings(source) if tuned else None
    if tuning and gain_tuning is True:
        tuning["on_this_image"] = True
    elif tuning and isinstance(gain_tuning, str | Path):
        tuning["file"] = str(Path(gain_tuning).absolute())
    return worker.annotate(source.replace(data=data), seed=seed, gain_tuning=tuning)


def _tell(progress: Progress | None, before: int, total: int, share: float) -> None:
    if progress:
        progress(before + share, total)
