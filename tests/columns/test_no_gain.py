"""Images whose gain nobody knows: columns with errors from the noise of the image itself."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.verdict import warn_of_unlike
from napari_sbd.repeat import denoiser_of

POINTS = grid(16, 16, 20.0, jitter=1.0)
CLEAN = picture(POINTS, 20.0, 4.0, 4.0, 4.0)


def camera(gain=37.3, offset=210.0, dose=5.0, seed=0):
    """An image in units of a detector, with the truth in the same units."""
    counts = np.random.default_rng(seed).poisson(dose * CLEAN)
    return gain * counts + offset, gain * dose * CLEAN + offset


@pytest.mark.parametrize(("gain", "offset"), [(37.3, 210.0), (1e-4, -0.02)])
def test_places_and_intensities_have_honest_errors_without_a_gain(gain, offset):
    noisy, denoised = camera(gain, offset)
    table = sbd.find_columns(noisy, denoised)
    assert table.attrs["unit"] == "image units"
    pairs = sbd.compare_columns(POINTS, table).pairs
    assert len(pairs) == 256
    matched = table.iloc[pairs[:, 1]]
    off = matched[["y_raw", "x_raw"]].to_numpy() - POINTS[pairs[:, 0]]
    assert 0.85 < np.nanstd(off / matched[["y_raw_err", "x_raw_err"]].to_numpy()) < 1.15
    excess = matched["intensity_raw"] - 2 * np.pi * 16 * 4 * 5 * gain
    assert 0.85 < np.nanstd(excess / matched["intensity_raw_err"]) < 1.15
    assert table["agreement_z"].std() == pytest.approx(1, abs=0.15)
    assert table["supported"].mean() > 0.98


def test_an_invented_column_is_found_without_a_gain():
    gone = np.arange(256) == 100
    shown = picture(POINTS, 20.0, 4.0, 4.0, 4.0)
    lacking = np.random.default_rng(1).poisson(
        5 * picture(POINTS, 20.0, 4.0, np.where(gone, 0, 4.0), 4.0)
    )
    table = sbd.find_columns(37.3 * lacking + 210, 37.3 * 5 * shown + 210)
    invented = table.iloc[sbd.compare_columns(POINTS[gone], table, 3).pairs[:, 1]]
    assert (invented["agreement_z"] < -4).all() and not invented["supported"].any()


def test_whole_numbers_are_electrons_only_if_their_noise_is_that_of_electrons():
    """A movie of a camera in whole grey levels of eleven per electron."""
    counts = np.random.default_rng(0).poisson(5 * CLEAN)
    told = sbd.find_columns(counts, 5 * CLEAN)
    assert told.attrs["unit"] == "electrons"
    with pytest.warns(UserWarning, match=r"11 times the variance.*not taken for electrons"):
        table = sbd.find_columns(11 * counts, 55 * CLEAN)
    assert table.attrs["unit"] == "image units"
    np.testing.assert_allclose(table["y_raw_err"].median(), told["y_raw_err"].median(), rtol=0.15)
    np.testing.assert_allclose(
        table["intensity_raw_err"].median(), 11 * told["intensity_raw_err"].median(), rtol=0.15
    )


@pytest.mark.parametrize("gain", [20, 28, 31, 36])
def test_correlated_noise_that_agrees_by_chance_makes_no_electrons(gain):
    """Light spread over the neighbours: between single pixels it has less noise than electrons."""
    counts = np.random.default_rng(0).poisson(5 * CLEAN)
    noisy = np.round(gain * gaussian_filter(counts.astype(float), 0.6))
    shown = gain * gaussian_filter(5 * CLEAN, 0.6)
    with pytest.warns(UserWarning, match="not taken for electrons"):
        table = sbd.find_columns(noisy, shown, pixel_size=0.03)
    assert table.attrs["unit"] == "image units"


def test_a_network_s_image_without_counts_is_judged_by_noisier_halves():
    gain = 12.7
    scene = np.pad(picture(grid(7, 7, 38.0, hexagonal=True), 38.0, 7.0, 0.4, 1.0), 40, mode="edge")
    image = (gain * np.random.default_rng(0).poisson(4 * scene) + 0.3).astype(np.float32)
    noisy = sbd.Micrograph(image, 0.0061)
    table = sbd.find_columns(noisy, sbd.denoise(noisy, model="hrtem", device="cpu"))
    assert len(table) == 49
    assert "noisier images" in table.attrs["judged"]
    assert table.attrs["reproduced"] > 0.9
    assert table["supported"].mean() > 0.9


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_result_that_is_further_off_than_the_noise_is_what_is_blamed():
    """Not the columns, which the data show as clearly as can be: there is hardly any noise."""
    scene = picture(grid(5, 5, 48.0), 24.0, 8.0, np.where(np.arange(25) % 2, 1.0, 0.8), 0.0)
    noisy = scene + np.random.default_rng(0).normal(0, 0.02, scene.shape)
    m = sbd.Micrograph(noisy.astype(np.float32), 0.008)
    wide = m.replace(data=gaussian_filter(scene, 3.0).astype(np.float32))
    table = sbd.find_columns(m, wide)
    assert len(table) == 25 and not table["supported"].any()
    table["halves"] = 2  # as a network's image has them
    with pytest.warns(UserWarning, match="25 of 25 columns are in the data, but not as bright"):
        warn_of_unlike(table)


def test_columns_that_neither_half_shows_are_no_fault_of_the_image():
    table = pd.DataFrame({"halves": [2] * 3 + [0] * 7, "note": ["the data contradict it"] * 10})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unlike(table)
        warn_of_unlike(table.drop(columns="halves"))
    with pytest.warns(UserWarning, match="10 of 10 columns are in the data"):
        warn_of_unlike(table.assign(halves=2))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.2, 0.3])
def test_halves_are_not_taken_for_the_images_of_another_camera(noise, seed):
    """Noise that was found white is so in halves, where columns may pass for correlated noise."""
    scene = picture(grid(5, 5, 48.0), 24.0, 8.0, np.where(np.arange(25) % 2, 1.0, 0.8), 0.0)
    noisy = scene + np.random.default_rng(seed).normal(0, noise, scene.shape)
    m = sbd.Micrograph(noisy.astype(np.float32), 0.008)
    denoised = sbd.denoise(m, model="hrtem", device="cpu")
    camera = denoised.metadata["napari_sbd"]["history"][0]["settings"]["camera"]
    if camera is not None:
        pytest.skip("the whole image passes for that of a camera")
    half = m.replace(data=m.data + np.random.default_rng(9).normal(0, noise, scene.shape))
    white = sbd.denoise(half, model="hrtem", device="cpu", noise="white").data
    np.testing.assert_allclose(denoiser_of(denoised)(half.data), white, atol=1e-3)
    # the network errs a little; where one half passed for a camera's, hardly any column was left
    table = sbd.find_columns(m, denoised)
    assert len(table) == 25
    assert table["supported"].mean() > 0.8
