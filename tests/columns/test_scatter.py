"""Errors of places in a network's image, against where the clean image has the columns."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.halves_scatter import Halves, Places
from napari_sbd.columns.shown import Shown

POINTS = grid(12, 12, 20.0)
CLEAN = picture(POINTS, 20.0, 4.0, 1.0, 1.0)
START = np.column_stack([POINTS, np.full((len(POINTS), 3), np.nan)])


def spread(values):
    return 1.4826 * np.median(np.abs(values))


def trials_of(data, made):
    """Halves of the data at their scale, each with what is expected of it from the other half."""
    return [(data[0] / 2, made[1] / 2), (data[1] / 2, made[0] / 2)]


def places(image, fit, trials, variance, start=START):
    """What halves tell of the places of columns in an image."""
    halves = Halves(Shown(image, start, 4.0, True), trials, True, variance)
    return halves.places(fit, halves.fits(None))


@pytest.mark.parametrize("wrong", [2, 4])
def test_errors_follow_the_scatter_of_halves_that_were_smoothed(wrong):
    """A blur leaves nothing out, so half of the halves' difference is the error of the whole."""
    off = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        noisy = [CLEAN + rng.normal(0, 0.3 * 2**0.5, CLEAN.shape) for _ in range(2)]
        halves = [gaussian_filter(image, 2.0) for image in noisy]
        variance = np.full(CLEAN.shape, 0.3**2)
        whole = sum(halves) / 2
        fit = Shown(whole, START, 4.0, True).with_data(sum(noisy) / 2, variance)[0]
        told = replace(fit, error=wrong * fit.error)
        found = places(whole, told, trials_of(noisy, halves), variance)
        assert found.pull is None
        off.append((fit.values[:, :2] - POINTS) / (told.error[:, :2] * found.factor))
    assert 0.75 < spread(np.stack(off)) < 1.1


def drawn(deviation, noise, kept, seed=0):
    """Deviation from the true places over the errors found, and the pull, of images that keep a
    share of what columns deviate from a lattice; of one half and of the whole."""
    rng = np.random.default_rng(seed)
    moved = rng.normal(0, deviation, POINTS.shape)
    own = rng.normal(0, noise * 2**0.5, (2, *POINTS.shape))

    def seen(places):
        # one column lies alone, so that pictures begin at the same place
        return picture(np.vstack([POINTS + places, [[260.0, 260.0]]]), 0.0, 4.0, 1.0, 1.0)[
            :260, :260
        ]

    whole = seen(kept[1] * (moved + own.mean(0)))
    data, made = ([seen(k * (moved + one)) for one in own] for k in (1.0, kept[0]))
    fit = Shown(whole, START, 4.0, True).alone()
    fit = replace(fit, error=np.ones((len(POINTS), 5)), noise=np.full(POINTS.shape, noise))
    found = places(whole, fit, trials_of(data, made), np.full(whole.shape, 1e-6))
    return spread(fit.values[:, :2] - POINTS - moved) / found.factor, found.pull


@pytest.mark.parametrize("noise", [0.1, 0.15, 0.25])
def test_errors_hold_where_data_are_weighed_against_what_is_expected(noise):
    """Places are drawn towards the lattice by what the data are worth, those of halves farther."""
    expected = 0.3
    kept = [expected**2 / (expected**2 + share * noise**2) for share in (2, 1)]
    ratio, _ = drawn(expected, noise, kept)
    assert 0.7 < ratio < 1.25


@pytest.mark.parametrize("deviation", [0.4, 0.6])
def test_errors_hold_where_columns_deviate_by_more_than_a_network_expects(deviation):
    ratio, pull = drawn(deviation, 0.2, (0.2, 0.3))
    assert 0.75 < ratio < 1.1
    assert pull == pytest.approx(0.8 * deviation, rel=0.15)  # of the halves' images


def test_a_pull_is_hardly_ever_seen_where_there_is_none():
    """Places that are all noise around the truth, of a network that averages nothing."""
    seen = [drawn(0.3, 0.2, (1.0, 1.0), seed)[1] for seed in range(12)]
    assert seen == [None] * 12


def test_few_columns_tell_nothing():
    variance = np.full(CLEAN.shape, 1e-6)
    few = Shown(CLEAN, START[:10], 4.0, True).with_data(CLEAN, variance)[0]
    halves = trials_of([CLEAN] * 2, [CLEAN] * 2)
    assert places(CLEAN, few, halves, variance, START[:10]) == Places()


def test_columns_that_deviate_from_a_lattice_have_errors_that_hold_it(recwarn):
    """Columns 10 pm off a lattice: the network shows half of that, errors and words tell."""
    rng = np.random.default_rng(7)
    true = grid(17, 17, 14.0) + rng.normal(0, 0.5, (289, 2))
    clean = 60 * picture(true, 14.0, 3.0, 1.0, 0.6)
    noisy = sbd.Micrograph(rng.poisson(clean).astype(np.float32), 0.02, gain=1.0)
    table = sbd.find_columns(noisy, sbd.denoise(noisy, model="hrtem", device="cpu"))
    assert any("nearer to where the network expects them" in str(w.message) for w in recwarn)
    seen = table[~table["near_frame"]]
    place = seen[["y", "x"]].to_numpy()
    nearest = np.hypot(*(place[:, None] - true).transpose(2, 0, 1)).argmin(1)
    off = place - true[nearest]
    assert 0.75 < spread(off / seen[["y_err", "x_err"]].to_numpy()) < 1.25
    assert table.attrs["pulled"] == pytest.approx(np.sqrt(np.mean(off**2)), rel=0.4)


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
