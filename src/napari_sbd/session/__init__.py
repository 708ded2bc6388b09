"""One denoising of an image or movie, frame by frame: what every way to denoise goes through."""

from .fates import DONE, Fate, Frame, warn_of, with_fate
from .session import Progress, Session

__all__ = ["DONE", "Fate", "Frame", "Progress", "Session", "warn_of", "with_fate"]
