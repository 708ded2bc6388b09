"""Tables of columns as files: CSV, the HDF5 layout of atomap, XYZ."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError, reason_of
from ..files import check_folder, replacing
from ..recipe import forget_beside, write_beside
from .lattice import check_table

if TYPE_CHECKING:
    import pandas as pd


_HDF5 = (".hdf5", ".h5")
_SUFFIXES = (".csv", *_HDF5, ".xyz")
_GROUP, _OURS = "columns_sublattice", "napari-sbd"  # where atomap's layout has places; who wrote it
_QUOTE = '"'
_ATTRS = "# attrs: "


def write_columns(
    table: pd.DataFrame, path: str | Path, image: Any = None, element: str = "X"
) -> None:
    """Write a table; the suffix chooses the format.

    Parameters
    ----------
    table
        From ``find_columns`` or ``follow_columns``.
    path
        ``.csv``: comment lines with the recipe, then all columns. ``.hdf5`` or ``.h5``: an atom
        lattice for atomap with one sublattice, of one frame. ``.xyz``: positions in Å (nm are
        needed), z = 0, a block for each frame of a movie.
    image
        (Y, X) the columns belong to; atomap's layout needs one, and gets zeros where it is absent.
    element
        Chemical symbol for XYZ.

    Raises
    ------
    SBDError
        If the suffix is unknown or the table lacks what the format needs.

    Examples
    --------
    >>> table = sbd.find_columns(noisy, denoised)
    >>> sbd.write_columns(table, "columns.csv")
    >>> sbd.write_columns(table, "columns.xyz", element="Pt")
    """
    check_table(table)
    target = Path(path)
    check_target(target)
    writers: dict[str, Callable[[Path], None]] = {
        ".csv": lambda file: _csv(table, file),
        ".hdf5": lambda file: _atomap(table, file, image),
        ".h5": lambda file: _atomap(table, file, image),
        ".xyz": lambda file: _xyz(table, file, element),
    }
    try:
        with replacing(target) as draft:
            writers[target.suffix.lower()](draft)
        if target.suffix.lower() == ".xyz" and "recipe" in table.attrs:
            write_beside(target, plain(table.attrs["recipe"]))
        else:
            forget_beside(target)
    except OSError as error:
        raise SBDError(f"{target} cannot be written: {reason_of(error)}.") from error


def check_target(path: Path) -> None:
    """Refuse a path to which columns cannot be written, before any work is done.

    Raises
    ------
    SBDError
        If its suffix is unknown, or its folder missing or closed.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise SBDError(f"Columns are written as {', '.join(_SUFFIXES)}, not {path.suffix!r}.")
    check_folder(path)


def read_columns(path: str | Path) -> pd.DataFrame:
    """Read a table written by ``write_columns`` as CSV or in atomap's layout, with its ``attrs``.

    The latter has places, widths and amplitudes. Tables that a spreadsheet has saved since, with
    semicolons or tabs between the numbers and with decimal commas, are understood.

    Raises
    ------
    SBDError
        If it is none, rows have more numbers than there are names, or places are no numbers.
    """
    import pandas as pd

    if _is_lattice(Path(path)):
        return _of_atomap(Path(path))
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
        first, body = _parted(text)
        way = _dialect(body)
        table = pd.read_csv(io.StringIO(body), **way, **_every_digit(pd.__version__))
    except FileNotFoundError:
        raise SBDError(f"There is no file {path}; check its name and folder.") from None
    except OSError as error:
        why = error.strerror or error
        raise SBDError(f"{path} cannot be read as a table of columns: {why}.") from error
    except ValueError as error:
        raise SBDError(
            f"{path} is no table of columns; give the .csv that the Columns tool or the command "
            "columns wrote."
        ) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for names
        raise SBDError(
            f"Rows of {path} hold more numbers than there are names above them, as where decimal "
            "commas stand between commas; save it with decimal points, or with semicolons."
        )
    table = table.dropna(how="all").reset_index(drop=True)
    check_table(table)
    if "note" in table:
        table["note"] = table["note"].astype(object).fillna("")
    if first.startswith(_QUOTE):  # a spreadsheet takes commas in it for those between cells
        first = ",".join(next(csv.reader([first], delimiter=way["sep"]))).rstrip(",")
    if first.startswith(_ATTRS):
        try:
            table.attrs = json.loads(first.removeprefix(_ATTRS))
        except ValueError as error:
            raise SBDError(
                f"The first line of {path} is damaged, which holds recipe and pixel size; without "
                "that line it can be read in pixels."
            ) from error
    return table


def is_table(path: Path) -> bool:
    """Whether a file is a table of columns: CSV, or what ``write_columns`` wrote for atomap."""
    return path.suffix.lower() == ".csv" or _is_lattice(path)


def _is_lattice(path: Path) -> bool:
    if path.suffix.lower() not in _HDF5:
        return False
    import h5py

    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as root:
        return _GROUP in root and root.attrs.get("name") == _OURS


def _of_atomap(path: Path) -> pd.DataFrame:
    import h5py
    import pandas as pd

    with h5py.File(path) as root:
        group = root[_GROUP]
        x, y = group["atom_positions"][:].T
        width, height = group["sigma_x"][:], group["amplitude_gaussian"][:]
        told = json.loads(root.attrs["recipe"])
    table = pd.DataFrame({"y": y, "x": x, "sigma": width, "amplitude": height})
    check_table(table)
    table.attrs = told
    return table


def _parted(text: str) -> tuple[str, str]:
    """The first comment of a table, and the table without its comments."""
    lines = text.splitlines()
    comments = next(
        (n for n, line in enumerate(lines) if not line.lstrip(_QUOTE).startswith("#")), len(lines)
    )
    return lines[0] if comments else "", "\n".join(lines[comments:])


def _dialect(body: str) -> dict[str, Any]:
    """How pandas is to read a table: what stands between numbers, and in them."""
    head = body.partition("\n")[0]
    separator = next((mark for mark in ";\t" if mark in head), ",")
    comma = separator != "," and re.search(r"\d,\d", body) is not None
    return {"sep": separator, "decimal": "," if comma else ".", "skipinitialspace": True}


def _every_digit(version: str) -> dict[str, Any]:
    """What makes pandas read numbers to the last digit: the default from 3.1, an option before."""
    is_default = tuple(int(n) for n in version.split(".")[:2]) >= (3, 1)
    return {} if is_default else {"float_precision": "round_trip"}


def _csv(table: pd.DataFrame, file: Path) -> None:
    attrs = json.dumps(plain(table.attrs))
    notes = [
        f"{_ATTRS}{attrs}",
        "# y, x: px, centre of pixel (0, 0) is 0, 0; _nm: nm; _err: one standard deviation; _raw: "
        "from the counts alone",
        f"# intensity: integral of the Gaussian [{table.attrs.get('unit', 'image units')} x px]",
    ]
    if "strain_xx" in table:
        unit = table.attrs.get("strain", {}).get("unit", "px")
        notes.append(
            f"# displacement, spacing_a, spacing_b: {unit}; neighbour_distance: px; strain: no "
            "unit; rotation: rad, positive from +x to +y"
        )
    with file.open("w", encoding="utf-8", newline="") as handle:
        handle.write("\n".join(notes) + "\n")
        table.to_csv(handle, index=False, lineterminator="\n")


def _atomap(table: pd.DataFrame, file: Path, image: Any) -> None:
    """The layout of atomap 0.4: a group for each sublattice with positions as (x, y)."""
    import h5py

    if "frame" in table and table["frame"].nunique() > 1:
        raise SBDError(
            "atomap's layout holds the columns of one image; give those of one frame, or write "
            ".csv."
        )
    points = table[["x", "y"]].to_numpy(float)
    picture = np.zeros(table.attrs.get("shape", (1, 1))) if image is None else np.asarray(image)
    size = table.attrs.get("pixel_size_nm")
    pixel = 1.0 if size is None else float(np.mean(size))
    with h5py.File(file, "w") as root:
        root.attrs["name"] = _OURS
        root.attrs["recipe"] = json.dumps(plain(table.attrs))
        root.create_dataset("image_data", data=picture, compression="gzip")
        root.create_dataset("original_image_data", data=picture, compression="gzip")
        group = root.create_group(_GROUP)
        group.attrs["name"] = "columns"
        group.attrs["plot_color"] = "red"
        group.attrs["pixel_size"] = pixel
        group.attrs["units"] = "pixel" if size is None else "nm"
        group.attrs["sublattice_index"] = 0
        for level in (root, group):
            level.attrs["pixel_separation"] = float(table.attrs.get("spacing") or 1.0)
        for name in ("modified_image_data", "original_image_data"):
            group.create_dataset(name, data=picture, compression="gzip")
        group.create_dataset("atom_positions", data=points)
        sigma = table["sigma"].to_numpy(float) if "sigma" in table else np.ones(len(table))
        height = table["amplitude"].to_numpy(float) if "amplitude" in table else np.ones(len(table))
        for name, data in (
            ("sigma_x", sigma),
            ("sigma_y", sigma),
            ("rotation", np.zeros(len(table))),
            ("amplitude_gaussian", height),
        ):
            group.create_dataset(name, data=data)


def _xyz(table: pd.DataFrame, file: Path, element: str) -> None:
    if not {"y_nm", "x_nm"} <= set(table.columns):
        raise SBDError("XYZ files need positions in nm; give the pixel size.")
    head, lines = "atomic columns, napari-sbd; x to the right, y down, z = 0, Å", []
    images = table.groupby("frame") if "frame" in table else [(None, table)]
    for frame, columns in images:
        told = head if frame is None else f"{head}; frame {frame}"
        lines += [str(len(columns)), told]
        for x, y in columns[["x_nm", "y_nm"]].to_numpy(float) * 10:
            lines.append(f"{element} {x:.4f} {y:.4f} 0.0000")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """A value as JSON has it; numbers that are not finite are None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.generic):
        return value.item()
    return value
