"""TIFF files: OME, ImageJ, and those of microscope software."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..errors import SBDError
from ..files import replacing
from ..micrograph import Micrograph
from ..units import no_printers, pixel_size_nm, to_seconds
from . import record, tiff_vendors
from .arrays import each_pixel, frames, is_large, map_array, stack_frames, storable
from .record import plain
from .tiff_check import check_complete
from .tiff_series import detector_image

_IMAGEJ_COUNTS = ("uint8", "uint16")
_IMAGEJ_TYPES = (*_IMAGEJ_COUNTS, "float32")
_STRAIGHT_LINE = 0  # the number of ImageJ's calibration function
_OME_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_LARGEST = 2**32 - 1  # that a TIFF holds in either part of a fraction
_CLASSIC_LIMIT = 2**32 - 2**25
_TAG_UNITS = {2: "inch", 3: "cm"}
_LONGEST_TAG = 1024


def read(path: Path) -> Micrograph:
    """Read the largest grey image or stack of a TIFF file; lazily when large.

    Calibration comes from OME, ImageJ or the vendor's metadata (``tiff_vendors``), else from a
    resolution finer than 1 µm per pixel. Values that ImageJ calibrates by a straight line, as it
    stores signed 16-bit images, are those that it shows; other curves are left to the reader of
    ``metadata``. A colour table changes no value.

    Raises
    ------
    SBDError
        For colour pictures, several channels, files that are cut short, and compressions that need
        another package.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        check_complete(file, path)
        series = detector_image(file)
        return _described(path, file, series, _load(path, file, series))


def calibration_so_far(path: Path) -> Micrograph:
    """What ``read`` says of a file that still grows, or was never completed, with one zero as data.

    Raises
    ------
    SBDError, ValueError
        If not even its first page is there.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        return _described(path, file, detector_image(file), np.zeros((1, 1, 1), np.uint8))


def _described(path: Path, file: Any, series: Any, data: Any) -> Micrograph:
    """Data with what the file says of them."""
    page = series.keyframe
    vendor = tiff_vendors.pixel_size(page)
    beside = tiff_vendors.pixel_size_beside(page, path)
    m = Micrograph(data)
    m = m.replace(
        metadata=_metadata(file, page),
        pixel_size=vendor or beside or _pixel_size_of_tags(page),
        frame_time=tiff_vendors.frame_time(page) if m.is_movie else None,
    )
    if file.ome_metadata:
        return _with_ome(m, file.ome_metadata, file.series.index(series))
    if file.is_imagej:
        fields = file.imagej_metadata or {}
        size = vendor or _pixel_size_of_imagej(fields, page) or beside
        return _with_imagej(m.replace(pixel_size=size), fields)
    return m


def write(m: Micrograph, path: Path) -> None:
    """Write an ImageJ TIFF where suffix, type and size allow, otherwise an OME-TIFF.

    Types that OME lacks are widened. Frames go to the disk one by one.

    Raises
    ------
    SBDError
        If no type of TIFF holds the values.
    """
    import tifffile

    as_imagej = not _is_ome(path) and m.data.dtype.name in (*_IMAGEJ_TYPES, "bool")
    dtype = storable(m.data, _IMAGEJ_TYPES if as_imagej else _OME_TYPES, "TIFF")
    of_file, of_pages = options(m, path, dtype)
    with (
        replacing(path) as temporary,
        tifffile.TiffWriter(temporary, **of_file) as file,
    ):
        file.write(
            (frame.astype(dtype, copy=False) for frame in frames(m.data)),
            shape=m.shape,
            dtype=dtype,
            photometric="minisblack",
            **of_pages,
        )


def options(
    m: Micrograph, path: Path, dtype: np.dtype, room: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """How tifffile is to write ``m``: arguments of its writer, and of the writer's ``write``.

    Parameters
    ----------
    m, path, dtype
        The image, where it goes, and the type to store.
    room
        Characters by which the record may grow later.
    """
    large = m.data.size * dtype.itemsize > _CLASSIC_LIMIT
    as_imagej = not _is_ome(path) and dtype.name in _IMAGEJ_TYPES and not large
    text = record.dumps(m)
    text = text.ljust(len(text) + room)
    of_pages = _imagej_options(m, text) if as_imagej else _ome_options(m, text)
    return {"bigtiff": large, "imagej": as_imagej, "ome": not as_imagej}, of_pages


def _is_ome(path: Path) -> bool:
    return path.name.lower().endswith((".ome.tif", ".ome.tiff"))


def _load(path: Path, file: Any, series: Any) -> Any:
    if len(series.shape) < 2:
        raise SBDError("it holds one row of numbers, no image (Y, X); give the detector image.")
    *outer, height, width = series.shape
    shape = (*(n for n in outer if n > 1), height, width)
    if series.dataoffset is not None:
        return map_array(path, file.byteorder + series.dtype.char, shape, series.dataoffset)
    try:
        if is_large(shape, series.dtype) and len(shape) == 3 and len(series.pages) == shape[0]:
            places = [(page.parent.filehandle.path, page.index) for page in series.pages]
            return stack_frames(partial(_read_page, places), shape[0], shape[1:], series.dtype)
        return series.asarray().reshape(shape)
    except (ValueError, ImportError, NotImplementedError, RuntimeError, AssertionError) as err:
        raise SBDError(_not_unpacked(series.keyframe, err)) from err


def _not_unpacked(page: Any, err: Exception) -> str:
    """Why pixels cannot be read; imagecodecs has errors of its own, which are RuntimeErrors."""
    if not isinstance(err, ImportError) and "imagecodecs" not in str(err):
        why = f" ({err})" if str(err) else ""
        return f"its pixels cannot be unpacked{why}: it is damaged or cut short; copy it again."
    compression = getattr(page.compression, "name", page.compression)
    return (
        f"its pixels ({page.bitspersample} bits, compression {compression}) need another package; "
        "install it with pip install imagecodecs, or save the image uncompressed in 8, 16 or "
        "32 bits."
    )


def _read_page(places: list[tuple[str, int]], index: int) -> np.ndarray:
    import tifffile

    path, page = places[index]
    return np.asarray(tifffile.imread(path, key=page))


def _metadata(file: Any, page: Any) -> dict[str, Any]:
    import tifffile

    tags = {t.name: plain(t.value) for t in page.tags if t.count <= _LONGEST_TAG}
    kept: dict[str, Any] = {"tiff": tags, **tiff_vendors.metadata(page)}
    if file.ome_metadata:
        kept["ome"] = plain(tifffile.xml2dict(file.ome_metadata))
    if file.is_imagej:
        kept["imagej"] = plain(file.imagej_metadata)
    return kept


def _with_ome(m: Micrograph, xml: str, index: int) -> Micrograph:
    root = ElementTree.fromstring(xml)
    pixels = root.findall("{*}Image/{*}Pixels")[index : index + 1]
    get = pixels[0].attrib if pixels else {}
    y, x = (
        (get.get(f"PhysicalSize{axis}"), get.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "YX"
    )
    m = m.replace(
        pixel_size=pixel_size_nm(*y, *x) or m.pixel_size,
        frame_time=to_seconds(get.get("TimeIncrement"), get.get("TimeIncrementUnit", "s")),
    )
    ours = [e.text for e in root.iterfind(".//{*}MapAnnotation//{*}M") if e.get("K") == record.KEY]
    return record.restore(m, next(iter(ours), None))


def _with_imagej(m: Micrograph, fields: dict[str, Any]) -> Micrograph:
    interval = to_seconds(fields.get("finterval"), fields.get("tunit", "s"))
    m = m.replace(data=on_line(m.data, fields), frame_time=interval or m.frame_time)
    return record.restore(m, fields.get("Info"))


def _pixel_size_of_imagej(fields: dict[str, Any], page: Any) -> tuple[float, float] | None:
    unit = fields.get("unit", "")
    y, x = _steps(page)
    return _no_printer(pixel_size_nm(y, unit, x, unit), unit)


def on_line(data: Any, fields: dict[str, Any]) -> Any:
    """Values by ImageJ's calibration ``c0 + c1 x``, which it applies to 8 and 16 bits only."""
    line: Any = fields.get("c0"), fields.get("c1")
    numbers = all(isinstance(c, int | float) for c in line)
    if fields.get("cf") != _STRAIGHT_LINE or not numbers or data.dtype.name not in _IMAGEJ_COUNTS:
        return data
    signed = line == (-32768, 1) and data.dtype.itemsize == 2
    return each_pixel(partial(_line, line=line, dtype=np.int16 if signed else np.float32), data)


def _line(values: np.ndarray, line: tuple[float, float], dtype: Any) -> np.ndarray:
    return (line[0] + line[1] * values.astype(np.float64)).astype(dtype)


def _pixel_size_of_tags(page: Any) -> tuple[float, float] | None:
    unit = _TAG_UNITS.get(int(page.tags.valueof("ResolutionUnit", 2)), "")
    y, x = _steps(page)
    return _no_printer(pixel_size_nm(y, unit, x, unit), unit)


def _no_printer(size: tuple[float, float] | None, unit: str) -> tuple[float, float] | None:
    return None if size is None or no_printers(max(size), unit) is None else size


def _steps(page: Any) -> tuple[float | None, float | None]:
    """Units per pixel along y and x."""
    tags = (page.tags.valueof(name) for name in ("YResolution", "XResolution"))
    y, x = (v[1] / v[0] if v and v[0] else None for v in tags)
    return y, x


def _imagej_options(m: Micrograph, text: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "TYX" if m.is_movie else "YX", "Info": text}
    if m.frame_time is not None:
        metadata["finterval"] = m.frame_time
    if m.pixel_size_yx is None:
        return {"metadata": metadata}
    y, x = m.pixel_size_yx
    return {"metadata": {**metadata, "unit": "nm"}, "resolution": (1 / x, 1 / y)}


def _ome_options(m: Micrograph, text: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "axes": "TYX" if m.is_movie else "YX",
        "Name": m.name or "image",
        "MapAnnotation": {record.KEY: text},
    }
    if m.frame_time is not None:
        metadata |= {"TimeIncrement": m.frame_time, "TimeIncrementUnit": "s"}
    if m.pixel_size_yx is None:
        return {"metadata": metadata}
    y, x = m.pixel_size_yx
    metadata |= {"PhysicalSizeX": x, "PhysicalSizeXUnit": "nm"}
    metadata |= {"PhysicalSizeY": y, "PhysicalSizeYUnit": "nm"}
    per_cm = [1e7 / size for size in (x, y)]
    if max(per_cm) > _LARGEST:
        return {"metadata": metadata}
    # as fractions: tifffile before 2026 rounds numbers of this size by up to 14 %
    ratios = [Fraction(n).limit_denominator(int(_LARGEST / n)) for n in per_cm]
    resolution = tuple((ratio.numerator, ratio.denominator) for ratio in ratios)
    return {"metadata": metadata, "resolution": resolution, "resolutionunit": "CENTIMETER"}
