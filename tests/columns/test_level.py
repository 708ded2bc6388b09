"""A level that is added to images moves no column and changes none of its errors."""

import numpy as np
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture

TRUTH = picture(grid(6, 7, 14.0), 14.0, 2.4, 12.0, 5.0)
NOISY = np.random.default_rng(2).poisson(TRUTH) + 0.5


def _table(scale, level, noisy=True):
    data, shown = (scale * image + level for image in (NOISY, TRUTH + 0.5))
    if noisy:
        return sbd.find_columns(data, shown, pixel_size=0.02)
    return sbd.find_columns(None, shown, pixel_size=0.02)


@pytest.mark.parametrize("noisy", [True, False])
@pytest.mark.parametrize(("scale", "level"), [(1.0, -3e4), (1.0, 3e4), (1e-4, -3.0), (50.1, 9e5)])
def test_no_level_matters(scale, level, noisy):
    """2,500 times below the contrast of columns, their intensity was told as a twentieth, and the
    data as three times that: a kernel answers to the level with 0.3 % of it."""
    usual, raised = _table(1.0, 0.0, noisy), _table(scale, level, noisy)
    assert len(raised) == len(usual) == 42
    for name in ("y", "x", "sigma", "y_err", "sigma_raw", "y_raw_err"):
        if name in usual:
            np.testing.assert_allclose(raised[name], usual[name], rtol=2e-3, atol=2e-3)
    for name in ("intensity", "intensity_err", "intensity_raw", "amplitude_raw_err"):
        if name in usual:
            np.testing.assert_allclose(raised[name] / scale, usual[name], rtol=5e-3, atol=1e-2)
    np.testing.assert_allclose(raised["background"], scale * usual["background"] + level, rtol=1e-4)


def test_a_negative_has_the_same_columns_and_errors():
    """Its noise is less where it is brighter: errors of places and amplitudes were 0.7 to 0.9 of
    their scatter."""
    noisy, truth = 3.7 * NOISY, 3.7 * (TRUTH + 0.5)
    one = sbd.find_columns(noisy, truth, pixel_size=0.02)
    other = sbd.find_columns(9000 - noisy, 9000 - truth, pixel_size=0.02)
    assert other.attrs["polarity"] == "dark"
    for name in ("y", "x", "y_raw", "x_raw", "sigma_raw"):
        np.testing.assert_allclose(other[name], one[name], atol=2e-3)
        np.testing.assert_allclose(other[f"{name}_err"], one[f"{name}_err"], rtol=5e-3)
    np.testing.assert_allclose(-other["amplitude_raw"], one["amplitude_raw"], rtol=5e-3)
    np.testing.assert_allclose(other["amplitude_raw_err"], one["amplitude_raw_err"], rtol=5e-3)
