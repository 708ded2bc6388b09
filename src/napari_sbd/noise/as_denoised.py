"""A raw image corrected as it was before it was denoised, so that both can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import SBDError, listening, warn
from ..micrograph import Micrograph
from ..micrograph.foreign import ours
from ..micrograph.frames import as_micrograph, finite_or_nan, frame_of, reference_number
from ..recipe import setting_of
from .fixed_pattern import estimate_fixed_pattern
from .references import apply_references

CORRECTIONS = "dark", "gain_reference", "fixed_pattern"
"""Settings of a denoising that correct the image for its camera first."""


CORRECTED = "napari_sbd_corrected"
"""In the metadata of what was made without a recipe of the image so corrected: those settings."""


def camera_corrected(
    m: Micrograph,
    dark: str | None = None,
    gain_reference: str | None = None,
    fixed_pattern: bool = False,
) -> Micrograph:
    """An image corrected for its camera as settings of a denoising say; as it is without any."""
    if dark or gain_reference:
        m = apply_references(m, dark, gain_reference)
    return estimate_fixed_pattern(m).taken_out_of(m) if fixed_pattern else m


def correction_told(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Those of them that the metadata name, a recipe in them or by themselves."""
    known = metadata.get(CORRECTED) or {}
    told = {name: setting_of(metadata, name) or known.get(name) for name in CORRECTIONS}
    return {name: value for name, value in told.items() if value}


def corrected_as(
    noisy: Any, denoised: Any, gain: float | None = None, offset: float | None = None
) -> tuple[Any, float | None, float | None]:
    """Correct a raw image with the references, or its own pattern, that a recipe names.

    Parameters
    ----------
    noisy
        A micrograph or an array, as the camera wrote it or corrected already.
    denoised
        What was made of it; its recipe tells the correction.
    gain, offset
        Of the noisy image, where they overrule its own.

    Returns
    -------
    The image, gain and offset, as they were where there is nothing to correct. A corrected image
    has its gain, and its offset where the gain is known.

    Warns
    -----
    UserWarning
        If a reference cannot be read or does not fit, or the denoised image was sharpened.
    """
    noisy, denoised = ours(noisy), ours(denoised)
    metadata = denoised.metadata if isinstance(denoised, Micrograph) else {}
    if noisy is not None and _is_sharpened(metadata):
        warn(
            "The denoised image was sharpened, so it is not what this camera records: the data "
            "contradict it for that alone. To judge it, denoise without sharpening."
        )
    correction = correction_told(metadata)
    if noisy is None or not correction:
        return noisy, gain, offset
    told = as_micrograph(noisy, None, gain, offset)
    if told.shape != denoised.shape:
        return noisy, gain, offset  # which is told of where they are paired
    try:
        with listening():  # what is to be said of references was said when they were applied
            found = camera_corrected(told, **{**correction, "fixed_pattern": False})
        found = camera_corrected(found, fixed_pattern="fixed_pattern" in correction)
    except SBDError as error:
        warn(
            "The denoised image was corrected for the camera first, and the raw one cannot be "
            f"corrected like it: {error}"
        )
        return noisy, gain, offset
    if not _off(found, denoised) < _off(told, denoised):
        return noisy, gain, offset  # it was corrected before
    if told.gain is not None and found.offset != told.offset:
        found = found.replace(data=found.data + told.offset, offset=told.offset)
    return found, None, None


def _is_sharpened(metadata: Mapping[str, Any]) -> bool:
    """Whether the recipe says that a result is sharper than its camera makes images."""
    seen = setting_of(metadata, "camera")
    correlated = isinstance(seen, Mapping) and seen.get("noise") is not None
    return bool(correlated and setting_of(metadata, "sharpen"))


def comparable(noisy: Micrograph, denoised: Micrograph, frame: int = 0) -> Micrograph:
    """A raw frame as ``corrected_as`` corrects it, with the offset of what was made of it, so that
    the values of both can be drawn in one plot and subtracted.

    Parameters
    ----------
    noisy, denoised
        Of the same pixels; a raw image that needs no correction stays as it is.
    frame
        Of a movie, the one that is wanted.
    """
    correction = correction_told(denoised.metadata)
    if not correction:
        return noisy.frame(frame)
    if "fixed_pattern" not in correction:  # which all frames tell
        noisy, denoised = noisy.frame(frame), denoised.frame(frame)
    here: Micrograph = corrected_as(noisy, denoised)[0].frame(frame)
    shift = denoised.offset - here.offset
    return here.replace(data=here.data + shift, offset=denoised.offset) if shift else here


def _off(image: Micrograph, denoised: Micrograph) -> float:
    """The median squared difference of a frame from what was made of it."""
    number = reference_number(denoised)
    one, other = (finite_or_nan(frame_of(m, number)) - m.offset for m in (image, denoised))
    return float(np.nanmedian((one - other) ** 2))
