"""Denoise atomic-resolution TEM images with networks trained on simulations.

Public names are imported on first use, so that ``import napari_sbd`` loads neither torch nor
napari.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

# Eager, since the function shares its name with the module that holds it: a later import of the
# module would otherwise hide the function.
from .denoise import denoise

__version__ = version("napari-sbd")

_HOMES = {
    "Cancelled": "errors",
    "Micrograph": "micrograph",
    "SBDError": "errors",
    "models": "networks",
    "read": "io",
    "simulate": "simulation.phantom",
    "write": "io",
}
__all__ = [
    "Cancelled",
    "Micrograph",
    "SBDError",
    "__version__",
    "denoise",
    "models",
    "read",
    "simulate",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
