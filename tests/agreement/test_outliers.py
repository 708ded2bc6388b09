"""Hot pixels say nothing for or against a result, a denoiser or a detector."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd

SHAPE, PERIOD = (192, 192), 24


@pytest.fixture(scope="module")
def images():
    """Expected counts, counts, the same with 40 hot pixels, and where these are."""
    columns = np.zeros(SHAPE)
    columns[PERIOD // 2 :: PERIOD, PERIOD // 2 :: PERIOD] = 2000
    expected = 5 + gaussian_filter(columns, 3.0)
    rng = np.random.default_rng(0)
    counts = rng.poisson(expected)
    hot = np.zeros(SHAPE, bool)
    hot[tuple(rng.integers(0, n, 40) for n in SHAPE)] = True
    return expected, counts, np.where(hot, 900, counts), hot


def judged(raw, expected, **options):
    return sbd.agreement(
        sbd.Micrograph(raw, 0.0122, gain=1),
        sbd.Micrograph(expected, 0.0122, gain=1, **options),
        denoiser=False,
    )


def test_the_truth_is_supported_beside_hot_pixels(images):
    expected, counts, struck, hot = images
    clean, found = judged(counts, expected), judged(struck, expected)
    assert np.isnan(found.z[hot]).all()
    assert np.isfinite(found.z[~hot]).all()
    assert 0.9 < np.nanstd(found.z) / np.nanstd(clean.z) < 1.1
    assert found.rejected.sum() <= 3
    assert found.columns["supported"].mean() > 0.97


def test_outliers_that_a_result_kept_are_judged(images):
    expected, _, struck, _ = images
    step = {"operation": "denoise", "settings": {"outliers": False}}
    metadata = {"napari_sbd": {"history": [step]}}
    with pytest.warns(UserWarning, match="times the variance"):
        assert judged(struck, expected, metadata=metadata).rejected.sum() > 400


def test_columns_are_measured_beside_hot_pixels(images):
    expected, counts, struck, _ = images
    tables = [
        sbd.find_columns(
            sbd.Micrograph(raw, 0.0122, gain=1), sbd.Micrograph(expected, 0.0122, gain=1)
        )
        for raw in (counts, struck)
    ]
    clean, found = tables
    assert len(found) == len(clean)
    assert found["supported"].all()
    off = found[["y_raw", "x_raw"]].to_numpy() - clean[["y_raw", "x_raw"]].to_numpy()
    error = found[["y_raw_err", "x_raw_err"]].to_numpy()
    assert np.nanmax(np.abs(off) / error) < 2


def test_counts_with_hot_pixels_are_counts(images):
    """Nobody told the gain: the noise between hot pixels is that of electrons."""
    expected, _, struck, _ = images
    assert sbd.agreement(struck, expected, denoiser=False).rejected.sum() <= 3
    assert sbd.find_columns(struck, expected)["supported"].all()
    with pytest.raises(sbd.SBDError, match="no electrons"):
        sbd.agreement(struck * 3, expected * 3, denoiser=False)


@pytest.mark.parametrize("method", ["thinning", "subsampling", "exposures"])
def test_a_denoiser_is_not_judged_by_hot_pixels(images, method):
    expected, counts, struck, hot = images
    if method == "exposures":
        rng = np.random.default_rng(1)
        counts = rng.poisson(expected, (4, *SHAPE))
        struck = np.where(hot, 900, counts)

    def blur(image):
        return gaussian_filter(image, 2.0)

    clean, found = (sbd.upsnr(a, blur, method=method, peak=30.0) for a in (counts, struck))
    assert found.value == pytest.approx(clean.value, abs=0.6)
    assert found.low < clean.value < found.high


def test_the_gain_is_told_beside_hot_pixels(images):
    expected, _, _, hot = images
    counts = np.random.default_rng(1).poisson(expected, (6, *SHAPE)) * 17.0 + 100
    struck = np.where(hot, 20_000.0, counts)
    clean, found = (sbd.estimate_detector(sbd.Micrograph(a, 0.0122)) for a in (counts, struck))
    assert abs(found.gain - 17) < 3 * found.gain_err
    assert found.gain_err < 1.3 * clean.gain_err
