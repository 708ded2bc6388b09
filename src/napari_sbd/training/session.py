"""From a recipe to a model: simulate, train, write weights and card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .. import __version__
from ..errors import SBDError
from .recipe import Recipe


def train(
    recipe: Recipe,
    folder: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    start: str | None = None,
    device: str = "auto",
    workers: int = 2,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train the model of a recipe.

    Parameters
    ----------
    recipe
        What to train.
    folder
        Receives waves, images, checkpoints, and at the end ``NAME.safetensors`` with ``NAME.json``.
    minutes
        Wall time, instead of the recipe's.
    resume
        Go on from the folder's checkpoint.
    start
        A model to fine-tune, as ``find_model`` takes it.
    device
        Where to train.
    workers
        Processes that simulate.
    report
        Called with a line of text now and then.

    Returns
    -------
    The path of the weights.

    Raises
    ------
    SBDError
        If the folder cannot be written or nothing is there to resume.
    """
    from ..networks import ModelCard, find_model, load_network, save_model
    from ..networks.unet import UNet
    from ..simulation.dataset import WORKING_PIXEL_NM
    from . import loop, pool

    if resume and not (folder / "checkpoint.pt").exists():
        raise SBDError(f"There is no checkpoint in {folder} to resume from.")
    if minutes is not None:
        recipe = recipe.model_copy(update={"minutes": minutes})
    first = load_network(find_model(start), "cpu").state_dict() if start else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        images, validation = pool.build(recipe, folder, workers, report)
        weights, summary = loop.train(
            recipe,
            images,
            validation,
            folder,
            resume=resume,
            start=first,
            device=device,
            report=report,
        )
    except OSError as error:
        raise SBDError(f"Training cannot go on in {folder}: {error.strerror}.") from error
    network = UNet()
    network.load_state_dict(weights)
    card = ModelCard(
        name=recipe.name,
        version=__version__,
        description=recipe.description,
        license="BSD-3-Clause",
        architecture=network.architecture,
        parameters=sum(p.numel() for p in network.parameters()),
        working_pixel_nm=WORKING_PIXEL_NM,
        dose_range=recipe.dose,
        training={"recipe": recipe.model_dump(mode="json"), "fine_tuned_from": start, **summary},
        figures={"held-out simulated images, working pixels, PSNR dB": round(summary["psnr"], 2)},
        sha256="",
    )
    return save_model(network, card, folder)
