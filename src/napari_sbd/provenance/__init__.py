"""The recipe of a result, read, written as a script or as commands, followed and cited."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import SBDError
from ..recipe import BESIDE, KEY


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The recipe of a result: in the file, or in ``FILE.recipe.json`` beside it.

    Parameters
    ----------
    path
        An image, movie or NIfTI stack, a table of columns (CSV or HDF5), any file with a recipe
        beside it, or a ``.recipe.json`` itself.

    Raises
    ------
    SBDError
        If there is no such file, or it carries no recipe.
    """
    from ..io import check_readable

    path = Path(path).absolute()
    check_readable(path)
    beside = path if path.suffix == ".json" else path.with_name(path.name + BESIDE)
    if beside.is_file():
        return _parsed(beside)
    from ..columns.export import is_table, read_columns

    if is_table(path):
        kept = read_columns(path).attrs.get("recipe")
    else:
        from .sources import read_source

        kept = read_source(path).metadata.get(KEY)
    if not isinstance(kept, dict):
        raise SBDError(
            f"{path.name} carries no recipe: it was not made by napari-sbd, or another program has "
            "saved it again since."
        )
    return kept


def _parsed(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        raise SBDError(f"{path.name} holds no recipe; give a result of napari-sbd.")
    return kept
