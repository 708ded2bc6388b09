"""GainTuning: a trained network adapted to one noisy image (Mohan et al., NeurIPS 2021,
arXiv 2107.12815).

All filters stay as they were trained. One multiplicative gain per channel of every convolution is
optimised on the noisy image itself, with a loss that needs no clean image, and kept only if the
network then predicts counts better that were put aside.
"""

from .report import Report
from .tune import gain_tune
from .tuned import Tuned

__all__ = ["Report", "Tuned", "gain_tune"]
