"""What a network along the stack axis is to learn from, refused where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SBDError, warn
from ..noise.level import are_whole, can_be_dealt
from .compartments import can_fit, compartments
from .gradients import Gradients
from .level import doubt_level, estimate_level
from .local_pca import local_pca
from .noises import Kind, Noise
from .stack import Series, blocks, measured, signals, usable_mask

_BELOW = 0.01  # share of values below zero, to which interpolation may bring magnitudes


@dataclass(frozen=True)
class Plan:
    """A reference in the target's units, and the noise that it gets where there is no pair.

    Parameters
    ----------
    clean
        (N, ...) float32.
    mask
        bool, the voxels to learn from.
    noisy
        (N, ...) float32, the noisy acquisition of the same, or None.
    noise
        Of the target.
    facts
        For the model's card.
    gradients
        The target's table, and the reference's.
    """

    clean: np.ndarray
    mask: np.ndarray
    noisy: np.ndarray | None
    noise: Noise
    facts: dict[str, Any]
    gradients: Gradients | None = None


def recognise(stack: Series) -> Kind:
    """The kind of noise that a stack most likely has; see ``train_series``."""
    gain = None if stack.origin is None else stack.origin.gain
    middle = np.asarray(stack.data[:, stack.grid[0] // 2])
    if stack.gradients is not None:  # magnitudes, unless the phase was taken off
        return "gaussian" if (middle < 0).mean() > _BELOW else "rician"
    counted = are_whole(middle) or (gain is not None and can_be_dealt(middle / gain))
    return "poisson" if counted and np.isfinite(middle).all() else "gaussian"


def noise_within(
    stack: Series, mask: np.ndarray, noise: str, coils: int, level: float | None
) -> tuple[np.ndarray, Noise]:
    """The voxels of a mask that were measured, and the noise there as far as it is not given."""
    kind: Any = recognise(stack) if noise == "auto" else noise
    basis = Noise(kind, coils=coils)
    inside = measured(np.asarray(stack.data), mask, kind == "poisson")
    return inside, _told_or_found(stack, basis, inside, level)


def _told_or_found(
    stack: Series, noise: Noise, mask: np.ndarray, level: float | None, seed: int = 0
) -> Noise:
    """The noise of a stack, of a level that was given or else is estimated."""
    if level is None:
        return noise.at(estimate_level(stack, noise, mask, seed))
    known = noise.at(level)
    doubt_level(stack, known, mask, seed)
    return known


def paired(
    reference: Series, noisy: Series, mask: np.ndarray, noise: Noise, level: float | None, seed: int
) -> Plan:
    """Two acquisitions of the same.

    Raises
    ------
    SBDError
        If they do not lie voxel on voxel, or the reference is the noisier one.
    """
    if noisy.data.shape != reference.data.shape:
        raise SBDError(
            f"The two acquisitions have shapes {tuple(reference.data.shape)} and "
            f"{tuple(noisy.data.shape)}; pairs lie voxel on voxel. A stack of something else is "
            "given as target."
        )
    _check_same_table(reference, noisy)
    found = _told_or_found(noisy, noise, mask, level, seed)
    own = _own_level(reference, mask, noise, seed)
    factor = _scale(reference, mask, own, noisy, mask, found)
    table = reference.gradients
    _refuse_noisier(own * factor, found.level)
    clean = np.asarray(reference.data, np.float32) * np.float32(factor)
    facts = {"pairs": True, "reference_level": own, "reference_scale": factor}
    return Plan(clean, mask, np.asarray(noisy.data, np.float32), found, facts, table)


def simulated(
    reference: Series,
    target: Series | None,
    mask: np.ndarray,
    target_mask: Any,
    noise: Noise,
    level: float | None,
    seed: int,
) -> Plan:
    """A reference to which noise is added, as much as the target has.

    Raises
    ------
    SBDError
        If neither target nor level is given, the target is of another protocol, or it has less
        noise than the reference.
    """
    if target is None and level is None:
        raise SBDError(
            "Give a target whose noise level is estimated, the level itself, or a noisy "
            "acquisition of the same."
        )
    factor = 1.0
    if target is not None:
        reference = _as_the_target(reference, target, mask)
    own = _own_level(reference, mask, noise, seed)
    if target is not None:
        if target.length != reference.length:
            raise SBDError(
                f"The reference has {reference.length} volumes, the target {target.length}; they "
                "must be of one protocol."
            )
        inside = usable_mask(target_mask, target)
        found = _told_or_found(target, noise, inside, level, seed)
        factor = _scale(reference, mask, own, target, inside, found)
    else:
        assert level is not None
        found = noise.at(level)
    _refuse_noisier(own * factor, found.level)
    clean = np.asarray(reference.data, np.float32) * np.float32(factor)
    signals(clean, mask)  # refuses what is not finite
    if own:  # else its noise, which is in the answers too, would be learnt as if it were signal
        quiet = noise.at(own * factor)
        clean = quiet.without_floor(local_pca(clean, mask, quiet))
    facts = {"pairs": False, "reference_level": own, "reference_scale": factor}
    return Plan(clean, mask, None, found, facts, reference.gradients)


def _as_the_target(reference: Series, target: Series, mask: np.ndarray) -> Series:
    """The reference as the target's gradients would have measured it, where they are others."""
    own, wanted = reference.gradients, target.gradients
    if own is None or wanted is None:
        return reference
    if reference.length == target.length and own.is_same(wanted):
        return reference
    if not can_fit(own):
        _check_same_table(reference, target)
        return reference  # of another length, which is refused
    values = np.asarray(reference.data)
    fitted = compartments(values, mask, own)
    data = np.zeros((target.length, *reference.grid), np.float32)
    data[:, mask] = fitted.measured(wanted)
    left = fitted.misfit / float(np.sqrt(np.square(values[:, mask], dtype=np.float64).mean()))
    warn(
        "The target's gradient table is not the reference's: the network learns from compartments "
        f"fitted to the reference, which leave {left:.1%} of its signal, as the target's table "
        "measures them."
    )
    return reference.replace(data=data, gradients=wanted)


def _own_level(reference: Series, mask: np.ndarray, noise: Noise, seed: int) -> float:
    """Noise level of the reference in its own units; 0 where it shows none."""
    try:
        return estimate_level(reference, noise, mask, seed)
    except SBDError:
        return 0.0


def _scale(
    reference: Series,
    mask: np.ndarray,
    own: float,
    target: Series,
    target_mask: np.ndarray,
    noise: Noise,
) -> float:
    """What brings a reference of noise level ``own`` to the brightness of a target."""
    quiet = noise.at(own or noise.level * 1e-3)
    return _typical(target, target_mask, noise) / _typical(reference, mask, quiet)


def _refuse_noisier(own: float, level: float) -> None:
    if own >= level:
        raise SBDError(
            f"The reference is noisier than the target: its noise level is {own:.4g}, the "
            f"target's {level:.4g}, in the target's units; exchange them, or find a reference "
            "with less noise."
        )


def _check_same_table(reference: Series, other: Series) -> None:
    tables = reference.gradients, other.gradients
    if tables[0] is not None and tables[1] is not None and reference.length == other.length:
        tables[0].check_same(tables[1])


def _typical(series: Series, mask: np.ndarray, noise: Noise) -> float:
    """Brightness of a voxel of the object: the median of those above half the brightest.

    The share of air in the mask hardly matters to it.

    Raises
    ------
    SBDError
        If there is nothing but noise.
    """
    found = np.concatenate([noise.strength(part) for _, part, _ in blocks(series, mask)])
    most = float(np.quantile(found, 0.99))
    if most <= 0:
        raise SBDError("A stack holds nothing but noise or zeros; check which file it is.")
    return float(np.median(found[found > most / 2]))
