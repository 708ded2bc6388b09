"""A recipe as a Python script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import signature
from typing import Any

from ..denoising.settings import Repeated
from ..errors import SBDError
from .names import NO_FILE, TUNING_DEFAULTS, is_series_file, output_name
from .stacks import check_estimated, mask_of, model_file
from .steps import (
    Agreement,
    Columns,
    Denoise,
    Drifting,
    Origin,
    SeriesDenoise,
    Simulation,
    Step,
    Tuning,
    since_the_source,
    steps,
)

_WRITTEN = "model", "device"  # arguments that stand in every script


def as_python(recipe: Any) -> str:
    """Write a recipe as a script that repeats the result.

    What came from the file, such as the pixel size, and what was chosen from the data, such as the
    model, is written out, so that the script stays what it is. Other defaults are left out.

    Parameters
    ----------
    recipe
        What stands under ``"napari_sbd"`` in a result's metadata, or one entry of its history.

    Raises
    ------
    SBDError
        If it holds what this version does not know, or what a script cannot repeat.

    Examples
    --------
    >>> print(sbd.as_python(denoised.metadata["napari_sbd"]))
    import napari_sbd as sbd
    ...
    """
    script = _Script()
    for step in since_the_source(steps(recipe)):
        script.add(step)
    return "\n".join([*sorted(script.imports), "", *script.lines, script.ending, ""])


@dataclass(frozen=True)
class _Expression:
    """Code that stands for a value."""

    code: str

    def __repr__(self) -> str:
        return self.code


class _Script:
    """Lines of a script, and the names of what they have made so far."""

    def __init__(self) -> None:
        self.imports = {"import napari_sbd as sbd"}
        self.lines: list[str] = []
        self.ending = ""
        self._newest: str | None = None
        self._path: str | None = None  # the file that the newest result began with
        self._read: dict[str | None, str] = {}  # names of images by path

    def add(self, step: Step) -> None:
        settings = step.settings
        if isinstance(settings, Simulation):
            self._simulate(settings)
            return
        if step.source is not None or self._newest is None:
            self._path = step.source.path if step.source else None
            self._newest = self._image(self._path)
        if isinstance(settings, Denoise):
            self._denoise(settings)
        elif isinstance(settings, Drifting):
            self._still(settings)
        elif isinstance(settings, SeriesDenoise):
            self._series(settings)
        elif isinstance(settings, Columns):
            self._columns(settings, step.source is None)
        elif isinstance(settings, Agreement):
            self._agreement(settings, step.source is None)

    def _image(self, path: str | None) -> str:
        if path not in self._read:
            name = f"image_{len(self._read) + 1}" if self._read else "image"
            note = "" if path else "  # it was in memory; give its file here"
            reader = "read_series" if is_series_file(path) else "read"
            self.lines.append(f"{name} = sbd.{reader}({path or NO_FILE!r}){note}")
            self._read[path] = name
        return self._read[path]

    def _counts(self, noisy: Origin | None, made_here: bool) -> str:
        """The name of the raw image beside the newest result."""
        if noisy is None and made_here and self._read:
            return next(iter(self._read.values()))
        return self._image(noisy.path if noisy else None)

    def _simulate(self, s: Simulation) -> None:
        from ..simulation.phantom import simulate

        arguments: dict[str, Any] = s.model_dump(exclude={"part", "settings", "detector"})
        if s.settings is not None:
            arguments["settings"] = self._record("optics", "Optics", s.settings)
        if s.detector is not None:
            arguments["detector"] = self._record("detector", "Detector", s.detector)
        call = _call("sbd.simulate", (), arguments, _defaults(simulate))
        self.lines.append(f"image = {call}.{s.part}")
        self._newest = self._read[None] = "image"
        self._save("image", "")

    def _record(self, module: str, name: str, values: dict[str, float]) -> _Expression:
        from importlib import import_module

        room = f"napari_sbd.simulation.{module}"
        known = {f.name: f.default for f in fields(getattr(import_module(room), name))}
        if unknown := set(values) - set(known):
            raise SBDError(f"The recipe holds {unknown.pop()!r}, which {module} do not know.")
        self.imports.add(f"from {room} import {name}")
        return _Expression(_call(name, (), values, known))

    def _still(self, s: Drifting) -> None:
        from ..movie import correct_drift, estimate_drift

        check_estimated(s)
        assert s.estimated is not None
        movie, how = self._newest or "", s.estimated
        arguments = {"model": how.model_path or how.model, "device": how.device}
        arguments |= how.model_dump(include={"pixel_size", "jitter", "largest_step"})
        defaults = _defaults(estimate_drift, _WRITTEN)
        call = _call("sbd.estimate_drift", (movie,), arguments, defaults)
        self.lines.append(f"drift = {call}")
        given = {"interpolate": s.interpolate, "edges": s.edges}
        call = _call("sbd.correct_drift", (movie, "drift"), given, _defaults(correct_drift))
        self.lines.append(f"{movie} = {call}")
        self._save(movie, "_corrected")

    def _series(self, s: SeriesDenoise) -> None:
        arguments: dict[str, Any] = {"model": model_file(s), "device": s.device}
        if mask := mask_of(s):
            arguments["mask"] = mask.path
        call = _call("sbd.denoise_series", (self._newest or "",), arguments, {})
        self.lines.append(f"denoised = {call}")
        self._newest = "denoised"
        self._save("denoised", "_denoised")

    def _denoise(self, s: Denoise) -> None:
        from ..denoise import denoise

        image = self._newest or ""
        if isinstance(s.frames, str):
            self.lines.append(f"{image} = {image}.replace(data={image}.data[{_slice(s.frames)}])")
        elif s.frames is not None:
            self.lines.append(f"# the run was ended after frames {s.frames}; this denoises all")
        model = s.model_path or s.model
        arguments = {**calibration(s), "model": model, "device": s.device}
        arguments |= {name: getattr(s, name) for name in Repeated.model_fields}
        if s.gain_tuning is not None:
            arguments |= self._tuning(s, s.gain_tuning, image, model)
        call = _call("sbd.denoise", (image,), arguments, _defaults(denoise, _WRITTEN))
        self.lines.append(f"denoised = {call}")
        self._newest = "denoised"
        self._save("denoised", "_denoised")

    def _tuning(self, s: Denoise, t: Tuning, image: str, model: str) -> dict[str, Any]:
        if t.file is not None:
            return {"gain_tuning": t.file}
        if t.on_this_image and t.requested:
            options = {**t.requested.model_dump(), "tune": t.tune}
            if options == TUNING_DEFAULTS:
                return {"gain_tuning": True, "seed": t.seed}
            arguments = {**calibration(s), "model": model, **options}
            arguments |= {"device": s.device, "seed": t.seed}
            call = _call("sbd.gain_tune", (image,), arguments, {**TUNING_DEFAULTS, "seed": 0})
        elif t.gains is not None:
            self.imports.add("from napari_sbd.gaintuning.tuned import from_text")
            call = f"from_text({t.gains!r})"
        else:
            raise SBDError("The gains are too many for the recipe to hold; save them with save().")
        self.lines.append(f"tuned = {call}")
        return {"gain_tuning": _Expression("tuned")}

    def _columns(self, s: Columns, made_here: bool) -> None:
        from ..columns import find_columns

        noisy = "None" if s.noisy is False else self._counts(s.noisy, made_here)
        names = [noisy, self._newest or ""]
        arguments = {**calibration(s), **s.model_dump(include={"polarity", "sensitivity"})}
        arguments |= s.model_dump(include={"spacing", "alpha", "halves", "region"})
        call = _call("sbd.find_columns", names, arguments, _defaults(find_columns))
        self.lines.append(f"columns = {call}")
        self.ending = f'sbd.write_columns(columns, "{output_name(self._path, "_columns.csv")}")'

    def _agreement(self, s: Agreement, made_here: bool) -> None:
        names = [self._counts(s.noisy, made_here), self._newest or ""]
        given = s.model_dump(include={"pixel_size", "gain", "offset", "region"})
        call = _call("sbd.agreement", names, given, dict.fromkeys(given))
        self.lines.append(f"judged = {call}")
        self.ending = "print(judged.verdict())"

    def _save(self, name: str, what: str) -> None:
        writer, ending = "write", f"{what}.ome.tif"
        if is_series_file(self._path):
            writer, ending = "write_series", f"{what}.nii.gz"
        self.ending = f'sbd.{writer}({name}, "{output_name(self._path, ending)}")'


def calibration(s: Denoise | Columns) -> dict[str, Any]:
    """Pixel size [nm], gain and offset, as far as they are known."""
    known: dict[str, Any] = {}
    if s.pixel_size is not None:
        known["pixel_size"] = s.pixel_size
    if s.gain is not None:
        known["gain"] = s.gain
    if s.gain is not None or s.offset:
        known["offset"] = s.offset
    return known


def _call(function: str, names: Any, arguments: dict[str, Any], defaults: dict[str, Any]) -> str:
    given = [
        f"{key}={value!r}"
        for key, value in arguments.items()
        if key not in defaults or value != defaults[key]
    ]
    return f"{function}({', '.join([*names, *given])})"


def _defaults(function: Callable[..., Any], but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Default values; arguments in ``but`` are written out whatever their value."""
    parameters = signature(function).parameters.items()
    return {name: p.default for name, p in parameters if name not in but}


def _slice(frames: str) -> str:
    if ":" in frames:
        return frames
    return f"{frames}:{int(frames) + 1 or ''}"
