"""Denoise atomic-resolution TEM images with networks trained on simulations.

Public names are imported on first use, so that ``import napari_sbd`` loads neither torch nor
napari.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

# Eager, since the functions share their names with the modules that hold them: a later import of a
# module would otherwise hide its function.
from .agreement import agreement
from .denoise import denoise
from .equivalent_filter import equivalent_filter

__version__ = version("napari-sbd")

_HOMES = {
    "Agreement": "agreement.result",
    "combine_columns": "columns",
    "compare": "quality",
    "compare_columns": "columns",
    "compare_columns_many_to_one": "columns",
    "describe_lattice": "columns",
    "estimate_detector": "detector",
    "psnr": "quality",
    "residual_check": "quality",
    "ssim": "quality",
    "umse": "quality",
    "upsnr": "quality",
    "Cancelled": "errors",
    "Micrograph": "micrograph",
    "SBDError": "errors",
    "Tuned": "gaintuning",
    "find_columns": "columns",
    "follow_columns": "columns",
    "gain_tune": "gaintuning",
    "models": "networks",
    "read": "io",
    "refit_columns": "columns",
    "simulate": "simulation.phantom",
    "train": "training.session",
    "write": "io",
    "write_columns": "columns",
}
__all__ = [
    "Agreement",
    "Cancelled",
    "Micrograph",
    "SBDError",
    "Tuned",
    "__version__",
    "agreement",
    "combine_columns",
    "compare",
    "compare_columns",
    "compare_columns_many_to_one",
    "denoise",
    "describe_lattice",
    "equivalent_filter",
    "estimate_detector",
    "find_columns",
    "follow_columns",
    "gain_tune",
    "models",
    "psnr",
    "read",
    "refit_columns",
    "residual_check",
    "simulate",
    "ssim",
    "train",
    "umse",
    "upsnr",
    "write",
    "write_columns",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
