"""Images whose pixels are too coarse for atoms have a network of their own."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.networks.choice import choose_model
from napari_sbd.recipe import KEY
from napari_sbd.simulation.low_magnification import low_magnification_image


@pytest.fixture(scope="module")
def scenes():
    return [low_magnification_image(np.random.default_rng([900, i]), 160) for i in range(8)]


def error(result, clean):
    return float(np.mean((np.asarray(result.data) - clean) ** 2))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of texture like a lattice, and of hrtem
def test_coarse_pixels_take_it_and_gain(scenes):
    """Beside the network for atoms, at two doses, on scenes that no training saw."""
    gains = []
    for i, (scene, dose) in enumerate(zip(scenes, (5, 50) * 4, strict=True)):
        noisy = np.random.default_rng(i).poisson(scene * dose) / dose
        m = sbd.Micrograph(noisy.astype(np.float32), pixel_size=0.5)
        auto = sbd.denoise(m)
        assert auto.metadata[KEY]["history"][-1]["settings"]["model"] == "low-mag"
        gains.append(
            10 * np.log10(error(sbd.denoise(m, model="hrtem"), scene) / error(auto, scene))
        )
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
    for i in range(6):
        scene = low_magnification_image(np.random.default_rng([902, i]), 224)
        noisy = np.random.default_rng(i).poisson(scene * 10).astype(np.float32)
        m = sbd.Micrograph(noisy, pixel_size=0.5)
        errors = {
            name: 10 * np.log10(error(sbd.denoise(m, model=name), scene * 10))
            for name in ("low-mag", "hrtem", "stem")
        }
        best = min(errors.values())
        lost.append(errors[choose_model(noisy, (1, 1)).card.name] - best)
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
        m, clean = sbd.Micrograph(noisy), gaussian_filter(scene, 0.36) * 17.3
        errors = [error(sbd.denoise(m, model=name), clean) for name in ("hrtem", "auto")]
        gains.append(10 * np.log10(errors[0] / errors[1]))
    assert 0.5 < np.mean(gains) < 3
