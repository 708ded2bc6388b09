"""Patterns of displacements that the data show and the denoised image does not."""

import numpy as np
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.lacking import lacking

POINTS = grid(20, 24, 12.0)
ERROR = np.full(POINTS.shape, 0.2)


def noise(seed, size=0.5):
    return np.random.default_rng(seed).normal(0, size, POINTS.shape)


def wave(amplitude, period):
    """Displacements along y of a wave along x."""
    along = amplitude * np.sin(2 * np.pi * POINTS[:, 1] / period + 0.4)
    return np.column_stack([along, np.zeros(len(POINTS))])


def test_noise_shows_no_wave_but_in_one_of_a_thousand_images():
    found = [lacking(POINTS, POINTS + noise(seed), ERROR) for seed in range(400)]
    assert sum(one is not None for one in found) <= 3


@pytest.mark.parametrize("period", [48.0, 96.0])
def test_a_wave_in_many_columns_is_found_below_the_noise_of_each(period):
    for seed in range(4):
        found = lacking(POINTS, POINTS + noise(seed) + wave(0.25, period), ERROR)
        assert found.period == pytest.approx(period, rel=0.1)
        assert found.amplitude == pytest.approx(0.25, rel=0.35)
        # of both axes, of which one has it
        assert found.together == pytest.approx(0.25 / 2, rel=0.35)


def test_columns_that_the_data_do_not_tell_and_single_ones_far_off_change_nothing():
    raw = POINTS + noise(0) + wave(0.25, 96.0)
    plain = lacking(POINTS, raw, ERROR)
    raw[::50] = np.nan
    raw[7] += 30.0
    assert lacking(POINTS, raw, ERROR).amplitude == pytest.approx(plain.amplitude, rel=0.15)


def test_what_is_small_beside_the_errors_is_not_told():
    raw = POINTS + noise(0, 0.05) + wave(0.08, 96.0)
    assert lacking(POINTS, raw, ERROR / 4) is not None
    assert lacking(POINTS, raw, ERROR) is None


def test_a_wave_that_a_network_makes_too_flat_is_told_and_in_the_errors(recwarn):
    """10 pm of amplitude and five spacings long: the network shows less than half of that."""
    true = grid(23, 23, 12.25)
    phase = 2 * np.pi * true[:, 1] / 60
    true[:, 0] += 0.5 * np.sin(phase)
    clean = 12.0 * picture(true, 12.25, 2.25, 0.5, 1.0)
    counts = np.random.default_rng(3).poisson(clean).astype(np.float32)
    noisy = sbd.Micrograph(counts, 0.02, gain=1.0)
    table = sbd.find_columns(noisy, sbd.denoise(noisy, model="hrtem", device="cpu"))
    seen = table[~table["near_frame"]]
    place = seen[["y", "x"]].to_numpy()
    nearest = np.hypot(*(place[:, None] - true).transpose(2, 0, 1)).argmin(1)
    off = (place - true[nearest])[:, 0]
    pattern = np.sin(phase[nearest])
    short = -(off * pattern).sum() / (pattern**2).sum()
    assert 0.2 < short < 0.5
    assert any("lacks displacements of columns" in str(w.message) for w in recwarn)
    assert table.attrs["lacking"]["period"] == pytest.approx(60, rel=0.1)
    assert table.attrs["lacking"]["amplitude"] == pytest.approx(short, rel=0.3)
    assert 0.7 < np.sqrt(np.mean((off / seen["y_err"]) ** 2)) < 1.25
