import contextlib

import numpy as np
import pytest
import torch

from napari_sbd import SBDError
from napari_sbd.networks import tiling
from napari_sbd.networks.memory_fallback import Passes
from napari_sbd.networks.tile_size import set_tile_size, tile_size

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _automatic():
    yield
    set_tile_size(0)


def test_passes_begin_with_the_chosen_tiles_and_leave_no_seam(small_network, monkeypatch):
    monkeypatch.setattr(tiling, "autocast", lambda device: contextlib.nullcontext())
    image = np.random.default_rng(0).normal(size=(300, 280)).astype(np.float32)
    results, parts = [], []
    for size in (0, 128):
        set_tile_size(size)
        shares = []
        results.append(Passes(CPU)(small_network, image, tick=shares.append))
        parts.append(len(shares))
    assert parts[0] == 1 < parts[1]
    assert np.abs(results[1] - results[0]).max() < 1e-4


def test_zero_gives_the_choice_back():
    automatic = tile_size()
    set_tile_size(128)
    assert tile_size() == 128
    set_tile_size(0)
    assert tile_size() == automatic


@pytest.mark.parametrize("size", [-1, 1, 63, 8193])
def test_silly_sizes_are_refused_and_change_nothing(size):
    before = tile_size()
    with pytest.raises(SBDError, match=f"64 to 8192 working pixels.*not {size}"):
        set_tile_size(size)
    assert tile_size() == before
