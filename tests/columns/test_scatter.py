"""Errors of places in a network's image, against where the clean image has the columns."""

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.halves_scatter import position_factor
from napari_sbd.columns.measure import measure


def spread(values):
    return 1.4826 * np.median(np.abs(values))


def test_errors_follow_the_scatter_of_independent_halves():
    """Half of each other's difference is the error of the whole; what both share is allowed for."""
    points = grid(12, 12, 20.0)
    clean = picture(points, 20.0, 4.0, 1.0, 1.0)
    rng = np.random.default_rng(0)
    noise = [gaussian_filter(rng.normal(0, 1, clean.shape), 3.0) for _ in range(2)]
    halves = [clean + 0.05 * n / n.std() for n in noise]
    start = np.column_stack([points, np.full((len(points), 3), np.nan)])
    fit = measure(sum(halves) / 2, None, start, 4.0, True)[0]
    fit.error[:, :2] *= 4
    factor = position_factor(fit, halves, 4.0, True)
    off = (fit.values[:, :2] - points) / (fit.error[:, :2] * factor)
    assert 1 / 2 < spread(off) < 1


def test_no_error_grows_and_few_columns_tell_nothing():
    points = grid(12, 12, 20.0)
    clean = picture(points, 20.0, 4.0, 1.0, 1.0)
    moved = picture(points + 0.5, 20.0, 4.0, 1.0, 1.0)[: clean.shape[0], : clean.shape[1]]
    start = np.column_stack([points, np.full((len(points), 3), np.nan)])
    fit = measure(clean, None, start, 4.0, True)[0]
    assert position_factor(fit, [clean, np.resize(moved, clean.shape)], 4.0, True) == 1
    few = measure(clean, None, start[:10], 4.0, True)[0]
    assert position_factor(few, [clean, clean], 4.0, True) == 1


def test_errors_of_a_networks_places_are_honest():
    """Errors of lone columns are 2 to 5 times too large for a network, which sees many."""
    scene = sbd.simulate("pt_ceo2", size=384, pixel_size=0.011, dose=20.0, seed=10, defocus=8.0)
    denoised = sbd.denoise(scene.noisy, model="hrtem", device="cpu")
    table = sbd.find_columns(scene.noisy, denoised)
    clean = sbd.find_columns(None, scene.clean)
    pairs = sbd.compare_columns(clean, table).pairs
    off, error = [], []
    for axis in "yx":
        found = table.iloc[pairs[:, 1]]
        off.append(found[axis].to_numpy() - clean.iloc[pairs[:, 0]][axis].to_numpy())
        error.append(found[f"{axis}_err"].to_numpy())
    assert table.attrs["position_factor"] < 0.8
    assert 0.6 < spread(np.concatenate(off) / np.concatenate(error)) < 1.4
