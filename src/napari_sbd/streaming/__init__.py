"""Movies bigger than memory: denoised frame by frame, and resumed after a fault."""

from .file import denoise_file

__all__ = ["denoise_file"]
