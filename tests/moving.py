"""Movies of a small crystal whose truth is known."""

import numpy as np

PIXEL = 0.0061  # nm
PERIOD = 41.0  # px


def crystal(shape=(192, 256), shift=(0.0, 0.0), missing=(), mean=1.0, phase=0.0):
    """Columns of a square lattice in a disc, vacuum around; some columns missing."""
    y, x = np.indices(shape)
    centre = np.array(shape) / 2
    image = np.full(shape, mean)
    for i in range(-2, 3):
        for j in range(-2, 3):
            if i * i + j * j > 5 or (i, j) in missing:
                continue
            py, px = centre + np.array([i + phase, j + phase]) * PERIOD + shift
            image += 0.6 * mean * np.exp(-((y - py) ** 2 + (x - px) ** 2) / 2 / 9.0**2)
    return image


def counts(clean, seed=0):
    return np.random.default_rng(seed).poisson(clean).astype(np.float32)


def decibel(estimate, clean):
    return -10 * np.log10(np.mean((estimate - clean) ** 2))


def damaged(movie, number):
    """A lazy movie (T, Y, X) of which one frame cannot be read."""
    import dask.array as da

    def read(block, block_info):
        if block_info[None]["chunk-location"][0] == number:
            raise OSError("a torn page")
        return block

    lazy = da.from_array(np.asarray(movie), chunks=(1, -1, -1))
    return lazy.map_blocks(read, dtype=lazy.dtype, meta=np.zeros((0, 0, 0), lazy.dtype))
