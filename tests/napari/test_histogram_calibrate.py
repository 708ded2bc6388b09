"""Thresholds that are dragged in a histogram, and a pixel size by two clicked columns."""

import numpy as np
import pandas as pd
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture
from hands import Hands
from napari_sbd._napari.layers.calibrating import calibrate
from napari_sbd._napari.layers.columns import points_layer
from napari_sbd._napari.layers.micrographs import pixel_size_of, to_layer
from napari_sbd._napari.tools.calibrate_widget import CalibrateWidget
from napari_sbd._napari.tools.histogram_widget import HistogramWidget

GAP, PIXEL = 16.0, 0.0125
POINTS = grid(8, 10, GAP)


@pytest.fixture
def scene(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    image = picture(POINTS, GAP, 3.5, 10.0, 5.0).astype(np.float32)
    data, attributes, _ = to_layer(sbd.Micrograph(image, PIXEL, name="clean"))
    layer = viewer.add_image(data, **attributes)
    yield viewer, layer, Hands(viewer, qtbot)
    qtbot.wait(100)


def test_kinds_follow_a_threshold_that_is_dragged(scene):
    viewer, layer, hands = scene
    rng = np.random.default_rng(0)
    strong = np.arange(len(POINTS)) % 2 == 0
    table = pd.DataFrame(POINTS, columns=["y", "x"])
    table["intensity"] = np.where(strong, 200, 100) + rng.normal(0, 8, len(POINTS))
    table["sigma"], table["supported"] = 3.5, True
    table.attrs.update(pixel_size_nm=PIXEL, scale=3.5, spacing=GAP, unit="electrons")
    columns = viewer.add_layer(points_layer(table, layer))
    widget = HistogramWidget(viewer)
    viewer.window.add_dock_widget(widget)
    hands.ready()
    widget.suggest.click()
    assert [k.count for k in widget.kinds] == [40, 40]
    (start,) = widget.thresholds
    hands.drag_plot(widget.plot, (start, 2), (200, 2))
    assert widget.thresholds[0] == pytest.approx(200, abs=2)
    above = int((table["intensity"] > widget.thresholds[0]).sum())
    assert [k.count for k in widget.kinds] == [80 - above, above]
    hands.drag_plot(widget.plot, (widget.thresholds[0], 2), (150, 2))
    widget.keep.click()
    np.testing.assert_array_equal(columns.features["species"], strong.astype(int))
    assert len(np.unique(columns.face_color, axis=0)) == 2
    widget.value.setCurrentText("nearest neighbour")
    assert "0.2" in widget.message.text()
    assert "nm" in widget.message.text()


def test_thresholds_are_those_of_the_columns_and_the_unit(scene):
    """Those of one image cut the columns of another, and those of intensities went with a pixel
    size."""
    viewer, layer, _ = scene
    both = []
    for scale in (1.0, 50.0):
        table = pd.DataFrame(POINTS, columns=["y", "x"])
        table["y_err"] = table["x_err"] = 0.1
        table["intensity"] = scale * (100.0 + 100 * (np.arange(len(POINTS)) % 2))
        table["sigma"], table["supported"] = 3.5, True
        table.attrs.update(pixel_size_nm=PIXEL, scale=3.5, spacing=GAP, unit="electrons")
        both.append(viewer.add_layer(points_layer(table, layer)))
    widget = HistogramWidget(viewer)
    viewer.window.add_dock_widget(widget)
    hands = scene[2]
    widget.add.click()
    assert len(widget.kinds) == 2
    both[1].scale = (0.02, 0.02)
    hands.qtbot.wait(150)
    assert [k.count for k in widget.kinds] == [40, 40]
    widget.layer.choose(both[0])
    assert [k.count for k in widget.kinds] == [80]
    widget.value.setCurrentText("nearest neighbour")
    widget.add.click()
    both[0].scale = (0.03, 0.03)
    hands.qtbot.waitUntil(lambda: not widget.thresholds)


def test_two_clicked_columns_set_the_pixel_size(scene, notifications):
    """Clicked two pixels off, they snap: eight periods of 0.21 nm where the file said 0.20."""
    viewer, layer, hands = scene
    widget = CalibrateWidget(viewer)
    viewer.window.add_dock_widget(widget)
    widget.pick.click()
    hands.ready()
    widget.calibrate.click()
    assert "0 were clicked" in notifications[-1].message
    hands.click(layer, 4 * GAP + 2, GAP - 2)
    hands.click(layer, 4 * GAP - 1, 9 * GAP + 2)
    widget.distance.setText("0.21")
    assert widget.periods.text() == "1 period"
    widget.periods.setValue(8)
    assert widget.periods.text() == "8 periods"
    widget.calibrate.click()
    for one in (layer, widget.points):
        assert pixel_size_of(one) == pytest.approx(0.21 / GAP, rel=1e-3)
    words = widget.message.text()
    assert words.startswith("Pixel size 0.0131")
    calibrate(layer, 0.02, None, 0.0, viewer.layers)
    early = "Before the latest change"
    hands.qtbot.waitUntil(lambda: widget.message.text().startswith(early))
    calibrate(layer, 0.21 / GAP, None, 0.0, viewer.layers)
    widget.distance.setText("2.1")  # angstrom
    widget.calibrate.click()
    words = widget.message.text()
    assert "by a factor of 10: check the known spacing and its unit" in words
    other = viewer.add_image(layer.data, name="other")
    widget.layer.choose(other)
    assert widget.message.text() == f"clean: {words}"


def test_layers_that_are_removed_count_no_more(viewer, qtbot):
    """Neither columns in the histogram, nor the two that were clicked."""
    image = picture(POINTS, GAP, 3.5, 10.0, 5.0).astype(np.float32)
    layer = viewer.add_image(image, scale=(PIXEL, PIXEL), units="nm")
    table = pd.DataFrame(POINTS, columns=["y", "x"])
    table["intensity"], table["sigma"], table["supported"] = 200.0, 3.5, True
    table.attrs.update(pixel_size_nm=PIXEL, scale=3.5, spacing=GAP, unit="electrons")
    columns = viewer.add_layer(points_layer(table, layer))
    histogram, calibration = HistogramWidget(viewer), CalibrateWidget(viewer)
    for widget in (histogram, calibration):
        qtbot.addWidget(widget)
    assert "80 columns" in histogram.message.text()
    viewer.layers.remove(columns)
    assert histogram.message.text() == "" and histogram.found is None
    histogram.picture.click()
    assert "no histogram" in histogram.message.text()

    calibration.pick.click()
    calibration.points.data = np.array([(16.0, 16.0), (16.0, 144.0)])
    viewer.layers.remove(calibration.points)
    calibration.distance.setText("0.3")
    calibration.calibrate.click()
    assert "0 were clicked" in calibration.message.text()
    assert pixel_size_of(layer) == pytest.approx(PIXEL)
