"""How good a denoised image is, with the truth and without."""

from .candidates import candidates
from .reference import psnr, ssim
from .residual import Residual, residual_check
from .unsupervised import Score, compare, umse, upsnr

__all__ = [
    "Residual",
    "Score",
    "candidates",
    "compare",
    "psnr",
    "residual_check",
    "ssim",
    "umse",
    "upsnr",
]
