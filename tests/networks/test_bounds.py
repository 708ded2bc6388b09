"""One pixel does not rule an image, and nothing that a lens draws is touched."""

import numpy as np
import pytest
import torch

from napari_sbd import networks
from napari_sbd.networks import tiling
from napari_sbd.networks.bounds import beyond

SIDE, PLACE = 256, 24


def lattice(dose: float) -> np.ndarray:
    """Expected counts of a particle in vacuum."""
    y, x = np.indices((SIDE, SIDE))
    inside = np.hypot(y - SIDE / 2, x - SIDE / 2) < SIDE / 3
    return dose * (1 + 0.4 * inside * np.cos(0.83 * y) * np.cos(0.83 * x))


def spot(width: float, y: float, x: float) -> np.ndarray:
    """A peak of height 1 and this full width at half maximum [pixels]."""
    yy, xx = np.indices((SIDE, SIDE))
    return np.exp(-4 * np.log(2) * ((yy - y) ** 2 + (xx - x) ** 2) / width**2)


@pytest.mark.parametrize("value", [300.0, 65535.0, 1e9, -65535.0])
def test_far_from_a_pixel_nothing_changes_whatever_it_holds(value):
    dose = 16
    counts = np.random.default_rng(0).poisson(lattice(dose)).astype(float)
    network = networks.load_network(networks.find_model("hrtem"), "cpu")

    def denoised(image):
        mean, scale = image.mean(), image.std()
        normal = ((image - mean) / scale).astype(np.float32)
        return tiling.run(network, normal, torch.device("cpu")) * scale + mean

    changed = counts.copy()
    changed[PLACE, PLACE] = value
    y, x = np.indices(counts.shape)
    far = np.hypot(y - PLACE, x - PLACE) > 100
    change = denoised(changed) - denoised(counts)
    assert np.sqrt((change[far] ** 2).mean()) < 0.01 * np.sqrt(dose)


@pytest.mark.parametrize("value", [500.0, -500.0])
def test_what_is_beyond_passes_by(value):
    image = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    image[3, 5] += value
    excess = beyond(image)
    assert np.count_nonzero(excess) == 1
    assert abs(image[3, 5] - excess[3, 5]) == pytest.approx(20, abs=2)
    assert np.sign(excess[3, 5]) == np.sign(value)


@pytest.mark.parametrize("dose", [0.05, 1, 100, 1e5])
def test_counts_of_atoms_are_let_pass(dose):
    counts = np.random.default_rng(1).poisson(lattice(dose)).astype(float)
    assert beyond(counts) is None


@pytest.mark.parametrize("width", [1.5, 3.0])
@pytest.mark.parametrize("height", [1e3, 1e6])
def test_spots_of_diffraction_are_let_pass(width, height):
    """Wherever their middle lies in a pixel."""
    rng = np.random.default_rng(2)
    image = np.full((SIDE, SIDE), 4.0)
    for _ in range(12):
        image += height * spot(width, *rng.uniform(20, SIDE - 20, 2))
    assert beyond(rng.poisson(image).astype(float)) is None


def test_a_blank_image_has_nothing_beyond():
    assert beyond(np.zeros((32, 32))) is None
