import contextlib

import numpy as np
import pytest
import torch

from napari_sbd import Cancelled
from napari_sbd.networks import tiling

CPU = torch.device("cpu")


@pytest.fixture
def exact(monkeypatch):
    """Compute in float32 on every processor, with few witnesses."""
    monkeypatch.setattr(tiling, "autocast", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(tiling, "WITNESSES", 64)


def image(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(10, 10), (64, 65), (200, 31)])
def test_cores_cover_every_pixel_once(shape):
    seen = np.zeros(shape, int)
    for tile in tiling.tiles(shape, core=32, halo=16):
        seen[tile.write] += 1
        assert np.zeros(shape)[tile.read][tile.keep].shape == seen[tile.write].shape
    assert (seen == 1).all()


def test_tiles_leave_no_seam(small_network, exact):
    """Tiled equals untiled to well within 1e-3 of the noise, whose standard deviation is one."""
    whole = tiling.run(small_network, image(190, 213), CPU)
    tiled = tiling.run(small_network, image(190, 213), CPU, tile=64)
    assert np.abs(tiled - whole).max() < 1e-4
    assert whole.std() > 0.01


def test_strips_shorter_than_a_tile_leave_no_seam(small_network, exact, monkeypatch):
    """All positions are witnesses, from every tile."""
    monkeypatch.setattr(tiling, "WITNESSES", 1024)
    whole = tiling.run(small_network, image(8, 300), CPU)
    tiled = tiling.run(small_network, image(8, 300), CPU, tile=64)
    assert np.abs(tiled - whole).max() < 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (8, 8), (17, 9)])
def test_any_shape(small_network, exact, shape):
    assert tiling.run(small_network, image(*shape), CPU).shape == shape


def test_progress_adds_up(small_network, exact):
    shares = []
    tiling.run(small_network, image(100, 130), CPU, tile=64, tick=shares.append)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == 3 * 6


def test_stop_takes_effect_before_the_next_tile(small_network, exact):
    done = []
    with pytest.raises(Cancelled):
        tiling.run(
            small_network,
            image(100, 130),
            CPU,
            tile=64,
            tick=done.append,
            should_stop=lambda: len(done) == 2,
        )
    assert len(done) == 2
