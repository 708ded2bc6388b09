"""Signals along the axis of a stack: learn from a low-noise acquisition, denoise others."""

from .denoise import denoise_series
from .files import read_series, write_series
from .model import SeriesModel, load_series_model
from .stack import Gradients, Series
from .train import train_series

__all__ = [
    "Gradients",
    "Series",
    "SeriesModel",
    "denoise_series",
    "load_series_model",
    "read_series",
    "train_series",
    "write_series",
]
