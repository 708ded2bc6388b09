"""What chance can do to a pixel."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

# Of what counts as impossible. The bound below overestimates the tail of a Gaussian or Poisson
# distribution about tenfold here, so this is once in 10^7 pixels.
RARITY = float(np.log(1e6))


def excess(variance: Any, event: Any, rarity: float = RARITY) -> np.ndarray:
    """How far above its expectation chance hardly ever takes a sum of events.

    Bennett's inequality (J. Am. Stat. Assoc. 57, 33, 1962): a sum of independent contributions of
    at most b each, of variance v in all, exceeds its mean by t with probability at most
    ``exp(-(v / b^2) h(b t / v))``, ``h(u) = (1 + u) ln(1 + u) - u``. For few electrons this is the
    tail of a Poisson distribution, for many that of a Gaussian one.

    Parameters
    ----------
    variance
        v > 0 [file units squared], any shape.
    event
        b > 0 [file units], what one electron adds.
    rarity
        Minus the natural logarithm of the bound on the probability.

    Returns
    -------
    File units.
    """
    v, b = np.asarray(variance), np.asarray(event)
    u = np.exp(np.interp(np.log(rarity * b**2 / v), *_inverse()))
    return np.asarray(u * v / b)


@cache
def _inverse() -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of h(u) and of u."""
    log_u = np.linspace(-12, 24, 721)
    u = np.exp(log_u)
    return np.log((1 + u) * np.log1p(u) - u), log_u
