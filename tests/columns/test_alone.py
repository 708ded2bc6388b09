"""Errors of columns of an image that there is nothing to compare with."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.alone import covariance_alone
from napari_sbd.columns.fit import GaussianFit

POINTS = grid(16, 16, 22.0, jitter=1.0, hexagonal=True)
DENOISED = {"napari_sbd": {"history": [{"operation": "denoise", "settings": {"model": "hrtem"}}]}}


def through_tails(image):
    """A point spread that falls off slowly, as light in a scintillator does."""
    f = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij"))
    return np.fft.ifft2(np.fft.fft2(image) * np.exp(-2 * np.pi * f)).real


RECORDED = {
    "white": (lambda clean, rng: clean + rng.normal(0, 0.5, clean.shape), lambda image: image),
    "counts": (lambda clean, rng: rng.poisson(3 * clean) / 3, lambda image: image),
    "point spread": (lambda clean, rng: rng.normal(clean, 1.0), through_tails),
    "blurred by a quarter": (lambda c, rng: rng.normal(c, 1.0), lambda i: gaussian_filter(i, 1.0)),
    "blurred by half": (lambda c, rng: rng.normal(c, 1.0), lambda i: gaussian_filter(i, 1.9)),
}


@pytest.mark.parametrize("kind", RECORDED)
def test_errors_are_those_of_the_noise_however_far_it_hangs_together(kind):
    noise, seen = RECORDED[kind]
    clean = picture(POINTS, 22.0, 4.0, 4.0, 4.0 if kind != "counts" else 1.0)
    truth = sbd.find_columns(None, seen(clean))
    pulls = {name: [] for name in ("y", "x", "intensity", "background")}
    for seed in range(4):
        table = sbd.find_columns(None, seen(noise(clean, np.random.default_rng(seed))))
        pairs = sbd.compare_columns(truth, table).pairs
        assert len(pairs) > 250
        true, found = truth.iloc[pairs[:, 0]], table.iloc[pairs[:, 1]]
        for name, pull in pulls.items():
            pull += list((found[name].to_numpy() - true[name].to_numpy()) / found[f"{name}_err"])
    for name in ("y", "x"):
        assert 0.85 < np.nanstd(pulls[name]) < 1.2, name
    for name in ("intensity", "background"):
        assert 0.8 < np.nanstd(pulls[name]) < 1.35, name


def test_what_all_columns_have_in_common_moves_none_of_them():
    """Columns of another shape than Gaussians."""
    y, x = np.mgrid[-11:12, -11:12]
    spot = 1 / (1 + ((y**2 + x**2) / 16) ** 2)
    clean = np.tile(spot, (12, 12)) + 1
    rng = np.random.default_rng(0)
    table = sbd.find_columns(None, clean + rng.normal(0, 0.1, clean.shape))
    table = table[~table["near_frame"]]
    off = (table[["y", "x"]].to_numpy() - 11 + 11.5) % 23 - 11.5
    assert 0.7 < np.std(off / table[["y_err", "x_err"]].to_numpy()) < 1.2


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_columns_have_errors_too(count):
    """What one column leaves is all noise, of which two have half in common."""
    places = np.array([[60.0, 40], [61, 62], [84, 51], [36, 52]])[:count]
    pulls = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        true = places + rng.uniform(-0.5, 0.5, places.shape)
        image = picture(np.vstack([true, [(128, 128)]]), 0, 4.0, [1.0] * count + [0.0], 3.0)
        table = sbd.find_columns(None, image + rng.normal(0, 0.05, image.shape))
        one, other = sbd.compare_columns(true, table, 5.0).pairs.T
        assert len(one) == count
        found = table.iloc[other]
        off = np.column_stack([found[["y", "x"]] - true[one], found["amplitude"] - 1.0])
        pulls.append(off / found[["y_err", "x_err", "amplitude_err"]].to_numpy())
    assert 0.75 < np.sqrt(np.mean(np.square(np.vstack(pulls)))) < 1.25


def denoised(image):
    return sbd.Micrograph(image, 0.011, metadata=DENOISED)


def test_a_denoised_image_alone_gives_places_without_errors():
    clean = picture(POINTS, 22.0, 4.0, 4.0, 4.0)
    with pytest.warns(UserWarning, match="errors of columns are left empty.*noisy image"):
        table = sbd.find_columns(None, denoised(clean))
    errors = [name for name in table if "_err" in name]
    assert len(errors) == 8 and table[errors].isna().all(axis=None)
    off = table[["y", "x"]].to_numpy()[sbd.compare_columns(POINTS, table).pairs[:, 1]]
    assert len(off) == len(POINTS)
    counts = np.random.default_rng(0).poisson(clean)
    told = sbd.find_columns(counts, denoised(clean), halves=False)
    assert told["y_err"].notna().all()


def test_points_moved_by_hand_in_a_denoised_image_get_no_errors_either():
    clean = picture(POINTS, 22.0, 4.0, 4.0, 4.0)
    with pytest.warns(UserWarning, match="left empty"):
        table = sbd.find_columns(None, denoised(clean))
    moved = table.copy()
    moved.loc[[5, 8], "x"] += [1.0, 11.0]
    again = sbd.refit_columns(moved, [5, 8], None, denoised(clean))
    assert again.loc[5, "x"] == pytest.approx(table.loc[5, "x"], abs=0.05)
    assert again["note"].tolist().count("the data show nothing here") == 1
    assert again.loc[8, "x_err"] > 5
    assert again.drop(index=8)["x_err"].isna().all()


def test_values_without_errors_are_combined_alike():
    clean = picture(POINTS, 22.0, 4.0, 4.0, 4.0)
    with pytest.warns(UserWarning, match="left empty"):
        tables = [sbd.find_columns(None, denoised(k * clean)) for k in (1, 3)]
    mean = sbd.combine_columns(sbd.follow_columns(tables), "intensity")
    assert len(mean) == len(POINTS) and (mean["frames"] == 2).all()
    np.testing.assert_allclose(mean["intensity"], 2 * 2 * np.pi * 16 * 4, rtol=0.02)
    assert mean["intensity_err"].isna().all()


def test_a_fit_whose_only_column_lies_beyond_the_frame_has_errors():
    """Where no other converges there is nothing around it that would tell how noise hangs."""
    values = np.array([[-2.0, 20.0, 1.0, 3.0, 0.0], [20.0, 20.0, 1.0, 3.0, 0.0]])
    fit = GaussianFit(
        values, np.ones((2, 5, 5)), np.array([2.0, 3.0]), np.ones(2), np.array([True, False])
    )
    error = covariance_alone(np.ones((40, 40)), fit, 8.0, 3.0)
    np.testing.assert_array_equal(error, fit.covariance * fit.dispersion[:, None, None])
