"""Noise of cameras, made by blurring white noise with kernels of known transfer."""

import numpy as np
import pytest
from scipy.ndimage import fourier_gaussian

from known import lattice
from napari_sbd import SBDError
from napari_sbd.noise.camera import estimate_noise_spectrum
from napari_sbd.noise.spectrum_estimate import estimate_spectrum
from napari_sbd.noise.whitening import NoiseSpectrum, colour, divided, whiten

SHAPE = (192, 176)


def counts(seed, dose=9.0, shape=SHAPE):
    """Electrons in a lattice beside vacuum."""
    scene = dose * np.where(np.arange(shape[1]) < shape[1] // 2, 1.0, lattice(shape, 7.3, 0.25))
    return np.random.default_rng(seed).poisson(scene).astype(float)


def blurred(electrons, sigma, read_noise=0.15, seed=0):
    noise = np.random.default_rng([seed, 1]).normal(0, read_noise, electrons.shape)
    spread = np.fft.ifft2(fourier_gaussian(np.fft.fft2(electrons), sigma)).real
    return 20 * (spread + noise) + 100


def streaked(electrons, length):
    """Every pixel leaves a tail along x, which falls by e over a length [px]."""
    kernel = np.exp(-np.arange(electrons.shape[1]) / length)
    transfer = np.fft.fft(kernel / kernel.sum())
    return np.fft.ifft(np.fft.fft(electrons, axis=1) * transfer, axis=1).real


@pytest.mark.parametrize("dose", [0.3, 3.0, 30.0, 300.0])
@pytest.mark.parametrize("seed", range(3))
def test_independent_counts_are_white(dose, seed):
    assert estimate_spectrum([counts(seed, dose)]) is None
    assert estimate_spectrum([5.3 * counts(seed, dose) + 77]) is None


@pytest.mark.parametrize("sigma", [0.4, 0.6, 1.0, 1.4])
def test_the_spectrum_of_a_gaussian_point_spread(sigma):
    found = estimate_spectrum([blurred(counts(1), sigma, 0.01)])
    f = np.array([0.08, 0.16, 0.24])
    expected = np.exp(-((2 * np.pi * sigma * f) ** 2))
    for axis in (found.power(f, np.zeros(3)), found.power(np.zeros(3), f)):
        # relative to slow noise, where the lattice hides it a little
        assert axis / axis[0] == pytest.approx(expected / expected[0], rel=0.35, abs=0.02)
    # noise equal to that of independent squares of 2 sqrt(pi) sigma along a side
    assert found.correlated_over == pytest.approx(2 * np.sqrt(np.pi) * sigma, rel=0.2)
    assert not found.streaks


def test_streaks_are_told_from_a_round_point_spread():
    found = estimate_spectrum([streaked(counts(2), 0.8)])
    assert found.streaks == "x"
    assert estimate_spectrum([streaked(counts(2).T, 0.8).T]).streaks == "y"


def test_whitened_noise_is_white_and_colouring_brings_it_back():
    image = blurred(counts(3, 30.0), 0.8)
    spectrum = estimate_spectrum([image])
    white = whiten(image, spectrum)
    assert colour(white, spectrum) == pytest.approx(image, abs=0.05 * image.std())
    # vacuum: neighbours are independent, and the level is that before the blur
    vacuum = white[20:-20, 20:68]
    vacuum = vacuum - vacuum.mean()
    neighbours = (vacuum[:, 1:] * vacuum[:, :-1]).mean() / vacuum.var()
    assert abs(neighbours) < 0.15
    raw = image[20:-20, 20:68] - image[20:-20, 20:68].mean()
    assert (raw[:, 1:] * raw[:, :-1]).mean() / raw.var() > 0.5


@pytest.mark.parametrize("sigma", [1.0, 1.3])
def test_noise_that_no_frequency_above_some_passes_is_white_nevertheless(sigma):
    """Pixels of electrons blurred without any read-out noise: the fastest part is filled up."""
    image = blurred(counts(3, 30.0), sigma, 0.0)
    spectrum = estimate_spectrum([image])
    assert not spectrum.is_full
    vacuum = whiten(image, spectrum)[20:-20, 20:68]
    window = np.multiply.outer(*(np.hanning(n) for n in vacuum.shape))
    power = np.abs(np.fft.rfft2((vacuum - vacuum.mean()) * window)) ** 2
    f = np.hypot(np.fft.fftfreq(vacuum.shape[0])[:, None], np.fft.rfftfreq(vacuum.shape[1]))
    slow, fast = (power[(f > a) & (f < b)].mean() for a, b in ((0.1, 0.25), (0.42, 0.5)))
    assert 0.55 < fast / slow < 1.6
    # and is as good as nothing in what comes back
    back = colour(whiten(image, spectrum), spectrum)
    assert np.std(back - image) < 0.04 * 20 * np.sqrt(30)
    # halves of the electrons do not agree by it
    apart = whiten(image, spectrum) - divided(image, spectrum)
    other = whiten(image + 1, spectrum) - divided(image + 1, spectrum)
    assert abs((apart * other).mean()) < 0.05 * apart.std() * other.std()


def test_sums_smaller_than_a_tile_are_whitened_too():
    """Such as coarse sums that are tried where the pixel size is unknown: an IndexError."""
    image = blurred(counts(3, 30.0), 1.3, 0.0)
    spectrum = estimate_spectrum([image])
    assert not spectrum.is_full
    part = image[:23, :23]
    np.testing.assert_array_equal(whiten(part, spectrum), divided(part, spectrum))


def test_the_mean_of_an_image_is_kept():
    image = blurred(counts(4), 0.8)
    spectrum = estimate_spectrum([image])
    assert whiten(image, spectrum).mean() == pytest.approx(image.mean(), rel=1e-3)


def test_a_wide_point_spread_leaves_only_read_noise_in_the_corner():
    image = blurred(counts(5), 1.5, 0.3)
    assert estimate_spectrum([image]) is not None
    # told that what is in the corner is the shot noise of all electrons, it is signal instead
    corner = estimate_spectrum([image], force=True)
    assert corner.power(np.zeros(1), np.array([0.5])) < 0.05


def moved_after(sigma, read_noise, by=(0.97, 0.66), shape=(384, 384)):
    """Featureless electrons through a point spread, aligned by linear interpolation afterwards, and
    the power of their noise over frequencies fy, fx."""
    image = blurred(np.random.default_rng(8).poisson(5.6, shape).astype(float), sigma, read_noise)
    for axis, part in enumerate(by):
        image = (1 - part) * image + part * np.roll(image, -1, axis)

    def power(fy, fx):
        passed = np.exp(-((2 * np.pi * sigma) ** 2) * (fy**2 + fx**2))
        drawn = [
            (1 - m) ** 2 + m**2 + 2 * m * (1 - m) * np.cos(2 * np.pi * f)
            for m, f in zip(by, (fy, fx), strict=True)
        ]
        return 20**2 * (5.6 * passed + read_noise**2) * drawn[0] * drawn[1]

    return image, power


FREQUENCIES = np.array([0.06, 0.1, 0.15, 0.2, 0.25, 0.35, 0.45])


@pytest.mark.parametrize(("sigma", "read_noise"), [(1.4, 0.22), (1.0, 0.05), (0.5, 0.2)])
def test_vacuum_tells_the_whole_spectrum_of_blur_read_noise_and_interpolation(sigma, read_noise):
    image, power = moved_after(sigma, read_noise)
    everywhere = np.ones(image.shape, bool)
    found = estimate_noise_spectrum(image, region=everywhere)
    for fy, fx in ((FREQUENCIES, FREQUENCIES / 2), (FREQUENCIES / 2, FREQUENCIES)):
        ratio = found.power(fy, fx) / power(fy, fx)
        # over a range of 300 between slow and fast noise
        assert (ratio / ratio.mean()).min() > 0.6 and (ratio / ratio.mean()).max() < 1.6


def test_electrons_tell_that_a_steep_rise_is_their_noise():
    image, power = moved_after(1.4, 0.22)
    shot = 20**2 * 5.6
    found = estimate_spectrum([image], shot_noise=shot, told=True)
    ratio = found.power(FREQUENCIES, FREQUENCIES) / power(FREQUENCIES, FREQUENCIES)
    assert ratio.min() / ratio.max() > 1 / 3  # 1 / 40 if it were signal


def film(dose, seed=2):
    """Amorphous matter that fills the image: its texture looks like noise of its own colour."""
    texture = blurred(np.random.default_rng(seed).normal(0, 1, SHAPE), 1.2, 0.0) - 100
    return dose * np.clip(1 + 0.25 * texture / texture.std(), 0.1, None)


@pytest.mark.parametrize("sigma", [0.5, 0.8])
def test_texture_is_no_noise_where_the_gain_tells_how_much_electrons_make(sigma):
    image = blurred(np.random.default_rng(3).poisson(film(400.0)).astype(float), sigma)
    f = np.array([0.05, 0.1, 0.2, 0.45])
    true = np.exp(-((2 * np.pi * sigma * f) ** 2))

    def slow_over_fast(**known):
        power = estimate_spectrum([image], **known).power(np.zeros(4), f)
        return power[:3] / power[3] / (true[:3] / true[3])

    shot = 20**2 * 400.0
    assert slow_over_fast(shot_noise=shot).max() > 5
    found = slow_over_fast(shot_noise=shot, told=True)
    assert (found > 0.3).all() and (found < 2.0).all()


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_a_known_gain_leaves_the_noise_of_electrons_as_it_is(sigma):
    image = blurred(counts(5), sigma)
    shot = 20 * (image.mean() - 100)
    f = np.array([0.05, 0.1, 0.2, 0.45])
    powers = [
        estimate_spectrum([image], shot_noise=shot, told=told).power(np.zeros(4), f)
        for told in (True, False)
    ]
    np.testing.assert_allclose(*powers, rtol=0.1)


@pytest.mark.parametrize("sigma", [0.5, 1.0])
@pytest.mark.parametrize("left", [1, 2])
def test_electrons_that_leave_more_or_less_make_more_noise_than_counts(sigma, left):
    """Deposits of a gamma distribution: twice the noise of counts, and one and a half times."""
    rng = np.random.default_rng(5)
    light = rng.gamma(left * np.maximum(counts(5), 1e-9), 1 / left)
    image = blurred(light, sigma)
    shot = 20 * (image.mean() - 100)
    f = np.array([0.05, 0.1, 0.2, 0.45])
    powers = [
        estimate_spectrum([image], shot_noise=shot, told=told).power(np.zeros(4), f)
        for told in (True, False)
    ]
    np.testing.assert_allclose(*powers, rtol=0.1)


def test_tiles_without_data_do_not_count():
    image = blurred(counts(6), 0.7)
    full = estimate_spectrum([image])
    image[:70] = np.nan
    part = estimate_spectrum([image])
    f = np.array([0.1, 0.2, 0.3])
    assert part.power(f, f * 0) == pytest.approx(full.power(f, f * 0), rel=0.35)
    assert estimate_spectrum([np.full(SHAPE, np.nan)]) is None


@pytest.mark.parametrize("shape", [(16, 200), (33, 33), (8, 8)])
def test_images_too_small_to_tell_are_left_as_they_are(shape):
    noise = blurred(np.random.default_rng(0).normal(size=shape), 1)
    assert estimate_spectrum([noise]) is None


@pytest.mark.parametrize("side", [36, 44, 60])
@pytest.mark.parametrize("dose", [0.3, 4.0, 300.0])
def test_independent_counts_of_small_images_are_white(side, dose):
    assert all(estimate_spectrum([counts(s, dose, (side, side))]) is None for s in range(8))


@pytest.mark.parametrize("side", [44, 60])
def test_images_of_less_than_two_tiles_show_their_noise(side):
    """A Gaussian of 0.8 px leaves exp(-(2 pi 0.8 f)^2) of the power, and 0.15^2 is read out."""
    f = np.array([0.1, 0.2, 0.3])
    images = [blurred(counts(s, 4.0, (side, side)), 0.8, seed=s) for s in range(8)]
    powers = np.array([estimate_spectrum([image]).power(f, 0 * f) for image in images])
    expected = 4 * np.exp(-((2 * np.pi * 0.8 * f) ** 2)) + 0.15**2
    falls = np.exp(np.log(powers / powers[:, :1]).mean(0))
    assert falls == pytest.approx(expected / expected[0], rel=0.3)


def test_small_images_that_are_full_of_signal_do_not_take_it_for_noise():
    image = blurred(3000 * lattice((50, 50), 7.3, 0.6), 0.8)
    assert estimate_spectrum([image]) is None


def test_noise_that_is_zero_in_a_part_of_the_spectrum_stays_finite():
    spectrum = np.fft.rfft2(np.random.default_rng(0).normal(100, 10, SHAPE))
    f = np.hypot(np.fft.fftfreq(SHAPE[0])[:, None], np.fft.rfftfreq(SHAPE[1]))
    image = np.fft.irfft2(np.where(f < 0.3, spectrum, 0), SHAPE)
    found = estimate_spectrum([image])
    white = whiten(image, found)
    assert np.isfinite(white).all()
    assert white.std() < 40 * image.std()


def test_a_spectrum_comes_back_from_its_file(tmp_path):
    spectrum = estimate_spectrum([blurred(counts(7), 0.8)], (3, 3))
    again = NoiseSpectrum.load(spectrum.save(tmp_path / "camera.json"))
    f = np.linspace(0, 0.5, 9)
    assert again.power(f, f) == pytest.approx(spectrum.power(f, f), rel=1e-3)
    assert again.on((3, 3)) is again
    with pytest.raises(SBDError, match="3 x 3 pixels, and of this image 2 x 2"):
        again.on((2, 2))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"napari_sbd_noise_spectrum": {"floor": 1}}'])
def test_other_files_are_no_noise_spectra(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(SBDError, match="no noise spectrum"):
        NoiseSpectrum.load(path)
    with pytest.raises(SBDError, match="cannot be read"):
        NoiseSpectrum.load(tmp_path / "absent.json")
