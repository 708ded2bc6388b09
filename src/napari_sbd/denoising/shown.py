"""Does an image show what is in its faint result, or did the network draw that into the noise?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# of the root of a result's summed squares about its mean, over the noise of a pixel: below the one
# a result is flat, above the other an image shows it beyond doubt
_FLAT, _PLAIN = 1.0, 10.0
_SHOWN = 1.6  # standard errors, which noise alone exceeds in one of twenty images


def doubt_faint(
    model: str,
    network: Callable[[np.ndarray], np.ndarray],
    estimate: np.ndarray,
    level: float,
    halves: Callable[[], tuple[np.ndarray, np.ndarray]],
) -> list[str]:
    """A sentence where a faint result may be the model's own.

    Parameters
    ----------
    model
        Its name.
    network
        Makes the estimate of a noisy image (H, W).
    estimate
        (H, W) that of the whole image.
    level
        Standard deviation of the noise of a pixel of it.
    halves
        Gives the image in two (H, W) of independent noise; asked for faint results only.
    """
    strength = float(estimate.std()) * np.sqrt(estimate.size)
    if not _FLAT * level < strength < _PLAIN * level or is_shown(network, halves()):
        return []
    return [
        f"What model {model!r} makes of one half of the data is not in the other half: the little "
        "structure in the result may be the model's own. A higher dose or a sum of frames would "
        "tell."
    ]


def is_shown(
    network: Callable[[np.ndarray], np.ndarray], halves: tuple[np.ndarray, np.ndarray]
) -> bool:
    """Whether what a network makes of either half of the data is in the other one.

    The sum of the products of both is normal about zero where it is not, since their noise is
    independent. Both ways hang together, so their mean is taken to have the error of one.

    Parameters
    ----------
    network
        Makes the estimate of a noisy image (H, W).
    halves
        (H, W) each, of independent noise.
    """
    scale = float(halves[0].std()) or 1.0  # squares of very large values overflow
    one, other = (np.asarray((half - half.mean()) / scale, np.float64) for half in halves)
    clarity = 0.0
    for seen, judge in ((one, other), (other, one)):
        made = network(seen)
        made = made - made.mean()
        error = judge.std() * np.sqrt((made**2).sum())
        clarity += float((made * judge).sum() / (error + 1e-30)) / 2
    return clarity > _SHOWN
