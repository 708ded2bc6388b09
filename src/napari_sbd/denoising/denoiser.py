"""A model made ready for the frames of one micrograph."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import sampling
from ..errors import SBDError, is_heard, warn
from ..micrograph import Micrograph
from ..micrograph.frames import Level, beam_of, finite_or_nan, reference_frame
from ..networks import ModelCard
from ..networks.choice import Modality
from ..networks.reflections import put_back
from ..noise.camera import Camera, look_at
from ..noise.working import Working
from .detail import put_back_detail
from .doubts import (
    doubt_extremes,
    doubt_gaps,
    doubt_lines,
    doubt_noise,
    doubt_result,
    doubt_small,
    doubt_wrapped,
    doubts,
)
from .first_frame import doubt_against_blur, doubt_structure
from .layout import normalised, padded_by, spread, turned, turned_back
from .model_choice import choose_for
from .settings import Quality
from .working_block import check_size, choose_block

_logger = logging.getLogger(__name__)

Around = Callable[[Working, np.ndarray, int, int], np.ndarray]


class Denoiser:
    """A model made ready for the frames of one micrograph; it does not change.

    Parameters
    ----------
    source
        Gives calibration and, where that is missing, the frame from which the working sampling is
        chosen.
    model, modality, quality, device
        As in ``denoise``; where the modality is ``"auto"``, the file may name the detector.
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
        Mean of the reference frame above the offset [file units]; None where the offset is not that
        of no electrons, so that nothing can be told from means.
    device
        The torch device that was asked for.
    network, movie_network
        For a frame alone, and for one with those around it; the latter is None where the model is
        one for images.
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
        modality: Modality = "auto",
        quality: Quality = "fast",
        device: str = "auto",
        why: str = "as asked",
        **camera: Any,
    ) -> None:
        check_size(source)
        from ..networks import companion, find_model, load_network
        from ..networks.hardware import resolve_device
        from ..networks.memory_fallback import Passes

        where, card = resolve_device(device), find_model(model)
        chosen = choose_block(source, companion(card), where, **camera)
        block, raw = chosen.block, reference_frame(source)
        seen, first = look_at(source, block, **camera)
        if chosen.seen:
            seen = replace(seen, seen=(chosen.seen, *seen.seen))
        sums = sampling.bin_counts(first, block)
        white = seen.working(sums).image if seen.noise is not None else None
        if model == "auto":
            choice, seen = choose_for(source, seen, first, sums, modality, where)
            card, why = choice.card, choice.reason
        if card.frames > 1 and not source.is_movie:
            raise SBDError(
                f"The model {card.name!r} sees {card.frames} frames of a movie at once, and "
                "this is a single image; choose another model."
            )
        level = Level.of(first, source.offset)
        vars(self).update(
            source=source,
            _reference=(raw, first, sums),
            quality=quality,
            device=where,
            passes=Passes(where),
            block=block,
            camera=seen,
            lit=beam_of(source, level),
            card=card,
            why=why,
            network=load_network(companion(card), where),
            movie_network=load_network(card, where) if card.frames > 1 else None,
            dose=_dose(source, level.mean),
        )
        _logger.debug("model %s: %s; blocks of %s pixels on %s", card.name, why, block, where)
        if not is_heard():
            return
        found = doubts(card, source, block, self.dose, first, modality)
        found += doubt_noise(sums, white, seen.noise)
        found += doubt_lines(first, block, sums, white, seen.noise)
        known = seen.noise is not None and (source.is_movie or source.gain is not None)
        if camera.get("noise", "auto") == "auto" and not known:
            found += doubt_small(first, block, sums, seen.noise)
        found += [*doubt_gaps(first), *doubt_wrapped(raw)]
        found += doubt_extremes(seen)
        for sentence in [*chosen.doubts, *found]:
            warn(sentence)

    source: Micrograph
    quality: Quality
    device: Any
    passes: Any
    block: tuple[int, int]
    camera: Camera
    lit: float | None
    card: ModelCard
    why: str
    network: Any
    movie_network: Any
    dose: float | None
    _reference: tuple[np.ndarray, np.ndarray, np.ndarray]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A denoiser does not change; {name} is that of another one.")

    def with_network(self, network: Any) -> Denoiser:
        """The same with another network, such as a tuned one."""
        return self._but(network=network)

    def explained(self, why: str) -> Denoiser:
        """The same with another reason for its model."""
        return self._but(why=why)

    def with_movie_network(self, card: ModelCard) -> Denoiser:
        """The same with a network for movies beside that for frames alone."""
        from ..networks import load_network

        return self._but(card=card, movie_network=load_network(card, self.device))

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
        cleaned: np.ndarray | None = None,
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
        cleaned
            What ``cleaned`` gave for this frame, where that is known.

        Returns
        -------
        The result in file units, and which of its pixels (Y, X) were left out; None without any.
        """
        raw = finite_or_nan(frame)
        values, mask = self._cleaned(raw) if cleaned is None else (cleaned, _gone(raw, cleaned))
        turns = range(8) if self.quality == "best" else range(1)
        offsets = sampling.grid_offsets(self.block) if self.quality == "best" else [(0, 0)]
        share, total = 0.0, len(turns) * len(offsets)

        def passed(part: float) -> None:
            nonlocal share
            share += part / total
            tick(min(share, 1.0))

        result = np.zeros(values.shape, np.float32)
        for dy, dx in offsets:
            shifted = padded_by(values, dy, dx)
            known = shifted is self._reference[1]
            sums = self._reference[2] if known else sampling.bin_counts(shifted, self.block)
            working = self.camera.working(sums)
            normal, mean, scale = normalised(working.image)
            shown, network = normal, self.network
            if around is not None:
                window = around(working, working.image - mean, dy, dx) / scale
                shown, network = window.astype(np.float32), self.movie_network
            estimate = np.zeros_like(normal)
            for turn in turns:
                view = np.ascontiguousarray(turned(shown, turn))
                clean = self.passes(network, view, tick=passed, should_stop=should_stop)
                estimate += turned_back(clean, turn) / len(turns)
            empty = np.isnan(sums)
            periods = put_back(normal, estimate, empty)
            white = working.noise is None
            unsure = empty if white else sampling.bin_counts(np.isnan(shifted), self.block) > 0
            whole = put_back_detail(normal, periods, unsure, white)
            judged = (dy, dx) == (0, 0) and is_heard()
            if judged:
                made = estimate, periods, whole
                for s in doubt_result(self.card, self.source, self.block, normal, *made):
                    warn(s)
            estimate = whole
            if not working.is_plain:
                estimate = (working.restored(estimate * scale + mean) - mean) / scale
            if judged and around is None and values is self._reference[1]:
                for s in (
                    *doubt_against_blur(self, sums, estimate * scale + mean),
                    *doubt_structure(self, values, normal, periods),
                ):
                    warn(s)
            fine = sampling.upsample(estimate, self.block, shifted.shape)
            fine = fine * scale + mean / (self.block[0] * self.block[1])
            if np.isnan(raw).any():
                # pixels that were given without data stay so; outliers are filled
                none = np.isnan(sampling.bin_counts(padded_by(raw, dy, dx), self.block))
                fine[spread(none, self.block, shifted.shape)] = np.nan
            result += fine[dy:, dx:] / len(offsets)
        return result, mask

    def of_sums(self, sums: np.ndarray) -> np.ndarray:
        """One pass over block sums (H, W), finite: their estimate, without a word.

        Images that differ by little have estimates that do.
        """
        working = self.camera.working(sums, seed=0)
        normal, mean, scale = normalised(working.image)
        empty = np.isnan(sums)
        estimate = put_back(normal, self.passes(self.network, normal), empty)
        estimate = put_back_detail(normal, estimate, empty, working.noise is None)
        return working.restored(estimate * scale + mean)

    def left_out(self, frame: Any) -> np.ndarray | None:
        """The pixels (Y, X) of a frame that are outliers; None without any."""
        return self._cleaned(finite_or_nan(frame))[1]

    def cleaned(self, raw: np.ndarray) -> np.ndarray:
        """A frame with NaN for outliers."""
        return self._cleaned(raw)[0]

    def _cleaned(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """A frame with NaN for outliers, and these; what was looked at is not searched again."""
        known, cleaned, _ = self._reference
        if self.camera.outliers and np.array_equal(raw, known):
            return cleaned, _gone(raw, cleaned)
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


def _gone(raw: np.ndarray, cleaned: np.ndarray) -> np.ndarray | None:
    """The pixels (Y, X) that have no data any more; None without any."""
    mask = np.isnan(cleaned) & ~np.isnan(raw)
    return mask if mask.any() else None


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
