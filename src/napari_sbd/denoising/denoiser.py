"""A model made ready for the frames of one micrograph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..frames import finite_or_nan, mean_filled, reference_frame
from ..micrograph import Micrograph
from ..noise import level as noise

Quality = Literal["fast", "best"]

_SMALLEST = 32  # pixels along a side
_CLEAN = 12  # contrast over noise, beyond which the network's own error exceeds what it removes
_FALLBACK_BLOCK = 4  # for images that show no lattice and carry no calibration


class Denoiser:
    """A model made ready for the frames of one micrograph.

    Parameters
    ----------
    source
        Gives calibration and, where that is missing, the frame from which the working sampling is
        chosen.
    model, quality, device
        As in ``denoise``.
    why
        Why this model was taken; where it is ``"auto"``, that is found out here.

    Attributes
    ----------
    card, why
        The model's card, and why it was taken.
    block
        Pixels summed along y and x.
    device
        The torch device that was asked for.
    passes
        Runs the network, on another device where the memory of that one does not suffice.
    dose
        Mean of the reference frame [electrons per pixel]; None where the gain is unknown.
    """

    def __init__(
        self,
        source: Micrograph,
        *,
        model: str | Path = "auto",
        quality: Quality = "fast",
        device: str = "auto",
        why: str = "as asked",
    ) -> None:
        if min(source.shape[-2:]) < _SMALLEST:
            raise SBDError(
                f"The image is {source.shape[-2]} x {source.shape[-1]} pixels; "
                f"at least {_SMALLEST} x {_SMALLEST} are needed."
            )
        from ..networks import find_model, load_network
        from ..networks.choice import choose_model
        from ..networks.hardware import resolve_device
        from ..networks.memory_fallback import Passes

        self.quality = quality
        self.source = source
        self.device = resolve_device(device)
        self.passes = Passes(self.device)
        self.block = choose_block(source)
        self.card, self.why = find_model(model), why
        first = reference_frame(source)
        if model == "auto":
            choice = choose_model(first, self.block, source.pixel_size_yx, self.device)
            self.card, self.why = choice.card, choice.reason
        self.network = load_network(self.card, self.device)
        self._warn_outside(first)

    def __call__(
        self,
        frame: Any,
        tick: Callable[[float], None] = lambda share: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> np.ndarray:
        """Denoise one frame (Y, X), in file units; ``tick`` hears the share done so far."""
        values = finite_or_nan(frame)
        turns = range(8) if self.quality == "best" else range(1)
        offsets = sampling.grid_offsets(self.block) if self.quality == "best" else [(0, 0)]
        share, total = 0.0, len(turns) * len(offsets)

        def passed(part: float) -> None:
            nonlocal share
            share += part / total
            tick(min(share, 1.0))

        result = np.zeros(values.shape, np.float32)
        for dy, dx in offsets:
            shifted = values
            if dy or dx:
                shifted = np.pad(values, ((dy, 0), (dx, 0)), constant_values=np.nan)
            counts = sampling.bin_counts(shifted, self.block)
            empty = np.isnan(counts)
            filled = mean_filled(counts)
            mean = filled.mean()
            # any scale will do for a scale-equivariant network; this one fits half precision
            scale = filled.std() or 1.0
            normal = ((filled - mean) / scale).astype(np.float32)
            estimate = np.zeros_like(normal)
            for turn in turns:
                turned = np.ascontiguousarray(_turn(normal, turn))
                clean = self.passes(self.network, turned, tick=passed, should_stop=should_stop)
                estimate += _turn_back(clean, turn) / len(turns)
            fine = sampling.upsample(estimate, self.block, shifted.shape)
            fine = fine * scale + mean / (self.block[0] * self.block[1])
            if empty.any():
                fine[_spread(empty, self.block, shifted.shape)] = np.nan
            result += (fine[dy:, dx:] / len(offsets)).astype(np.float32)
        return result

    def annotate(self, result: Micrograph, checksum: bool = True, **settings: Any) -> Micrograph:
        """Add the recipe of this denoising to a result; ``checksum`` as in ``origin_of``."""
        from ..networks.hardware import precision
        from ..provenance import origin_of, recipe, with_recipe

        source = self.source
        entry = recipe(
            "denoise",
            origin_of(source, checksum),
            **self.named(),
            model_choice=self.why,
            quality=self.quality,
            device=str(self.passes.device),
            precision=str(precision(self.passes.device)).removeprefix("torch."),
            block=list(self.block),
            shape=list(source.shape),
            pixel_size=source.pixel_size,
            gain=source.gain,
            offset=source.offset,
            dose=self.dose,
            **settings,
        )
        return with_recipe(result, entry)

    def named(self) -> dict[str, Any]:
        """What a recipe says of the model: name, checksum, and the path of one of your own."""
        from ..networks import is_bundled

        card = self.card
        path = None if is_bundled(card) else str(card.path.absolute())
        return {"model": card.name, "model_sha256": card.sha256, "model_path": path}

    def _warn_outside(self, first: np.ndarray) -> None:
        """Warn where the image is outside what the model was trained on."""
        low, high = self.card.working_pixel_nm
        for p, b in zip(self.source.pixel_size_yx or (), self.block, strict=False):
            if not self.card.knows_pixel(p * b):
                self._warn(f"The image has {p * b:.3g} nm", f"{low:g} to {high:g} nm")
                break
        counts = mean_filled(sampling.bin_counts(first, self.block))
        dose, least = self._dose(float(counts.mean())), self.card.dose_range[0]
        self.dose = None if dose is None else dose / (self.block[0] * self.block[1])
        if dose is not None and dose < least / 2:
            self._warn(f"The image has {dose:.3g} electrons", f"{least:g} and more")
        level = noise.noise_level(counts)
        if counts.std() > _CLEAN * level:
            warnings.warn(
                f"The contrast of the image is over {_CLEAN} times its noise: it was filtered, or "
                "has so little noise that the result may be less exact than the image itself.",
                stacklevel=4,
            )

    def _warn(self, found: str, trained: str) -> None:
        warnings.warn(
            f"{found} per working pixel; model {self.card.name!r} was trained at {trained}, "
            "so its result may be wrong.",
            stacklevel=5,
        )

    def _dose(self, mean: float) -> float | None:
        """Electrons per working pixel of a mean block sum; None where the gain is unknown."""
        if self.source.gain is None:
            return None
        above = mean - self.source.offset * self.block[0] * self.block[1]
        if above <= 0:
            raise SBDError(
                f"The mean of the image lies below the offset {self.source.offset:g}; "
                "with this gain and offset there are no electrons in it."
            )
        return above / self.source.gain


def choose_block(source: Micrograph) -> tuple[int, int]:
    """Pixels to sum along y and x: from the pixel size, else from the lattice in the spectrum."""
    shape = source.shape[-2:]
    if source.pixel_size_yx is not None:
        block = sampling.choose_bin(source.pixel_size_yx)
    else:
        found = sampling.estimate_bin(mean_filled(reference_frame(source)))
        if found is None:
            warnings.warn(
                f"The pixel size is unknown and no lattice was found; {_FALLBACK_BLOCK} x "
                f"{_FALLBACK_BLOCK} pixels are summed, which may be wrong. Give the pixel size.",
                stacklevel=4,
            )
        block = found or (_FALLBACK_BLOCK, _FALLBACK_BLOCK)
    return tuple(min(b, n // 8) for b, n in zip(block, shape, strict=True))  # type: ignore[return-value]


def _turn(image: np.ndarray, turn: int) -> np.ndarray:
    """One of the 8 flips and turns of a square."""
    turned = np.rot90(image, turn % 4)
    return turned[:, ::-1] if turn >= 4 else turned


def _turn_back(image: np.ndarray, turn: int) -> np.ndarray:
    flipped = image[:, ::-1] if turn >= 4 else image
    return np.rot90(flipped, -(turn % 4))


def _spread(mask: np.ndarray, block: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    full = mask.repeat(block[0], 0).repeat(block[1], 1)
    return full[: shape[0], : shape[1]]
