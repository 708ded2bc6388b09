import numpy as np
import pytest

from napari_sbd.simulation.dataset import draw_images
from napari_sbd.simulation.low_magnification import low_magnification_image


@pytest.fixture(scope="module")
def images():
    return np.stack([low_magnification_image(np.random.default_rng(i), 96) for i in range(60)])


def test_images_are_positive_of_about_one_in_the_mean(images):
    assert images.dtype == np.float32
    assert np.isfinite(images).all()
    assert images.min() >= 0.02
    assert 0.85 < images.mean() < 1.15
    contrast = images.std((1, 2))
    assert (contrast > 0.02).all()
    assert contrast.max() > 4 * contrast.min()


def test_each_is_another_and_a_seed_gives_it_again(images):
    again = low_magnification_image(np.random.default_rng(3), 96)
    np.testing.assert_array_equal(images[3], again)
    flat = images.reshape(len(images), -1)
    alike = np.corrcoef(flat) - np.eye(len(flat))
    assert np.abs(alike).max() < 0.9


def test_a_camera_could_have_recorded_them(images):
    """Little power lies beyond what an optic passes: no edge is sharper than a pixel."""
    f = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(96))
    power = np.abs(np.fft.fft2((images - images.mean((1, 2), keepdims=True)) * _window(96))) ** 2
    beyond = power[:, f > 0.45].mean(1) / power[:, (f > 0.02) & (f < 0.2)].mean(1)
    assert np.median(beyond) < 1e-3


def test_a_training_set_of_nothing_else_needs_no_exit_waves():
    one, two = (np.stack(list(draw_images([], 3, 48, seed=1, low_magnification=1))) for _ in "ab")
    np.testing.assert_array_equal(one, two)
    assert one.shape == (3, 48, 48)
    assert len({image.tobytes() for image in one}) == 3


def _window(n):
    return np.outer(*[np.hanning(n)] * 2)
