"""The errors that a user can meet; each carries one sentence that says what to do."""

from __future__ import annotations


class SBDError(ValueError):
    """Input that cannot be used, with a sentence that says what is wrong and what to do.

    Not a ``RuntimeError``: Qt generator workers swallow those.
    """


class BlankImage(SBDError):
    """An image that is constant or holds no finite pixel, such as a frame without beam."""


class Cancelled(SBDError):
    """The caller's ``should_stop`` asked for an end before the result was complete."""
