"""From a recipe to a model: simulate, train, write weights and card."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SBDError

if TYPE_CHECKING:
    from ..networks.unet import UNet
    from .history import Row
    from .recipe import Recipe

_logger = logging.getLogger(__name__)

RATE = 0.01
FINE_TUNING_RATE = 0.004
WIDENED = 0.4, 0.15  # weights of the middle and of each other frame, where a movie network begins


def train(
    recipe: Recipe | str | Path,
    folder: str | Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    start: str | None = None,
    device: str = "auto",
    workers: int = 2,
    report: Callable[[str], None] = lambda line: None,
    status: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Train the model of a recipe, or fine-tune a model with it.

    Parameters
    ----------
    recipe
        What to train: a recipe, or the path of its file.
    folder
        Receives waves, images, checkpoints, ``history.csv``, ``curves.png``, and at the end
        ``NAME.safetensors`` with its card ``NAME.json``.
    minutes
        Wall time of training from its very start, instead of the recipe's.
    resume
        Go on from the folder's checkpoint.
    start
        A model to fine-tune, as ``find_model`` takes it.
    device
        Where to train: auto, cpu, cuda, cuda:N or mps.
    workers
        Processes that simulate.
    report, status
        Called with lines of text: results, and what is under way.
    should_stop
        Asked often; when it says so a checkpoint is written, and ``Cancelled`` raised.

    Returns
    -------
    The path of the weights, which ``denoise(model=...)`` takes.

    Raises
    ------
    SBDError
        If the recipe or the model to start from cannot be used, the folder cannot be written or
        holds another run, or nothing is there to resume.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> from napari_sbd.training.recipe import Recipe
    >>> recipe = Recipe(  # far too little for real use
    ...     name="small",
    ...     description="Sheets of one atom.",
    ...     mixture={"sheet": 1},
    ...     waves=20,
    ...     images=40,
    ...     image_size=64,
    ...     crops=(32,),
    ...     batch=2,
    ...     network={"widths": (8, 16), "depths": (1, 1), "non_local": 0},
    ...     steps=2,
    ... )
    >>> sbd.train(recipe, "run").name
    'small.safetensors'
    """
    import torch

    from ..networks.hardware import resolve_device
    from . import checkpoint, loop, pool
    from .recipe import read_recipe

    plan = read_recipe(Path(recipe)) if isinstance(recipe, str | Path) else recipe
    folder = Path(folder)
    resolve_device(device)
    if workers < 1:
        raise SBDError(f"The processes that simulate are 1 or more, not {workers}.")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise SBDError("The minutes of a training must be a number above 0.")
    if not resume and checkpoint.exists(folder):
        raise SBDError(
            f"{folder} holds a run already; go on with that run, or choose another folder."
        )
    saved = checkpoint.load(folder, report) if resume else None
    if saved is not None:
        if start not in (None, saved["start"]):
            raise SBDError(f"The run in {folder} started from {saved['start'] or 'scratch'}.")
        start = saved["start"]
        minutes = minutes or saved["minutes"]
    if minutes is not None:
        plan = plan.model_copy(update={"minutes": minutes, "steps": None})
    rate = plan.rate or (FINE_TUNING_RATE if start else RATE)
    _logger.debug("from %s at rate %g, %s", start or "scratch", rate, "resumed" if saved else "new")
    network = _first_network(plan, start, saved)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        images, validation = pool.build(plan, folder, workers, report, status, should_stop)
        network, reached = loop.train(
            plan,
            rate,
            network,
            images,
            validation,
            folder,
            saved=saved,
            origin={"start": start, "minutes": minutes},
            device=device,
            report=report,
            status=status,
            should_stop=should_stop,
        )
    except OSError as error:
        raise SBDError(_disk_sentence(folder, error)) from error
    except torch.cuda.OutOfMemoryError as error:
        raise SBDError(
            "The memory of the graphics card is too small; lower the recipe's batch or crops."
        ) from error
    return _write_model(plan, rate, start, network, reached, folder)


def _first_network(recipe: Recipe, start: str | None, saved: dict[str, Any] | None) -> UNet:
    import torch

    from ..networks import find_model, load_network
    from ..networks.unet import UNet, widened

    torch.manual_seed(recipe.seed)
    options = recipe.network.options if recipe.network else {}
    asked = None if recipe.network is None else UNet(**options, frames=recipe.frames)
    if saved is not None:
        network, whose = UNet(**saved["architecture"]), "the checkpoint"
    elif start:
        card = find_model(start)
        network, whose = UNet(**card.architecture), f"model {card.name!r}"
        network.load_state_dict(load_network(card, "cpu").state_dict())
        if network.frames == 1 < recipe.frames:
            network = widened(network, recipe.frames, *WIDENED)
    else:
        return asked or UNet(frames=recipe.frames)
    if network.frames != recipe.frames:
        raise SBDError(
            f"The network of {whose} sees {network.frames} frames at once, and the recipe asks for "
            f"{recipe.frames}."
        )
    if asked is not None and asked.architecture != network.architecture:
        raise SBDError(f"The recipe's network is another one than that of {whose}; leave it out.")
    return network


def _write_model(
    recipe: Recipe, rate: float, start: str | None, network: UNet, reached: Row, folder: Path
) -> Path:
    from ..networks import ModelCard, save_model
    from ..simulation.dataset import LOW_MAGNIFICATION_NM, WORKING_PIXEL_NM
    from ..simulation.lattice_planes import spacings_nm

    facts: dict[str, Any] = {
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "fine_tuned_from": start,
        "rate": rate,
        "steps": reached.step,
        "samples": reached.samples,
        "minutes": round(reached.minutes, 1),
        "psnr": reached.validation_db,
    }
    shows_atoms = recipe.low_magnification <= 0.5
    if recipe.materials:
        facts["spacings_nm"] = spacings_nm(recipe.materials)
    card = ModelCard(
        name=recipe.name,
        version=version("napari-sbd"),
        description=recipe.description,
        license="BSD-3-Clause",
        architecture=network.architecture,
        parameters=sum(p.numel() for p in network.parameters()),
        working_pixel_nm=recipe.pixel_nm
        or (WORKING_PIXEL_NM if shows_atoms else LOW_MAGNIFICATION_NM),
        dose_range=recipe.dose,
        training=facts,
        figures={
            "held-out simulated images, working pixels, PSNR dB": round(reached.validation_db, 2)
        },
        sha256="",
    )
    return save_model(network, card, folder)


def _disk_sentence(folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"The disk of {folder} is full; free some space and go on with that run (begin anew "
            "where training has not begun): what is there is kept."
        )
    return f"Training cannot go on in {folder}: {error.strerror or error}."
