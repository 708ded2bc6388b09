"""Viewers and layers themselves, where napari hands plugins proxies of them."""

from __future__ import annotations

from typing import Any


def bare(one: Any) -> Any:
    """A viewer or a layer itself; what is none of napari's proxies stays as it is.

    A proxy of a layer is not the layer that lists hold. What is told of the end of a widget still
    needs the viewer, and by then the garbage collector may have emptied the proxy together with
    the widget.
    """
    return getattr(one, "__wrapped__", one)
