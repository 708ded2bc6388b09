"""The denoisers that one wants to see side by side, ready for ``compare``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import by_name
from ..micrograph import PixelSize
from ..networks.choice import Modality
from .judges import Denoiser
from .samples import HANDS, Method

WIDE = ("Gaussian", "Wiener", "BM3D")  # the classical filters that most people know


@by_name("pixel_size")
def candidates(
    *,
    pixel_size: PixelSize | None = None,
    model: str | Path = "auto",
    modality: Modality = "auto",
    device: str = "auto",
    method: Method = "thinning",
    every: bool = False,
    gain_tuning: bool = True,
    counts: bool = True,
    seed: int = 0,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Denoiser]:
    """The raw image, classical filters, the network, and the network tuned to the image.

    Parameters
    ----------
    pixel_size
        nm, one number or (y, x), of the image that will be judged by; ``"subsampling"`` shows
        denoisers images of twice that.
    model, modality, device
        As ``denoise`` takes them.
    method
        Of the comparison that the denoisers are for, as ``upsnr`` takes it.
    every
        All classical filters, not only Gaussian, Wiener and (where installed) BM3D.
    gain_tuning
        Also the GainTuned network. It is tuned on every sample anew, so that it never sees the
        electrons that judge it; for one image and ``"thinning"`` that is five times.
    counts
        Whether what is denoised is in electrons; else GainTuning takes the noise as it is.
    seed
        Of GainTuning.
    should_stop
        Asked now and then; True raises ``Cancelled``.

    Returns
    -------
    Name to callable from an array (Y, X) in electrons to its estimate.

    Examples
    --------
    >>> sorted(sbd.candidates(pixel_size=0.03, gain_tuning=False))
    [...'Gaussian', ...]
    """
    from ..denoise import denoise
    from ..denoising.filters import denoisers

    if method == "subsampling" and pixel_size is not None:
        height, width = (2 * float(p) for p in np.broadcast_to(pixel_size, 2))
        pixel_size = height, width
    network = partial(
        denoise,
        pixel_size=pixel_size,
        model=model,
        modality=modality,
        device=device,
        should_stop=should_stop,
    )
    filters = denoisers(pixel_size=pixel_size)
    table: dict[str, Denoiser] = {
        "raw": lambda image: image,
        **{name: f for name, f in filters.items() if every or name in WIDE},
        "network": network,
        "network, best": partial(network, quality="best"),
    }
    if gain_tuning:
        # what is left when one hand of electrons is taken was brought to the scale of all
        unit = HANDS / (HANDS - 1) if method == "thinning" else 1.0
        gain = unit if counts else None
        table["GainTuned"] = partial(network, gain=gain, gain_tuning=True, seed=seed)
    return table
