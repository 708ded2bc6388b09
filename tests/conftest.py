import numpy as np
import pytest
import torch

from known import lattice


@pytest.fixture
def counts():
    """Poisson counts of a lattice, one electron per pixel; 6.1 pm per pixel suits them."""
    return np.random.default_rng(0).poisson(lattice((192, 256))).astype(np.float32)


@pytest.fixture
def small_network():
    """A network of the usual kind with weights that do something."""
    from napari_sbd.networks.unet import UNet

    torch.manual_seed(0)
    network = UNet(widths=(8, 16, 16), depths=(1, 2, 1), heads=2, non_local=2)
    for p in network.parameters():
        if p.ndim == 4 and p.std() < 2e-3:
            torch.nn.init.normal_(p, std=0.05)
    return network.eval().requires_grad_(False)
