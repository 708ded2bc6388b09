"""How many pixels are summed to one that a network sees."""

from __future__ import annotations

from .. import sampling
from ..errors import warn
from ..frames import mean_filled, reference_frame
from ..micrograph import Micrograph

_FALLBACK_BLOCK = 4  # for images that show no lattice and carry no calibration


def choose_block(source: Micrograph) -> tuple[int, int]:
    """Pixels to sum along y and x: from the pixel size, else from the lattice in the spectrum."""
    shape = source.shape[-2:]
    if source.pixel_size_yx is not None:
        block = sampling.choose_bin(source.pixel_size_yx)
    else:
        found = sampling.estimate_bin(mean_filled(reference_frame(source)))
        if found is None:
            warn(
                f"The pixel size is unknown and no lattice was found; {_FALLBACK_BLOCK} x "
                f"{_FALLBACK_BLOCK} pixels are summed, which may be wrong. Give the pixel size."
            )
        block = found or (_FALLBACK_BLOCK, _FALLBACK_BLOCK)
    return tuple(min(b, n // 8) for b, n in zip(block, shape, strict=True))  # type: ignore[return-value]
