"""A recipe as shell commands."""

from __future__ import annotations

import shlex
from typing import Any

from ..denoising.settings import Repeated, Settings
from ..errors import SBDError
from .names import NO_FILE, TUNING_DEFAULTS, is_series_file, output_name
from .python import calibration
from .stacks import check_estimated, mask_of, model_file
from .steps import (
    Agreement,
    Columns,
    Denoise,
    Drifting,
    Origin,
    SeriesDenoise,
    Step,
    Tuning,
    since_the_source,
    steps,
)


def as_command(recipe: Any) -> str:
    """Write a recipe as commands that repeat the result, one line for each step.

    Parameters
    ----------
    recipe
        What stands under ``"napari_sbd"`` in a result's metadata, or one entry of its history.

    Raises
    ------
    SBDError
        If it holds what this version does not know, or what the command line has no option for.

    Examples
    --------
    >>> sbd.write(noisy.replace(metadata={}), "noisy.tif")
    >>> result = sbd.denoise(sbd.read("noisy.tif"), model="hrtem")
    >>> print(sbd.as_command(result.metadata["napari_sbd"]))
    napari-sbd denoise ...noisy.tif -o noisy_denoised.ome.tif --pixel-size 0.03 ...
    """
    lines: list[str] = []
    raw = newest = None
    for step in since_the_source(steps(recipe)):
        if step.source is not None:
            raw = newest = step.source.path
        elif newest is None:
            raw = newest = NO_FILE
        words, newest = _line(step, raw or NO_FILE, newest or NO_FILE)
        raw = newest if isinstance(step.settings, Drifting) else raw
        lines.append(shlex.join(["napari-sbd", *words]))
    return "\n".join(lines)


def _line(step: Step, raw: str, newest: str) -> tuple[list[str], str]:
    """Words of a command, and the file that it writes."""
    s = step.settings
    if isinstance(s, Denoise):
        target = output_name(newest, "_denoised.ome.tif")
        return ["denoise", newest, "-o", target, *_denoise(s)], target
    if isinstance(s, Drifting):
        target = output_name(newest, "_corrected.ome.tif")
        return ["drift", newest, "-o", target, *_drift(s)], target
    if isinstance(s, SeriesDenoise):
        ending = "_denoised.nii.gz" if is_series_file(newest) else "_denoised.ome.tif"
        target = output_name(newest, ending)
        return ["series", "denoise", newest, "-o", target, *_series(s)], target
    made_here = step.source is None
    if isinstance(s, Columns):
        target = output_name(raw, "_columns.csv")
        return ["columns", *_columns(s, raw, newest, made_here), "-o", target], target
    if isinstance(s, Agreement):
        target = output_name(raw, "_agreement.png")
        given = s.model_dump(include={"gain", "offset", "region"})
        options = [*_pixel_size(s.pixel_size), *_options(given, dict.fromkeys(given))]
        return [
            "agreement",
            _noisy(s.noisy, raw, made_here),
            newest,
            "-o",
            target,
            *options,
        ], target
    raise SBDError(f"There is no command for {step.operation!r}; copy the recipe as Python.")


def _denoise(s: Denoise) -> list[str]:
    options = _calibration(s)
    if isinstance(s.frames, str):
        options += ["--frames", s.frames]
    options += ["--model", s.model_path or s.model]
    chosen = {name: getattr(s, name) for name in Repeated.model_fields}
    if s.gain_tuning is not None:
        options += _tuning(s.gain_tuning)
        chosen.pop("seed")
    options += _options(chosen, Settings().repeated())
    return [*options, "--device", s.device]


def _drift(s: Drifting) -> list[str]:
    from ..movie.drift import JITTER, REACH

    check_estimated(s)
    assert s.estimated is not None
    how = s.estimated
    flags = {"--interpolate": s.interpolate, "--crop": s.edges == "crop"}
    options = [flag for flag, given in flags.items() if given] + _pixel_size(how.pixel_size)
    options += ["--model", how.model_path or how.model]
    lengths = {"jitter": how.jitter, "largest-step": how.largest_step}
    options += _options(lengths, {"jitter": JITTER, "largest-step": REACH})
    return [*options, "--device", how.device]


def _series(s: SeriesDenoise) -> list[str]:
    mask = mask_of(s)
    masked = ["--mask", mask.path] if mask else []
    return ["--model", model_file(s), *masked, "--device", s.device]


def _tuning(t: Tuning) -> list[str]:
    if t.file is not None:
        return ["--gains", t.file]
    if not (t.on_this_image and t.requested):
        raise SBDError(
            "The gains were tuned on another image, which no command can repeat; copy the recipe "
            "as Python, or use napari-sbd rerun."
        )
    options: dict[str, Any] = {"loss": t.requested.loss, "tune": t.tune}
    options |= {"tune-frames": t.requested.frames, "tune-steps": t.requested.steps, "seed": t.seed}
    defaults = {"loss": "auto", "tune": TUNING_DEFAULTS["tune"], "seed": 0}
    defaults |= {"tune-frames": TUNING_DEFAULTS["frames"], "tune-steps": TUNING_DEFAULTS["steps"]}
    return ["--gain-tuning", *_options(options, defaults)]


def _columns(s: Columns, raw: str, newest: str, made_here: bool) -> list[str]:
    if s.noisy is False:
        words = [newest, "--as-it-is"]
    else:
        words = [_noisy(s.noisy, raw, made_here), "--denoised", newest]
    values = s.model_dump(include={"polarity", "sensitivity", "spacing", "alpha", "region"})
    defaults = {"polarity": "auto", "sensitivity": 0.5}
    defaults |= dict.fromkeys(("spacing", "alpha", "region"))
    words += [] if s.halves or s.noisy is False else ["--no-halves"]
    return [*words, *_calibration(s), *_options(values, defaults)]


def _noisy(noisy: Origin | None, raw: str, made_here: bool) -> str:
    if noisy is not None:
        return noisy.path
    return raw if made_here else NO_FILE


def _calibration(s: Denoise | Columns) -> list[str]:
    known = calibration(s)
    return [*_pixel_size(known.pop("pixel_size", None)), *_options(known, {})]


def _pixel_size(size: Any) -> list[str]:
    if isinstance(size, tuple):
        raise SBDError(
            "The pixel sizes along y and x differ, which the command line has no option for; copy "
            "the recipe as Python."
        )
    return [] if size is None else ["--pixel-size", str(size)]


def _options(values: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in values.items():
        if name in defaults and value == defaults[name]:
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return words
