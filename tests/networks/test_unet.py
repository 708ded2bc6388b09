import pytest
import torch
import torch.nn.functional as F

from napari_sbd.networks import unet


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_scaling_the_input_scales_the_output(small_network):
    """Without constants and with directional attention the network has no dose to remember."""
    x = noise(1, 1, 32, 40)
    torch.testing.assert_close(small_network(7.5 * x), 7.5 * small_network(x), rtol=1e-4, atol=1e-5)
    assert small_network(torch.zeros_like(x)).abs().max() == 0


def change_at_the_left(network, **options):
    """Largest change of the output in each column when the eight leftmost columns change."""
    x = noise(1, 1, 16, 512)
    changed = x.clone()
    changed[..., :8] += 3
    return (network(changed, **options) - network(x, **options)).abs().amax((0, 1, 2))


def test_non_local_blocks_carry_signal_beyond_the_convolutions(small_network):
    assert change_at_the_left(small_network)[small_network.reach + 8 :].max() > 1e-6


def test_reach_is_where_convolutions_end(small_network):
    """With the witnesses held fixed, a pixel changes nothing beyond the reach."""
    fixed = [noise(1, 16, 1, 5), noise(1, 16, 1, 5, seed=2)]
    change = change_at_the_left(small_network, witnesses=fixed)
    assert change[small_network.reach + 8 :].max() == 0
    assert change[8 : small_network.reach].max() > 0


@pytest.mark.parametrize("training", [False, True])
def test_attention_in_parts_is_attention(training):
    """Whatever part of the pairs is held at a time."""
    query, key, value = (noise(2, 3, n, 8, seed=i) for i, n in enumerate((1100, 70, 70)))
    expected = F.scaled_dot_product_attention(query, key, value, scale=1.0)
    torch.testing.assert_close(unet._attend(query, key, value, training), expected)


@pytest.mark.parametrize("fused", [False, True])
def test_attention_at_half_precision_is_attention(fused, monkeypatch):
    """Whichever form the processor is faster with, to the few digits that bfloat16 holds."""
    monkeypatch.setattr(unet, "fused_attention_pays", lambda: fused)
    query, key, value = (noise(1, 2, n, 16, seed=i) for i, n in enumerate((300, 90, 90)))
    expected = (query @ key.transpose(-2, -1)).softmax(-1) @ value
    found = unet._attend(*(t.bfloat16() for t in (query, key, value)), False).float()
    assert (found - expected).square().mean().sqrt() < 0.02 * expected.std()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_accelerators_agree_with_the_cpu(small_network, device):
    if not getattr(torch, device).is_available():
        pytest.skip(f"no {device} here")
    x = noise(1, 1, 64, 64)
    there = small_network.to(device)(x.to(device)).cpu()
    torch.testing.assert_close(there, small_network.cpu()(x), rtol=1e-2, atol=1e-2)
