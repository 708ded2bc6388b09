"""No result may be worse than the best Gaussian blur without a word."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import fourier_gaussian, gaussian_filter

import napari_sbd as sbd
from known import lattice
from napari_sbd.denoising.against_blur import AgainstBlur, against_blur
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.noise.level import usual_level
from napari_sbd.noise.whitening import whiten
from napari_sbd.noise.working import filled

SHAPE = (160, 160)
WORSE = "further from the truth than"
HANGS = "hangs on the slow part of the noise"


def truth(contrast=0.25, dose=9.0):
    scene = lattice(SHAPE, 7.3, contrast, mean=dose)
    scene[:, :40] = dose
    return scene


def recorded(seed, sigma=0.0, **options):
    counts = np.random.default_rng(seed).poisson(truth(**options)).astype(float)
    if not sigma:
        return counts
    read = np.random.default_rng([seed, 1]).normal(0, 0.15, SHAPE)
    spread = np.fft.ifft2(fourier_gaussian(np.fft.fft2(counts), sigma)).real
    return 20 * (spread + read) + 100


def said(image, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sbd.denoise(image.astype(np.float32), pixel_size=0.033, model="hrtem", **options)
    return [str(w.message) for w in caught if WORSE in str(w.message) or HANGS in str(w.message)]


@pytest.mark.parametrize("sigma", [0.0, 0.4, 0.8, 1.2])
@pytest.mark.parametrize("seed", range(2))
def test_a_good_result_gives_no_alarm(sigma, seed):
    assert not said(recorded(seed, sigma))


@pytest.mark.parametrize("sigma", [0.6, 0.8, 1.2])
def test_correlated_noise_taken_for_white_is_told(sigma):
    (sentence,) = said(recorded(3, sigma, dose=4.0, contrast=0.15), noise="white")
    assert "let it be measured" in sentence and "dB" in sentence


@pytest.mark.filterwarnings("ignore:Whether the result")
@pytest.mark.parametrize("sigma", [1.0, 1.4])
def test_a_point_spread_without_read_noise_is_denoised_as_well_as_with_it(sigma):
    """Nothing is left of the fastest part, which the network must not take for detail."""
    clean, off = truth(), {}
    expected = np.fft.ifft2(fourier_gaussian(np.fft.fft2(clean), sigma)).real
    counts = np.random.default_rng(5).poisson(clean).astype(float)
    smooth = np.fft.ifft2(fourier_gaussian(np.fft.fft2(counts), sigma)).real
    for read in (0.0, 0.15):
        noisy = smooth + np.random.default_rng(6).normal(0, read, SHAPE)
        result = sbd.denoise(noisy, pixel_size=0.033, model="hrtem")
        off[read] = np.std(result - expected)
    assert off[0.0] < 1.5 * off[0.15]
    assert off[0.0] < 0.5 * np.std(smooth - expected)


def film():
    """Detail as slow as the point spread, and what is expected."""
    rng = np.random.default_rng(4)
    texture = gaussian_filter(rng.standard_normal((192, 192)), 1.5)
    clean = np.clip(9 * (1 + 0.15 * texture / texture.std()), 0, None)
    seen = 20 * gaussian_filter(rng.poisson(clean) + rng.normal(0, 0.15, clean.shape), 1.0) + 100
    return seen, 20 * gaussian_filter(clean, 1.0) + 100


@pytest.mark.parametrize(
    ("result", "blur", "worse"),
    [(0.02, -0.1, False), (0.2, -0.1, True), (0.2, 0.1, True), (0.105, 0.1, False)],
)
def test_no_blur_is_closer_than_the_truth(result, blur, worse):
    """An estimate below nothing is chance or other noise; a result as good as can be told is none
    to warn of (it was told to be further from the truth "by 0.0 dB")."""
    assert AgainstBlur(result, blur, 0.03, 1.0).worse is worse


def test_texture_that_passes_for_noise_is_told():
    """Its noise is taken for stronger."""
    seen, expected = film()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = sbd.denoise(seen.astype(np.float32), pixel_size=0.033, model="hrtem")
    blur = min(np.std(gaussian_filter(seen, s) - expected) for s in (0.5, 0.7, 1.0, 1.4, 2.0))
    assert np.std(result - expected) > blur
    assert HANGS in said(seen)[0]


@pytest.mark.filterwarnings("ignore:Whether the result")
def test_slow_noise_that_the_known_dose_excludes_is_not_asked_for():
    seen, _ = film()
    worker = Denoiser(sbd.Micrograph(seen, 0.033), model="hrtem")
    told = (worker.of_sums, seen, worker.of_sums(seen), worker.camera.measured)
    slow = usual_level(whiten(seen, worker.camera.measured)) ** 2
    near = against_blur(*told, shot_noise=0.25 * slow)
    assert against_blur(*told).slow_part == near.slow_part == 0.25
    assert near.worse
    for times in (1, 20):  # a quarter of it is not near that of the electrons
        assert not against_blur(*told, shot_noise=times * slow).worse


@pytest.mark.parametrize("dose", [0.5, 5.0, 50.0])
@pytest.mark.parametrize("width", [0.6, 1.0, 2.5])
def test_the_errors_are_those_against_the_truth(dose, width):
    def network(image):
        return gaussian_filter(image, width)

    clean, found, true = lattice(SHAPE, 7.3, 0.25, mean=dose), [], []
    for seed in range(8):
        noisy = np.random.default_rng(seed).poisson(clean).astype(float)
        made = network(noisy)
        judged = against_blur(network, noisy, made, None, 0.0, seed)
        found.append((judged.result, judged.blur, judged.error))
        true.append(((made - clean)[8:-8, 8:-8] ** 2).mean() / dose)
    result, blur, error = np.array(found).T
    assert result.mean() == pytest.approx(np.mean(true), abs=0.03 + 0.05 * np.mean(true))
    assert (blur <= result + 2 * error).all()


def invented(image):
    return gaussian_filter(image, 1.0) + 6 * (lattice(image.shape, 5.1, 0.5) - 1)


def lost(image):
    return np.full(image.shape, 9.0)


def test_what_a_network_invents_and_what_it_loses_are_told():
    vacuum = np.random.default_rng(2).poisson(np.full(SHAPE, 9.0))
    for network, contrast in ((invented, 0.25), (lost, 0.5)):
        noisy = recorded(1, contrast=contrast)
        assert against_blur(network, noisy, network(noisy), None, 0.0).worse
    assert not against_blur(lost, vacuum, lost(vacuum), None, 0.0).worse


def test_parts_without_data_are_not_looked_at():
    noisy = recorded(1)
    noisy[:60] = np.nan
    judged = against_blur(
        lambda i: gaussian_filter(i, 1.0),
        noisy,
        gaussian_filter(np.nan_to_num(noisy, nan=9.0), 1.0),
        None,
        0.0,
    )
    assert np.isfinite(judged.result)
    noisy[:120] = np.nan
    assert against_blur(lambda i: i, noisy, noisy, None, 0.0) is None


def test_scattered_outliers_do_not_keep_it_from_being_looked_at():
    """In every part of 64 x 64 pixels some are missing."""
    noisy, rng = recorded(1, contrast=0.5), np.random.default_rng(5)
    gaps = rng.random(SHAPE) < 0.005
    holes = np.where(gaps, np.nan, noisy)
    for network, worse in ((lost, True), (lambda i: gaussian_filter(i, 1.0), False)):
        whole = against_blur(network, noisy, network(noisy), None, 0.0)
        judged = against_blur(network, holes, network(filled(holes)), None, 0.0)
        assert judged.worse == whole.worse == worse
        assert judged.result == pytest.approx(whole.result, abs=3 * whole.error)


def few_waves(image):
    spectrum = np.fft.rfft2(image)
    size = np.abs(spectrum)
    return np.fft.irfft2(np.where(size > 0.1 * np.sort(size.ravel())[-2], spectrum, 0), image.shape)


def test_a_small_part_is_enough_only_where_the_result_is_good_there():
    noisy = np.random.default_rng(1).poisson(lattice(SHAPE, 8.0, 0.5, mean=9.0)).astype(float)
    for network, parts in ((few_waves, [64]), (np.copy, [64, 96])):
        seen = []

        def looked_at(image, network=network, seen=seen):
            seen.append(len(image))
            return network(image)

        assert against_blur(looked_at, noisy, network(noisy), None, 0.0).worse == (len(parts) > 1)
        assert seen == parts
