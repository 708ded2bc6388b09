"""What the plugin understands of an image before it denoises it, in words; knows no Qt."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ...denoising.doubts import doubts
from ...denoising.model_choice import choose_for
from ...denoising.working_block import check_size, choose_block
from ...errors import BlankImage, SBDError
from ...micrograph import Micrograph, PixelSize
from ...micrograph.frames import reference_frame
from ...networks import ModelCard, companion, find_model
from ...networks.choice import Modality
from ...noise.camera import look_at
from ...noise.dose import dose_text, is_plausible, mean_value
from ...sampling import bin_counts
from ...units import plain
from .gain import Gain, gain_of, percent


@dataclass(frozen=True)
class Understanding:
    """Calibration, dose, model and working sampling, as numbers and as the texts that tell them.

    Parameters
    ----------
    micrograph
        What was looked at.
    block
        Pixels that will be summed along y and x.
    electrons
        Mean per pixel of the first frame; None where that cannot be told, or cannot be.
    gain
        What is known of gain and offset.
    dose, sampling, model
        One line each.
    warnings
        Sentences about what may go wrong.
    """

    micrograph: Micrograph
    block: tuple[int, int]
    electrons: float | None
    gain: Gain
    dose: str
    sampling: str
    model: str
    warnings: tuple[str, ...]


def understand(
    m: Micrograph,
    model: str = "auto",
    modality: Modality = "auto",
    errors: tuple[float, float] = (0.0, 0.0),
) -> Understanding:
    """Look at the first frame and say what will be done with it.

    Parameters
    ----------
    m
        The micrograph, with whatever calibration is known.
    model, modality
        As in ``denoise``.
    errors
        Of its gain and offset [file units], where these were estimated.

    Raises
    ------
    SBDError
        If there is no such model, or the frame holds no image or is too small.
    """
    check_size(m)
    card, why = find_model(model), "as you chose" if model != "auto" else "the general model"
    block = choose_block(m, companion(card)).block
    if model == "auto":
        with suppress(BlankImage):
            # as the image is then denoised
            seen, first = look_at(m, block)
            choice, _ = choose_for(m, seen, first, bin_counts(first, block), modality)
            card, why = choice.card, choice.reason
    gain = gain_of(m, tuple(max(b, 1) for b in block), errors)  # type: ignore[arg-type]
    mean = mean_value(m)
    told = gain.electrons(mean)
    electrons = told if told is not None and is_plausible(told, m.pixel_size_yx) else None
    return Understanding(
        m,
        block,
        electrons,
        gain,
        _dose_text(m, told, gain, mean),
        _sampling_text(m, block),
        f"{card.name} {card.version}, {why}",
        tuple(_warnings(m, card, block, electrons, modality)),
    )


def understand_or_say(
    m: Micrograph,
    model: str,
    modality: Modality = "auto",
    errors: tuple[float, float] = (0.0, 0.0),
) -> tuple[Micrograph, Understanding | str]:
    """The micrograph, and what is understood of it, or a sentence that says why nothing is."""
    try:
        return m, understand(m, model, modality, errors)
    except (SBDError, OSError, MemoryError) as error:
        return m, str(error)


def pixel_size_text(size: PixelSize | None) -> str:
    """nm as a person types them: ``0.0061``, ``0.006 x 0.012`` (y x x), empty when unknown."""
    return " x ".join(f"{s:.6g}" for s in (size if isinstance(size, tuple) else (size,)) if s)


_HOW = {"told": "", "counted": " (single electrons)", "estimated": " (estimated)"}


def _dose_text(m: Micrograph, electrons: float | None, gain: Gain, mean: float) -> str:
    text = dose_text(m, electrons)
    if "e⁻" not in text:
        return text
    error = gain.uncertainty(mean)
    return text + (f" ± {percent(error)}" if error else "") + _HOW[gain.how]


def _sampling_text(m: Micrograph, block: tuple[int, int]) -> str:
    sums = f"sums {block[0]} x {block[1]} pixels" if max(block) > 1 else "takes pixels as they are"
    if m.pixel_size_yx is None:
        return f"{sums}, judged from the image"
    y, x = (plain(p * b, 2) for p, b in zip(m.pixel_size_yx, block, strict=True))
    size = y if y == x else f"{y} x {x}"
    return f"{sums} to {size} nm" if max(block) > 1 else f"{sums}, {size} nm"


def _warnings(
    m: Micrograph,
    card: ModelCard,
    block: tuple[int, int],
    electrons: float | None,
    modality: Modality,
) -> list[str]:
    found = []
    if m.pixel_size_yx is None:
        found.append("The pixel size is unknown; type it in if you know it.")
    frame = None
    with suppress(BlankImage):
        frame = reference_frame(m)
    return found + doubts(card, m, block, electrons, frame, modality)
