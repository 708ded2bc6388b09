"""What is no column: scale bars, spots too wide for atoms, noise of a camera without beam."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from columns.scenes import grid, picture


def crystal():
    points = grid(16, 16, 20.0)
    return points, picture(points, 20.0, 4.0, 1.0, 0.5)


@pytest.mark.parametrize("ink", [0, 255])
def test_a_burned_in_scale_bar_holds_none(ink):
    points, image = crystal()
    raw = np.round(np.random.default_rng(0).poisson(image * 40) * 3.0).clip(1, 254)
    bar, letter = np.zeros(raw.shape, bool), np.zeros(raw.shape, bool)
    bar[280:290, 30:130] = True
    letter[255:273, 60:63] = letter[255:258, 60:72] = True
    raw[bar | letter] = ink
    with pytest.warns(UserWarning, match="whole numbers are not taken"):
        found = sbd.find_columns(raw, gaussian_filter(raw, 2.0))
    place = np.rint(found[["y", "x"]].to_numpy()).astype(int)
    assert not (bar | letter)[tuple(place.T)].any()
    score = sbd.compare_columns(points, found)
    assert score.precision > 0.99
    assert score.recall > 0.95  # a row of columns lies under the bar


def test_overexposed_columns_are_no_scale_bar():
    points, image = crystal()
    raw = np.random.default_rng(0).poisson(image * 400).clip(0, 400)
    assert sbd.compare_columns(points, sbd.find_columns(None, gaussian_filter(raw, 2.0))).f1 == 1
    assert sbd.compare_columns(points, sbd.find_columns(None, raw.astype(float))).f1 > 0.99


@pytest.mark.parametrize("pixel_size", [1.0, 0.07])
def test_spots_wider_than_atoms_are_refused_with_the_reason(pixel_size):
    _, image = crystal()
    with pytest.warns(UserWarning, match="the pixel size is wrong, or these are none"):
        assert not len(sbd.find_columns(None, image, pixel_size=pixel_size))
    assert len(sbd.find_columns(None, image, pixel_size=0.012)) == 256
