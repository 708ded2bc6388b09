"""Frames denoised while they come: a folder that fills, or a file that grows."""

from .loop import Seen, Summary, watch

__all__ = ["Seen", "Summary", "watch"]
