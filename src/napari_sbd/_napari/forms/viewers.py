"""The viewer for what outlives a widget."""

from __future__ import annotations

from typing import Any


def bare(viewer: Any) -> Any:
    """The viewer itself, where napari hands plugins a proxy of it.

    What is told of the end of a widget still needs the viewer, and by then the garbage collector
    may have emptied the proxy together with the widget.
    """
    return getattr(viewer, "__wrapped__", viewer)
