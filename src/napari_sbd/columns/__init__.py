"""Atomic columns: found, fitted, judged, compared, followed and exported.

Detection and fits stand in ``detect``, ``fit`` and ``measure``; ``table`` puts them together.
``outline`` and ``lattice`` describe structure, ``match`` compares, ``follow`` links frames,
``export`` writes files.
"""

from .export import write_columns
from .lattice import describe_lattice, lattice_vectors, spacing, species
from .link_frames import combine_columns, follow_columns
from .match import Comparison, compare_columns, compare_columns_many_to_one
from .outline import on_surface, outline, polygons
from .table import find_columns, refit_columns

__all__ = [
    "Comparison",
    "combine_columns",
    "compare_columns",
    "compare_columns_many_to_one",
    "describe_lattice",
    "find_columns",
    "follow_columns",
    "lattice_vectors",
    "on_surface",
    "outline",
    "polygons",
    "refit_columns",
    "spacing",
    "species",
    "write_columns",
]
