"""Convolutions give the same in whatever form they are computed."""

import pytest
import torch
import torch.nn.functional as F

from napari_sbd import networks
from napari_sbd.gaintuning import layer
from napari_sbd.networks import convolution
from napari_sbd.networks.convolution import Convolution
from napari_sbd.networks.hardware import autocast


@pytest.fixture
def minimal(monkeypatch):
    """As on a processor where minimal filtering pays."""
    monkeypatch.setattr(convolution, "minimal_filtering_pays", lambda: True)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(2, 128, 8, 12), (1, 128, 7, 5), (1, 128, 1, 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_minimal_filtering_is_the_convolution(minimal, shape, bias):
    layer = Convolution(128, 160, 3, padding=1, bias=bias)
    x = noise(*shape)
    with torch.inference_mode():
        found = layer(x)
    expected = F.conv2d(x.double(), layer.weight.double(), padding=1)
    if bias:
        expected = expected + layer.bias.double()[:, None, None]
    assert not torch.equal(found.double(), layer(x).double())  # another sum of the same products
    torch.testing.assert_close(found.double(), expected.detach(), rtol=1e-4, atol=1e-5)


def test_a_changed_weight_is_noticed(minimal):
    for side, padding in ((3, 1), (1, 0)):
        layer = Convolution(128, 128, side, padding=padding, bias=False)
        x = noise(1, 128, 4, 4)
        with torch.inference_mode():
            before = layer(x)
        with torch.no_grad():
            layer.weight.mul_(2)
        with torch.inference_mode():
            torch.testing.assert_close(layer(x), 2 * before)


@pytest.mark.parametrize("tune", ["gains", "all"])
def test_tuned_changes_act_in_the_cheap_form(minimal, tune):
    network = networks.load_network(networks.find_model("hrtem"), "cpu")
    layered, changes = layer.over(network, tune)
    with torch.no_grad():
        for i, change in enumerate(changes.values()):
            change += 0.05 * noise(*change.shape, seed=i)
    x = noise(1, 1, 32, 32)
    with torch.no_grad():
        expected, untuned = layered(x), network(x)
    with torch.inference_mode():
        found = layered(x)
    assert (expected - untuned).abs().mean() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_of_gains_pass_weights_that_an_inference_converted(minimal, dtype):
    """The change of the loss along a change of all gains is what their gradients say."""
    network = networks.load_network(networks.find_model("hrtem"), "cpu")
    layered, changes = layer.over(network, "gains")
    x = noise(1, 1, 32, 32)
    half = torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)
    with torch.inference_mode(), half:
        layered(x)
    with half:
        layered(x).float().square().mean().backward()
    told = sum(float(change.grad.sum()) for change in changes.values())

    def loss(step):
        with torch.no_grad():
            for change in changes.values():
                change.fill_(step)
            return float(layered(x).double().square().mean())

    step = 1e-4
    expected = (loss(step) - loss(-step)) / (2 * step)
    assert told == pytest.approx(expected, rel=0.05 if dtype == torch.bfloat16 else 0.005)


def test_the_precision_of_a_pass_costs_less_than_a_hundredth_of_the_noise(lattice_counts):
    """Of counts at 0.45 electrons per pixel, whose noise is about one in these units."""
    network = networks.load_network(networks.find_model("hrtem"), "cpu")
    x = lattice_counts
    with torch.no_grad():
        exact = network(x)
    with torch.inference_mode(), autocast(torch.device("cpu")):
        fast = network(x).float()
    assert (fast - exact).square().mean().sqrt() < 0.01


@pytest.fixture
def lattice_counts():
    """(1, 1, 96, 96) counts of a lattice, about zero, in units of their noise."""
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    expected = 16 * (1 + 0.3 * torch.cos(0.83 * y) * torch.cos(0.83 * x))
    counts = torch.poisson(expected, torch.Generator().manual_seed(2))
    return ((counts - 16) / 4)[None, None]
