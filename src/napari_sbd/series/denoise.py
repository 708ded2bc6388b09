"""A trained network applied along the axis of a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..denoise import Progress
from ..errors import Cancelled, SBDError, in_words, warn
from ..micrograph import Micrograph
from ..recipe import origin_of, recipe
from .balance import Balance
from .doubt import settle
from .features import in_noise_units
from .files import named_mask
from .level import other_level
from .local_pca import STRIDE
from .model import SeriesCard, SeriesModel, load_series_model
from .stack import Series, as_given, as_series, measured, rows_of, usable_mask

if TYPE_CHECKING:
    import torch

Stack = TypeVar("Stack", Series, Micrograph, np.ndarray)

_VALUES = 2**20  # that pass through the network at once
FEW = 0.01  # share of voxels in doubt that is not worth a word


def denoise_series(
    stack: Stack,
    model: SeriesModel | str | Path,
    mask: Any = None,
    *,
    out: np.ndarray | None = None,
    doubted: np.ndarray | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Stack:
    """Estimate the noise-free signals of a stack.

    A stack that is read lazily is worked on in slabs, so only the result needs memory; give
    ``out``, such as a ``numpy.memmap``, where that is too much.

    Parameters
    ----------
    stack
        (N, Y, X) or (N, Z, Y, X): an array, ``Micrograph`` or ``Series``, or with its axes in any
        order a signal of HyperSpy or an array of xarray whose axes say which one is the signal; in
        the units of the target that the model was trained for.
    model
        What ``train_series`` returned, or the path where it was saved.
    mask
        (Y, X) or (Z, Y, X): voxels outside are skipped and stay as they are. The path of a file
        can be given, which a recipe then names; it cannot name an array.
    out
        float32, shape of the stack, to be filled.
    doubted
        bool, shape of a volume, to be filled: True where the data contradict the network, so that
        local PCA or less denoising stands there.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    progress
        Called with (done, total), in rows of the first spatial axis.
    should_stop
        Asked often; True ends the work.

    Returns
    -------
    float32, same kind and shape as the input; all but arrays carry a recipe.

    Raises
    ------
    SBDError
        If the stack is of another protocol than the model's, or holds NaN within the mask.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> start = np.linspace(1, 2, 1024).reshape(32, 32)
    >>> decay = np.exp(-np.linspace(0, 2, 12))[:, None, None] * start
    >>> counted = np.random.default_rng(0).normal(decay, 0.1)
    >>> model = sbd.train_series(decay, counted, steps=4)  # for real use leave the steps out
    >>> sbd.denoise_series(counted, model).shape
    (12, 32, 32)
    """
    source = as_series(stack)
    trained = model if isinstance(model, SeriesModel) else load_series_model(model)
    order: Any = trained.card.order_of(source)
    if (order == np.arange(len(order))).all():
        order = slice(None)  # spares copies
    if source.header is not None and source.gradients is None and trained.card.gradients:
        warn(
            "The stack has no gradient table, .bval and .bvec beside its file, so its volumes are "
            "taken for those of training, one by one."
        )
    masked, mask = named_mask(mask)
    inside = usable_mask(mask, source)
    result = np.empty(source.data.shape, np.float32) if out is None else out
    if result.shape != source.data.shape or result.dtype != np.float32:
        raise SBDError(f"The output must be float32 of shape {tuple(source.data.shape)}.")
    unlike = np.zeros(source.grid, bool) if doubted is None else doubted
    if unlike.shape != source.grid or unlike.dtype != bool:
        raise SBDError(f"The map of doubts must be bool of shape {source.grid}.")
    stop = should_stop or (lambda: False)
    with in_words():
        from ..networks.hardware import resolve_device

        where = resolve_device(device)
        same_noise = _same_noise(trained.card, source, inside)
        followed = trained.card.is_judged and same_noise
        balance = Balance(trained.card.noise_model, source.length) if followed else None
        trained.network.to(where)
        judged = 0
        try:
            for rows in _slabs(source, trained.card):
                found, unlike[rows], count = _slab(
                    trained, source, order, inside, rows, where, stop, balance
                )
                result[order, rows] = found
                judged += count
                if progress:
                    progress(rows.stop, source.grid[0])
        finally:
            trained.network.to("cpu")
        if balance is not None:
            for rows in _slabs(source, trained.card):
                block, own = result[:, rows], (inside & ~unlike)[rows]
                own = measured(block, own, trained.card.noise == "poisson")
                _put_right(block, own, order, balance)
    if same_noise:  # else it is the noise that is unlike
        _tell_doubts(int(unlike.sum()), judged)
    if isinstance(stack, np.ndarray):
        return result
    whose = trained.card
    entry = recipe(
        "denoise_series",
        origin_of(source),
        model=whose.name,
        model_sha256=whose.sha256,
        model_path=str(whose.path.absolute()) if whose.sha256 else None,
        device=str(where),
        mask=masked,
    )
    made: Stack = as_given(stack, source, result, entry)
    return made


def _slabs(source: Series, card: SeriesCard) -> Iterator[slice]:
    step = -(-rows_of(source, card.view.width) // STRIDE) * STRIDE  # where patches start
    for start in range(0, source.grid[0], step):
        yield slice(start, min(start + step, source.grid[0]))


def _slab(
    model: SeriesModel,
    source: Series,
    order: Any,
    mask: np.ndarray,
    rows: slice,
    device: torch.device,
    should_stop: Callable[[], bool],
    balance: Balance | None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Some rows of the result and of the doubts, and how many voxels were denoised; the rows around
    are read for neighbourhoods."""
    halo = model.card.view.reach
    first = max(rows.start - halo, 0)
    wide = slice(first, rows.stop + halo)
    data = np.asarray(source.data[:, wide])[order]
    own = slice(rows.start - first, rows.stop - first)
    known = measured(data, mask[wide], model.card.noise == "poisson")
    wanted = np.zeros_like(known)
    wanted[own] = known[own]
    result = data[:, own].astype(np.float32)
    unlike = np.zeros_like(mask[rows])
    if wanted.any():
        chosen = wanted[known]
        seen = model.card.view.of(data, known)
        seen = seen if chosen.all() else seen[chosen]
        found, doubts = _estimate(model, seen, source.length, device, should_stop, balance)
        result[:, known[own]], unlike[known[own]] = found.T, doubts
    return result, unlike, int(wanted.sum())


def _put_right(result: np.ndarray, mask: np.ndarray, order: Any, balance: Balance) -> None:
    """Balance the voxels of a mask in some rows of a result, whose volumes came in an order."""
    if mask.any():
        block = result[order]
        block[:, mask] = balance.apply(block[:, mask].T).T
        result[order] = block


def _estimate(
    model: SeriesModel,
    seen: np.ndarray,
    length: int,
    device: torch.device,
    should_stop: Callable[[], bool],
    balance: Balance | None,
) -> tuple[np.ndarray, np.ndarray]:
    """(V, N) clean signals of features (V, K), and (V,) where the network was not followed."""
    import torch

    noise = model.card.noise_model
    result = np.empty((len(seen), length), np.float32)
    doubts = np.zeros(len(seen), bool)
    step = max(1, _VALUES // seen.shape[1])
    with torch.inference_mode():
        for start in range(0, len(seen), step):
            if should_stop():
                raise Cancelled("Stopped before the stack was complete; nothing was kept.")
            part = slice(start, start + step)
            scaled, unit = in_noise_units(seen[part], length, noise)
            clean = model.network(torch.from_numpy(scaled).to(device)).float().cpu().numpy() * unit
            clean = np.maximum(clean, 0) if noise.is_positive else clean
            if model.card.is_judged:
                around = seen[part, -length:] if model.card.local_pca else None
                clean, doubts[part] = settle(clean, seen[part, :length], around, noise)
            if balance is not None:
                followed = ~doubts[part]
                balance.add(clean[followed], seen[part, :length][followed])
            result[part] = clean
    return result, doubts


def _tell_doubts(count: int, of: int) -> None:
    if count > FEW * of:
        warn(
            f"In {count} of {of} voxels ({count / of:.0%}) the data contradict the network: they "
            "hold what the reference lacks. There the result is the local PCA's, or less denoised; "
            "'doubted' maps them."
        )


def _same_noise(card: SeriesCard, source: Series, mask: np.ndarray) -> bool:
    """Warn where the stack is noisier or cleaner, or in other units, than training was."""
    found = other_level(source, card.noise_model, mask)
    if found is not None:
        warn(
            f"The noise level of the stack is {found:.4g}, that of training was {card.level:.4g}; "
            "the result may be wrong. Train with this stack as the target."
        )
    return found is None
