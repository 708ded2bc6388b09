"""Which pixels are summed where the pixel size is unknown."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice
from napari_sbd.denoising import working_block
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.denoising.working_block import choose_block, lattice_block
from napari_sbd.networks import find_model
from napari_sbd.noise.whitening import NoiseSpectrum
from napari_sbd.simulation.low_magnification import low_magnification_image

SIDE = 192


@pytest.fixture(scope="module")
def card():
    return find_model("hrtem")


def chosen(image, card, **options):
    return choose_block(sbd.Micrograph(np.asarray(image, np.float32)), card, "cpu", **options)


def fine_below_coarse(mean):
    """A lattice of 8 px under a moire of 48 px, which is the strongest period."""
    return mean * lattice((SIDE, SIDE), 8, 0.25) * lattice((SIDE, SIDE), 48, 0.35)


def scintillator(expected, spread, read, seed=0):
    """What a camera makes of expected electrons, and what is expected of it."""
    rng = np.random.default_rng(seed)
    electrons = rng.poisson(expected).astype(float)
    seen = 17 * gaussian_filter(electrons, spread) + read * rng.standard_normal(expected.shape)
    return seen, 17 * gaussian_filter(expected, spread)


@pytest.mark.filterwarnings("ignore:A period of:UserWarning")
def test_detail_below_the_strongest_period_is_kept(card):
    truth = fine_below_coarse(5.0)
    image = np.random.default_rng(0).poisson(truth).astype(np.float32)
    assert lattice_block(sbd.Micrograph(image))[0] > 4  # sums most of a period of the lattice away
    found = chosen(image, card)
    assert found.block[0] <= 2 and not found.doubtful
    result = sbd.denoise(image, model="hrtem")
    fine = (result - result.mean()) * (lattice(truth.shape, 8, 1.0) - 1)
    true = (truth - truth.mean()) * (lattice(truth.shape, 8, 1.0) - 1)
    assert fine.mean() > 0.7 * true.mean()


def test_so_it_is_under_correlated_noise(card):
    image, _ = scintillator(fine_below_coarse(5.0), 0.7, 2.0)
    assert lattice_block(sbd.Micrograph(image))[0] > 4
    assert chosen(image, card).block[0] <= 2


@pytest.mark.parametrize(("block", "dose"), [(1, 12.0), (2, 4.0), (4, 12.0)])
def test_where_the_lattice_tells_right_nothing_gets_worse(block, dose):
    side = 96 * max(block, 2)
    truth = dose / block**2 * lattice((side, side), 7.5 * block, 0.4)
    image = np.random.default_rng(block).poisson(truth).astype(np.float32)
    unknown = sbd.denoise(image, model="hrtem")
    known = sbd.denoise(image, model="hrtem", pixel_size=0.033 / block)
    assert np.std(unknown - truth) < 1.1 * np.std(known - truth)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the pixel size, halves and a blur
def test_correlation_that_read_out_noise_hides_does_not_pass_for_detail():
    """Neighbours predict a held-out pixel since they share its electrons, finest sums best."""
    image, truth = scintillator(0.05 * lattice((SIDE, SIDE), 30, 0.5), 0.8, 2.0)
    error = np.std(sbd.denoise(image, model="hrtem") - truth)
    sums = {b: sbd.denoise(image, model="hrtem", pixel_size=0.033 / b) for b in (1, 4)}
    finest, suggested = (np.std(made - truth) for made in sums.values())
    assert error < 0.3 * finest
    assert error <= 1.02 * suggested


@pytest.mark.filterwarnings("ignore:The pixel size is unknown")
@pytest.mark.parametrize("seed", range(2))
def test_a_few_bright_columns_of_correlated_noise_are_no_worse_than_blurred(seed):
    """The dark shows read-out noise alone, and the slow noise lies on the columns."""
    y, x = np.mgrid[:SIDE, :SIDE]
    near = np.hypot(y - SIDE / 2, x - SIDE / 2) < SIDE / 4
    columns = gaussian_filter((near & (y % 24 == 0) & (x % 24 == 0)) * 2 * np.pi * 16.0, 4.0)
    image, truth = scintillator(0.06 + 0.8 * columns, 1.5, 2.55, seed)
    result = sbd.denoise(image, model="hrtem")
    blurs = [np.std(gaussian_filter(image, s) - truth) for s in (1, 1.5, 2, 3, 4, 6)]
    assert np.std(result - truth) < min(blurs)


def test_a_spectrum_that_is_given_tells_as_well(tmp_path, card):
    image, _ = scintillator(5.0 * lattice((SIDE, SIDE), 30, 0.3), 0.8, 2.0)
    spectrum = sbd.estimate_noise_spectrum(image)
    path = spectrum.save(tmp_path / "camera.json")
    assert chosen(image, card, noise=str(path)).block == spectrum.block
    assert np.isfinite(sbd.denoise(image, noise=path, model="hrtem")).all()


def test_it_is_said_and_the_same_again():
    image = np.random.default_rng(0).poisson(fine_below_coarse(5.0))
    seen = [Denoiser(sbd.Micrograph(image), model="hrtem").camera.seen for _ in range(2)]
    assert seen[0] == seen[1]
    assert seen[0][0].startswith("Pixel size unknown: sums over ")
    assert Denoiser(sbd.Micrograph(image, 0.033), model="hrtem").camera.seen == ()


def test_where_nothing_tells_it_warns():
    image = np.random.default_rng(3).poisson(2.0, (SIDE, SIDE))
    with (
        pytest.warns(UserWarning, match="Give the pixel size"),
        pytest.warns(UserWarning, match="may be the model's own"),
    ):
        sbd.denoise(image, model="hrtem")


@pytest.mark.parametrize("dose", [0.02, 0.05, 0.15])
@pytest.mark.parametrize("sort", ["keeps spikes", "blurs"])
def test_the_error_of_what_keeps_single_electrons_is_not_missed(dose, sort):
    """Small steps of Gaussian noise make no electrons, and so tell nothing of an estimate that
    takes each of them for an atom."""
    counts = np.random.default_rng(1).poisson(dose, (256, 256)).astype(float)

    def estimate(image):
        blurred = gaussian_filter(image, 2.0)
        return blurred if sort == "blurs" else np.where(image > dose + 0.5, image, dose)

    white = NoiseSpectrum((0.0,) * 16, -30.0)
    found = working_block._stein(counts, white, np.full_like(counts, dose))(estimate).mean()
    true = ((estimate(counts) - dose) ** 2).mean()
    assert found / dose - 1 == pytest.approx(true / dose, abs=0.25)


@pytest.mark.parametrize("dose", [0.02, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("gain", [1.0, 40.0])
def test_electrons_in_a_pixel_from_their_skewness(dose, gain):
    counts = np.random.default_rng(2).poisson(dose * lattice((256, 256), 20, 0.3, mean=1.0))
    image = gain * counts + 100.0
    image[5, 7] = np.nan
    assert working_block._electrons(image) == pytest.approx(dose, rel=0.3)


@pytest.mark.parametrize("counted", [True, False])
def test_the_texture_of_a_film_is_not_summed_away(counted, card):
    """It has no lattice, and in sums it looks like correlated noise."""
    rng = np.random.default_rng(3)
    texture = gaussian_filter(rng.standard_normal((256, 256)), 1.5)
    truth = 30 * np.clip(1 + 0.3 * texture / texture.std(), 0.1, None)
    image = rng.poisson(truth).astype(float)
    if not counted:
        image = 17 * image + rng.normal(0, 5, image.shape)
    found = chosen(image, card)
    if counted:
        assert found.block[0] <= 2
    else:  # it could be noise as well
        assert found.doubts


@pytest.mark.parametrize(("gain", "counts"), [(1, True), (17, False), (0.5, False)])
def test_counted_electrons_are_known_by_their_variance(gain, counts):
    image = gain * np.random.default_rng(4).poisson(5.0, (128, 128)).astype(float)
    assert working_block._are_counts(image, sbd.Micrograph(image)) == counts
    told = sbd.Micrograph(image - 5.3, gain=gain, offset=-5.3)
    assert working_block._are_counts(told.data, told)
    blurred = np.round(gaussian_filter(image, 0.7))
    assert not working_block._are_counts(blurred, sbd.Micrograph(blurred))


@pytest.mark.parametrize(("seed", "mean", "spread", "read"), [(12, 47.5, 0, 0.5), (17, 7.5, 1, 2)])
def test_texture_with_read_out_noise_is_not_summed_away(seed, mean, spread, read):
    """Sums of it seem to hold correlated noise, as those of electrons that single pixels hide."""
    rng = np.random.default_rng([77, seed])
    expected = mean * low_magnification_image(rng, int(rng.integers(160, 400)))
    image = gaussian_filter(rng.poisson(expected).astype(float), spread)
    image += read * rng.standard_normal(image.shape)
    truth = gaussian_filter(expected, spread)
    result = sbd.denoise(image.astype(np.float32), model="hrtem")
    blurs = [np.std(gaussian_filter(image, s) - truth) for s in (0, 0.5, 1, 1.5, 2, 3)]
    assert np.std(result - truth) < min(blurs)
