"""Atomic columns: found, fitted, judged, compared, followed and exported.

Fits stand in ``fit`` and ``measure``, verdicts in ``verdict``; ``table`` puts them together, and
``by_hand`` fits again what was edited.
``outline`` and ``lattice`` describe structure, ``match`` compares, ``follow`` links frames,
``export`` writes files.
"""

from ..spots import spacing
from .by_hand import refit_columns
from .cell import lattice_vectors
from .export import write_columns
from .kinds import species
from .lattice import describe_lattice
from .link_frames import combine_columns, follow_columns
from .match import Comparison, compare_columns, compare_columns_many_to_one
from .outline import on_surface, outline, polygons
from .table import find_columns

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
