"""One recipe file (YAML) describes one model."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from ..errors import SBDError, refusal
from ..simulation.dataset import FIELD, MIXTURES
from ..simulation.materials import material
from ..simulation.microscope import Microscope, Positive
from ..simulation.structures import KINDS, OF_ONE_CRYSTAL

# the mixture of a recipe that names materials but no mixture
OF_MATERIALS = {
    "crystal_edge": 0.5,
    "free_particle": 0.25,
    "grain_boundary": 0.15,
    "dislocation": 0.1,
}
_SUFFIX = ".cif"
_LONGEST_NAME = 80  # characters: files are named after a model


class Network(BaseModel):
    """Options of ``networks.unet.UNet`` that differ from its defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    widths: tuple[PositiveInt, ...] | None = None
    depths: tuple[PositiveInt, ...] | None = None
    heads: PositiveInt | None = None
    non_local: NonNegativeInt | None = None
    bias: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """Those that were given."""
        return self.model_dump(exclude_none=True)

    @model_validator(mode="after")
    def _possible(self) -> Network:
        from ..networks.unet import check_options

        check_options(**self.model_dump(exclude_none=True, exclude={"bias"}))
        return self


class Recipe(BaseModel):
    """What a network is trained on, and how long.

    Parameters
    ----------
    name
        Name of the model and of its files.
    description
        One sentence for the model card.
    mixture
        Kinds of structures: a key of ``simulation.dataset.MIXTURES``, or the share of each of
        ``simulation.structures.KINDS``.
    materials
        Names or CIF files, taken in equal shares; by default each kind has its own. The mixture is
        then one of crystals, their edges, particles and defects, unless it is given.
    zones
        Directions [u, v, w] of these materials along the beam; by default the usual ones.
    microscope
        Ranges of its settings; by default many microscopes, ``simulation.dataset.draw_optics``.
    pixel_nm
        Range of the working pixel [nm]: the raw pixel times the pixels that are summed to come near
        0.033 nm. By default 0.022 to 0.06 nm.
    adf
        Share of the images that are annular dark-field STEM; the others are phase contrast.
    low_magnification
        Share of the images that show objects larger than atoms
        (``simulation.low_magnification``); the others are drawn from exit waves.
    cameras
        Share of the noisy images that show what is left of a camera's faults (``cameras``); the
        others are ideal electron counts.
    frames
        Frames that the network sees at once; the middle one comes out. With more than one it is a
        network for movies, trained on clips of as many frames.
    waves
        Exit waves to simulate; for movies scenes, of one to five exit waves each.
    images
        Clean images to draw from them.
    image_size
        Side of these images [working pixels].
    dose
        Range of electrons per working pixel, drawn log-uniformly.
    crops
        Side of the training crops [working pixels], from early to late.
    batch
        Images per step.
    network
        Where it differs from the usual one.
    rate
        Learning rate at the start of the run; by default ``session.RATE`` from scratch and
        ``session.FINE_TUNING_RATE`` when a model is fine-tuned.
    minutes
        Wall time of the run, over which the learning rate falls to zero.
    steps
        Length of the run in steps, instead of minutes, so that it can be repeated exactly.
    seed
        Of structures, images and noise.

    Raises
    ------
    SBDError
        If a key is missing, unknown, or cannot have that value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, **keys: Any) -> None:
        try:
            super().__init__(**keys)
        except ValidationError as error:
            raise SBDError(_sentence(error.errors()[0])) from None

    name: str
    description: str
    mixture: str | dict[str, float] = "general"
    materials: tuple[str, ...] = ()
    zones: tuple[tuple[int, int, int], ...] = ()
    microscope: Microscope | None = None
    pixel_nm: Positive | None = None
    adf: float = Field(0.0, ge=0, le=1)
    low_magnification: float = Field(0.0, ge=0, le=1)
    cameras: float = Field(0.0, ge=0, le=1)
    frames: int = Field(1, ge=1, le=15)
    waves: int = Field(1600, ge=20)
    images: int = Field(12000, ge=40)
    image_size: int = Field(144, ge=32)
    dose: tuple[float, float] = (1.5, 150.0)
    crops: tuple[int, ...] = Field((96, 128), min_length=1)
    batch: int = Field(16, ge=1)
    network: Network | None = None
    rate: float | None = Field(None, gt=0, allow_inf_nan=False)
    minutes: float = Field(90, gt=0, allow_inf_nan=False)
    steps: int | None = Field(None, gt=0)
    seed: int = Field(0, ge=0)

    @property
    def shares(self) -> dict[str, float]:
        """The share of each kind of structure."""
        if isinstance(self.mixture, dict):
            return self.mixture
        if self.materials and "mixture" not in self.model_fields_set:
            return OF_MATERIALS
        return MIXTURES[self.mixture]

    @field_validator("mixture", mode="plain")
    @classmethod
    def _known_mixture(cls, value: Any) -> str | dict[str, float]:
        if isinstance(value, str):
            if value not in MIXTURES:
                raise ValueError(_unknown(value, MIXTURES))
            return value
        if not isinstance(value, dict) or not value:
            raise ValueError("a mixture is a name, or the share of each kind of structure")
        for kind, share in value.items():
            if kind not in KINDS:
                raise ValueError(_unknown(kind, KINDS))
            if isinstance(share, bool) or not isinstance(share, int | float) or not share > 0:
                raise ValueError(f"the share of {kind} must be a number above 0")
        return {kind: float(share) for kind, share in value.items()}

    @field_validator("name")
    @classmethod
    def _names_a_file(cls, value: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", value) or len(value) > _LONGEST_NAME:
            raise ValueError(
                f"a model is named by at most {_LONGEST_NAME} letters, digits, dots and hyphens, "
                "such as fe3o4-300kv"
            )
        return value

    @field_validator("materials")
    @classmethod
    def _known_materials(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            material(name)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if not 0 < self.dose[0] <= self.dose[1] < float("inf"):
            raise ValueError("dose is [lowest, highest], above 0")
        widths = self.network.widths if self.network else None
        unit = max(4, 2 ** len(widths or (1, 2, 3)))
        if any(c % unit or not 0 < c <= self.image_size for c in self.crops):
            raise ValueError(f"crops must be multiples of {unit} and no larger than image_size")
        if {"minutes", "steps"} <= self.model_fields_set and self.steps is not None:
            raise ValueError("minutes and steps both give the length of the run; leave one out")
        if self.frames % 2 == 0:
            raise ValueError("frames must be an odd number, so that one is in the middle")
        of_images = ("materials", "microscope", "pixel_nm", "adf", "low_magnification")
        if self.frames > 1 and any(getattr(self, name) for name in of_images):
            raise ValueError(
                f"frames above 1 cannot go with {', '.join(of_images[:-1])} or {of_images[-1]}: "
                "movies are simulated in phase contrast, of the usual structures and microscopes"
            )
        if self.zones and not self.materials:
            raise ValueError("zones need materials that they are directions of")
        if (0, 0, 0) in self.zones:
            raise ValueError("zones cannot hold [0, 0, 0], which is no direction")
        fixed = [kind for kind in self.shares if kind not in OF_ONE_CRYSTAL]
        if self.materials and fixed:
            raise ValueError(
                f"materials contradict mixture: {fixed[0]} has its own; "
                f"kinds of any material are {', '.join(OF_ONE_CRYSTAL)}"
            )
        if self.pixel_nm and self.image_size * self.pixel_nm[1] > 2 * FIELD[0] / 10:
            raise ValueError(
                f"image_size x pixel_nm comes to {self.image_size * self.pixel_nm[1]:.3g} nm, "
                f"and the simulated field is {FIELD[0] / 10:g} nm; lower one of them"
            )
        return self


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file; paths of CIF files in it start from its folder.

    Raises
    ------
    SBDError
        If the file is missing, no YAML, or has unknown, missing or contradictory keys.
    """
    import yaml

    try:
        keys = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SBDError(f"The recipe {path} cannot be read: {reason}.") from error
    except yaml.YAMLError as error:
        raise SBDError(f"The recipe {path} is not YAML: {str(error).splitlines()[0]}.") from error
    if not isinstance(keys, dict):
        raise SBDError(f"The recipe {path} must be a list of lines 'key: value'.")
    if isinstance(keys.get("materials"), list):
        keys["materials"] = [_located(name, path.parent) for name in keys["materials"]]
    try:
        return Recipe(**{str(key): value for key, value in keys.items()})
    except SBDError as error:
        raise SBDError(str(error).replace("The recipe", f"The recipe {path}", 1)) from None


def _located(name: Any, folder: Path) -> Any:
    return str(folder / name) if str(name).lower().endswith(_SUFFIX) else name


def _sentence(error: Any) -> str:
    where = [str(part) for part in error["loc"]]
    place = f" in {'.'.join(where[:-1])!r}" if where[:-1] else ""
    if error["type"] == "extra_forbidden":
        sections: dict[str, type[BaseModel]] = {"network": Network, "microscope": Microscope}
        known = (sections[where[0]] if where[:-1] else Recipe).model_fields
        return f"The recipe has an unknown key{place}: {_unknown(where[-1], known)}."
    if error["type"] == "missing":
        return f"The recipe lacks the key {where[-1]!r}{place}."
    if not where:
        return f"The recipe contradicts itself: {refusal(error)}."
    return f"The recipe is wrong at {'.'.join(where)!r}: {refusal(error)}."


def _unknown(name: str, known: Any) -> str:
    """Say what an unknown name may have been meant to be."""
    near = get_close_matches(str(name), list(known), 1)
    if near:
        return f"{str(name)!r}, perhaps meant as {near[0]!r}"
    return f"{str(name)!r}; known are {', '.join(known)}"
