import numpy as np
import pytest

from napari_sbd.errors import SBDError
from napari_sbd.measure.calibrate import distance_between, doubt, pixel_size_from_spacing


@pytest.mark.parametrize(
    ("measured", "known", "before", "after"),
    [
        (10.0, 0.2, None, (0.02, 0.02)),
        (0.25, 0.2, (0.05, 0.05), (0.04, 0.04)),
        (0.25, 0.5, (0.05, 0.06), (0.1, 0.12)),
    ],
)
def test_a_known_spacing_gives_the_pixel_size(measured, known, before, after):
    found = pixel_size_from_spacing(measured, known, before, 0.01 * measured)
    assert (found.y, found.x) == pytest.approx(after)
    assert found.relative_err == pytest.approx(0.01)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_impossible_spacings_are_refused(wrong):
    with pytest.raises(SBDError, match="positive"):
        pixel_size_from_spacing(1.0, wrong)
    with pytest.raises(SBDError, match="positive"):
        pixel_size_from_spacing(wrong, 1.0)


def test_distance_of_two_columns_with_its_error():
    errors = np.array([[0.3, 9.0], [0.4, 9.0]])  # along y only counts
    assert distance_between((0, 5), (20, 5), (0.1, 0.2), errors) == pytest.approx((2.0, 0.05))
    length, error = distance_between((0, 0), (3, 4))
    assert length == 5
    assert np.isnan(error)
    with pytest.raises(SBDError, match="same"):
        distance_between((1, 1), (1, 1))


def test_a_factor_of_ten_is_doubted():
    after = pixel_size_from_spacing(1.0, 10.5, (0.02, 0.02))
    assert "factor of 10.5" in doubt((0.02, 0.02), after)
    assert not doubt((0.02, 0.02), pixel_size_from_spacing(1.0, 1.2, (0.02, 0.02)))
    assert not doubt(None, after)
