"""What a search for columns begins with."""

from __future__ import annotations

from typing import Any

from ..errors import SBDError
from ..frames import as_micrograph
from ..micrograph import Micrograph, PixelSize

_SQUARE = 1.05  # ratio of the sides of a pixel, up to which intensities are right to 0.3 %


def inputs(
    denoised: Any,
    noisy: Any,
    pixel_size: PixelSize | None,
    gain: float | None,
    offset: float | None,
) -> tuple[Micrograph, Micrograph | None]:
    """The denoised image, and the counts if there are any, as ``find_columns`` takes them.

    Raises
    ------
    SBDError
        If they do not belong together, or their pixels are not square.
    """
    model = as_micrograph(denoised)
    data = None
    if noisy is not None:
        from ..noise import counts as electrons

        data, model = electrons.pair(noisy, model, gain, offset)
        if model.pixel_size is None:
            model = model.replace(pixel_size=data.pixel_size)
    if pixel_size is not None:
        model = model.replace(pixel_size=pixel_size)
    height, width = model.pixel_size_yx or (1.0, 1.0)
    if not 1 / _SQUARE < height / width < _SQUARE:
        raise SBDError(
            f"The pixels measure {height:.4g} x {width:.4g} nm, and columns are fitted as circles "
            "on square pixels; sum or resample pixels until they are square."
        )
    return model, data


def recipe_of(
    model: Micrograph, data: Micrograph | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """What repeats the search, with the steps ``before`` it that made the denoised image."""
    from ..recipe import history, origin_of, recipe

    counts: dict[str, Any] = {"noisy": False}
    if data is not None:
        raw = data.replace(metadata={})
        counts = {"noisy": origin_of(raw), "gain": data.gain, "offset": data.offset}
    origin = origin_of(model)
    entry = recipe("find_columns", origin, **settings, pixel_size=model.pixel_size, **counts)
    return {**entry, "before": [] if origin else history(model.metadata)}
