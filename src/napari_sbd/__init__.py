"""Denoise atomic-resolution TEM images with networks trained on simulations.

Public names are imported on first use, so that ``import napari_sbd`` loads nothing heavy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agreement import agreement
    from .batch import batch
    from .denoise import denoise
    from .denoising.equivalent_filter import equivalent_filter
    from .provenance.cite import cite

__version__: str

_HOMES = {
    "apply_references": "noise.references",
    "estimate_fixed_pattern": "noise.fixed_pattern",
    "estimate_noise_spectrum": "noise.camera",
    "find_outliers": "noise.outliers",
    "apply": "provenance.replay",
    "candidates": "quality.candidates",
    "Comparison": "columns",
    "denoisers": "denoising.filters",
    "Detector": "noise.detector",
    "EquivalentFilter": "denoising.equivalent_filter",
    "Residual": "quality",
    "Score": "quality",
    "species": "columns",
    "outlier_mask": "noise.left_out",
    "agreement": "agreement",
    "batch": "batch",
    "cite": "provenance.cite",
    "denoise": "denoise",
    "equivalent_filter": "denoising.equivalent_filter",
    "Agreement": "agreement.result",
    "combine_columns": "columns",
    "compare": "quality",
    "compare_columns": "columns",
    "compare_columns_many_to_one": "columns",
    "correct_drift": "movie",
    "denoise_movie": "denoise",
    "compare_series": "series",
    "halves_series": "series",
    "denoise_series": "series",
    "denoise_file": "streaming",
    "Drift": "movie",
    "describe_lattice": "columns",
    "estimate_detector": "noise.detector_estimate",
    "estimate_drift": "movie",
    "psnr": "quality",
    "residual_check": "quality",
    "split_half_resolution": "agreement.resolution",
    "SplitHalf": "agreement.resolution",
    "ssim": "quality",
    "umse": "quality",
    "upsnr": "quality",
    "Cancelled": "errors",
    "Micrograph": "micrograph",
    "SBDError": "errors",
    "Series": "series",
    "Tuned": "gaintuning",
    "as_command": "provenance.replay",
    "as_python": "provenance.replay",
    "find_columns": "columns",
    "follow_columns": "columns",
    "gain_tune": "gaintuning",
    "load_series_model": "series",
    "models": "networks",
    "read": "io",
    "pca_series": "series",
    "read_series": "series",
    "refit_columns": "columns",
    "rerun": "provenance.replay",
    "simulate": "simulation.phantom",
    "specialise": "training.specialist",
    "write_figure": "figures.plate",
    "write_film": "figures.film",
    "watch": "watch",
    "train": "training.session",
    "train_series": "series",
    "write": "io",
    "write_columns": "columns",
    "write_series": "series",
}
__all__ = [
    "Agreement",
    "Cancelled",
    "Comparison",
    "Detector",
    "Drift",
    "EquivalentFilter",
    "Micrograph",
    "Residual",
    "SBDError",
    "Score",
    "Series",
    "SplitHalf",
    "Tuned",
    "__version__",
    "agreement",
    "apply",
    "apply_references",
    "as_command",
    "as_python",
    "batch",
    "candidates",
    "cite",
    "combine_columns",
    "compare",
    "compare_columns",
    "compare_columns_many_to_one",
    "compare_series",
    "correct_drift",
    "denoise",
    "denoise_file",
    "denoise_movie",
    "denoise_series",
    "denoisers",
    "describe_lattice",
    "equivalent_filter",
    "estimate_detector",
    "estimate_drift",
    "estimate_fixed_pattern",
    "estimate_noise_spectrum",
    "find_columns",
    "find_outliers",
    "follow_columns",
    "gain_tune",
    "halves_series",
    "load_series_model",
    "models",
    "outlier_mask",
    "pca_series",
    "psnr",
    "read",
    "read_series",
    "refit_columns",
    "rerun",
    "residual_check",
    "simulate",
    "specialise",
    "species",
    "split_half_resolution",
    "ssim",
    "train",
    "train_series",
    "umse",
    "upsnr",
    "watch",
    "write",
    "write_columns",
    "write_figure",
    "write_film",
    "write_series",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes ten times as long as all of this module

        value = version("napari-sbd")
    elif name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Keeps a function in front of the module of the same name that holds it."""

    def __setattr__(self, name: str, value: Any) -> None:
        # An import sets a module as an attribute of its package; the function goes first.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
