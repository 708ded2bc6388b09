"""Signals along the axis of a stack: learn from a low-noise acquisition, denoise others."""

from .classic import pca_series
from .comparing import compare_series, halves_series
from .denoise import denoise_series
from .files import read_series, write_series
from .gradients import Gradients
from .model import SeriesModel, load_series_model
from .stack import Series
from .train import train_series

__all__ = [
    "Gradients",
    "Series",
    "SeriesModel",
    "compare_series",
    "denoise_series",
    "halves_series",
    "load_series_model",
    "pca_series",
    "read_series",
    "train_series",
    "write_series",
]
