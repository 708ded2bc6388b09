"""What a recipe may hold: data of known names and types, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..denoising.settings import Plain, Repeated, Seed, TuningRequest
from ..errors import SBDError
from ..recipe import HALVES

_MOST_STEPS = 100
_REQUEST = TuningRequest()
Positive = Annotated[float, Field(gt=0)]
PixelSize = Positive | tuple[Positive, Positive] | None


class Origin(Plain):
    """A file: absolute path, and SHA-256 where it was known."""

    path: str
    sha256: str | None = None


class Request(Plain):
    """How ``gain_tune`` was called, and on what."""

    loss: str = _REQUEST.loss
    steps: Annotated[int, Field(ge=0)] = _REQUEST.steps
    frames: str | int = _REQUEST.frames


class Tuning(Plain):
    """The gains of a denoising: the gains themselves, and how they were found."""

    gains_sha256: str
    loss: str
    tune: Literal["gains", "all"]
    seed: Seed
    steps: int
    kept: bool
    reason: str
    on_this_image: bool = False
    requested: Request | None = None
    file: str | None = None
    gains: str | None = None


class Network(Plain):
    """A network for images; the path is that of a file of one's own."""

    model: str
    model_sha256: str
    model_path: str | None = None


class Denoise(Network, Repeated):
    """Settings of ``denoise``, and what was found."""

    model_choice: str
    device: str
    precision: str | None = None
    block: tuple[int, int]
    shape: tuple[int, ...] | None = None
    pixel_size: PixelSize
    gain: Positive | None
    offset: float
    dose: float | None = None
    gain_tuning: Tuning | None = None
    frames: Annotated[str, Field(pattern=r"^(-?\d+|(-?\d+)?:(-?\d+)?)$")] | list[int] | None = None
    blank_frames: list[int] | None = None
    unreadable_frames: list[int] | None = None
    outlier_filled_frames: dict[int, int] | None = None
    camera: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _before_cameras_were_looked_at(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "outliers" not in values:
            return {"outliers": False, "noise": "white", "illumination": False, **values}
        return values

    @model_validator(mode="after")
    def _one_way(self) -> Denoise:
        if self.neighbours and self.gain_tuning is not None:
            raise ValueError("neighbours and gain_tuning exclude each other")
        return self


class Estimated(Network):
    """How ``estimate_drift`` was called; lengths in nm."""

    device: str
    pixel_size: PixelSize
    jitter: Positive
    largest_step: Positive


class Drifting(Plain):
    """Settings of ``correct_drift``: the shifts y, x [px] of each frame as they were taken out, and
    how they were found, None where nobody knows."""

    interpolate: bool
    edges: Literal["pad", "crop"]
    counts: bool
    shifts: Annotated[list[tuple[float, float]], Field(min_length=1)]
    estimated: Estimated | None


class SeriesDenoise(Plain):
    """Settings of ``denoise_series``; the path is None for a model that was only in memory, the
    mask False where there was none, None where it was in memory."""

    model: str
    model_sha256: str
    model_path: str | None
    device: str
    mask: Origin | Literal[False] | None


class Columns(Plain):
    """Settings of ``find_columns``; ``noisy`` is False where no counts were given, None where they
    were in memory."""

    polarity: Literal["auto", "bright", "dark"]
    sensitivity: float
    spacing: float | None
    alpha: float | None
    halves: bool = True
    pixel_size: PixelSize = None
    gain: Positive | None = None
    offset: float = 0.0
    noisy: Origin | Literal[False] | None = None


class Agreement(Plain):
    """Settings of ``agreement`` of two files."""

    noisy: Origin | None
    pixel_size: PixelSize = None
    gain: Positive | None = None
    offset: float | None = None


class Halves(Plain):
    """What ``split_half_resolution`` found for a result; of ``frame``, where it is a movie, and of
    ``part``, rows from and to and columns from and to, where it is large. ``tuned_anew`` says
    whether gains that were tuned on the image were tuned on each half."""

    verdict: Literal["agree", "partly", "disagree"]
    correlation: Annotated[float, Field(ge=-1, le=1)]
    resolution_px: Positive | None
    seed: Seed
    tuned_anew: bool = True
    frame: Annotated[int, Field(ge=0)] | None = None
    part: tuple[Seed, Seed, Seed, Seed] | None = None


class Simulation(Plain):
    """Settings of ``simulate``; ``part`` is what was taken of the phantom."""

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


SETTINGS: dict[str, type[Plain]] = {
    "denoise": Denoise,
    "correct_drift": Drifting,
    "denoise_series": SeriesDenoise,
    "find_columns": Columns,
    "agreement": Agreement,
    "simulate": Simulation,
}


class Step(BaseModel):
    """One step of a history, checked.

    Parameters
    ----------
    operation
        A key of ``SETTINGS``.
    versions
        Of Python and of the packages that computed.
    source
        The file that the step began with; None where it took the result of the step before.
    settings
        Of the operation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    versions: dict[str, str]
    source: Origin | None = None
    settings: Any


def steps(recipe: Any) -> list[Step]:
    """Check a recipe and return its steps, oldest first.

    Parameters
    ----------
    recipe
        What stands under ``"napari_sbd"`` in a result's metadata (a dict with ``history``), or one
        entry of it, which may hold the entries ``before`` it.

    Raises
    ------
    SBDError
        If it is none, or holds operations or settings that this version does not know.
    """
    if not isinstance(recipe, Mapping):
        raise SBDError("A recipe is a dict; take it from the metadata of a result.")
    if "history" in recipe:
        entries = recipe["history"]
    else:
        before = recipe.get("before", [])
        rest = {key: value for key, value in recipe.items() if key != "before"}
        entries = [*before, rest] if isinstance(before, list) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_STEPS:
        raise SBDError("The recipe has no history of steps; take it from the metadata of a result.")
    return [_step(entry) for entry in entries]


def halves_of(recipe: Any) -> Halves | None:
    """What a recipe says of halves of the data; None where it says nothing.

    Raises
    ------
    SBDError
        If it is not understood.
    """
    kept = recipe.get(HALVES) if isinstance(recipe, Mapping) else None
    if kept is None:
        return None
    try:
        return Halves.model_validate(kept)
    except ValidationError as error:
        raise SBDError(
            f"What the recipe says of halves is not understood ({_first(error)}); it was edited, "
            "or made by another version of napari-sbd."
        ) from None


def since_the_source(chain: list[Step]) -> list[Step]:
    """The steps from the last one that began with a file or a simulation."""
    starts = [i for i, s in enumerate(chain) if s.source is not None or s.operation == "simulate"]
    return chain[starts[-1] if starts else 0 :]


def _step(entry: Any) -> Step:
    operation = entry.get("operation") if isinstance(entry, Mapping) else None
    if not isinstance(operation, str) or operation not in SETTINGS:
        raise SBDError(
            f"The recipe holds a step {operation!r}, which this version of napari-sbd cannot "
            f"repeat; it knows {', '.join(SETTINGS)}."
        )
    try:
        step = Step.model_validate(dict(entry))
        settings = SETTINGS[operation].model_validate(step.settings)
        return step.model_copy(update={"settings": settings})
    except ValidationError as error:
        raise SBDError(
            f"The step {operation!r} of the recipe is not understood ({_first(error)}); it "
            "was edited, or made by another version of napari-sbd."
        ) from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
