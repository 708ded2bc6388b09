"""Steps on whole movies and stacks done once more: drift taken out, signals along the axis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from .steps import Drifting, Origin, SeriesDenoise

if TYPE_CHECKING:
    from ..movie import Drift
    from ..series.model import SeriesModel


def recorded_drift(s: Drifting) -> Drift:
    """The shifts of a recipe."""
    from ..movie import Drift

    unknown = np.full(len(s.shifts), np.nan)
    how = s.estimated.model_dump() if s.estimated else None
    return Drift(np.array(s.shifts), np.zeros((len(s.shifts), 2)), unknown, unknown, estimated=how)


def check_estimated(s: Drifting) -> None:
    """Refuse shifts that ``estimate_drift`` cannot find again.

    Raises
    ------
    SBDError
        If they came from elsewhere.
    """
    if s.estimated is None:
        raise SBDError(
            "The recipe does not say how its drift was found, so it cannot be found again; "
            "napari-sbd rerun repeats the result with the shifts of the recipe."
        )


def series_denoised(
    s: SeriesDenoise,
    stack: Any,
    exact: bool,
    find: Callable[[Origin], Path],
    **options: Any,
) -> Any:
    """A stack denoised along its axis.

    Parameters
    ----------
    s
        What the recipe says.
    stack
        A micrograph or series.
    exact, find
        As in ``Follower``.
    **options
        Of ``denoise_series``: device, progress, should_stop.

    Raises
    ------
    SBDError
        If model or mask are not to be had, or are others.
    """
    from ..files import file_checksum
    from ..series import denoise_series

    mask = mask_of(s)
    if mask is not None:
        if not exact:
            raise SBDError(
                "The recipe's mask belongs to its own stack; denoise the other one with "
                "denoise_series and a mask of its own."
            )
        path = find(mask)
        if mask.sha256 is not None and file_checksum(path) != mask.sha256:
            raise SBDError(f"The mask {path} is not that of the recipe (SHA-256 differs).")
        options["mask"] = path
    return denoise_series(stack, _trained(s), **options)


def model_file(s: SeriesDenoise) -> str:
    """The path of the model.

    Raises
    ------
    SBDError
        If it was only in memory.
    """
    if s.model_path is None:
        raise SBDError(
            f"The model {s.model!r} was only in memory, so the result cannot be repeated; save the "
            "model with save() and give denoise_series its path."
        )
    return s.model_path


def mask_of(s: SeriesDenoise) -> Origin | None:
    """The file of the mask; None where there was no mask.

    Raises
    ------
    SBDError
        If it was only in memory.
    """
    if s.mask is None:
        raise SBDError(
            "The mask was only in memory, so the result cannot be repeated; give denoise_series "
            "the path of a mask file."
        )
    return s.mask or None


def _trained(s: SeriesDenoise) -> SeriesModel:
    from ..series import load_series_model

    path = Path(model_file(s))
    if not path.is_file():
        raise SBDError(
            f"The model {path} is not there any more, so the result cannot be repeated; put it "
            "back."
        )
    trained = load_series_model(path)
    if trained.card.sha256 != s.model_sha256:
        raise SBDError(
            f"The model {path} is another one than that of the recipe (SHA-256 "
            f"{s.model_sha256[:12]}...); the result cannot be repeated with it."
        )
    return trained
