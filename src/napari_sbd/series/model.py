"""A trained network along the stack axis, with its card; two files, as models for images have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..networks import Card, load_weights, read_card, save_model
from .features import View
from .gradients import Gradients
from .noises import Kind, Noise
from .stack import Series


class SeriesCard(Card):
    """The card of a network along the stack axis.

    Parameters
    ----------
    noise, level, coils
        What the noise of training was, as ``Noise`` has it; the level in file units of the target.
    length
        N of the protocol; None if any length will do.
    neighbours
        Sides [voxels] of the boxes around a voxel whose mean signals the network sees too.
    local_pca
        Whether it sees the local PCA of the stack as well.
    bvals, bvecs
        Gradient table of the protocol, or None.
    """

    noise: Kind
    level: float
    coils: int
    length: int | None
    neighbours: tuple[int, ...]
    local_pca: bool = False
    bvals: list[float] | None = None
    bvecs: list[tuple[float, float, float]] | None = None

    @property
    def noise_model(self) -> Noise:
        """Kind and level of the noise."""
        return Noise(self.noise, self.level, self.coils)

    @property
    def view(self) -> View:
        """What the network sees of a voxel."""
        return View(self.neighbours, self.noise_model if self.local_pca else None)

    @property
    def is_judged(self) -> bool:
        """Whether its answers are held against the data; those of the paper stay as published."""
        return bool(self.architecture["kind"] != "paper")

    @property
    def gradients(self) -> Gradients | None:
        """The gradient table."""
        if self.bvals is None or self.bvecs is None:
            return None
        return Gradients(np.array(self.bvals), np.array(self.bvecs))

    def order_of(self, series: Series) -> np.ndarray:
        """Which volume of a stack each volume of the protocol is; refuse another protocol.

        Raises
        ------
        SBDError
            If the number of volumes or the gradient table is not the model's.
        """
        if self.length is None:
            return np.arange(series.length)
        if series.length != self.length:
            raise SBDError(
                f"The stack has {series.length} volumes, the model was trained with {self.length}; "
                "train a model with this protocol, or one of any length."
            )
        if self.gradients is not None and series.gradients is not None:
            return self.gradients.order_of(series.gradients)
        return np.arange(series.length)


@dataclass(frozen=True)
class SeriesModel:
    """A trained network along the stack axis.

    Parameters
    ----------
    card
        What it is and what it was trained on.
    network
        A torch module in evaluation mode, on the CPU.
    """

    card: SeriesCard
    network: Any

    def save(self, path: str | Path) -> Path:
        """Write NAME.safetensors and its card NAME.json; return the path of the weights.

        Raises
        ------
        SBDError
            If the name ends otherwise, or the folder cannot be written.
        """
        target = model_path(path)
        card = self.card.model_copy(update={"name": target.stem})
        return save_model(self.network, card, target.parent, half=False)


def model_path(path: str | Path) -> Path:
    """A path whose name ends in ``.safetensors``.

    Raises
    ------
    SBDError
        If it ends otherwise.
    """
    target = Path(path)
    if target.suffix != ".safetensors":
        raise SBDError(f"The name of a model ends in .safetensors; {target.name!r} does not.")
    return target


def load_series_model(path: str | Path) -> SeriesModel:
    """Read what ``SeriesModel.save`` wrote.

    Parameters
    ----------
    path
        Of the weights, ``NAME.safetensors``; their card, ``NAME.json``, lies beside them.

    Raises
    ------
    SBDError
        If a file is missing, not valid, or not the one of its card.

    Examples
    --------
    >>> start = np.linspace(1, 2, 1024).reshape(32, 32)
    >>> decay = np.exp(-np.linspace(0, 2, 12))[:, None, None] * start
    >>> model = sbd.train_series(decay, np.random.default_rng(0).normal(decay, 0.1), steps=4)
    >>> path = model.save("decay.safetensors")
    >>> sbd.load_series_model(path).card.name
    'decay'
    """
    from .networks import build

    card = read_card(model_path(path).with_suffix(".json"), SeriesCard)
    try:
        network = build(card.architecture)
    except TypeError as error:
        raise SBDError(f"The model {path} does not fit this version of napari-sbd.") from error
    load_weights(network, card.path, card.sha256)
    return SeriesModel(card, network.eval().requires_grad_(False))
