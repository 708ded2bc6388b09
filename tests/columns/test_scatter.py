"""Errors of places in a network's image, against where the clean image has the columns."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.halves_scatter import position_factor
from napari_sbd.columns.measure import measure

POINTS = grid(12, 12, 20.0)
CLEAN = picture(POINTS, 20.0, 4.0, 1.0, 1.0)
START = np.column_stack([POINTS, np.full((len(POINTS), 3), np.nan)])


def spread(values):
    return 1.4826 * np.median(np.abs(values))


@pytest.mark.parametrize("wrong", [2, 4])
def test_errors_follow_the_scatter_of_halves_that_were_smoothed(wrong):
    """A blur leaves nothing out, so half of the halves' difference is the error of the whole."""
    off = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        noisy = [CLEAN + rng.normal(0, 0.3 * 2**0.5, CLEAN.shape) for _ in range(2)]
        halves = [gaussian_filter(image, 2.0) for image in noisy]
        variance = np.full(CLEAN.shape, 0.3**2)
        fit = measure(sum(halves) / 2, sum(noisy) / 2, START, 4.0, True, variance=variance)[0]
        told = replace(fit, error=wrong * fit.error)
        factor = position_factor(told, halves, 4.0, True)
        off.append((fit.values[:, :2] - POINTS) / (told.error[:, :2] * factor))
    assert 0.75 < spread(np.stack(off)) < 1.1


@pytest.mark.parametrize("noise", [0.1, 0.15, 0.25])
def test_errors_hold_where_data_are_weighed_against_what_is_expected(noise):
    """Places are drawn towards the lattice, as those of a network are, by what the data are worth.

    Halves have twice the variance, so they are drawn farther.
    """
    rng = np.random.default_rng(0)
    expected = 0.3
    moved = rng.normal(0, expected, POINTS.shape)
    own = rng.normal(0, noise * 2**0.5, (2, *POINTS.shape))

    def seen(places, variance):
        drawn = POINTS + places * expected**2 / (expected**2 + variance)
        return picture(np.vstack([drawn, [[260.0, 260.0]]]), 0.0, 4.0, 1.0, 1.0)[:260, :260]

    whole = seen(moved + own.mean(0), noise**2)
    halves = [seen(moved + one, 2 * noise**2) for one in own]
    fit = measure(whole, None, START, 4.0, True)[0]
    alone = np.full(POINTS.shape, noise)
    fit = replace(fit, error=np.ones((len(POINTS), 5)), noise=alone)
    factor = position_factor(fit, halves, 4.0, True)
    assert 0.8 < spread(fit.values[:, :2] - POINTS - moved) / factor < 1.25


def test_no_error_grows_and_few_columns_tell_nothing():
    moved = picture(POINTS + 0.5, 20.0, 4.0, 1.0, 1.0)[: CLEAN.shape[0], : CLEAN.shape[1]]
    variance = np.full(CLEAN.shape, 1e-6)
    fit = measure(CLEAN, CLEAN, START, 4.0, True, variance=variance)[0]
    assert position_factor(fit, [CLEAN, np.resize(moved, CLEAN.shape)], 4.0, True) == 1
    few = measure(CLEAN, CLEAN, START[:10], 4.0, True, variance=variance)[0]
    assert position_factor(few, [CLEAN, CLEAN], 4.0, True) == 1


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
