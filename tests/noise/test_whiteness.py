"""Whether near pixels' noise is independent, whatever the image shows."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate

from known import lattice
from napari_sbd.noise.whiteness import whiteness

N = 256
RNG = np.random.default_rng


def _edge():
    image = lattice((N, N), period=41.0)
    image[90:] *= 0.7
    return image * np.linspace(0.5, 1.5, N)


def _particle():
    y, x = np.mgrid[:N, :N] - 120
    inside = gaussian_filter((np.hypot(y, x + y / 4) < 60).astype(float), 3)
    return 1 + inside * (lattice((N, N), period=33.0, contrast=0.6) - 1.3)


SCENES = {
    "vacuum": np.ones((N, N)),
    "lattice": lattice((N, N), period=41.0),
    "lattice of few pixels": lattice((N, N), period=4.3, contrast=0.8),
    "interface in uneven light": _edge(),
    "particle": _particle(),
}


def _streaks(image, share=0.15):
    """The beam's signal that trails along the fast axis."""
    result = image.copy()
    for x in range(1, image.shape[1]):
        result[:, x] = share * result[:, x - 1] + (1 - share) * image[:, x]
    return result


def _lorentz(image):
    f = np.hypot(np.fft.fftfreq(N)[:, None], np.fft.fftfreq(N))
    return np.fft.ifft2(np.fft.fft2(image) / (1 + (f / 0.5) ** 2)).real


CAMERAS = {
    "point spread": lambda i: gaussian_filter(i, 0.4),
    "wide point spread": lambda i: gaussian_filter(i, 1.5),
    "long tails": _lorentz,
    "streaks": _streaks,
    "rotated": lambda i: rotate(i, 7, reshape=False, order=1, mode="reflect"),
    "rotated by splines": lambda i: rotate(i, 7, reshape=False, order=3, mode="reflect"),
    "row offsets": lambda i: i + 0.15 * i.std() * RNG(7).normal(size=(N, 1)),
    "column offsets": lambda i: i + 0.15 * i.std() * RNG(7).normal(size=(1, N)),
}


@pytest.mark.parametrize("dose", [0.1, 3.0, 200.0])
@pytest.mark.parametrize("scene", SCENES)
def test_counts_are_white_whatever_they_show(scene, dose):
    for seed in range(5):
        assert whiteness(RNG(seed).poisson(dose * SCENES[scene]).astype(float)).white


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("scene", ["vacuum", "lattice", "particle"])
def test_correlated_noise_is_noticed(scene, camera):
    for seed in range(3):
        image = CAMERAS[camera](RNG(seed).poisson(3 * SCENES[scene]).astype(float))
        assert not whiteness(image).white


def test_it_says_along_what():
    noise = RNG(0).poisson(SCENES["vacuum"] * 5).astype(float)
    found = whiteness(_streaks(noise, 0.3), (0.0061, 0.0061))
    assert found.along_x == pytest.approx(0.3, abs=0.05)  # an AR(1) process of coefficient 0.3
    assert found.along_y == pytest.approx(0, abs=0.05)
    assert "correlated" in str(found)
    assert "rows" in str(whiteness(CAMERAS["row offsets"](noise)))
    assert "independent" in str(whiteness(noise))


def test_its_error_is_that_of_white_noise():
    found = [whiteness(RNG(s).normal(size=(N, N))) for s in range(60)]
    off = np.array([w.along_x for w in found])
    assert 0.75 < off.std() / np.mean([w.error for w in found]) < 1.25
    assert abs(off.mean()) < 4 * off.std() / 60**0.5


def test_chance_alone_accuses_no_image():
    """Of 300 one has a p below 0.01 by chance; a camera's noise is told from that."""
    found = [whiteness(RNG(seed).poisson(5.0, (128, 128))) for seed in range(300)]
    assert min(w.p for w in found) < 0.01
    assert all(w.white for w in found)
    smeared = [gaussian_filter(RNG(seed).poisson(5.0, (128, 128)) * 1.0, 0.6) for seed in range(9)]
    assert not any(whiteness(image).independent for image in smeared)


def test_an_image_too_small_to_tell_is_not_accused():
    assert whiteness(gaussian_filter(RNG(0).normal(size=(20, 20)), 1)).white
