"""What the network looked at: the gradient of one denoised pixel with respect to the raw ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError, in_words
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import as_micrograph, mean_filled
from ..networks.choice import Modality

_FIELD = 256  # working pixels around the point that the network sees


@dataclass(frozen=True, eq=False)
class EquivalentFilter:
    """The linear filter that the network is at one pixel of one image.

    Parameters
    ----------
    weights
        (Y, X) float32, d(denoised pixel) / d(raw pixel).
    estimate
        The denoised pixel, in the unit of the image.
    bias
        ``estimate`` less the weighted sum of the raw pixels: what the network adds of its own. It
        is nearly zero for networks without bias, where the whole estimate is made from the data.
    y, x
        The pixel.

    Examples
    --------
    >>> seen = sbd.equivalent_filter(noisy, y=48, x=48, model="hrtem")
    >>> isinstance(seen, sbd.EquivalentFilter), seen.weights.shape
    (True, (96, 96))
    """

    weights: np.ndarray = field(repr=False)
    estimate: float
    bias: float
    y: int
    x: int


def equivalent_filter(
    image: Micrograph | np.ndarray,
    y: float,
    x: float,
    *,
    pixel_size: PixelSize | None = None,
    model: str | Path = "auto",
    modality: Modality = "auto",
    device: str = "auto",
) -> EquivalentFilter:
    """Differentiate one denoised pixel with respect to the raw image.

    The network is locally linear, so the estimate at a pixel is a weighted sum of the raw pixels
    plus a bias (Mohan et al., arXiv 2010.12970, section on interpretation). Weight on other columns
    says that the network let them vouch for this one. Where noise is correlated, what makes it
    white for the network and colours the result again is part of the weights. Uneven light and
    outliers are left as they are.

    Parameters
    ----------
    image
        A micrograph or an array (Y, X).
    y, x
        The pixel [px].
    pixel_size, model, modality, device
        As ``denoise`` takes them.

    Returns
    -------
    EquivalentFilter
        Of the pass that ``denoise(..., quality="fast")`` makes, in full precision. Of large images
        the network sees 256 working pixels around the point.

    Raises
    ------
    SBDError
        If the image is a movie, the pixel lies outside it, or ``denoise`` would refuse it.

    Examples
    --------
    >>> seen = sbd.equivalent_filter(noisy, y=48, x=48, model="hrtem")
    >>> (seen.y, seen.x)
    (48, 48)
    """
    import torch

    from .. import sampling
    from ..micrograph.frames import finite_or_nan
    from ..noise.whitening import colour, divided, whiten
    from .denoiser import Denoiser

    source = as_micrograph(image, pixel_size)
    if source.is_movie:
        raise SBDError("The equivalent filter needs a single image; give one frame.")
    row, column = round(float(y)), round(float(x))
    if not (0 <= row < source.shape[0] and 0 <= column < source.shape[1]):
        raise SBDError(f"Pixel ({row}, {column}) lies outside the image of shape {source.shape}.")
    with in_words():
        worker = Denoiser(source, model=model, modality=modality, device=device)
        values = mean_filled(finite_or_nan(source.data)).astype(np.float64)
        window = tuple(
            _window(centre, n, _FIELD * b, b)
            for centre, n, b in zip((row, column), values.shape, worker.block, strict=True)
        )
        part = values[window]
        blocks = sampling.bin_counts(part, worker.block)
        noise = worker.camera.noise
        white = blocks if noise is None else whiten(blocks, noise)
        mean, scale = white.mean(), white.std() or 1.0
        normal = torch.from_numpy(((white - mean) / scale).astype(np.float32)).to(worker.device)
        # the sum of spread blocks at one pixel is linear in them
        at = row - window[0].start, column - window[1].start
        spread = _spread_row(blocks.shape, worker.block, at)
        if noise is not None:
            spread = colour(spread, noise)
        told = torch.from_numpy(spread.astype(np.float32)).to(worker.device)
        estimate, gradient = _pass(worker.network, normal, told)
        if noise is not None:
            # both filters are their own adjoints, but for the borders
            gradient = divided(gradient, noise)
    area = worker.block[0] * worker.block[1]
    # the mean is subtracted before the network and added again after it
    gradient = gradient - gradient.mean() + 1 / (area * blocks.size)
    weights = np.zeros(source.shape, np.float32)
    # blocks that stick out are scaled up from the pixels that they hold
    for axis, (n, b) in enumerate(zip(part.shape, worker.block, strict=True)):
        held = np.minimum(b, n - np.arange(blocks.shape[axis]) * b)
        gradient = gradient * np.expand_dims(b / held, 1 - axis)
    full = gradient.repeat(worker.block[0], 0).repeat(worker.block[1], 1)
    full = full[: part.shape[0], : part.shape[1]]
    weights[window] = full
    result = estimate * scale + mean / area
    return EquivalentFilter(
        weights, float(result), float(result - (full * part).sum()), row, column
    )


def _pass(network: Any, normal: Any, spread: Any) -> tuple[float, np.ndarray]:
    """The weighted sum of the network's output, and its gradient."""
    import torch
    import torch.nn.functional as F

    pad = [-n % network.multiple for n in normal.shape]
    inputs = normal[None, None].clone().requires_grad_(True)
    mode = "reflect" if all(p < n for p, n in zip(pad, normal.shape, strict=True)) else "replicate"
    with torch.enable_grad():
        output = network(F.pad(inputs, (0, pad[1], 0, pad[0]), mode=mode))
        value = (output[0, 0, : normal.shape[0], : normal.shape[1]] * spread).sum()
        (gradient,) = torch.autograd.grad(value, inputs)
    return float(value.detach()), gradient[0, 0].cpu().numpy().astype(np.float64)


def _spread_row(
    shape: tuple[int, ...], block: tuple[int, int], pixel: tuple[int, int]
) -> np.ndarray:
    """(h, w) float32: what each block adds to one pixel of the upsampled image."""
    from ..sampling import upsample

    rows, columns = (
        upsample(np.eye(n), (b, 1), (n * b, n))[p]
        for n, b, p in zip(shape, block, pixel, strict=True)
    )
    return np.outer(rows, columns)


def _window(centre: int, n: int, length: int, b: int) -> slice:
    """A range of pixels around a point, on the grid of blocks of the whole image."""
    start = int(np.clip(centre - length // 2, 0, max(0, n - length))) // b * b
    return slice(start, min(n, start + length))
