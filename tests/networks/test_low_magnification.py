"""Images whose pixels are too coarse for atoms have a network of their own."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.networks import find_model, load_network
from napari_sbd.networks.choice import choose_model
from napari_sbd.simulation.low_magnification import low_magnification_image


@pytest.fixture(scope="module")
def scenes():
    return [low_magnification_image(np.random.default_rng([900, i]), 160) for i in range(4)]


def error(result, clean):
    """In decibels."""
    return 10 * np.log10(np.mean((result - clean) ** 2))


def with_hrtem(denoiser):
    """The same image made ready in the same way, for the network for atoms."""
    return denoiser.with_network(load_network(find_model("hrtem"), denoiser.device))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of texture like a lattice, and of hrtem
def test_coarse_pixels_take_it_and_gain(scenes):
    """Beside the network for atoms, at two doses, on scenes that no training saw."""
    gains = []
    for i, (scene, dose) in enumerate(zip(scenes, (5, 50) * 2, strict=True)):
        noisy = np.random.default_rng(i).poisson(scene * dose).astype(np.float32) / dose
        auto = Denoiser(sbd.Micrograph(noisy, pixel_size=0.5))
        assert auto.card.name == "low-mag"
        errors = [error(made.of_sums(noisy), scene) for made in (with_hrtem(auto), auto)]
        gains.append(errors[0] - errors[1])
    assert 0.5 < np.mean(gains) < 3  # more would say that the other result is spoilt


@pytest.mark.parametrize("modality", ["auto", "phase contrast", "dark field"])
def test_pixels_that_show_atoms_do_not(counts, modality):
    choice = choose_model(counts, (5, 5), (0.0066, 0.0066), modality=modality)
    assert not choice.card.is_low_magnification


@pytest.mark.parametrize("modality", ["auto", "phase contrast", "dark field"])
def test_objects_look_alike_in_every_modality(scenes, modality):
    choice = choose_model(scenes[0], (1, 1), (2.0, 2.0), modality=modality)
    assert choice.card.name == "low-mag"


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a blur
def test_objects_without_a_pixel_size_take_it_where_it_is_better():
    """A small part shows one object or none: what predicts it best may be worst on the frame.

    The models are held against each other in the pixels among which is chosen, as they are.
    """
    lost, else_lost = [], []
    for i in (1, 2, 3):  # chosen in small parts, 0.7 are lost
        scene = low_magnification_image(np.random.default_rng([902, i]), 224)
        noisy = np.random.default_rng(i).poisson(scene * 10).astype(np.float32)
        m = sbd.Micrograph(noisy, pixel_size=0.5)
        name = choose_model(noisy, (1, 1)).card.name
        errors = {
            name: error(Denoiser(m, model=name).of_sums(noisy), scene * 10)
            for name in {"low-mag", "hrtem", name}
        }
        best = min(errors.values())
        lost.append(errors[name] - best)
        else_lost.append(errors["hrtem"] - best)
    assert np.mean(else_lost) > 1
    assert np.mean(lost) < 0.5


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a blur and of hrtem
def test_noise_that_hangs_together_a_little_does_not_pass_for_detail():
    """A point spread too small to be noticed: a model that keeps noise would predict the rest."""
    gains = []
    for seed, dose in ((4, 40), (2, 8)):
        rng = np.random.default_rng(seed)
        scene = low_magnification_image(rng, 224) * dose
        noisy = gaussian_filter(rng.poisson(scene).astype(float), 0.36) * 17.3
        auto, clean = Denoiser(sbd.Micrograph(noisy)), gaussian_filter(scene, 0.36) * 17.3
        errors = [error(made(noisy), clean) for made in (with_hrtem(auto), auto)]
        gains.append(errors[0] - errors[1])
    assert 0.5 < np.mean(gains) < 3
