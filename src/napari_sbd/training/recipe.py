"""One recipe file (YAML) describes one model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import SBDError


class Recipe(BaseModel):
    """What a network is trained on, and how long.

    Parameters
    ----------
    name
        Name of the model.
    description
        One sentence for the model card.
    mixture
        Kinds of structures: a key of ``simulation.dataset.MIXTURES``.
    adf
        Share of the images that are annular dark-field STEM; the others are phase contrast.
    waves
        Exit waves to simulate.
    images
        Clean images to draw from them.
    image_size
        Side of these images [working pixels].
    dose
        Range of electrons per working pixel, drawn log-uniformly.
    crops
        Side of the training crops [working pixels, multiples of 8], from early to late.
    batch
        Images per step.
    rate
        Learning rate at the start of the run.
    minutes
        Wall time of the run, over which the learning rate falls to zero.
    seed
        Of structures, images and noise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    mixture: Literal["general", "pt-ceo2"] = "general"
    adf: float = Field(0.0, ge=0, le=1)
    waves: int = Field(1600, ge=20)
    images: int = Field(12000, ge=40)
    image_size: int = Field(144, ge=32)
    dose: tuple[float, float] = (1.5, 150.0)
    crops: tuple[int, ...] = (96, 128)
    batch: int = Field(16, ge=1)
    rate: float = Field(0.01, gt=0)
    minutes: float = Field(90, gt=0)
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if not 0 < self.dose[0] <= self.dose[1]:
            raise ValueError("dose must be (low, high) with 0 < low <= high")
        if any(c % 8 or c > self.image_size for c in self.crops):
            raise ValueError("crops must be multiples of 8 and no larger than image_size")
        return self


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises
    ------
    SBDError
        If the file is missing, no YAML, or has unknown, missing or contradictory keys.
    """
    import yaml

    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise SBDError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise SBDError(f"The recipe {path} is not YAML: {str(error).splitlines()[0]}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "recipe"
        raise SBDError(f"The recipe {path} is wrong at {where!r}: {first['msg']}.") from error
