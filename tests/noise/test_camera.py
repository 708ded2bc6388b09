"""What the denoiser does about cameras, seen from outside."""

import doctest

import numpy as np
import pytest
from scipy.ndimage import fourier_gaussian, gaussian_filter, rotate

import napari_sbd as sbd
from known import lattice
from napari_sbd.noise import camera

PIXEL = 0.0165  # nm: 2 x 2 pixels are summed
OFF = {"noise": "white", "outliers": False, "illumination": False}
SCENE = 9 * lattice((256, 256), period=15, mean=1.0, contrast=0.25)


def blur(image, sigma):
    return np.fft.ifft2(fourier_gaussian(np.fft.fft2(image), sigma)).real


def frame(seed=0, sigma=0.0):
    rng = np.random.default_rng(seed)
    return blur(rng.poisson(SCENE).astype(float), sigma).astype(np.float32)


def denoise(image, **options):
    return sbd.denoise(image, pixel_size=PIXEL, model="hrtem", device="cpu", **options)


def error(found, truth):
    return float(np.sqrt(np.mean((found - truth) ** 2)))


def test_white_counts_in_even_light_are_denoised_as_if_nobody_had_looked():
    np.testing.assert_array_equal(denoise(frame()), denoise(frame(), **OFF))


@pytest.mark.filterwarnings("ignore:The contrast")  # of what is taken for white noise
@pytest.mark.parametrize("sigma", [1.0, 1.6])
def test_correlated_noise_is_made_white(sigma):
    truth = blur(SCENE, sigma)
    found = error(denoise(frame(1, sigma)), truth)
    assert found < 0.5 * error(denoise(frame(1, sigma), **OFF), truth)
    blurred = min(error(gaussian_filter(frame(1, sigma), s), truth) for s in (1, 2, 3, 4))
    assert found < blurred


def test_a_turned_frame_is_made_white():
    turned, truth = (
        rotate(i, 7, reshape=False, order=1, mode="mirror")[48:-48, 48:-48]
        for i in (frame(2), SCENE)
    )
    assert error(denoise(turned), truth) < 0.8 * error(denoise(turned, **OFF), truth)


@pytest.mark.filterwarnings("ignore:Whether the result")
def test_a_known_gain_keeps_the_texture_of_a_film_that_fills_the_image():
    rng = np.random.default_rng(4)
    texture = gaussian_filter(rng.standard_normal((320, 320)), 2.5)
    truth = 100 * np.clip(1 + 0.2 * texture / texture.std(), 0.1, None)
    image = 20 * blur(rng.poisson(truth).astype(float), 0.9)
    counted = sbd.Micrograph(image.astype(np.float32), PIXEL, gain=20.0)
    found = [
        error(np.asarray(sbd.denoise(m, model="hrtem", device="cpu").data), 20 * blur(truth, 0.9))
        for m in (counted, counted.replace(gain=None))
    ]
    blurred = min(error(gaussian_filter(image, s), 20 * blur(truth, 0.9)) for s in (0.7, 1, 1.5, 2))
    assert found[0] < 0.8 * found[1] and found[0] < 1.02 * blurred


def test_sharpening_undoes_the_point_spread():
    sharp = denoise(frame(3, 1.6), sharpen=True)
    inner = (slice(16, -16),) * 2
    assert error(sharp[inner], SCENE[inner]) < error(denoise(frame(3, 1.6))[inner], SCENE[inner])


def test_who_judges_a_sharpened_result_by_the_blurred_counts_is_told():
    image = sbd.Micrograph(frame(3, 1.6), PIXEL, gain=1.0)
    with pytest.warns(UserWarning, match="denoise without sharpening"):
        sbd.agreement(image, denoise(image, sharpen=True))
    white = sbd.Micrograph(frame(3), PIXEL, gain=1.0)
    sbd.agreement(white, denoise(white, sharpen=True))  # there was nothing to sharpen


@pytest.mark.parametrize("value", [65535, 1e9, 300])
def test_one_stuck_pixel_costs_nothing(value):
    image = frame(4)
    image[100, 120] = value
    far = np.hypot(*(np.indices(image.shape) - np.array([100, 120])[:, None, None])) > 20
    clean = denoise(frame(4))
    assert np.isfinite(denoise(image)).all()
    assert np.abs(denoise(image) - clean)[far].max() < 0.1 * 3
    assert error(denoise(image), SCENE) < 1.05 * error(clean, SCENE)


def test_uneven_light_comes_back():
    light = np.linspace(0.6, 1.4, 256)[:, None] * np.ones(256)
    image = np.random.default_rng(5).poisson(SCENE * light).astype(np.float32)
    found = error(denoise(image), SCENE * light)
    assert found < 0.9 * error(denoise(image, illumination=False), SCENE * light)


def test_what_was_seen_is_said_and_kept():
    image = frame(6, 1.2)
    image[30, 40] = 9999
    result = denoise(sbd.Micrograph(image))
    facts = result.metadata["napari_sbd"]["history"][-1]["settings"]["camera"]
    assert sum(facts["outliers"].values()) == 1
    assert facts["noise"]["block"] == [2, 2]
    seen = camera.look_at(sbd.Micrograph(image, PIXEL), (2, 2))[0].seen
    assert "correlated over" in seen[0]
    assert "left out" in seen[1]


def test_a_known_spectrum_is_used_and_one_of_another_sampling_refused(tmp_path):
    image = frame(7, 1.2)
    spectrum = sbd.estimate_noise_spectrum(image, pixel_size=PIXEL)
    path = spectrum.save(tmp_path / "camera.json")
    truth = blur(SCENE, 1.2)
    assert error(denoise(image, noise=path), truth) < 0.6 * error(denoise(image, **OFF), truth)
    with pytest.raises(sbd.SBDError, match="2 x 2 pixels, and of this image 1 x 1"):
        sbd.denoise(image, pixel_size=0.033, noise=path)
    with pytest.raises(sbd.SBDError, match="cannot be read"):
        denoise(image, noise=tmp_path / "absent.json")


def test_a_movie_shows_its_noise_by_its_frames():
    movie = np.stack([frame(seed, 1.2) for seed in range(4)])
    found = camera.look_at(sbd.Micrograph(movie, PIXEL), (2, 2))[0].noise
    assert found.correlated_over == pytest.approx(2 * np.sqrt(np.pi) * 1.2, rel=0.2)


@pytest.mark.parametrize(("side", "sigma"), [(1, 1.0), (2, 1.0), (5, 1.0), (2, 2.0), (5, 2.0)])
def test_sums_do_not_widen_a_point_spread(side, sigma):
    n = 160 * side
    light = np.random.default_rng(0).poisson(9.0, (n, n)).astype(float)
    found = camera.estimate_noise_spectrum(
        gaussian_filter(light, sigma, mode="wrap"),
        pixel_size=0.033 / side,
        region=np.ones((n, n), bool),
    )
    assert found.block == (side, side)
    assert found.correlated_over == pytest.approx(2 * np.sqrt(np.pi) * sigma, rel=0.16)


def test_a_region_of_vacuum_gives_the_spectrum():
    region = np.zeros((256, 256), bool)
    with pytest.raises(sbd.SBDError, match="Too little"):
        sbd.estimate_noise_spectrum(frame(8), pixel_size=PIXEL, region=region)
    region[:, :128] = True
    white = sbd.estimate_noise_spectrum(frame(8), pixel_size=PIXEL, region=region)
    assert 1 <= white.correlated_over < 1.4  # each pixel is independent


def test_tuning_sees_white_noise(tmp_path):
    tuned = sbd.gain_tune(frame(9, 1.2), pixel_size=PIXEL, model="hrtem", steps=2, device="cpu")
    assert tuned.report.noise == "white Gaussian noise"
    with pytest.raises(sbd.SBDError, match="correlated"):
        sbd.gain_tune(frame(9, 1.2), pixel_size=PIXEL, model="hrtem", loss="thinning", steps=1)


def test_the_example_runs():
    assert doctest.testmod(camera).failed == 0
