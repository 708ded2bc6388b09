"""A network for one crystal, from its name or CIF file and the pixel size of the images alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SBDError

if TYPE_CHECKING:
    from .recipe import Recipe

RECIPE = "recipe.yaml"  # in the folder of a run, so that it can be resumed as it was
IMAGES_PER_WAVE = 10
PIXEL_SPREAD = 0.03  # of the working pixel to both sides
_COARSEST = 0.09  # nm; of 128 pixels, which the simulated field must hold
_FINEST = 1e-3  # nm; no microscope has finer pixels, who typed another unit does


def specialist(
    material: str | Path,
    pixel_size: float | tuple[float, float],
    *,
    name: str | None = None,
    zones: Sequence[tuple[int, int, int]] = (),
    microscope: dict[str, Any] | None = None,
    dose: float | tuple[float, float] = (0.1, 2.0),
    dark_field: bool = False,
    waves: int = 400,
    minutes: float = 15.0,
) -> Recipe:
    """The recipe of a network for one crystal.

    Parameters
    ----------
    material
        A known material (``simulation.materials.MATERIALS``) or the path of a CIF file.
    pixel_size
        Of the raw images [nm], or its range.
    name
        Of the model; by default that of the material in small letters, with a hyphen for what no
        name can hold.
    zones
        Directions [u, v, w] along the beam; by default the usual ones.
    microscope
        Ranges of settings, as ``simulation.microscope.Microscope`` has them; by default those of
        well-aligned corrected microscopes.
    dose
        Electrons per raw pixel, from the weakest frames to the strongest, or one number.
    dark_field
        Annular dark-field STEM rather than phase contrast.
    waves
        Exit waves to simulate.
    minutes
        Of training.

    Raises
    ------
    SBDError
        If the material is unknown, or a value cannot be used.

    Examples
    --------
    >>> from napari_sbd.training.specialist import specialist
    >>> recipe = specialist("SrTiO3", 0.0065)
    >>> recipe.name, recipe.materials, recipe.minutes
    ('srtio3', ('SrTiO3',), 15.0)
    """
    from ..networks import models
    from ..sampling import choose_bin
    from .recipe import OF_MATERIALS, Recipe

    pixel, electrons = _range(pixel_size, "pixel size"), _range(dose, "dose")
    if not 0 < pixel[0] <= pixel[1] < float("inf"):
        raise SBDError("The pixel size of a specialist must be a number of nm above 0.")
    if pixel[0] < _FINEST:
        raise SBDError(
            f"Pixels of {pixel[0]:g} nm are finer than those of any microscope; give their size "
            "in nm."
        )
    if pixel[1] > _COARSEST:
        raise SBDError(
            f"Pixels of {pixel[1]:g} nm are too coarse to show atoms, as those of a specialist do: "
            f"at most {_COARSEST:g} nm. Give their size in nm."
        )
    block = choose_bin((pixel[0], pixel[0]))[0]
    path = Path(material)
    is_file = path.suffix.lower() == ".cif"
    known = str(path.resolve()) if is_file else str(material)
    if not 0 < electrons[0] <= electrons[1] < float("inf"):
        raise SBDError("The dose of a specialist is electrons per raw pixel above 0, lowest first.")
    if name in {card.name for card in models()}:
        raise SBDError(f"{name} is a model that comes with napari-sbd; name yours otherwise.")
    chosen = [(int(u), int(v), int(w)) for u, v, w in zones]
    keys = {
        "name": name or _name(path.stem if is_file else known),
        "description": f"{path.stem if is_file else known} alone.",
        "materials": [known],
        "zones": chosen,
        "microscope": microscope or None,
        "pixel_nm": [
            pixel[0] * block * (1 - PIXEL_SPREAD),
            pixel[1] * block * (1 + PIXEL_SPREAD),
        ],
        "adf": float(dark_field),
        "dose": [d * block**2 for d in electrons],
        "waves": waves,
        "images": IMAGES_PER_WAVE * waves,
        "image_size": 128,
        "crops": [96],
        "minutes": minutes,
    }
    if not _has_dislocations(known, chosen):
        keys["mixture"] = {kind: s for kind, s in OF_MATERIALS.items() if kind != "dislocation"}
    return Recipe(**keys)


def _has_dislocations(known: str, zones: list[tuple[int, int, int]]) -> bool:
    """Whether all directions have a lattice translation across them; in triclinic crystals and
    large cells some have none."""
    from ..simulation.defects import burgers_vector
    from ..simulation.materials import material

    crystal = material(known)
    try:
        for zone in zones or crystal.zones:
            burgers_vector(crystal, zone)
    except SBDError:
        return False
    return True


def _range(value: float | tuple[float, float], what: str) -> tuple[float, float]:
    try:
        low, high = (value, value) if isinstance(value, int | float) else value
        return float(low), float(high)
    except (TypeError, ValueError):
        raise SBDError(
            f"The {what} of a specialist is one number, or two as in (0.1, 2), not {value!r}."
        ) from None


def _name(words: str) -> str:
    return re.sub(r"[^\w.-]+", "-", words.lower()).strip("-.")


def specialise(
    material: str | Path,
    folder: str | Path,
    *,
    pixel_size: float | tuple[float, float],
    start: str | None = None,
    device: str = "auto",
    workers: int = 2,
    report: Callable[[str], None] = lambda line: None,
    status: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
    **choices: Any,
) -> Path:
    """Fine-tune a network for one crystal: simulate it, train for a quarter of an hour.

    Parameters
    ----------
    material, pixel_size
        As ``specialist`` takes them.
    folder
        Receives the recipe and the run, as ``train`` keeps it.
    start
        The model to fine-tune; by default ``hrtem``, or ``stem`` for dark field.
    device, workers, report, status, should_stop
        As ``train`` takes them.
    **choices
        The others of ``specialist``.

    Returns
    -------
    The path of the weights, which ``denoise(model=...)`` takes. Its card knows the spacings of the
    crystal, and ``denoise`` warns where an image shows others.

    Raises
    ------
    SBDError
        As ``specialist`` and ``train``.
    Cancelled
        If ``should_stop`` said so; ``train(folder / "recipe.yaml", folder, resume=True)`` goes on.

    Examples
    --------
    >>> from pathlib import Path
    >>> try:
    ...     path = sbd.specialise("Pt", "run", pixel_size=0.0065, should_stop=lambda: True)
    ... except sbd.Cancelled:
    ...     print(Path("run/recipe.yaml").exists())
    True
    """
    from .session import train

    recipe = specialist(material, pixel_size, **choices)
    keep_recipe(recipe, Path(folder))
    return train(
        recipe,
        folder,
        start=start or ("stem" if recipe.adf else "hrtem"),
        device=device,
        workers=workers,
        report=report,
        status=status,
        should_stop=should_stop,
    )


def keep_recipe(recipe: Recipe, folder: Path) -> None:
    """Write a recipe into the folder of its run.

    The same one may stand there if training has not begun, so that what was simulated is used.

    Raises
    ------
    SBDError
        If the folder holds another one or a run, or cannot be written.
    """
    import yaml

    from . import checkpoint

    if (folder / RECIPE).exists():
        if not checkpoint.exists(folder) and kept_recipe(folder) == recipe:
            return
        raise SBDError(f"{folder} holds a run already; go on with it, or choose another folder.")
    plain = recipe.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECIPE).write_text(yaml.safe_dump(plain, sort_keys=False), "utf-8")
    except OSError as error:
        raise SBDError(f"{folder} cannot be written: {error.strerror or error}.") from error


def kept_recipe(folder: Path) -> Recipe:
    """The recipe in the folder of a run.

    Raises
    ------
    SBDError
        If there is none.
    """
    from .recipe import read_recipe

    if not (folder / RECIPE).exists():
        raise SBDError(f"{folder} holds no run that could go on; begin one there.")
    return read_recipe(folder / RECIPE)
