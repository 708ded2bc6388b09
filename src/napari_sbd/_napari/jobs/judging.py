"""Judge a denoised image by its electrons, or say why they cannot be counted; knows no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...agreement import agreement
from ...agreement.pairs import paired
from ...errors import listening
from ...micrograph import Micrograph
from ...noise.as_denoised import corrected_as
from ...noise.dose import mean_value
from ...region import limited
from ...repeat import tunes_anew
from .gain import Gain, gain_of, percent

if TYPE_CHECKING:
    from ...agreement.result import Agreement


def judge(
    raw: Micrograph,
    denoised: Micrograph,
    apart: bool = True,
    region: str | None = None,
    errors: tuple[float, float] = (0.0, 0.0),
) -> tuple[Agreement | Gain, str]:
    """The judgement, or what is known of the gain that it needs; and what was warned of.

    Whether whole numbers are electrons is decided as for columns, by the noise that was removed.

    Parameters
    ----------
    raw, denoised
        Of the same pixels.
    apart
        Whether data judge that the image was not made from, as ``agreement`` has it by default;
        else all of them judge the image that was made from them.
    region
        To which it is limited.
    errors
        Of the raw image's gain and offset [file units], where these were estimated.
    """
    with listening() as words:
        raw, *_ = corrected_as(raw, denoised)
        if raw.gain is None:
            part, made, _ = limited(raw, denoised)
            with listening():
                pair = paired(part, made)
            if not pair.counts:
                found = gain_of(part, pair.block)
                return (Gain("unknown") if found.how == "counted" else found), ""
            raw = raw.replace(gain=1.0)
        result = agreement(raw, denoised, denoiser=None if apart else False, region=region)
    return result, " ".join([*words, *_within(result, raw, errors)])


def _within(result: Agreement, raw: Micrograph, errors: tuple[float, float]) -> list[str]:
    """What an estimated gain leaves open of a judgement, in a sentence."""
    known = gain_of(raw, (1, 1), errors)
    mean = mean_value(raw)
    error = known.uncertainty(mean)
    if not error:
        return []
    least, most = result.unsupported_between(*known.shares(mean))
    words = f"The gain was estimated: numbers of electrons are known to ± {percent(error)}"
    if least < most:
        words += f", and {least} to {most} columns are not supported with gains within its error"
    return [f"{words}."]


def patience(denoised: Micrograph) -> str:
    """What is said while halves of an image are denoised, where that takes minutes."""
    if not tunes_anew(denoised):
        return ""
    return (
        "This result was tuned to the image, so each half of the data is tuned on anew to judge "
        "it: about twice the time that tuning took. Cancel ends it."
    )


def why_not(gain: Gain) -> str:
    """Why an image is not judged by electrons, and what to do, in the window's words."""
    parts = [
        "Not judged: these values are no single electrons, and how many make one electron (the "
        "gain) is not known."
    ]
    if gain.how == "estimated":
        parts.append(f"The noise suggests {gain.in_words}: use that, or type yours in Denoise.")
        parts += ["What is uncertain about it, the tip of the button says."] if gain.why else []
    else:
        parts.append("The noise does not tell it.")
        parts += [gain.why] if gain.why else []
        parts.append("Type gain and offset in Denoise if you know them.")
    parts.append("Columns need no gain: they are judged by the noise of the image itself.")
    return " ".join(parts)
