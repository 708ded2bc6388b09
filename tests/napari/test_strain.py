"""Strain of columns in the window, against a box that is dragged with the mouse."""

import numpy as np
import pandas as pd
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture
from hands import LEFT, Hands
from napari_sbd._napari.layers.calibrating import calibrate
from napari_sbd._napari.layers.columns import points_layer
from napari_sbd._napari.layers.micrographs import to_layer
from napari_sbd._napari.tools.strain_widget import StrainWidget

GAP, PIXEL = 16.0, 0.0125
ERROR = 0.05  # px


@pytest.fixture
def window(make_napari_viewer, qtbot):
    """The right half is 2 % longer along x than the left half."""
    viewer = make_napari_viewer(show=True)
    points = grid(14, 20, GAP)
    middle = 10 * GAP
    stretched = np.where(
        points[:, 1] > middle, 1.02 * (points[:, 1] - middle) + middle, points[:, 1]
    )
    points = np.column_stack([points[:, 0], stretched])
    image = picture(points, GAP, 3.5, 10.0, 5.0).astype(np.float32)
    data, attributes, _ = to_layer(sbd.Micrograph(image, PIXEL, name="clean"))
    layer = viewer.add_image(data, **attributes)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(points + rng.normal(0, ERROR, points.shape), columns=["y", "x"])
    table["y_err"], table["x_err"], table["intensity"] = ERROR, ERROR, 100.0
    table["supported"] = True
    table.attrs.update(pixel_size_nm=PIXEL, scale=3.5, spacing=GAP)
    viewer.add_layer(points_layer(table, layer))
    widget = StrainWidget(viewer)
    viewer.window.add_dock_widget(widget)
    hands = Hands(viewer, qtbot)
    yield hands, widget, layer, points
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    qtbot.wait(100)


def measured(hands, widget):
    widget.start.click()
    hands.qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    return widget.found.table


def test_strain_against_a_box_dragged_onto_the_unstrained_half(window):
    hands, widget, layer, points = window
    widget.box.click()
    hands.ready()
    middle = (np.array(layer.data.shape) - 1) / 2
    hands.drag(layer, middle, (middle[0], 70))
    table = measured(hands, widget)
    right = points[:, 1] > 12 * GAP
    value, error = table.loc[right, "strain_xx"], table.loc[right, "strain_xx_err"]
    assert np.nanmean(value) == pytest.approx(0.02, abs=0.001)
    assert 0.8 < np.nanstd((value - 0.02) / error) < 1.25
    left = points[:, 1] < 9 * GAP
    assert np.nanmean(table.loc[left, "strain_xx"]) == pytest.approx(0, abs=0.001)
    assert "%" in widget.message.text()
    assert widget.map.axes is not None
    name = f"{widget.columns.layer.name} strain_xx"
    shown = hands.viewer.layers[name]
    assert np.nanmax(shown.features["strain_xx"]) > 1.5  # percent


def test_arrows_spacings_and_the_check_by_geometric_phases(window):
    """Geometric phases find the 2 % too; the spacing map is in pm; arrows go with displacement."""
    hands, widget, _, _ = window
    hands.ready()
    widget.phases.click()
    table = measured(hands, widget)
    assert "Geometric phases less columns" in widget.message.text()
    phases = next(one for one in hands.viewer.layers if one.name.endswith("phases"))
    step = [np.nanmedian(phases.data[:, part]) for part in (slice(20, 110), slice(230, 300))]
    assert step[1] - step[0] == pytest.approx(2.0, abs=0.15)
    widget.show_what.setCurrentText("spacing_a")
    (spacings,) = (one for one in hands.viewer.layers if one.name.endswith("spacing_a"))
    low, high = np.percentile(spacings.features["spacing_a"], (10, 90))
    assert (low, high) == pytest.approx((200.0, 204.0), abs=1.0)
    widget.show_what.setCurrentText("displacement")
    (arrows,) = (one for one in hands.viewer.layers if "arrows" in one.name)
    assert len(arrows.data) == len(table)
    widget.show_what.setCurrentText("rotation")
    assert not [one for one in hands.viewer.layers if "arrows" in one.name]


def test_the_only_colour_bar_is_that_of_the_strain_and_a_map_is_there_once(window):
    """Also where the tool was closed and opened again between two measurements."""
    hands, widget, _, _ = window
    again = StrainWidget(hands.viewer)
    for tool in (widget, again):
        measured(hands, tool)
        (shown,) = (one for one in hands.viewer.layers if one.name.endswith("strain_xx"))
        assert shown.face_colorbar.visible
        assert not widget.columns.layer.border_colorbar.visible
    again.deleteLater()


def test_the_map_is_seen_in_a_small_window(window):
    """It would else begin below what is seen, and be as high as its figure likes."""
    hands, widget, _, _ = window
    hands.viewer.window.resize(1089, 630)
    measured(hands, widget)

    def seen():
        height = widget.map.visibleRegion().boundingRect().height()
        assert height > 0.6 * widget.map.height()
        assert widget.map.height() <= widget.map.minimumHeight()

    hands.qtbot.waitUntil(seen)


def test_without_columns_it_says_what_to_do(make_napari_viewer, notifications):
    widget = StrainWidget(make_napari_viewer())
    widget.start.click()
    widget.box.click()
    assert all("find them first" in n.message for n in notifications)
    assert len(notifications) == 2


def test_the_colour_bar_has_labels_beside_zero(window, subtests):
    """Strain of that many percent: the bar in the picture, and that of the plot."""
    for share in (0.45, 0.8, 0.95, 4.4):
        with subtests.test(share=share):
            _has_labels(share, *window)


def _has_labels(share, hands, widget, _, points):
    stretched = widget.columns.layer
    middle = points[:, 1].mean()
    places = stretched.data.copy()
    right = points[:, 1] > middle
    places[:, 1] = np.where(right, middle + (points[:, 1] - middle) / 1.02, points[:, 1])
    places[right, 1] = middle + (1 + share / 50) * (places[right, 1] - middle)
    stretched.data = places
    hands.qtbot.mouseClick(widget.start, LEFT)
    hands.qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    for what in ("strain_xx", "rotation", "spacing_a"):
        widget.show_what.setCurrentText(what)

        def labelled(what=what):
            (layer,) = (one for one in hands.viewer.layers if one.name.endswith(what))
            drawn = hands.canvas._layer_overlay_to_visual[layer]
            (bar,) = (v for overlay, v in drawn.items() if overlay is layer.face_colorbar)
            assert len(bar.node.ticks.ticker.get_update()[1]) >= 2, layer.face_contrast_limits
            ends = widget.map.figure.axes[1].get_xlim()
            assert ends == pytest.approx(layer.face_contrast_limits)

        hands.qtbot.wait(50)
        hands.qtbot.waitUntil(labelled)


def test_a_picture_of_earlier_strain_is_not_written(window, tmp_path, monkeypatch):
    """Displacements and spacings are in nm of the pixel size that was."""
    hands, widget, layer, _ = window
    measured(hands, widget)
    path = tmp_path / "strain.png"
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName", lambda *_a: (str(path), "")
    )
    calibrate(layer, 0.02, None, 0.0, hands.viewer.layers)
    hands.qtbot.mouseClick(widget.picture, LEFT)
    assert "click Measure strain again" in widget.message.text()
    assert not path.exists()
    measured(hands, widget)
    hands.qtbot.mouseClick(widget.picture, LEFT)
    assert path.exists()


def test_columns_of_one_kind_have_strain_and_no_polar_displacement(window, notifications):
    """The strain was refused with it, and the map of the strain stood for it and was saved."""
    hands, widget, _, _ = window
    measured(hands, widget)
    assert not widget.map.isHidden()
    widget.show_what.setCurrentText("polar displacement")
    assert widget.map.isHidden()
    widget.start.click()
    hands.qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    words = widget.message.text()
    assert "columns have strain" in words
    assert "No polar displacement: " in words
    widget.picture.click()
    assert "no map of what is chosen" in notifications[-1].message
    widget.show_what.setCurrentText("strain_xx")
    assert not widget.map.isHidden()


def test_a_box_that_was_emptied_is_told_and_put_anew(window, notifications):
    """It ended in a traceback, and Box gave none."""
    hands, widget, _, _ = window
    widget.box.click()
    widget.shapes.selected_data = {0}
    widget.shapes.remove_selected()
    widget.start.click()
    assert "holds no shape" in notifications[-1].message
    assert not widget.running
    widget.box.click()
    assert len(widget.shapes.data) == 1
    assert sum(layer is widget.shapes for layer in hands.viewer.layers) == 1
    assert sum(layer.name.endswith("reference") for layer in hands.viewer.layers) == 1


def test_strain_against_all_columns_does_not_hang_on_the_box(window):
    """Dragging it called the numbers those of before a change, and refused to save them."""
    hands, widget, layer, _ = window
    widget.box.click()
    hands.ready()
    for reference, early in (("columns in the box", True), ("all columns", False)):
        widget.reference.setCurrentText(reference)
        measured(hands, widget)
        words = widget.message.text()
        hands.viewer.layers.selection.active = widget.shapes
        middle = widget.shapes.data[0].mean(0)
        hands.drag(layer, middle, middle + 10)
        hands.qtbot.wait(250)
        assert widget.message.text().startswith("Before the latest change") == early
        assert widget.message.text().endswith(words)
