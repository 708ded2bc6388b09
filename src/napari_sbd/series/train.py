"""From a low-noise acquisition to a network that knows what such signals look like."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from ..denoise import Progress
from ..errors import SBDError, in_words, warn
from .noises import Noise
from .plan import Plan, paired, recognise, simulated
from .stack import Series, as_series, box, signals, usable_mask

if TYPE_CHECKING:
    from torch import nn

    from .fit import Fitted
    from .model import SeriesModel
    from .tissue import Tissue
    from .training_pairs import Lessons

_logger = logging.getLogger(__name__)

STEPS = 2000
_HELD_OUT = 0.12  # of the mask's voxels, as a slab at the end of the longest axis
_FEWEST = 64  # voxels to learn from
_BOXES = (3,)  # sides of the neighbourhoods that the default network sees, with the local PCA
_FITTED = 16000  # voxels of the reference whose tissue is turned

_LONGEST = 512  # volumes or channels, beyond which neighbours on the axis resemble each other


def train_series(
    low_noise: Any,
    noisy: Any = None,
    mask: Any = None,
    *,
    target: Any = None,
    target_mask: Any = None,
    noise: str = "auto",
    coils: int = 1,
    level: float | None = None,
    architecture: str = "auto",
    neighbours: bool = True,
    steps: int = STEPS,
    name: str = "series",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SeriesModel:
    """Learn from one low-noise acquisition to denoise others of the same protocol.

    The network estimates the mean of the clean signals that a noisy one can come from, which for
    magnitudes removes the noise floor too (Cheng et al., PLOS ONE 17(9):e0274396).

    Parameters
    ----------
    low_noise
        The reference: (N, Y, X) or (N, Z, Y, X), an array, ``Micrograph`` or ``Series``.
    noisy
        A noisy acquisition of the very same, voxel on voxel. Without it, noise is added to the
        reference.
    mask
        (Y, X) or (Z, Y, X): the voxels of the reference to learn from; all by default.
    target
        A stack that will be denoised, from which the noise level is estimated.
    target_mask
        Where the target holds more than air.
    noise
        ``"gaussian"``, ``"rician"``, ``"chi"`` (sum of squares over coils) or ``"poisson"``;
        ``"auto"``, of the noisy stack where there is one: rician with a gradient table, gaussian
        where values go below zero there, poisson for whole numbers from 0 up, also after division
        by a known gain, else gaussian.
    coils
        Of noise chi.
    level
        Noise level, instead of an estimate: standard deviation of the Gaussian noise (in each
        channel of a complex image for magnitudes), or file units per count, in the target's units.
    architecture
        ``"protocol"``, one for this very sequence of volumes; ``"any-length"``, for series whose
        neighbours on the axis resemble each other; ``"paper"``, that of Cheng et al.; ``"auto"``:
        protocol, for more than 512 channels any-length.
    neighbours
        Whether the protocol's network sees the mean signals around a voxel too. The others go
        voxel by voxel.
    steps
        Of training, 1024 voxels each.
    name
        For the card.
    device
        As in ``denoise``.
    seed
        Of noise, weights and order.
    progress
        Called with (done, total).
    should_stop
        Asked before every step; True ends the work.

    Returns
    -------
    A model for ``denoise_series``; ``save`` writes it.

    Raises
    ------
    SBDError
        If the input cannot be used, or the reference is noisier than the target.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> start = np.linspace(1, 2, 1024).reshape(32, 32)
    >>> decay = np.exp(-np.linspace(0, 2, 12))[:, None, None] * start
    >>> model = sbd.train_series(decay, np.random.default_rng(0).normal(decay, 0.1), steps=4)
    >>> model.save("decay.safetensors").name
    'decay.safetensors'
    """
    reference = as_series(low_noise)
    shown = next(stack for stack in (noisy, target, reference) if stack is not None)
    kind: Any = recognise(as_series(shown)) if noise == "auto" else noise
    basis = Noise(kind, coils=coils)
    wanted = _architecture(architecture, reference)
    if steps < 1:
        raise SBDError(f"The steps of a training are 1 or more, not {steps}.")
    with in_words():
        inside = usable_mask(mask, reference)
        if noisy is not None:
            if target is not None:
                raise SBDError("Give either a noisy acquisition of the same, or a target.")
            plan = paired(reference, as_series(noisy), inside, basis, level, seed)
        else:
            other = None if target is None else as_series(target)
            plan = simulated(reference, other, inside, target_mask, basis, level, seed)
        from ..networks.hardware import resolve_device
        from .fit import fit

        where = resolve_device(device)
        _logger.debug("noise %s, on %s", plan.noise, where)
        fitted = fit(
            *_start(plan, wanted, neighbours, seed),
            plan.noise,
            steps,
            where,
            progress or (lambda done, total: None),
            should_stop or (lambda: False),
        )
    if fitted.error >= fitted.raw_error:
        warn(
            f"On held-out voxels the network errs by {fitted.error:.3g} of the noise, the noisy "
            f"signals by {fitted.raw_error:.3g}: it makes them worse; train it for more steps."
        )
    return _model(fitted, plan, name, seed)


def _architecture(kind: str, reference: Series) -> str:
    """What kind of network it will be."""
    if kind == "auto":
        long = reference.length > _LONGEST and reference.gradients is None
        kind = "any-length" if long else "protocol"
    if kind not in ("protocol", "any-length", "paper"):
        raise SBDError(f"The architecture is auto, protocol, any-length or paper, not {kind!r}.")
    if kind == "paper" and reference.length < 4:
        raise SBDError("The paper's network needs 4 volumes or more.")
    return kind


def _start(
    plan: Plan, kind: str, neighbours: bool, seed: int
) -> tuple[nn.Module, Lessons, Lessons]:
    """The network, and what it learns from and is judged by."""
    import torch

    from .features import View
    from .networks import build
    from .training_pairs import Lessons

    learn, judge = _split(plan.mask)
    if learn.sum() < _FEWEST:
        raise SBDError(
            f"The mask leaves {int(learn.sum())} voxels to learn from; {_FEWEST} are needed."
        )
    streams = [np.random.default_rng([seed, i]) for i in range(2)]
    signals(plan.clean, plan.mask)  # a voxel that is not finite is refused before any work
    view = View(_BOXES, plan.noise) if neighbours and kind == "protocol" else View()
    tissue = None if kind == "paper" else _tissue(plan, learn, streams[0])
    pair = [
        Lessons(plan.clean, part, plan.noise, plan.noisy, view, rng, tissue)
        for part, rng in zip((learn, judge), streams, strict=True)
    ]
    torch.manual_seed(seed)
    length = len(plan.clean)
    options: dict[str, Any] = {"length": length}
    if kind == "any-length":
        options = {"bias": plan.noise.is_magnitude}
    if kind == "protocol":
        options["inputs"] = length * view.width
    return build({"kind": kind, **options}), pair[0], pair[1]


def _tissue(plan: Plan, learn: np.ndarray, rng: np.random.Generator) -> Tissue | None:
    """The reference's tissue, to be turned; None where no gradient table tells how."""
    from .compartments import can_fit, compartments
    from .tissue import Tissue

    if plan.gradients is None or plan.noisy is not None or not can_fit(plan.gradients):
        return None
    place = box(learn, _FITTED, rng)
    fitted = compartments(plan.clean[(slice(None), *place)], learn[place], plan.gradients)
    return Tissue(fitted, plan.gradients, plan.noise)


def _split(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The voxels to learn from, and those of a slab at the end of the longest axis."""
    axis = int(np.argmax(mask.shape))
    place = np.indices(mask.shape)[axis]
    edge = np.quantile(place[mask], 1 - _HELD_OUT)
    judge = mask & (place >= edge)
    learn = mask & ~judge
    return (learn, judge) if learn.any() else (mask, mask)


def _model(
    fitted: Fitted,
    plan: Plan,
    name: str,
    seed: int,
) -> SeriesModel:
    from .model import SeriesCard, SeriesModel

    network, noise, view = fitted.network, plan.noise, fitted.view
    table: dict[str, Any] = {}
    if plan.gradients is not None:
        table = {"bvals": plan.gradients.bvals.tolist(), "bvecs": plan.gradients.bvecs.tolist()}
    training = {
        **plan.facts,
        "voxels": int(plan.mask.sum()),
        "steps": fitted.steps,
        "minutes": round(fitted.minutes, 2),
        "seed": seed,
    }
    card = SeriesCard(
        name=name,
        version=version("napari-sbd"),
        description="Signals along a stack, learnt from a low-noise acquisition.",
        license="that of the data",
        architecture=network.architecture,  # type: ignore[arg-type]
        parameters=sum(p.numel() for p in network.parameters()),
        training=training,
        figures={
            "held-out voxels, error in units of the noise": round(fitted.error, 4),
            "the same, before denoising": round(fitted.raw_error, 4),
        },
        sha256="",
        noise=noise.kind,
        level=noise.level,
        coils=noise.coils,
        length=None if network.architecture["kind"] == "any-length" else len(plan.clean),  # type: ignore[index]
        neighbours=view.boxes,
        local_pca=view.noise is not None,
        **table,
    )
    return SeriesModel(card, network)
