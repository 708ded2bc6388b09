"""A dataset that ``napari-sbd simulate`` has made, read at any pixel size."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from . import bandlimited

VACUUM = 0.45  # electrons per pixel, of the SBD paper
_TEXT = ("file", "model", "particle", "defect", "contrast", "split", "columns_file", "kind")


class Library:
    """A finished dataset.

    Parameters
    ----------
    folder
        Of ``napari-sbd simulate``.

    Attributes
    ----------
    rows
        The metadata: one dict for each image, in the order of ``metadata.csv``.

    Raises
    ------
    SBDError
        If the folder holds no finished dataset.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            text = (self.folder / "metadata.csv").read_text(encoding="utf-8")
        except OSError as error:
            raise SBDError(
                f"{folder} holds no finished dataset; make or finish one with napari-sbd simulate."
            ) from error
        table = csv.DictReader(io.StringIO(text))
        self.rows: list[dict[str, Any]] = [
            {k: v if k in _TEXT else _number(v) for k, v in r.items()} for r in table
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def read_image(
        self,
        index: int,
        pixel_nm: float | None = None,
        size: int | None = None,
        dose: float = VACUUM,
    ) -> np.ndarray:
        """Read an image: the expected electrons of every detector pixel.

        Parameters
        ----------
        index
            Row of the metadata.
        pixel_nm
            Pixel size [nm]; each pixel takes the mean over its area. By default the row's, and for
            ``hrtem`` and ``stem`` always.
        size
            Pixels along a side; by default as many as the field holds.
        dose
            Electrons per pixel in vacuum (TEM), or on average over the simulated field of which the
            image is a part (ADF-STEM).

        Returns
        -------
        (size, size) float32 array.

        Raises
        ------
        SBDError
            If the field does not hold so many pixels, or the file is damaged.
        """
        row = self.rows[index]
        arrays = self._load(row["file"])
        stored = arrays["images"][int(row["index"])].astype(np.float32)
        stored *= np.float32(dose * float(arrays["scale"]))
        pixel = row["pixel_nm"] if pixel_nm is None else pixel_nm
        if "box_nm" not in arrays:
            if pixel != row["pixel_nm"] or (size or len(stored)) > len(stored):
                raise SBDError(
                    f"Image {index} has {len(stored)} pixels of {row['pixel_nm']} nm and no others."
                )
            corner: np.ndarray = stored[:size, :size]
            return corner
        box, field = float(arrays["box_nm"]), float(arrays["field_nm"])
        if not pixel > 0:
            raise SBDError(f"A pixel size of {pixel} nm is impossible; it must be positive.")
        size = int(field / pixel + 1e-3) if size is None else size
        if not 0 < size * pixel <= field * 1.001:
            raise SBDError(
                f"The field of {field:g} nm does not hold {size} pixels of {pixel:g} nm along a "
                "side; lower the size or the pixel size."
            )
        v = _pixels(pixel, size, box, field, stored.shape[0])
        shown: np.ndarray = v @ stored @ v.T
        return shown

    def read_columns(self, index: int, pixel_nm: float | None = None) -> np.ndarray:
        """Read the true atomic columns of an image.

        Parameters
        ----------
        index
            Row of the metadata.
        pixel_nm
            Pixel size of the image [nm]; by default the row's.

        Returns
        -------
        (N, 6) float32 array: y and x [px; 0, 0 is the centre of the first pixel], atomic number,
        number of atoms, tag (0 support, 1 particle, 2 added), and 1 at the particle's surface.

        Raises
        ------
        SBDError
            If the preset keeps no columns, or the file is damaged.
        """
        row = self.rows[index]
        arrays = self._load(row["file"])
        if "columns" not in arrays:
            raise SBDError(f"Image {index} has no columns; those of sbd-ptceo2 have.")
        pixel = row["pixel_nm"] if pixel_nm is None else pixel_nm
        columns = arrays["columns"][:, [1, 0, 2, 3, 4, 5]]
        columns[:, :2] = columns[:, :2] / (10 * pixel) - 0.5
        field = float(arrays["field_nm"]) / pixel
        return columns[((columns[:, :2] > -0.5) & (columns[:, :2] < field - 0.5)).all(1)]

    def _load(self, file: str) -> dict[str, np.ndarray]:
        path = self.folder / file
        return _load(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=4)
def _load(path: Path, modified: int) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise SBDError(f"{path} is damaged; napari-sbd simulate makes it again.") from error


@lru_cache(maxsize=4)
def _pixels(pixel: float, size: int, box: float, field: float, stored: int) -> np.ndarray:
    """Weights for the pixels of a field in the middle of the box."""
    centres = (box - field) / 2 + (np.arange(size) + 0.5) * pixel
    return bandlimited.weights(centres, stored, box, bandlimited.pixel_area(pixel))


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value
