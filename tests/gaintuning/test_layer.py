import copy

import numpy as np
import pytest
import torch

from napari_sbd.gaintuning import layer


@pytest.fixture
def image():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 48, 40))).float()


@pytest.mark.parametrize("tune", ["gains", "all"])
def test_no_change_is_the_network_itself(small_network, image, tune):
    layered, changes = layer.over(small_network, tune)
    torch.testing.assert_close(layered(image), small_network(image))
    assert all(not c.any() for c in changes.values())


def test_weights_are_shared_and_stay_as_they_are(small_network, image):
    before = copy.deepcopy(small_network.state_dict())
    layered, changes = layer.over(small_network, "gains")
    places = {p.data_ptr() for p in small_network.parameters()}
    assert places == {p.data_ptr() for p in layered.parameters()}
    for c in changes.values():
        c.data += 0.3
    assert not torch.allclose(layered(image), small_network(image))
    for name, value in small_network.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_a_gain_is_a_factor_on_the_filters_of_its_channel(small_network, image):
    """Gain g of channel c does what weights g w of that channel would do."""
    torch.manual_seed(1)
    _, changes = layer.over(small_network, "gains")
    found = {name: 0.2 * torch.randn(c.shape) for name, c in changes.items()}
    scaled = copy.deepcopy(small_network)
    for name, change in found.items():
        scaled.get_submodule(name).weight.data *= 1 + change[..., None]
    torch.testing.assert_close(
        layer.apply(small_network, found, "gains")(image), scaled(image), rtol=1e-4, atol=1e-5
    )


def test_one_gain_for_every_channel_of_every_convolution(small_network):
    _, changes = layer.over(small_network, "gains")
    convolutions = [m for m in small_network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert sum(c.numel() for c in changes.values()) == sum(m.out_channels for m in convolutions)


@pytest.mark.parametrize("tune", ["gains", "all"])
def test_a_tuned_network_is_still_scale_equivariant(small_network, image, tune):
    _, changes = layer.over(small_network, tune)
    found = {name: torch.full(c.shape, 0.05) for name, c in changes.items()}
    tuned = layer.apply(small_network, found, tune)
    torch.testing.assert_close(tuned(7 * image), 7 * tuned(image), rtol=1e-4, atol=1e-4)
