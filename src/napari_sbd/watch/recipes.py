"""Recipes of frames that were denoised one by one, and of the stacks that they make up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import file_checksum
from ..micrograph import FRAME, Micrograph
from ..micrograph.frames import Level
from ..recipe import history, origin_of, with_recipe
from ..session import Frame
from .reading import so_far

_LISTS = "frames", "blank_frames", "outlier_filled_frames"


def numbered(image: Micrograph, index: int) -> Micrograph:
    """A frame of a stack that knows its number there."""
    return image.replace(metadata={**image.metadata, FRAME: index})


def begun_by(path: Path, number: int | None, chosen: Mapping[str, int]) -> Micrograph:
    """The frame that a recipe names as looked at; arguments and errors as those of ``so_far``."""
    image = so_far(path, None, False, chosen).image(number or 0, path)
    return image if number is None else numbered(image, number)


def of_frame(
    entry: Mapping[str, Any], image: Micrograph, first: Micrograph, frame: Frame
) -> dict[str, Any]:
    """The step of one frame, where the session was made ready by another.

    Parameters
    ----------
    entry
        What the session says.
    image
        The frame, with calibration, file and, in a stack, its number.
    first
        By which the model was made ready.
    frame
        What came of it.
    """
    settings = {**entry["settings"], "shape": list(image.shape)}
    settings.pop("frame", None)  # of the one that the session was made ready by
    if image.gain is not None and frame.raw is not None:
        settings["dose"] = Level.of(np.asarray(frame.raw), image.offset).mean / image.gain
    if FRAME in image.metadata:
        settings["frames"] = str(image.metadata[FRAME])
    if first.source is not None:
        settings["looked_at"] = {"path": str(first.source), "frame": first.metadata.get(FRAME)}
    told = {"operation": entry["operation"], "versions": entry["versions"]}
    origin = origin_of(image, checksum=False)
    return {**told, **({"source": origin} if origin else {}), "settings": settings}


def with_frame(
    kept: Mapping[str, Any] | None,
    entry: Mapping[str, Any] | None,
    fate: str,
    index: int,
    shape: tuple[int, ...],
) -> dict[str, Any] | None:
    """The step of a stack with one frame more.

    Parameters
    ----------
    kept, entry
        Of the stack so far, and of the frame; None without.
    fate, index
        Of the frame, and its number.
    shape
        (T, Y, X) of the stack with it.

    Returns
    -------
    The step of the first frame that was denoised, which lists those that are there where others are
    not, those that are blank, and outliers; None where neither is given.
    """
    step = kept or entry
    if step is None:
        return None
    old = (kept or {}).get("settings", {})
    before = old.get("frames")
    done = set(range(old["shape"][0]) if kept and before is None else before or ())
    blank = set(old.get("blank_frames", ())) - {index}
    if entry is not None and index < min(done - blank - {index}, default=index + 1):
        step = entry
    filled = {**old.get("outlier_filled_frames", {})}
    filled.pop(str(index), None)
    new = (entry or {}).get("settings", {}).get("outlier_filled_frames", {})
    filled |= dict.fromkeys([str(index)] * len(new), *new.values())
    done, blank = done | {index}, blank | ({index} if fate == "blank" else set())
    lists = {
        "frames": sorted(done) if len(done) < shape[0] else None,
        "blank_frames": sorted(blank),
        "outlier_filled_frames": dict(sorted(filled.items(), key=lambda item: int(item[0]))),
    }
    settings = {k: v for k, v in step["settings"].items() if k not in _LISTS}
    settings |= {"shape": list(shape), **{k: v for k, v in lists.items() if v}}
    # the file may grow, so that a checksum is none of the whole
    origin = {"source": {**step["source"], "sha256": None}} if "source" in step else {}
    return {**step, **origin, "settings": settings}


def with_checksum(result: Micrograph) -> Micrograph:
    """The result of a file that is complete, whose checksum its recipe tells."""
    steps = history(result.metadata)
    if not steps or "source" not in steps[-1]:
        return result
    origin = steps[-1]["source"]
    step = {**steps[-1], "source": {**origin, "sha256": file_checksum(origin["path"])}}
    return with_recipe(result.replace(metadata={}), step)
