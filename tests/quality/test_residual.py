"""The residual check where pixels hold no data."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice, of_cosines
from napari_sbd.quality.strength import strength_of

TRUTH = lattice((402, 407), period=40, mean=4.0)  # no whole number of blocks


def _quarter(rng):
    y, x = np.indices(TRUTH.shape)
    return (y < 201) & (x < 203)


def _scattered(rng):
    return rng.random(TRUTH.shape) < 0.25


@pytest.mark.parametrize("missing", [_quarter, _scattered])
@pytest.mark.parametrize("of", ["noisy", "denoised"])
def test_white_noise_has_its_power_where_pixels_are_missing(missing, of):
    rng = np.random.default_rng(0)
    images = {"noisy": rng.poisson(TRUTH).astype(float), "denoised": TRUTH.copy()}
    images[of][missing(rng)] = np.nan
    found = sbd.residual_check(**images, pixel_size=0.0061)
    assert found.spectrum.mean() == pytest.approx(1, abs=0.05)
    assert "white noise" in found.verdict()


def test_a_removed_lattice_is_found_beside_missing_pixels():
    rng = np.random.default_rng(1)
    counts = rng.poisson(TRUTH).astype(float)
    counts[_quarter(rng)] = np.nan
    found = sbd.residual_check(counts, np.full(TRUTH.shape, 4.0), pixel_size=0.0061)
    assert found.peaks["period"].iloc[0] == pytest.approx(40 / 2**0.5 * 0.0061, rel=0.03)


def test_correlated_noise_is_no_lattice(sigma=2.0):
    rng = np.random.default_rng(2)
    shape = (402, 402)
    image = gaussian_filter(rng.poisson(np.full(shape, 4.0)).astype(float), sigma, mode="wrap")
    flat = np.full(shape, 4.0)
    found = sbd.residual_check(image, flat, pixel_size=0.0061, gain=1.0)
    assert not len(found.peaks)
    assert "white noise" in found.verdict()
    y, x = np.indices(shape) * 2 * np.pi / 40
    image = image + 0.15 * np.cos(y) * np.cos(x)
    found = sbd.residual_check(image, flat, pixel_size=0.0061, gain=1.0)
    assert found.peaks["period"].iloc[0] == pytest.approx(40 / 2**0.5 * 0.0061, rel=0.03)


def test_a_wide_point_spread_is_told():
    rng = np.random.default_rng(3)
    image = gaussian_filter(rng.poisson(np.full((402, 402), 4.0)).astype(float), 6.0, mode="wrap")
    assert not sbd.residual_check(image, np.full((402, 402), 4.0), pixel_size=0.0061, gain=1.0).sure


@of_cosines
def test_noise_is_looked_at_in_the_sums_that_were_denoised_though_the_lattice_suggests_others():
    """2 x 2 pixels make 28 pm here; a lattice of 0.36 nm alone suggests 3 x 3."""
    counts = np.random.default_rng(4).poisson(lattice((256, 256), period=36, mean=4.0))
    noisy = sbd.Micrograph(counts, 0.0142, gain=1.0)
    clean = sbd.denoise(noisy, model="hrtem", device="cpu")
    forgotten = [m.replace(pixel_size=None) for m in (noisy, clean)]
    for check in (sbd.residual_check, sbd.split_half_resolution):
        told, untold = check(noisy, clean), check(*forgotten)
        name = "spectrum" if check is sbd.residual_check else "frc"
        np.testing.assert_array_equal(getattr(untold, name), getattr(told, name))
    told, untold = (sbd.find_columns(*pair) for pair in ((noisy, clean), forgotten))
    assert len(told) > 50
    np.testing.assert_allclose(untold[["y", "y_err"]], told[["y", "y_err"]])


def test_peaks_that_correlated_noise_may_make_are_not_called_removed_signal():
    """Of noise that hangs together over many pixels hardly anything is left at high frequencies."""
    from scipy.ndimage import gaussian_filter

    truth = np.full((256, 256), 50.0)
    counts = np.random.default_rng(0).poisson(truth).astype(float)
    noisy = 50 + gaussian_filter(counts - 50, 1.5, mode="wrap")
    noisy += 0.05 * np.cos(2 * np.pi * np.arange(256) / 3.2)
    found = sbd.residual_check(noisy, truth, pixel_size=0.03, gain=1.0)
    assert not found.sure
    if len(found.peaks):
        assert "removed signal" not in found.verdict()
        assert "may be noise" in found.verdict()
    white = sbd.residual_check(counts, truth, pixel_size=0.03, gain=1.0)
    assert white.sure


@pytest.mark.parametrize(("gain", "offset"), [(0.37, 0.0), (12.0, -40.0), (1e-3, 5.0)])
def test_a_lattice_is_looked_for_without_a_gain(gain, offset):
    """The noise of the image itself tells what stands out; nobody is sent to look for a gain."""
    counts = np.random.default_rng(5).poisson(TRUTH).astype(float)
    flat = np.full(TRUTH.shape, 4.0)
    noisy = gain * counts + offset
    good = sbd.residual_check(noisy, gain * TRUTH + offset, pixel_size=0.0061)
    assert not good.counts
    assert not len(good.peaks)
    assert "like white noise" in good.verdict()
    assert "no electrons" in good.verdict()
    assert good.power == pytest.approx(1, abs=0.1)
    bad = sbd.residual_check(noisy, gain * flat + offset, pixel_size=0.0061)
    assert bad.peaks["period"].iloc[0] == pytest.approx(40 / 2**0.5 * 0.0061, rel=0.03)
    assert "removed signal" in bad.verdict()


def test_whole_numbers_that_are_no_electrons_are_none_for_the_residual_either():
    """As for agreement and columns; it called their noise that of a wrong gain."""
    counts = np.random.default_rng(6).poisson(TRUTH).astype(float)
    found = sbd.residual_check(7 * counts, 7 * TRUTH, pixel_size=0.0061)
    assert not found.counts
    assert "gain is wrong" not in found.verdict()
    told = sbd.residual_check(7 * counts, 7 * TRUTH, pixel_size=0.0061, gain=1.0)
    assert "gain is wrong" in told.verdict()


def test_lines_of_a_scan_are_no_lattice():
    """Rows that flicker, as a scan has them, fill bands of the spectrum: some 100 peaks of them
    were called removed signal. A removed lattice beside them is found."""
    rng = np.random.default_rng(7)
    rows = gaussian_filter(rng.normal(0, 1, (402, 407)), (0, 8), mode="wrap")
    truth = np.full((402, 407), 400.0)
    noisy = rng.poisson(truth) + 25 * rows / rows.std()
    lines = sbd.residual_check(noisy, truth, pixel_size=0.033, gain=1.0)
    assert len(lines.peaks) < 4
    assert "bands of frequencies" in lines.verdict()
    assert "removed signal" not in lines.verdict() or "may have" in lines.verdict()
    y, x = np.indices(truth.shape) * 2 * np.pi / 12
    both = sbd.residual_check(noisy + 12 * np.cos(y) * np.cos(x), truth, pixel_size=0.033, gain=1.0)
    assert both.peaks["period"].iloc[0] == pytest.approx(12 / 2**0.5 * 0.033, rel=0.03)


def _through_a_camera(truth, rng, spread, gain):
    """Electrons blurred by a point spread, with read-out noise; and what is expected of them."""
    electrons, clean = rng.poisson(truth).astype(float), truth
    if spread:
        electrons, clean = (gaussian_filter(i, spread, mode="wrap") for i in (electrons, truth))
    read = rng.normal(0, 8, truth.shape)
    return (gain * electrons + 100 + read).astype(np.float32), gain * clean + 100


@pytest.mark.parametrize(("spread", "pixel_size"), [(0.5, 0.0123), (0.8, 0.0123), (0.8, 0.03)])
def test_a_right_gain_is_not_called_wrong_where_the_camera_blurs(spread, pixel_size):
    """In 128 x 128 pixels the median of the spectrum, 0.4 to 1.4, was taken for the strength, and
    in these sizes a third to all of the images were said to have a wrong gain."""
    truth = lattice((128, 128), period=14, mean=50.0)
    for seed in range(20):
        noisy, clean = _through_a_camera(truth, np.random.default_rng([seed, 1]), spread, 17.0)
        found = sbd.residual_check(noisy, clean, pixel_size=pixel_size, gain=17.0, offset=100.0)
        assert found.strength_low < 1.1
        assert found.strength_high > 0.8
        assert "gain" not in found.verdict()


@pytest.mark.parametrize("spread", [0.0, 0.8])
@pytest.mark.parametrize("wrong", [2.0, 1.5, 1 / 1.5, 0.5])
def test_a_wrong_gain_is_told_also_where_the_camera_blurs(spread, wrong):
    """Correlated noise was divided by its own strength, so no gain was wrong."""
    truth = lattice((384, 384), period=14, mean=50.0)
    noisy, clean = _through_a_camera(truth, np.random.default_rng(2), spread, 17.0)
    found = sbd.residual_check(noisy, clean, pixel_size=0.03, gain=wrong * 17.0, offset=100.0)
    assert found.strength_low < 1 / wrong < found.strength_high
    assert "the gain is wrong" in found.verdict()
    assert ("times the power" in found.verdict()) and ("read-out" in found.verdict()) == (wrong < 1)


@pytest.mark.parametrize("size", [16, 42, 128])
def test_the_strength_of_white_noise_is_within_its_limits(size):
    """By how many frequencies there are: each end is missed in one of 400 images."""
    rng = np.random.default_rng(3)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    half = (np.fft.fftfreq(size) > 0)[None] & (f > 4 / size)
    found = [strength_of(rng.exponential(1, half.sum()), f[half], 1.0) for _ in range(300)]
    assert sum(not s.low < 1 < s.high for s in found) <= 6
    assert np.mean([s.even for s in found]) > 0.95
    assert np.mean([s.high / s.low for s in found]) < 1 + 18 / half.sum() ** 0.5
