"""Images of known truth for the tests."""

import numpy as np
import pytest

# of the lattice below neither the width nor the polarity of columns is told, and both is said
of_cosines = pytest.mark.filterwarnings(
    "ignore:The columns flow together", "ignore:Bright and dark spots"
)


def lattice(shape, period=41.0, contrast=0.3, mean=1.0):
    """A square lattice of a period [px] along both axes."""
    y, x = np.mgrid[: shape[0], : shape[1]] * (2 * np.pi / period)
    return mean * (1 + contrast * np.cos(y) * np.cos(x))
