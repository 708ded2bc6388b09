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
from .stack import Gradients, Series, as_series, signals, usable_mask

if TYPE_CHECKING:
    from torch import nn

    from .fit import Fitted
    from .model import SeriesModel
    from .training_pairs import Lessons

_logger = logging.getLogger(__name__)

STEPS = 2000
_HELD_OUT = 0.12  # of the mask's voxels, as a slab at the end of the longest axis
_FEWEST = 64  # voxels to learn from
_BOXES = (3, 5)  # sides of the neighbourhoods that the default network sees
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
        ``"auto"``: rician with a gradient table, poisson for whole numbers from 0 up, else
        gaussian.
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
    kind: Any = recognise(reference) if noise == "auto" else noise
    basis = Noise(kind, coils=coils)
    wanted = _architecture(architecture, reference, neighbours)
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
            *_start(plan, wanted, seed),
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
    return _model(fitted, plan, reference.gradients, wanted, name, seed)


def _architecture(kind: str, reference: Series, neighbours: bool) -> dict[str, Any]:
    """What the network will be: its kind, and the boxes that it sees."""
    if kind == "auto":
        long = reference.length > _LONGEST and reference.gradients is None
        kind = "any-length" if long else "protocol"
    if kind not in ("protocol", "any-length", "paper"):
        raise SBDError(f"The architecture is auto, protocol, any-length or paper, not {kind!r}.")
    if kind == "paper" and reference.length < 4:
        raise SBDError("The paper's network needs 4 volumes or more.")
    return {"kind": kind, "boxes": _BOXES if neighbours and kind == "protocol" else ()}


def _start(plan: Plan, wanted: dict[str, Any], seed: int) -> tuple[nn.Module, Lessons, Lessons]:
    """The network, and what it learns from and is judged by."""
    import torch

    from .networks import build
    from .training_pairs import Lessons

    learn, judge = _split(plan.mask)
    if learn.sum() < _FEWEST:
        raise SBDError(
            f"The mask leaves {int(learn.sum())} voxels to learn from; {_FEWEST} are needed."
        )
    streams = [np.random.default_rng([seed, i]) for i in range(2)]
    pair = [
        Lessons(plan.clean, part, plan.added, plan.noisy, wanted["boxes"], rng)
        for part, rng in zip((learn, judge), streams, strict=True)
    ]
    signals(plan.clean, plan.mask)  # a voxel that is not finite is refused before any work
    torch.manual_seed(seed)
    length, kind = len(plan.clean), wanted["kind"]
    options: dict[str, Any] = {"length": length}
    if kind == "any-length":
        options = {"bias": plan.noise.is_magnitude}
    if kind == "protocol":
        options["inputs"] = length * (1 + len(wanted["boxes"]))
    return build({"kind": kind, **options}), pair[0], pair[1]


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
    gradients: Gradients | None,
    wanted: dict[str, Any],
    name: str,
    seed: int,
) -> SeriesModel:
    from .model import SeriesCard, SeriesModel

    network, noise = fitted.network, plan.noise
    table: dict[str, Any] = {}
    if gradients is not None:
        table = {"bvals": gradients.bvals.tolist(), "bvecs": gradients.bvecs.tolist()}
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
        length=None if wanted["kind"] == "any-length" else len(plan.clean),
        neighbours=wanted["boxes"],
        **table,
    )
    return SeriesModel(card, network)
