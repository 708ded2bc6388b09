"""What the first result of a denoiser says of it: worse than a blur, or the model's own."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..micrograph import Micrograph
from ..networks import ModelCard
from ..networks.choice import fission, halves
from ..noise.camera import Camera
from ..noise.level import noise_level, usual_level
from .against_blur import against_blur
from .layout import normalised
from .shown import doubt_faint


class Worker(Protocol):
    """What is asked of a ``Denoiser``."""

    source: Micrograph
    block: tuple[int, int]
    camera: Camera
    card: ModelCard
    network: Any
    passes: Any

    def of_sums(self, sums: np.ndarray) -> np.ndarray:
        """One pass over block sums (H, W), finite."""


def doubt_against_blur(worker: Worker, sums: np.ndarray, estimate: np.ndarray) -> list[str]:
    """A sentence where an estimate of block sums is worse than a blur of these beyond doubt.

    Parameters
    ----------
    worker
        Made the estimate.
    sums, estimate
        (H, W), NaN where there are no data; and finite.
    """
    camera, gain = worker.camera, worker.source.gain
    if camera.sharpen:
        return []
    # noise that was added to this image is another than to parts of it
    comparable = camera.noise is None or camera.noise.is_full
    found = against_blur(
        worker.of_sums,
        sums,
        estimate if comparable else None,
        camera.measured,
        None if gain is None else camera.dark,
        wide=worker.source.pixel_size is None,
        told=camera.noise is not None and camera.noise is not camera.measured,
        shot_noise=gain and gain * (float(np.nanmean(sums)) - camera.dark),
    )
    if found is None or not found.worse:
        return []
    white = camera.noise is None and camera.measured is not None
    return [found.sentence(worker.card.name, white)]


def doubt_structure(
    worker: Worker, frame: np.ndarray, normal: np.ndarray, estimate: np.ndarray
) -> list[str]:
    """A sentence where the data do not show what little an estimate does.

    Parameters
    ----------
    worker
        Made the estimate.
    frame
        (Y, X), NaN for outliers.
    normal, estimate
        (H, W) its block sums as the network was shown them, and what it made of these.
    """
    white = worker.camera.noise is None
    level = noise_level(normal) if white else usual_level(normal)

    def network(image: np.ndarray) -> np.ndarray:
        shown, _, scale = normalised(image)
        made: np.ndarray = worker.passes(worker.network, shown) * scale
        return made

    def parts() -> tuple[np.ndarray, np.ndarray]:
        if white and min(worker.block) > 1:
            return halves(frame.astype(np.float64), worker.block)
        return fission(normal, level)

    return doubt_faint(worker.card.name, network, estimate, level, parts)
