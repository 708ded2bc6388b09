"""Images of which a filter, a zoom or a running mean left nothing at some frequencies."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

import napari_sbd as sbd
from known import lattice
from napari_sbd.noise.band import find_band, middle_power
from napari_sbd.noise.spectrum_estimate import estimate_spectrum
from napari_sbd.noise.whitening import NoiseSpectrum, whiten

SHAPE = (200, 184)


def scene(contrast=0.3, dose=20.0, shape=SHAPE):
    clean = lattice(shape, 8.3, contrast, mean=dose)
    clean[:, : shape[1] // 3] = dose
    return clean


def counts(seed=0, **options):
    return np.random.default_rng(seed).poisson(scene(**options)).astype(float)


def cut(image, y=1.0, x=1.0, radius=1.0):
    fy, fx = np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1])
    passes = (abs(fy) < y) & (fx < x) & (np.hypot(fy, fx) < radius)
    return np.fft.irfft2(np.fft.rfft2(image) * passes, image.shape)


CUTS = [
    {"y": 0.2, "x": 0.2},
    {"y": 0.31, "x": 0.31},
    {"y": 0.45, "x": 0.45},
    {"x": 0.26},
    {"y": 0.37},
    {"y": 0.4, "x": 0.3},
    {"radius": 0.24},
    {"radius": 0.42},
]


@pytest.mark.parametrize("dose", [2.0, 20.0, 2000.0])
@pytest.mark.parametrize("cuts", CUTS)
def test_a_cut_is_found_where_it_is(cuts, dose):
    found = find_band(*middle_power([cut(counts(dose=dose), **cuts)]))
    for name in ("y", "x", "radius"):
        assert getattr(found, name) == pytest.approx(cuts.get(name, 1.0), abs=0.012)


@pytest.mark.parametrize("dose", [0.05, 2.0, 2000.0])
def test_nothing_was_cut_from_counts_and_by_point_spreads(dose):
    image = counts(1, dose=dose)
    assert find_band(*middle_power([image])) is None
    for sigma in (0.5, 1.0, 1.4):
        assert find_band(*middle_power([gaussian_filter(image, sigma)])) is None
    linear = 0.3 * image + 0.7 * np.roll(image, 1, 1)
    assert find_band(*middle_power([linear])) is None
    assert middle_power([np.zeros(SHAPE)]) is None


@pytest.mark.parametrize("cuts", CUTS)
def test_what_is_left_is_made_white(cuts):
    image = cut(counts(2), **cuts)
    spectrum = estimate_spectrum([image])
    assert "cut off below periods of" in str(spectrum)
    vacuum = whiten(image, spectrum)[20:-20, 5:53]
    window = np.multiply.outer(*(np.hanning(n) for n in vacuum.shape))
    power = np.abs(np.fft.rfft2((vacuum - vacuum.mean()) * window)) ** 2
    f = np.hypot(np.fft.fftfreq(vacuum.shape[0])[:, None], np.fft.rfftfreq(vacuum.shape[1]))
    slow, fast = (power[(f > a) & (f < b)].mean() for a, b in ((0.05, 0.18), (0.46, 0.6)))
    assert 0.5 < fast / slow < 1.6
    assert NoiseSpectrum.from_dict(spectrum.to_dict()).band == spectrum.band


@pytest.mark.parametrize("cuts", [{"y": 0.3, "x": 0.3}, {"radius": 0.35}, {"x": 0.25}])
def test_a_filtered_image_is_denoised_as_well_as_a_whole_one(cuts):
    clean = scene(0.25, 9.0)
    noisy = np.random.default_rng(3).poisson(clean).astype(float)
    result = sbd.denoise(cut(noisy, **cuts), pixel_size=0.033, model="hrtem")
    whole = sbd.denoise(noisy, pixel_size=0.033, model="hrtem")
    off = np.std(result - cut(clean, **cuts))
    assert off < 1.5 * np.std(whole - clean)
    assert off < 0.3 * np.std(cut(noisy - clean, **cuts))


@pytest.mark.parametrize("widths", [(3, 3), (5, 5), (7, 7), (3, 1), (1, 5)])
def test_a_running_mean_is_found_and_made_white(widths):
    image = uniform_filter(counts(4, shape=(200, 240)), widths)
    spectrum = estimate_spectrum([image])
    assert spectrum.smoothed == widths
    assert NoiseSpectrum.from_dict(spectrum.to_dict()).smoothed == widths
    vacuum = whiten(image, spectrum)[20:-20, 5:69]
    window = np.multiply.outer(*(np.hanning(n) for n in vacuum.shape))
    power = np.abs(np.fft.rfft2((vacuum - vacuum.mean()) * window)) ** 2
    for f in (np.abs(np.fft.fftfreq(vacuum.shape[0]))[:, None], np.fft.rfftfreq(64)[None]):
        held = np.broadcast_to(f, power.shape)
        parts = [power[(held > a) & (held < a + 0.07)].mean() for a in (0.06, 0.16, 0.3, 0.42)]
        assert min(parts) / max(parts) > 0.5


@pytest.mark.parametrize("widths", [(3, 3), (5, 5)])
def test_a_smoothed_image_is_denoised_as_well_as_a_raw_one(widths):
    clean = scene(0.25, 20.0)
    noisy = np.random.default_rng(5).poisson(clean).astype(float)
    result = sbd.denoise(uniform_filter(noisy, widths), pixel_size=0.033, model="hrtem")
    whole = sbd.denoise(noisy, pixel_size=0.033, model="hrtem")
    off = np.std(result - uniform_filter(clean, widths))
    assert off < 1.5 * np.std(uniform_filter(whole - clean, widths))
    assert off < 0.4 * np.std(uniform_filter(noisy - clean, widths))


def test_a_mean_is_none_where_nothing_was_smoothed():
    for image in (counts(6), gaussian_filter(counts(6), 1.0), cut(counts(6), radius=0.4)):
        assert estimate_spectrum([image], force=True).smoothed == (1, 1)
