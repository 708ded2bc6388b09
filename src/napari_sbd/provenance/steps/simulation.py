"""The step ``simulate``."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from ...denoising.settings import Seed
from ...errors import SBDError
from .operation import Operation
from .plain import Positive
from .script import Expression, Script, call, defaults_of

if TYPE_CHECKING:
    from .follower import Follower
    from .text import Text


class Simulation(Operation):
    """Settings of ``simulate``; ``part`` is what was taken of the phantom."""

    operation = "simulate"
    begins = True

    kind: str
    size: int
    pixel_size: Positive
    dose: Positive
    frames: int
    seed: Seed
    material: str | None = None
    zone: tuple[int, int, int] | None = None
    defocus: float | None = None
    modality: str
    settings: dict[str, float] | None = None
    detector: dict[str, float] | None = None
    part: Literal["noisy", "clean"]

    def python(self, script: Script) -> None:
        """The phantom's part."""
        from ...simulation.phantom import simulate

        arguments: dict[str, Any] = self.model_dump(exclude={"part", "settings", "detector"})
        if self.settings is not None:
            arguments["settings"] = _record(script, "optics", "Optics", self.settings)
        if self.detector is not None:
            arguments["detector"] = _record(script, "detector", "Detector", self.detector)
        script.begin(f"{call('sbd.simulate', (), arguments, defaults_of(simulate))}.{self.part}")
        script.save("")

    def do(self, follower: Follower) -> Any:
        """The phantom's part, which is the raw image."""
        from ...simulation.detector import Detector
        from ...simulation.optics import Optics
        from ...simulation.phantom import simulate

        arguments = self.model_dump(exclude={"part", "settings", "detector"})
        try:
            phantom = simulate(
                **arguments,
                settings=None if self.settings is None else Optics(**self.settings),
                detector=None if self.detector is None else Detector(**self.detector),
            )
        except TypeError as error:
            raise SBDError(f"The recipe of the simulation is not understood: {error}.") from error
        follower.raw = follower.newest = phantom.noisy if self.part == "noisy" else phantom.clean
        return follower.newest

    def cite(self, text: Text) -> None:
        """Method, structure and dose."""
        how = "multislice" if self.modality == "hrtem" else "incoherent annular dark-field"
        what = "without noise" if self.part == "clean" else "with detector noise"
        dose = " in vacuum" if self.modality == "hrtem" else ""
        text.say(
            f"The micrograph is simulated ({text.program}, {how}, structure {self.kind}, "
            f"seed {self.seed}, {self.pixel_size:.4g} nm per pixel, "
            f"{self.dose:.3g} electrons per pixel{dose}, {what})."
        )


def _record(script: Script, module: str, name: str, values: dict[str, float]) -> Expression:
    from importlib import import_module

    room = f"napari_sbd.simulation.{module}"
    known = {f.name: f.default for f in fields(getattr(import_module(room), name))}
    if unknown := set(values) - set(known):
        raise SBDError(f"The recipe holds {unknown.pop()!r}, which {module} do not know.")
    script.imports.add(f"from {room} import {name}")
    return Expression(call(name, (), values, known))
