"""Frames denoised while they come: a folder that fills, or a file that grows."""

from .loop import watch
from .turns import Seen, Summary

__all__ = ["Seen", "Summary", "watch"]
