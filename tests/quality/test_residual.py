"""The residual check where pixels hold no data."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice, of_cosines

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
