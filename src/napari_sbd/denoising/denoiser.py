"""A model made ready for the frames of one micrograph."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import sampling
from ..errors import SBDError, warn
from ..frames import Level, finite_or_nan, mean_filled, reference_frame
from ..micrograph import Micrograph
from ..networks import ModelCard
from ..networks.choice import Modality
from ..networks.reflections import lost_reflection
from ..noise import level as noise
from ..noise.camera import Camera, Working, look_at
from ..spacings import doubt_crystal, doubt_pixel_size
from .against_blur import against_blur
from .settings import Quality
from .working_block import choose_block

Around = Callable[[Working, np.ndarray, int, int], np.ndarray]

_SMALLEST = 32  # pixels along a side
_CLEAN = 12  # contrast over noise, beyond which the network's own error exceeds what it removes
_BELOW, _ABOVE = 2.0, 4.0  # times the least and the largest dose of training that are let pass


class Denoiser:
    """A model made ready for the frames of one micrograph; it does not change.

    Parameters
    ----------
    source
        Gives calibration and, where that is missing, the frame from which the working sampling is
        chosen.
    model, quality, device
        As in ``denoise``.
    why
        Why this model was taken; where it is ``"auto"``, that is found out here.
    **camera
        As ``noise.camera.look_at`` takes them.

    Attributes
    ----------
    card, why
        The model's card, and why it was taken.
    block
        Pixels summed along y and x.
    camera
        What the camera did to the frames.
    lit
        Mean of the reference frame above the offset [file units].
    device
        The torch device that was asked for.
    network, movie_network
        For a frame alone, and for one with those around it; the latter is None where the model is
        one for images.
    passes
        Runs the network, on another device where the memory of that one does not suffice.
    dose
        Mean of the reference frame [electrons per pixel]; None where the gain is unknown.
    lit
        Mean of the reference frame above the offset [file units].
    """

    def __init__(
        self,
        source: Micrograph,
        *,
        model: str | Path = "auto",
        modality: Modality = "auto",
        quality: Quality = "fast",
        device: str = "auto",
        why: str = "as asked",
        **camera: Any,
    ) -> None:
        if min(source.shape[-2:]) < _SMALLEST:
            raise SBDError(
                f"The image is {source.shape[-2]} x {source.shape[-1]} pixels; "
                f"at least {_SMALLEST} x {_SMALLEST} are needed."
            )
        from ..networks import companion, find_model, load_network
        from ..networks.choice import choose_model
        from ..networks.hardware import resolve_device
        from ..networks.memory_fallback import Passes

        where, card = resolve_device(device), find_model(model)
        alone = companion(card) if card.frames > 1 else card
        chosen = choose_block(source, alone, where, **camera)
        block, raw = chosen.block, reference_frame(source)
        seen, first = look_at(source, block, **camera)
        if chosen.seen:
            seen = replace(seen, seen=(chosen.seen, *seen.seen))
        sums = sampling.bin_counts(first, block)
        white = seen.working(sums).image if seen.noise is not None else None
        if model == "auto":
            choice = choose_model(first, block, source.pixel_size_yx, where, white, modality)
            card, why = choice.card, choice.reason
        level = Level.of(first, source.offset).mean
        vars(self).update(
            source=source,
            _reference=(raw, first),
            quality=quality,
            device=where,
            passes=Passes(where),
            block=block,
            camera=seen,
            lit=level,
            card=card,
            why=why,
            network=load_network(card, where),
            movie_network=None,
            dose=_dose(source, level),
        )
        if card.frames > 1:
            if not source.is_movie:
                raise SBDError(
                    f"The model {card.name!r} sees {card.frames} frames of a movie at once, and "
                    "this is a single image; choose another model."
                )
            vars(self).update(
                network=load_network(alone, where), movie_network=load_network(card, where)
            )
        if chosen.doubtful:
            warn(
                f"The pixel size is unknown; {block[0]} x {block[1]} pixels are summed, and little "
                "speaks for it: no clear lattice, and other sums predict pixels as well. Give the "
                "pixel size."
            )
        for sentence in doubts(card, source, block, self.dose, first):
            warn(sentence)
        if white is None:
            filled = mean_filled(sums)
            contrast, level = filled.std(), noise.noise_level(filled)
        else:
            contrast, level = white.std(), noise.usual_level(white)
        if contrast > _CLEAN * level:
            warn(
                f"The contrast of the image is over {_CLEAN} times its noise: it was filtered, or "
                "has so little noise that the result may be less exact than the image itself."
            )

    source: Micrograph
    quality: Quality
    device: Any
    passes: Any
    block: tuple[int, int]
    camera: Camera
    lit: float
    card: ModelCard
    why: str
    network: Any
    movie_network: Any
    dose: float | None
    _reference: tuple[np.ndarray, np.ndarray]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A denoiser does not change; {name} is that of another one.")

    def with_network(self, network: Any) -> Denoiser:
        """The same with another network, such as a tuned one."""
        return self._but(network=network)

    def on_blocks(self, quality: Quality = "fast") -> Denoiser:
        """The same for block sums in place of pixels."""
        return self._but(block=(1, 1), quality=quality, camera=self.camera.on_blocks())

    def on_part(self, part: tuple[slice, slice]) -> Denoiser:
        """The same for a part of each frame."""
        return self._but(camera=self.camera.on_part(part))

    def _but(self, **changes: Any) -> Denoiser:
        other = copy.copy(self)
        vars(other).update(changes)
        return other

    def __call__(
        self,
        frame: Any,
        tick: Callable[[float], None] = lambda share: None,
        should_stop: Callable[[], bool] = lambda: False,
        around: Around | None = None,
    ) -> np.ndarray:
        """Denoise one frame (Y, X), in file units, as ``denoised`` does."""
        return self.denoised(frame, tick, should_stop, around)[0]

    def denoised(
        self,
        frame: Any,
        tick: Callable[[float], None] = lambda share: None,
        should_stop: Callable[[], bool] = lambda: False,
        around: Around | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Denoise one frame.

        Parameters
        ----------
        frame
            (Y, X).
        tick
            Hears the share done so far.
        should_stop
            Asked before every tile.
        around
            Lays the frames around it, made ready as it was, about its working image (H, W), on a
            grid moved by y, x: the (T, H, W) that a movie network sees. None denoises it alone.

        Returns
        -------
        The result in file units, and which of its pixels (Y, X) were left out; None without any.
        """
        raw = finite_or_nan(frame)
        values, mask = self._cleaned(raw)
        turns = range(8) if self.quality == "best" else range(1)
        offsets = sampling.grid_offsets(self.block) if self.quality == "best" else [(0, 0)]
        share, total = 0.0, len(turns) * len(offsets)

        def passed(part: float) -> None:
            nonlocal share
            share += part / total
            tick(min(share, 1.0))

        result = np.zeros(values.shape, np.float32)
        for dy, dx in offsets:
            shifted = _padded(values, dy, dx)
            sums = sampling.bin_counts(shifted, self.block)
            working = self.camera.working(sums)
            normal, mean, scale = _normal(working.image)
            shown, network = normal, self.network
            if around is not None:
                window = around(working, working.image - mean, dy, dx) / scale
                shown, network = window.astype(np.float32), self.movie_network
            estimate = np.zeros_like(normal)
            for turn in turns:
                turned = np.ascontiguousarray(_turn(shown, turn))
                clean = self.passes(network, turned, tick=passed, should_stop=should_stop)
                estimate += _turn_back(clean, turn) / len(turns)
            if (dy, dx) == (0, 0):
                self._warn_of_lost(normal, estimate)
            if not working.is_plain:
                estimate = (working.restored(estimate * scale + mean) - mean) / scale
            if (dy, dx) == (0, 0) and around is None and values is self._reference[1]:
                self._warn_of_worse(sums, estimate * scale + mean)
            fine = sampling.upsample(estimate, self.block, shifted.shape)
            fine = fine * scale + mean / (self.block[0] * self.block[1])
            if np.isnan(raw).any():
                # pixels that were given without data stay so; outliers are filled
                empty = np.isnan(sampling.bin_counts(_padded(raw, dy, dx), self.block))
                fine[_spread(empty, self.block, shifted.shape)] = np.nan
            result += (fine[dy:, dx:] / len(offsets)).astype(np.float32)
        return result, mask

    def of_sums(self, sums: np.ndarray) -> np.ndarray:
        """One pass over block sums (H, W), finite: their estimate, without a word."""
        working = self.camera.working(sums)
        normal, mean, scale = _normal(working.image)
        return working.restored(self.passes(self.network, normal) * scale + mean)

    def _warn_of_worse(self, sums: np.ndarray, estimate: np.ndarray) -> None:
        """Warn where the estimate of block sums is worse than a blur of these beyond doubt."""
        if self.camera.sharpen:
            return
        dark = None if self.source.gain is None else self.camera.dark
        wide = self.source.pixel_size is None
        found = against_blur(self.of_sums, sums, estimate, self.camera.measured, dark, wide=wide)
        if found is not None and found.worse:
            white = self.camera.noise is None and self.camera.measured is not None
            warn(found.sentence(self.card.name, white))

    def _warn_of_lost(self, image: np.ndarray, estimate: np.ndarray) -> None:
        """Warn where a lattice that block sums show beyond doubt is not in their estimate."""
        lost = lost_reflection(image, estimate)
        if lost is None:
            return
        sizes = self.source.pixel_size_yx or (1.0, 1.0)
        steps = [f / (p * b) for f, p, b in zip(lost, sizes, self.block, strict=True)]
        unit = "nm" if self.source.pixel_size_yx else "pixels"
        warn(
            f"The image shows a period of {1 / math.hypot(*steps):.2g} {unit} that the result of "
            f"model {self.card.name!r} has lost: detail of that size is missing in it."
        )

    def left_out(self, frame: Any) -> np.ndarray | None:
        """The pixels (Y, X) of a frame that are outliers; None without any."""
        return self._cleaned(finite_or_nan(frame))[1]

    def cleaned(self, raw: np.ndarray) -> np.ndarray:
        """A frame with NaN for outliers."""
        return self._cleaned(raw)[0]

    def _cleaned(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """A frame with NaN for outliers, and these; what was looked at is not searched again."""
        known, cleaned = self._reference
        if self.camera.outliers and np.array_equal(raw, known):
            mask = np.isnan(cleaned) & ~np.isnan(raw)
            return cleaned, mask if mask.any() else None
        cleaned, found = self.camera.cleaned(raw)
        return cleaned, None if found is None else found.mask

    def found(self) -> dict[str, Any]:
        """What a recipe says of image, model and device."""
        from ..networks.hardware import precision

        source, device = self.source, self.passes.device
        return {
            **self.named(),
            "model_choice": self.why,
            "device": str(device),
            "precision": str(precision(device)).removeprefix("torch."),
            "block": list(self.block),
            "shape": list(source.shape),
            "pixel_size": source.pixel_size,
            "gain": source.gain,
            "offset": source.offset,
            "dose": self.dose,
            "camera": self.camera.facts or None,
        }

    def named(self) -> dict[str, Any]:
        """What a recipe says of the model: name, checksum, and the path of one of your own."""
        from ..networks import is_bundled

        card = self.card
        path = None if is_bundled(card) else str(card.path.absolute())
        return {"model": card.name, "model_sha256": card.sha256, "model_path": path}


def doubts(
    card: ModelCard,
    source: Micrograph,
    block: tuple[int, int],
    dose: float | None,
    frame: np.ndarray | None,
) -> list[str]:
    """Sentences that say why a result may be wrong: the image is outside what a model was trained
    on, or contradicts its pixel size.

    Parameters
    ----------
    card
        Of the model.
    source, block
        The image, and the pixels summed along y and x.
    dose
        Mean electrons per pixel; None where it is unknown.
    frame
        (Y, X) the first that is not blank; None where there is none.
    """
    found = []
    sizes = [p * b for p, b in zip(source.pixel_size_yx or (), block, strict=False)]
    if odd := [size for size in sizes if not card.knows_pixel(size)]:
        low, high = card.working_pixel_nm
        found.append((f"{odd[0]:.3g} nm", f"{low:g} to {high:g} nm"))
    low, high = card.dose_range
    held = None if dose is None else dose * block[0] * block[1]
    if held is not None and held > 0 and not low / _BELOW <= held <= high * _ABOVE:
        found.append((f"{held:.3g} electrons", f"{low:g} to {high:g} electrons"))
    said = [
        f"The image has {this} per working pixel; model {card.name!r} was trained at {trained}, so "
        "its result may be wrong."
        for this, trained in found
    ]
    if frame is not None and source.pixel_size_yx is not None:
        doubt = doubt_pixel_size(frame, source.pixel_size_yx)
        said += [doubt] if doubt else []
        foreign = card.spacings_nm and doubt_crystal(frame, source.pixel_size_yx, card.spacings_nm)
        if foreign:
            said.append(
                f"Model {card.name!r} is a specialist and draws what it knows. {foreign}: use a "
                "general model here."
            )
    return said


def _dose(source: Micrograph, above: float) -> float | None:
    """Electrons per pixel of a mean above the offset; None where the gain is unknown."""
    if source.gain is None:
        return None
    if above <= 0:
        raise SBDError(
            f"The mean of the image lies below the offset {source.offset:g}; "
            "with this gain and offset there are no electrons in it."
        )
    return above / source.gain


def _padded(values: np.ndarray, dy: int, dx: int) -> np.ndarray:
    if not (dy or dx):
        return values
    padded: np.ndarray = np.pad(values, ((dy, 0), (dx, 0)), constant_values=np.nan)
    return padded


def _normal(image: np.ndarray) -> tuple[np.ndarray, float, float]:
    """An image of mean 0 and standard deviation 1, float32, and what these were.

    Any scale will do for a scale-equivariant network; this one fits half precision.
    """
    mean, scale = image.mean(), image.std() or 1.0
    return ((image - mean) / scale).astype(np.float32), mean, scale


def _turn(image: np.ndarray, turn: int) -> np.ndarray:
    """One of the 8 flips and turns of a square, of an image or of each of a stack."""
    turned = np.rot90(image, turn % 4, (-2, -1))
    return turned[..., ::-1] if turn >= 4 else turned


def _turn_back(image: np.ndarray, turn: int) -> np.ndarray:
    flipped = image[:, ::-1] if turn >= 4 else image
    return np.rot90(flipped, -(turn % 4))


def _spread(mask: np.ndarray, block: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    full = mask.repeat(block[0], 0).repeat(block[1], 1)
    return full[: shape[0], : shape[1]]
