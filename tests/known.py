"""Images of known truth for the tests."""

import numpy as np


def lattice(shape, period=41.0, contrast=0.3, mean=1.0):
    """A square lattice of a period [px] along both axes."""
    y, x = np.mgrid[: shape[0], : shape[1]] * (2 * np.pi / period)
    return mean * (1 + contrast * np.cos(y) * np.cos(x))
