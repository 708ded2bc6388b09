import contextlib

import numpy as np
import pytest
import torch

from napari_sbd.errors import DeviceFull
from napari_sbd.networks import tiling
from napari_sbd.networks.memory_fallback import Passes

CPU, CARD = torch.device("cpu"), torch.device("meta")  # the latter stands in for a graphics card


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Compute in float32 on every processor, with few witnesses."""
    monkeypatch.setattr(tiling, "autocast", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(tiling, "WITNESSES", 64)


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(230, 260)).astype(np.float32)


def with_memory(network, pixels, device):
    """Let a network run out of memory for larger images on a type of device."""

    def check(module, arguments):
        x = arguments[0]
        if x.device.type == device.type and x.shape[-2] * x.shape[-1] > pixels:
            raise torch.cuda.OutOfMemoryError("fake")

    network.register_forward_pre_hook(check)
    return network


def test_tiles_are_halved_until_a_pass_fits(small_network, image):
    whole = tiling.run(small_network, image, CPU)
    passes = Passes(CPU)
    result = passes(with_memory(small_network, 50_000, CPU), image)
    assert np.abs(result - whole).max() < 1e-4
    assert passes.tile <= 130
    assert passes.device == CPU


def test_what_worked_is_remembered(small_network, image):
    passes, tried = Passes(CPU), []
    network = with_memory(small_network, 50_000, CPU)
    passes(network, image)
    network.register_forward_pre_hook(lambda module, x: tried.append(x[0].shape), prepend=True)
    passes(network, image)
    assert all(shape[-2] * shape[-1] <= 50_000 for shape in tried)


def test_the_processor_takes_over_and_says_so(small_network, image):
    whole = tiling.run(small_network, image, CPU)
    passes = Passes(CARD)
    with pytest.warns(UserWarning, match="memory of meta.*the processor computes"):
        result = passes(with_memory(small_network, 0, CARD), image)
    np.testing.assert_array_equal(result, whole)
    assert passes.device == CPU


def test_a_processor_without_memory_is_an_error(small_network, image):
    with pytest.raises(DeviceFull):
        Passes(CPU)(with_memory(small_network, 0, CPU), image)
