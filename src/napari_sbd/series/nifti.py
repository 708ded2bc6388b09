"""NIfTI images with b-values and b-vectors as FSL has them, through nibabel."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import replacing
from ..io.arrays import is_large, on_disk
from ..recipe import KEY
from .gradients import Gradients
from .stack import Series

_COMMENT = 6  # code of a NIfTI header extension that holds plain text


def read(path: Path) -> Series:
    """Read a 4-D image as (N, Z, Y, X); uncompressed and large, it stays on disk.

    Raises
    ------
    SBDError
        If nibabel is missing, the image has no fourth axis, or it is damaged.
    """
    with _in_words(path) as nibabel:
        image = nibabel.load(path)
        if image.ndim != 4:
            raise SBDError(f"{path.name} has {image.ndim} axes; a stack of volumes has 4.")
        lazy = path.suffix != ".gz" and is_large(image.shape, np.dtype(np.float32))
        data = _lazy(image) if lazy else np.asarray(image.dataobj).T
    return Series(
        data,
        gradients=_gradients(path),
        header=image.header.copy(),
        metadata=_recipe_in(image.header),
        name=_stem(path),
        source=path,
    )


def read_mask(path: Path) -> np.ndarray:
    """Read a 3-D image as (Z, Y, X).

    Raises
    ------
    SBDError
        If nibabel is missing, the image has not three axes, or it is damaged.
    """
    with _in_words(path) as nibabel:
        values = np.asarray(nibabel.load(path).dataobj).T
    if values.ndim != 3:
        raise SBDError(f"{path.name} has {values.ndim} axes; a mask has 3.")
    return values


def write(series: Series, path: Path) -> None:
    """Write a stack as float32 with the header of its source; gradient table beside it.

    Raises
    ------
    SBDError
        If nibabel is missing, or the file cannot be written.
    """
    nibabel = _nibabel()
    volume = series.data if len(series.grid) == 3 else series.data[:, None]
    image = _image(np.asarray(volume, np.float32), series)
    if KEY in series.metadata:
        text = json.dumps({KEY: series.metadata[KEY]}).encode()
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(_COMMENT, text))
    _store(image, path, series.gradients)


def write_map(values: np.ndarray, of: Series, path: Path) -> None:
    """Write a map (Z, Y, X) or (Y, X) with the header of its stack.

    Raises
    ------
    SBDError
        If nibabel is missing, or the file cannot be written.
    """
    _store(_image(values.reshape((-1, *of.grid[-2:])), of), path)


def _image(data: np.ndarray, of: Series) -> Any:
    """A NIfTI image of what is stored, with the header of a stack."""
    own = of.header is not None
    image = _nibabel().Nifti1Image(data.T, None if own else np.eye(4), of.header)
    image.header.set_data_dtype(data.dtype)
    image.header.extensions[:] = [e for e in image.header.extensions if not _is_ours(e)]
    return image


def _store(image: Any, path: Path, gradients: Gradients | None = None) -> None:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with replacing(path) as draft:
            with opened(draft, "wb") as file:
                image.to_stream(file)
            if gradients is not None:
                np.savetxt(_beside(path, ".bval"), gradients.bvals[None], "%g")
                np.savetxt(_beside(path, ".bvec"), gradients.bvecs.T, "%.8g")
    except OSError as error:
        raise SBDError(
            f"{path} cannot be written ({error.strerror or error}); "
            "check the rights and the free space of its folder."
        ) from error


@contextmanager
def _in_words(path: Path) -> Iterator[Any]:
    """The package nibabel, whose complaints about a file become one sentence."""
    nibabel = _nibabel()
    try:
        yield nibabel
    except SBDError:
        raise
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as error:
        raise SBDError(
            f"{path.name} cannot be read as NIfTI: it is damaged or cut short; copy it again."
        ) from error


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError:
        raise SBDError('NIfTI files need nibabel; pip install "napari-sbd[series]".') from None
    return nibabel


def _lazy(image: Any) -> Any:
    x, y, _, n = image.shape
    stored = on_disk(image.dataobj, (x, y, 1, n))  # scaled when read, whatever its type says
    return stored.map_blocks(np.asarray, np.float32, dtype=np.float32).T


def _gradients(path: Path) -> Gradients | None:
    """The FSL gradient table beside an image, or None."""
    kinds = (".bval", ".bvals"), (".bvec", ".bvecs")
    found = [p for kind in kinds for s in kind if (p := _beside(path, s)).is_file()]
    if not found:
        return None
    if len(found) != 2:
        raise SBDError(
            f"Beside {path.name} lie {', '.join(p.name for p in found)}; a gradient table is one "
            ".bval and one .bvec file."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a table that is empty
            bvals, bvecs = (np.loadtxt(p, ndmin=2) for p in found)
    except (ValueError, OSError, UserWarning) as error:
        raise SBDError(f"The gradient table beside {path.name} holds no numbers.") from error
    bvecs = bvecs.T if len(bvecs) == 3 else bvecs  # FSL has x, y and z in rows
    return Gradients(bvals.ravel(), bvecs)


def _recipe_in(header: Any) -> dict[str, Any]:
    for extension in header.extensions:
        if _is_ours(extension):
            return dict(json.loads(_text(extension).rstrip("\0")))
    return {}


def _is_ours(extension: Any) -> bool:
    if extension.get_code() != _COMMENT:
        return False
    try:
        return KEY in json.loads(_text(extension).rstrip("\0"))
    except (ValueError, TypeError):
        return False


def _text(extension: Any) -> str:
    content = extension.get_content()
    return (
        content.rstrip(b"\0").decode("utf-8", "replace") if isinstance(content, bytes) else content
    )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(_stem(path) + suffix)


def _stem(path: Path) -> str:
    """The name without .nii or .nii.gz."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return name[:-4]
