"""Columns so near to each other that their shapes hardly tell them apart."""

import numpy as np
import pytest

import napari_sbd as sbd

PIXEL = 0.012  # nm


def pairs(electrons):
    """Dumbbells in a dark ring each, far from others: fits to image and data agree."""
    y, x = np.indices((240, 240)).astype(float)
    image = np.ones((240, 240))
    for middle_y in np.arange(20, 230, 27.0):
        for middle_x in np.arange(20, 230, 31.0):
            for k, height in ((0, 1.0), (1, 0.7)):
                square = (y - middle_y - 6.6 * k) ** 2 + (x - middle_x - 8.8 * k) ** 2
                bell, ring = (np.exp(-square / (2 * s**2)) for s in (4.2, 8.0))
                image += height * (1.3 * bell - 0.45 * ring)
    return electrons * image


def columns_of(mean):
    """With the expectation in place of the denoised image: nothing is wrong in it."""
    counts = np.random.default_rng(1).poisson(mean).astype(float)
    shown = sbd.Micrograph(mean.astype(np.float32), PIXEL, gain=1.0)
    return sbd.find_columns(sbd.Micrograph(counts, PIXEL, gain=1.0), shown)


def scatter(columns, name):
    """Root mean square of what the data say otherwise than the image, over its errors."""
    off = columns[f"{name}_raw"] - columns[name]
    return float(np.sqrt(np.nanmean((off / columns[f"{name}_raw_err"]) ** 2)))


@pytest.mark.parametrize("electrons", [5, 50])
def test_dumbbells_far_from_others_are_known(electrons):
    columns = columns_of(pairs(electrons))
    assert len(columns) == 112 and columns.attrs["left_open"] == 0
    ratio, error = columns.attrs["intensity_ratio"]
    assert abs(ratio - 1) < 3 * error < 0.06
    for name in ("y", "x", "intensity"):
        assert 0.7 < scatter(columns, name) < 1.3


@pytest.mark.filterwarnings("ignore:.*longer than wide")
def test_where_a_crystal_flows_together_no_wrong_intensity_is_told():
    """The image is right; fits to the data had 2.7 times its intensities, 40 errors off."""
    mean = sbd.simulate(
        "pt_ceo2", size=384, pixel_size=PIXEL, dose=1000, seed=2, modality="hrtem"
    ).clean.data.astype(float)
    with pytest.warns(UserWarning, match="flow together") as said:
        columns = columns_of(mean)
    assert not any("shows the intensities" in str(one.message) for one in said)
    assert columns.attrs["intensity_ratio"] is None
    assert 0.5 < columns.attrs["left_open"] / len(columns) < 0.9  # the oxide, not the particle
    for name in ("y", "x", "intensity"):
        off = (columns[f"{name}_raw"] - columns[name]).abs() / columns[f"{name}_raw_err"]
        assert 0.3 < off.median() < 1.2
