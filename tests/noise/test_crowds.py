"""Hot pixels and X-rays so many that the noise of the frame is hidden by them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice
from napari_sbd.noise.dose import mean_value
from napari_sbd.noise.outliers import find_outliers

SHAPE = 384, 384


def counts(dose, seed=0, contrast=0.4):
    return np.random.default_rng(seed).poisson(dose * lattice(SHAPE, 20.0, contrast)).astype(float)


def struck(image, share, side=1, seed=1):
    """A frame with squares of extremes, and where these are; half of them hot from 0.2 to 10
    times the range of the image."""
    rng = np.random.default_rng(seed)
    number = int(share * image.size / side**2)
    ys, xs = (rng.integers(0, n - side + 1, number) for n in image.shape)
    height = image.max() + rng.uniform(0.2, 10, number) * np.ptp(image)
    result = image.copy()
    for dy in range(side):
        for dx in range(side):
            result[ys + dy, xs + dx] = height * rng.uniform(0.5, 1, number) ** (side > 1)
    return result, result != image


@pytest.mark.parametrize("dose", [0.3, 8, 200])
@pytest.mark.parametrize("share", [5e-4, 2e-3, 1e-2])
def test_one_pixel_in_a_hundred_is_found(dose, share):
    image, hot = struck(counts(dose), share)
    found = find_outliers(image)
    assert found.mask[hot].mean() > 0.95
    assert found.mask[~hot].mean() < 3e-5
    assert not found.crowded


@pytest.mark.parametrize("dose", [8, 200])
def test_squares_of_x_rays_are_found(dose):
    image, hot = struck(counts(dose), 1e-3, side=2)
    found = find_outliers(image)
    assert found.mask[hot].mean() > 0.9
    assert found.mask[~hot].mean() < 1e-4


def test_dead_pixels_are_found():
    image = counts(200, contrast=0.1)
    dead = np.random.default_rng(0).random(SHAPE) < 3e-3
    image[dead] = 0
    found = find_outliers(image)
    assert found.mask[dead].mean() > 0.95
    assert found.mask[~dead].mean() < 3e-5
    assert found.counts.keys() <= {"dead", "cluster"}


def test_what_chance_raises_is_none():
    """At half an electron six of them in one pixel are rare, and no fault beside hot pixels."""
    for seed in range(4):
        image, hot = struck(counts(0.5, seed), 1e-3, seed=seed)
        assert not (find_outliers(image).mask & ~hot).any()


@pytest.mark.parametrize("dose", [5, 200])
@pytest.mark.parametrize("number", [100, 600])
def test_many_sharp_atoms_are_none(dose, number):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    image = np.full((256, 256), 0.2)
    for cy, cx in rng.uniform(20, 236, (number, 2)):
        distance = (y - cy) ** 2 + (x - cx) ** 2
        image += rng.uniform(0.5, 3) * np.exp(-4 * np.log(2) * distance / 1.8**2)
    found = find_outliers(rng.poisson(dose * image))
    assert not found
    assert not found.crowded


def test_a_hot_column_is_no_crowd():
    image = counts(50)
    image[:, 100] *= 3
    assert find_outliers(image).counts == {"column": 1}
    assert not find_outliers(image, lines=False)


@pytest.mark.parametrize("share", [0, 1e-2])
def test_correlated_noise_is_measured_between_hot_pixels(share):
    """Fast and slow noise of a point spread of one pixel, whose tiles all have holes."""
    light = gaussian_filter(np.random.default_rng(0).poisson(30.0, SHAPE).astype(float), 1.0)
    image, _ = struck(light, share)
    spectrum = sbd.estimate_noise_spectrum(image)
    for f in (0.1, 0.2, 0.3):
        truth = np.exp(-((2 * np.pi * f) ** 2))
        power = spectrum.power(np.array([0.0]), np.array([f])) / spectrum.power(
            np.array([0.0]), np.array([0.05])
        )
        assert power.item() == pytest.approx(
            truth / np.exp(-((2 * np.pi * 0.05) ** 2)), rel=0.35, abs=0.01
        )


@pytest.mark.parametrize(("share", "doubted"), [(1e-3, False), (0.06, True)])
def test_extremes_that_are_left_are_told(recwarn, share, doubted):
    image, _ = struck(counts(2)[:128, :128], share, side=2)
    session_warnings = recwarn.list
    sbd.denoise(image, pixel_size=0.03, gain=1, model="hrtem")
    said = [str(w.message) for w in session_warnings]
    assert any("Extreme values" in s for s in said) is doubted


def test_the_dose_is_that_of_the_pixels_between():
    image, _ = struck(counts(20), 1e-2)
    assert image.mean() > 21
    assert mean_value(sbd.Micrograph(image)) == pytest.approx(20, rel=0.005)
