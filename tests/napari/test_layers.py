from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Labels, Layer, Points
from qtpy.QtCore import Qt

from napari_sbd import Micrograph, SBDError
from napari_sbd._napari.layers import columns
from napari_sbd._napari.layers import micrographs as layers
from napari_sbd._napari.layers.calibrating import calibrate

FRAME = np.random.default_rng(0).poisson(0.45, (40, 48)).astype(np.uint16)
MOVIE = np.stack([FRAME] * 3)


def layer_of(m: Micrograph) -> Image:
    return Layer.create(*layers.to_layer(m))


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((0.0061, 0.0061), ("nm", "nm"), 0.0061),
        ((0.061, 0.061), ("angstrom", "angstrom"), 0.0061),
        ((6.1, 6.1), ("pm", "pm"), 0.0061),
        ((6.1e-6, 6.1e-6), ("um", "um"), 0.0061),
        ((0.061, 6.1), ("Å", "pm"), 0.0061),
        ((0.01, 0.02), ("nm", "nm"), (0.01, 0.02)),
        ((-0.01, 0.01), ("nm", "nm"), 0.01),
        ((0.01, 0.01), ("pixel", "pixel"), None),
        ((0.01, 0.01), ("1/nm", "1/nm"), None),
        ((0.01, 0.01), ("nm", "pixel"), None),
        ((0.01, 0.01), ("nm", "second"), None),
        # lengths of printers and style sheets, which pint knows: "px" is 264,583 nm
        ((1, 1), ("px", "px"), None),
        ((0.0061, 0.0061), ("px", "px"), None),
        ((1, 1), ("point", "pica"), None),
        ((1 / 72, 1 / 72), ("inch", "inch"), None),
        ((1 / 28, 1 / 28), ("cm", "cm"), None),
        ((6.1e-10, 6.1e-10), ("cm", "cm"), 0.0061),
        ((6.1e-12, 6.1e-12), ("m", "m"), 0.0061),
    ],
)
def test_pixel_size_comes_from_scale_and_units(scale, units, expected):
    found = layers.micrograph_of(Image(FRAME, scale=scale, units=units)).pixel_size
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-12))


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        ({"affine": np.diag([0.02, 0.03, 1])}, (0.02, 0.03)),
        ({"scale": (0.01, 0.01), "affine": np.diag([2, 2, 1])}, (0.02, 0.02)),
        ({"scale": (0.01, 0.03), "affine": [[0, -2, 9], [2, 0, 0], [0, 0, 1]]}, (0.02, 0.06)),
        ({"scale": (0.02, 0.02), "rotate": 30}, (0.02, 0.02)),
        ({"scale": (0.01, 0.01), "rotate": 30, "affine": np.diag([2, 2, 1])}, (0.02, 0.02)),
    ],
)
def test_an_affine_that_stretches_is_part_of_the_pixel_size(look, expected):
    """As napari's own scale bar has it."""
    layer = Image(FRAME, units=("nm", "nm"), **look)
    assert layers.micrograph_of(layer).pixel_size_yx == pytest.approx(expected, rel=1e-12)
    corner, along_y, along_x = (np.array(layer.data_to_world(p)) for p in [(0, 0), (1, 0), (0, 1)])
    world = [np.linalg.norm(end - corner) for end in (along_y, along_x)]
    assert np.broadcast_to(layers.pixel_size_of(layer), 2) == pytest.approx(world, rel=1e-12)
    calibrate(layer, pixel_size=(0.011, 0.012), gain=None, offset=0.0)
    assert layers.micrograph_of(layer).pixel_size_yx == pytest.approx((0.011, 0.012), rel=1e-12)


def test_a_layer_without_units_is_not_calibrated():
    m = layers.micrograph_of(Image(MOVIE, scale=(1, 0.5, 0.5)))
    assert (m.pixel_size, m.frame_time, m.gain, m.offset) == (None, None, None, 0)


def test_frame_time_in_any_unit_of_time():
    layer = Image(MOVIE, scale=(25, 1, 1), units=("ms", "nm", "nm"))
    assert layers.micrograph_of(layer).frame_time == 0.025


@pytest.mark.parametrize(
    "m",
    [
        Micrograph(FRAME, 0.0061, gain=3.7, offset=101.0, name="a", source=Path("/data/a.dm4")),
        Micrograph(MOVIE, (0.01, 0.02), 0.025, metadata={"napari_sbd": {"history": [{"a": 1}]}}),
        Micrograph(MOVIE, 0.01, metadata={"dm": {"kV": 300}}),
        Micrograph(MOVIE, frame_time=0.5),
        Micrograph(FRAME.astype(bool)),
        Micrograph(np.full((40, 40), np.nan)),
    ],
    ids=["image", "movie", "no time", "no pixel size", "bool", "no data"],
)
def test_a_micrograph_survives_being_a_layer(m):
    back = layers.micrograph_of(layer_of(m))
    assert back.data is m.data
    for field in ("pixel_size", "frame_time", "gain", "offset", "metadata", "source"):
        assert getattr(back, field) == getattr(m, field)


def test_units_and_axes_of_a_movie():
    layer = layer_of(Micrograph(MOVIE, 0.0061, 0.5))
    assert tuple(layer.scale) == (0.5, 0.0061, 0.0061)
    assert [str(unit) for unit in layer.units] == ["second", "nanometer", "nanometer"]
    assert layer.axis_labels == ("t", "y", "x")
    untimed = layer_of(Micrograph(MOVIE, 0.0061))
    assert untimed.scale[0] == 1
    assert str(untimed.units[0]) == "pixel"


def test_a_lazy_movie_stays_lazy():
    loaded = []

    def load(block_info=None):
        loaded.append(block_info[None]["chunk-location"][0])
        return FRAME[None]

    movie = da.map_blocks(load, chunks=((1,) * 50, (40,), (48,)), dtype=FRAME.dtype)
    layer = layer_of(Micrograph(movie))
    assert isinstance(layer.data, da.Array)
    assert set(loaded) == {0}


def test_what_is_typed_is_kept_on_the_layer():
    layer = Image(MOVIE, metadata={"mine": 1})
    calibrate(layer, 0.0061, 3.7, 100.0)
    m = layers.micrograph_of(layer)
    assert (m.pixel_size, m.gain, m.offset) == (0.0061, 3.7, 100.0)
    assert m.metadata == {"mine": 1}
    assert tuple(layer.scale) == (1, 0.0061, 0.0061)
    assert [str(unit) for unit in layer.units] == ["pixel", "nanometer", "nanometer"]


def test_a_typed_pixel_size_scales_all_that_was_made_from_the_image(viewer):
    """Results, maps and columns stay on it, in nm; another image keeps its pixels."""
    raw, other = (viewer.add_image(FRAME, name=name) for name in ("raw", "other"))
    m = layers.micrograph_of(raw)
    result = layers.add_result(viewer, raw, m.replace(data=FRAME + 0.5), "denoised")
    y, x = np.mgrid[10:30:10, 10:30:10]
    places = {"y": y.ravel(), "x": x.ravel(), "y_err": 0.5, "x_err": 0.5}
    points = columns.points_layer(pd.DataFrame(places, dtype=float), result)
    viewer.add_layer(points)
    for size in (0.0061, (0.01, 0.02)):  # typed, then corrected
        calibrate(raw, size, None, 0.0, viewer.layers)
        for layer in (raw, result, points):
            np.testing.assert_allclose(layer.scale, size)
            assert {str(unit) for unit in layer.units} == {"nanometer"}
        assert layers.micrograph_of(result).pixel_size == size
        table = columns.table_of(points)
        steps = np.broadcast_to(size, 2)
        np.testing.assert_allclose(table[["y_nm", "x_nm"]], points.data * steps)
        np.testing.assert_allclose(table[["y_err_nm", "x_err_nm"]], 0.5 * np.ones((4, 2)) * steps)
        assert table.attrs["pixel_size_nm"] == size
    assert tuple(other.scale) == (1, 1)
    assert layers.micrograph_of(other).pixel_size is None
    calibrate(raw, None, None, 0.0, viewer.layers)  # cleared
    for layer in (raw, result, points):
        assert tuple(layer.scale) == (1, 1)
        assert {str(unit) for unit in layer.units} == {"pixel"}
    assert layers.micrograph_of(raw).pixel_size is None
    assert layers.micrograph_of(result).pixel_size is None
    table = columns.table_of(points)
    assert not {"y_nm", "x_nm", "y_err_nm", "x_err_nm"} & set(table)
    assert table.attrs.get("pixel_size_nm") is None


def test_a_typed_gain_is_that_of_its_image_alone(viewer, add, denoise_widget, qtbot):
    """It became that of every image of the same shape, such as of a second detector."""
    one, two = (add(MOVIE, name=name, gain=None) for name in ("HAADF", "ABF"))
    results = []
    for raw in (one, two):
        m = layers.micrograph_of(raw)
        results.append(layers.add_result(viewer, raw, m.replace(data=MOVIE + 0.5), "denoised"))
    denoise_widget.layer.choose(one)
    qtbot.keyClicks(denoise_widget.gain, "11.3")
    qtbot.keyClick(denoise_widget.gain, Qt.Key.Key_Return)
    gains = [layers.micrograph_of(layer).gain for layer in (one, results[0], two, results[1])]
    assert gains == [11.3, 11.3, None, None]


def test_what_lies_beside_an_image_stays_there_when_that_is_scaled(viewer):
    raw = viewer.add_image(FRAME, name="raw")
    result = layers.add_result(viewer, raw, layers.micrograph_of(raw), "denoised")
    result.translate = (0, 50)
    for size, far in ((0.02, 1.0), (0.04, 2.0), (None, 50.0)):
        calibrate(raw, size, None, 0.0, viewer.layers)
        np.testing.assert_allclose(result.translate, (0, far))


def test_a_layer_in_pixels_of_style_sheets_is_calibrated_in_nm():
    layer = Image(FRAME, units=("px", "px"))
    calibrate(layer, 0.02, None, 0.0)
    assert tuple(layer.scale) == (0.02, 0.02)
    assert [str(unit) for unit in layer.units] == ["nanometer", "nanometer"]
    assert layers.micrograph_of(layer).pixel_size == 0.02


def test_a_calibrated_layer_is_corrected_in_its_own_units():
    layer = Image(FRAME, scale=(0.1, 0.1), units=("angstrom", "angstrom"))
    calibrate(layer, 0.02, None, 0.0)
    np.testing.assert_allclose(layer.scale, 0.2)
    assert layers.micrograph_of(layer).pixel_size == 0.02


def test_impossible_numbers_are_refused():
    with pytest.raises(SBDError, match="pixel size must be positive"):
        calibrate(Image(FRAME), -1.0, None, 0.0)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (Image(np.zeros((40, 40, 3), np.uint8), rgb=True, name="a"), '"a" is a colour'),
        (Labels(np.zeros((40, 40), int), name="a"), '"a" is a labels layer'),
        (Points(np.zeros((5, 2)), name="a"), '"a" is a points layer'),
        (Image(np.zeros((2, 2, 40, 40))), "4 axes"),
    ],
    ids=["rgb", "labels", "points", "4-D"],
)
def test_other_layers_are_refused_in_words(layer, sentence):
    with pytest.raises(SBDError, match=sentence):
        layers.micrograph_of(layer)


def test_complex_data_are_refused_in_words():
    with pytest.raises(SBDError, match="complex"):
        layers.micrograph_from(FRAME.astype(complex), {})


def test_the_finest_level_of_a_pyramid_is_taken():
    pyramid = Image([MOVIE[0], MOVIE[0][::2, ::2]], multiscale=True)
    assert layers.micrograph_of(pyramid).shape == (40, 48)


@pytest.mark.parametrize("mode", ["mean", "sum", "max", "std"])
def test_a_projection_has_no_gain_of_the_movie(viewer, add, mode):
    """napari keeps the metadata; of a mean of five frames the gain is a fifth, of their sum the
    offset five times as large, so that doses and errors of both were wrong."""
    from napari.layers._layer_actions import _project

    movie = add(np.random.default_rng(0).poisson(40, (5, 64, 64)).astype(np.float32), offset=10.0)
    assert (layers.micrograph_of(movie).gain, layers.micrograph_of(movie).offset) == (1.0, 10.0)
    _project(viewer.layers, mode=mode)
    m = layers.micrograph_of(viewer.layers[-1])
    assert (m.gain, m.offset, m.pixel_size) == (None, 0.0, 0.0061)
    calibrate(viewer.layers[-1], 0.0061, 0.2, 10.0, viewer.layers)  # which a person may know
    assert layers.micrograph_of(viewer.layers[-1]).gain == 0.2


def test_another_layer_lies_exactly_on_it():
    layer = Image(MOVIE, scale=(1, 2, 3), translate=(0, 5, 6), rotate=30, units=("s", "nm", "nm"))
    twin = Image(MOVIE, **layers.look_of(layer))
    np.testing.assert_allclose(
        twin.data_to_world((1, 7, 9)), layer.data_to_world((1, 7, 9)), rtol=1e-9
    )
    assert twin.units == layer.units


def test_contrast_limits_leave_out_hot_pixels_and_nan():
    image = np.linspace(0, 1, 10_000).reshape(100, 100)
    image[3, 3], image[4, 4] = 1e6, np.nan
    low, high = layers.contrast_limits(image)
    assert 0 <= low < 0.01
    assert 0.99 < high <= 1.01
    assert layers.contrast_limits(np.full((8, 8), 5)) == (5, 6)


def test_inherited_limits_give_way_only_where_they_hide_the_signal():
    assert layers.readable_limits((0.0, 1.0), (0.3, 0.7)) == (0.0, 1.0)
    assert layers.readable_limits((0.0, 9.0), (0.3, 0.7)) == (0.3, 0.7)


def test_limits_are_those_of_the_pixels_between_outliers():
    """Counts of 20 scatter by 1.5 in means over three pixels; one in a hundred holds thousands."""
    rng = np.random.default_rng(0)
    image = rng.poisson(20.0, (256, 256)).astype(float)
    image[rng.random(image.shape) < 0.01] = 4000
    low, high = layers.contrast_limits(image, (3, 3))
    assert 12 < low < 19
    assert 21 < high < 28


def test_a_part_of_a_layer_is_not_the_file_that_the_whole_came_from(tmp_path):
    """Whoever cuts a layer takes its metadata along; its recipe named the whole file."""
    whole = Micrograph(FRAME, 0.01, source=tmp_path / "whole.tif")
    layer = layer_of(whole)
    part = Image(FRAME[5:30, 5:40], metadata=dict(layer.metadata), scale=(0.01, 0.01))
    part.units = ("nm", "nm")
    assert layers.micrograph_of(layer).source == tmp_path / "whole.tif"
    assert layers.micrograph_of(part).source is None
    assert layers.micrograph_of(part).pixel_size == 0.01
