"""Grey-scale PNG pictures, 8 or 16 bit; they hold no calibration."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from .record import plain


def read(path: Path) -> Micrograph:
    """Read a grey-scale PNG; an alpha channel is dropped."""
    from PIL import Image

    with warnings.catch_warnings():
        # Large micrographs are no attack.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=["PNG"]) as picture:
            # Decoding stops at the last pixel and does not miss the end of the file.
            picture.verify()
        picture = Image.open(path, formats=["PNG"])
    with picture:
        if picture.mode in ("P", "RGB", "RGBA"):
            raise SBDError("this is a colour (RGB) picture; give the grey-scale detector image.")
        data = np.array(picture)
        metadata = {"png": plain(picture.info)}
    return Micrograph(data[..., 0] if data.ndim == 3 else data, metadata=metadata)
