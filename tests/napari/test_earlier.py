"""Numbers of before a change of calibration, region or columns are known as such."""

import numpy as np
import pytest
from napari.layers import Points
from napari.layers.base import ActionType
from qtpy.QtCore import Qt

import napari_sbd as sbd
from columns.scenes import grid, picture
from hands import Hands
from napari_sbd._napari.denoise.widget import DenoiseWidget
from napari_sbd._napari.layers.calibrating import calibrate
from napari_sbd._napari.layers.columns import is_columns
from napari_sbd._napari.layers.micrographs import micrograph_of, to_layer
from napari_sbd._napari.tools.agreement_widget import AgreementWidget
from napari_sbd._napari.tools.columns_widget import ColumnsWidget
from napari_sbd._napari.tools.detector_widget import DetectorWidget
from napari_sbd._napari.tools.figure_widget import FigureWidget
from napari_sbd._napari.tools.flow_widget import FlowWidget
from napari_sbd._napari.tools.histogram_widget import HistogramWidget
from napari_sbd._napari.tools.report_widget import ReportWidget
from napari_sbd._napari.tools.residual_widget import ResidualWidget
from napari_sbd._napari.tools.strain_widget import StrainWidget
from napari_sbd.columns.export import read_columns
from napari_sbd.recipe import recipe, with_recipe

PATIENCE = 60_000
PIXEL = 0.01
CLEAN = picture(grid(7, 7, 20.0), 20.0, 4.0, 4.0, 4.0).astype(np.float32)
COUNTS = np.random.default_rng(0).poisson(CLEAN).astype(np.float32)
BEFORE = "Before the latest change"


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


def image_pair(viewer, raw, clean):
    """Layers of a raw image and of what a network made of it."""
    m = sbd.Micrograph(raw, PIXEL, gain=2.0, offset=10.0, name="raw")
    step = recipe("denoise", model="hrtem", quality="fast")
    made = with_recipe(m.replace(data=clean, name="raw denoised"), step)
    pair = []
    for one in (m, made):
        data, attributes, _ = to_layer(one)
        pair.append(viewer.add_image(data, **attributes))
    pair[1].metadata = {**pair[1].metadata, "napari_sbd_made_from": str(pair[0].unique_id)}
    return pair


@pytest.fixture
def pair(viewer):
    return image_pair(viewer, 2 * COUNTS + 10, 2 * CLEAN + 10)


@pytest.fixture
def tool(viewer, qtbot):
    """Open a tool; a function that clicks its button and waits."""

    def open_one(kind):
        widget = kind(viewer)
        viewer.window.add_dock_widget(widget)

        def click():
            qtbot.mouseClick(widget.start, Qt.MouseButton.LeftButton)
            qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)

        return widget, click

    return open_one


def columns_of(viewer):
    return [layer for layer in viewer.layers if is_columns(layer)][-1]


def type_into(qtbot, field, words):
    field.setFocus()
    field.selectAll()
    qtbot.keyClick(field, Qt.Key.Key_Delete)
    qtbot.keyClicks(field, words)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def exported(widget, qtbot, monkeypatch, path):
    chosen = "napari_sbd._napari.tools.columns_widget.file_to_write"
    monkeypatch.setattr(chosen, lambda *_: str(path))
    qtbot.mouseClick(widget.export, Qt.MouseButton.LeftButton)
    return read_columns(path) if path.exists() else None


def test_a_pixel_size_that_is_cleared_is_unknown_from_then_on(viewer, qtbot, pair, tool):
    widget, _ = tool(DenoiseWidget)
    widget.layer.choose(pair[0])
    for words, size in (("", None), ("0.02", 0.02), ("", None)):
        type_into(qtbot, widget.pixel_size, words)
        assert widget.pixel_size.text() == words
        assert [micrograph_of(layer).pixel_size for layer in pair] == [size, size]
    qtbot.waitUntil(lambda: "pixel size is unknown" in widget.warning.text(), timeout=PATIENCE)
    assert widget.settings.model == "auto"
    assert micrograph_of(pair[0]).gain == 2.0  # which was not touched


def test_columns_of_an_earlier_gain_say_so_and_are_not_exported(
    viewer, qtbot, pair, tool, tmp_path, monkeypatch
):
    widget, click = tool(ColumnsWidget)
    click()
    points = columns_of(viewer)
    first = exported(widget, qtbot, monkeypatch, tmp_path / "first.csv")
    assert first["intensity"].median() == pytest.approx(2 * np.pi * 4 * 16, rel=0.05)
    calibrate(pair[0], PIXEL, 4.0, 10.0, viewer.layers)
    assert points.name.endswith("(of the earlier gain)")
    assert exported(widget, qtbot, monkeypatch, tmp_path / "stale.csv") is None
    assert "click Find columns again" in widget.message.text()
    # the old gain makes them right again
    calibrate(pair[0], PIXEL, 2.0, 10.0, viewer.layers)
    assert not points.name.endswith("gain)")
    assert exported(widget, qtbot, monkeypatch, tmp_path / "back.csv") is not None
    calibrate(pair[0], PIXEL, 4.0, 10.0, viewer.layers)
    click()
    assert not columns_of(viewer).name.endswith("gain)")
    again = exported(widget, qtbot, monkeypatch, tmp_path / "again.csv")
    assert again["intensity"].median() == pytest.approx(first["intensity"].median() / 2, rel=0.02)
    assert not widget.message.text().startswith(BEFORE)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_columns_and_verdicts_of_a_gain_that_was_changed_meanwhile_say_so(
    viewer, qtbot, pair, tool, monkeypatch, tmp_path
):
    """They were begun with the earlier gain, and came after the change as if they were of now."""
    widgets = [tool(kind)[0] for kind in (ColumnsWidget, AgreementWidget)]
    for widget in widgets:
        qtbot.mouseClick(widget.start, Qt.MouseButton.LeftButton)
    calibrate(pair[0], PIXEL, 3.0, 10.0, viewer.layers)
    qtbot.waitUntil(lambda: not any(w.running for w in widgets), timeout=PATIENCE)
    assert columns_of(viewer).name.endswith("(of the earlier gain)")
    assert any(one.name.endswith("z (of the earlier gain)") for one in viewer.layers)
    assert exported(widgets[0], qtbot, monkeypatch, tmp_path / "columns.csv") is None
    assert "click Find columns again" in widgets[0].message.text()


def test_a_verdict_of_an_earlier_gain_says_so_until_it_is_that_again(viewer, qtbot, pair, tool):
    widget, click = tool(AgreementWidget)
    click()
    told = widget.message.text()
    maps = [layer for layer in viewer.layers if "agreement z" in layer.name]
    calibrate(pair[0], PIXEL, 4.0, 10.0, viewer.layers)
    qtbot.waitUntil(lambda: widget.message.text() != told, timeout=PATIENCE)
    assert widget.message.text().startswith(BEFORE)
    assert widget.message.text().endswith(told)
    assert maps[0].name.endswith("(of the earlier gain)")
    calibrate(pair[0], PIXEL, 2.0, 10.0, viewer.layers)
    qtbot.waitUntil(lambda: widget.message.text() == told, timeout=PATIENCE)


def test_a_histogram_follows_edits_and_pixel_size_and_refuses_an_earlier_gain(
    viewer, qtbot, pair, tool
):
    tool(ColumnsWidget)[1]()
    widget = HistogramWidget(viewer)
    viewer.window.add_dock_widget(widget)
    points = columns_of(viewer)
    widget.value.setCurrentText("nearest neighbour")
    assert f"{len(points.data)} columns" in widget.message.text()
    assert widget.kinds[0].mean == pytest.approx(20 * PIXEL, rel=0.01)
    calibrate(pair[0], 2 * PIXEL, 2.0, 10.0, viewer.layers)
    qtbot.waitUntil(lambda: abs(widget.kinds[0].mean / (40 * PIXEL) - 1) < 0.01, timeout=PATIENCE)
    count = len(points.data)
    points.selected_data = {0}
    points.remove_selected()
    qtbot.waitUntil(lambda: f"{count - 1} columns" in widget.message.text(), timeout=PATIENCE)
    widget.value.setCurrentText("intensity")
    assert f"{count - 1} columns" in widget.message.text()
    calibrate(pair[0], 2 * PIXEL, 4.0, 10.0, viewer.layers)
    qtbot.waitUntil(lambda: "earlier one" in widget.message.text(), timeout=PATIENCE)


def test_strain_of_columns_that_were_moved_is_not_saved(viewer, qtbot, pair, tool, monkeypatch):
    tool(ColumnsWidget)[1]()
    widget, click = tool(StrainWidget)
    click()
    assert "columns have strain" in widget.message.text()
    points = columns_of(viewer)
    points.data = points.data + np.array([1.0, 0.0])
    qtbot.waitUntil(lambda: widget.message.text().startswith(BEFORE), timeout=PATIENCE)
    asked = []
    chosen = "napari_sbd._napari.tools.strain_widget.file_to_write"
    monkeypatch.setattr(chosen, lambda *_: asked.append(1))
    qtbot.mouseClick(widget.save, Qt.MouseButton.LeftButton)
    assert not asked
    assert "click Measure strain again" in widget.message.text()


def test_a_figure_takes_no_columns_of_another_frame(viewer, qtbot, tool, monkeypatch):
    raw = 2 * np.stack([COUNTS, COUNTS]) + 10
    image_pair(viewer, raw, 2 * np.stack([CLEAN, CLEAN]) + 10)
    viewer.dims.set_current_step(0, 0)
    found, click = tool(ColumnsWidget)
    qtbot.mouseClick(found.undo, Qt.MouseButton.LeftButton)
    assert "no columns of this image yet" in found.message.text()
    click()
    assert "columns in frame 0, " in found.message.text()
    removed, click = tool(ResidualWidget)
    click()
    assert viewer.layers["raw removed from frame 0"].ndim == 2
    assert "That is what was removed from frame 0." in removed.message.text()
    widget, click = tool(FigureWidget)
    widget.columns.choose(columns_of(viewer))
    asked = []
    chosen = "napari_sbd._napari.tools.figure_widget.file_to_write"
    monkeypatch.setattr(chosen, lambda *_: asked.append(1))
    viewer.dims.set_current_step(0, 1)
    click()
    assert not asked
    assert "those of frame 0, and frame 1 is shown" in widget.message.text()
    viewer.dims.set_current_step(0, 0)
    click()
    assert asked


def test_a_region_drawn_anew_leaves_the_count_of_the_old_one_said_as_such(
    viewer, qtbot, pair, tool
):
    widget, click = tool(ColumnsWidget)
    qtbot.mouseClick(widget.region.draw, Qt.MouseButton.LeftButton)
    click()
    assert "in the region" in widget.message.text()
    shapes = widget.region.layer
    shapes.data = [0.5 * np.asarray(shapes.data[0])]
    qtbot.waitUntil(lambda: widget.message.text().startswith(BEFORE), timeout=PATIENCE)
    click()
    assert not widget.message.text().startswith(BEFORE)
    assert isinstance(columns_of(viewer), Points)


def test_two_images_in_one_window_keep_their_columns_apart(
    viewer, qtbot, pair, tool, tmp_path, monkeypatch
):
    """What is exported is of the image that is chosen, and edits of the first image's columns are
    fitted after those of the second were found."""
    widget, click = tool(ColumnsWidget)
    click()
    first = columns_of(viewer)
    raw, clean = 2 * COUNTS[:, :100] + 10, 2 * CLEAN[:, :100] + 10
    second = image_pair(viewer, raw, clean)
    widget.denoised.choose(second[1])
    viewer.layers.selection.active = second[1]
    assert exported(widget, qtbot, monkeypatch, tmp_path / "none.csv") is None
    assert "no columns of this image yet" in widget.message.text()
    click()
    count = len(columns_of(viewer).data)
    assert count < len(first.data)
    viewer.layers.selection.active = second[1]
    assert len(exported(widget, qtbot, monkeypatch, tmp_path / "second.csv")) == count
    widget.denoised.choose(pair[1])
    assert len(exported(widget, qtbot, monkeypatch, tmp_path / "first.csv")) == len(first.data)
    assert f"Wrote {first.name} to" in widget.message.text()
    before, place = first.features["intensity"][10], first.data[10].copy()
    first._move([10], place + 3)
    action = {"action": ActionType.CHANGED, "data_indices": (10,), "vertex_indices": ((),)}
    first.events.data(value=first.data, **action)
    qtbot.waitUntil(lambda: not widget.busy, timeout=PATIENCE)
    np.testing.assert_allclose(first.data[10], place, atol=0.5)
    assert first.features["intensity"][10] == pytest.approx(before, rel=0.1)
    # the one in front is meant, also where its image is gone
    viewer.layers.remove(pair[1])
    viewer.layers.selection.active = first
    assert len(exported(widget, qtbot, monkeypatch, tmp_path / "front.csv")) == len(first.data)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_step_that_was_done_for_the_image_in_front_tells_that_again(viewer, qtbot, pair):
    """Back at the first of two images, the verdict on the second stood there."""
    other = image_pair(viewer, 2 * COUNTS[:, :100] + 10, 2 * CLEAN[:, :100] + 10)
    for layer, name in zip(other, ("other", "other denoised"), strict=True):
        layer.name = name
    flow = FlowWidget(viewer)
    viewer.window.add_dock_widget(flow)
    told = []
    for image in (pair[0], other[0], pair[0], other[0]):
        viewer.layers.selection.active = image
        qtbot.mouseClick(flow.buttons[2], Qt.MouseButton.LeftButton)
        page = flow.page(2)
        qtbot.waitUntil(lambda page=page: not page.running, timeout=PATIENCE)
        told.append(page.message.text())
    assert told[0].startswith("raw denoised: ")
    assert told[1].startswith("other denoised: ")
    assert told[2:] == told[:2]


def test_page_and_figure_mean_the_columns_that_were_found_last(viewer, qtbot, pair, tool):
    """Those that were edited by hand stay in the window, and stood in the page."""
    click = tool(ColumnsWidget)[1]
    click()
    page, figure = (tool(kind)[0] for kind in (ReportWidget, FigureWidget))
    first = columns_of(viewer)
    first.metadata["napari_sbd_columns"]["attrs"]["edited"] = True
    click()
    assert first in viewer.layers
    newest = columns_of(viewer)
    assert newest is not first
    assert page.columns.layer is newest
    assert figure.columns.layer is newest
    page.columns.choose(first)
    assert page.columns.layer is first


@pytest.mark.parametrize("scale", [(PIXEL, PIXEL), (1.0, 1.0)])
def test_a_region_drawn_by_hand_stays_on_its_pixels_when_the_image_is_scaled(
    viewer, pair, tool, scale
):
    """In a layer of shapes of one's own, in the steps of the image or in others."""
    widget, _ = tool(DenoiseWidget)
    widget.layer.choose(pair[0])
    corners = np.array([(20, 20), (20, 90), (100, 90), (100, 20)]) * PIXEL / np.array(scale)
    drawn = viewer.add_shapes(
        [corners], shape_type="rectangle", scale=scale, units=("nm", "nm"), name="mine"
    )
    widget.region.choose(drawn)
    before = widget.region.region()
    assert before == "20:101,20:91"
    for size in (2 * PIXEL, 0.003, None):
        calibrate(pair[0], size, 2.0, 10.0, viewer.layers)
        assert widget.region.region() == before
    assert drawn.name == "mine"


def test_what_is_shown_over_an_image_is_scaled_with_it(viewer, qtbot, pair, tool):
    """The live preview, the raw image beside the swipe line, the map of two halves."""
    widget, click = tool(DenoiseWidget)
    widget.layer.choose(pair[0])
    widget.swipe.setChecked(True)
    click()
    qtbot.waitUntil(lambda: widget.halves.more.isVisible(), timeout=PATIENCE)
    qtbot.mouseClick(widget.halves.more, Qt.MouseButton.LeftButton)
    widget.live.setChecked(True)
    qtbot.waitUntil(lambda: any("[live]" in one.name for one in viewer.layers), timeout=PATIENCE)
    assert len(viewer.layers) == 6
    for size in (0.02, None):
        calibrate(pair[0], size, 2.0, 10.0, viewer.layers)
        for layer in viewer.layers:
            np.testing.assert_allclose(layer.scale[-2:], size or 1.0, err_msg=layer.name)
    widget.live.setChecked(False)
    qtbot.waitUntil(lambda: not widget.preview.busy, timeout=PATIENCE)


def test_a_verdict_on_values_that_were_replaced_says_so(viewer, qtbot, pair, tool):
    widget, click = tool(AgreementWidget)
    click()
    assert BEFORE not in widget.message.text()
    pair[0].data = pair[0].data[::-1].copy()
    qtbot.waitUntil(lambda: widget.message.text().startswith(BEFORE), timeout=5000)
    with pytest.raises(sbd.SBDError, match="click"):
        widget.refuse_outdated()


def test_a_number_that_was_refused_is_not_complained_of_when_it_is_right(viewer, qtbot, pair, tool):
    widget, _ = tool(DenoiseWidget)
    widget.layer.choose(pair[0])
    type_into(qtbot, widget.pixel_size, "1.25e-2?")
    assert "is no number" in widget.message.text()
    type_into(qtbot, widget.pixel_size, "0,0125")
    assert micrograph_of(pair[0]).pixel_size == 0.0125
    assert "is no number" not in widget.message.text()
    qtbot.wait(200)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_was_found_of_another_image_than_is_chosen_names_it(viewer, qtbot, tool):
    """The gain of the first image stood, without a name, under the second one that was opened."""
    m = sbd.Micrograph(COUNTS, PIXEL, name="first")
    data, attributes, _ = to_layer(m)
    first = viewer.add_image(data, **attributes)
    widget, click = tool(DetectorWidget)
    click()
    words = widget.message.text()
    assert not words.startswith("first: ")
    data, attributes, _ = to_layer(m.replace(data=COUNTS[:100], name="second"))
    second = viewer.add_image(data, **attributes)
    assert widget.layer.layer is second
    assert widget.message.text() == f"first: {words}"
    first.name = "renamed"
    qtbot.waitUntil(lambda: widget.message.text() == f"renamed: {words}", timeout=PATIENCE)
    viewer.layers.remove(second)
    assert widget.layer.layer is first
    assert widget.message.text() == words
    second = viewer.add_image(data, **attributes)
    viewer.layers.remove(first)  # by its name also where it is gone
    assert widget.message.text() == f"renamed: {words}"


def test_what_came_of_an_edit_is_known_as_of_an_earlier_calibration(viewer, qtbot, pair, tool):
    widget, click = tool(ColumnsWidget)
    click()
    columns = columns_of(viewer)
    columns.selected_data = {0}
    columns.remove_selected()
    count = len(columns.data)
    qtbot.waitUntil(
        lambda: not widget.busy and widget.message.text().startswith(f"{count} columns"),
        timeout=PATIENCE,
    )
    calibrate(pair[0], 0.02, 2.0, 10.0, viewer.layers)
    qtbot.waitUntil(lambda: widget.message.text().startswith(BEFORE), timeout=PATIENCE)


def test_a_spot_of_the_map_is_not_told_of_another_image(viewer, qtbot, pair, tool):
    widget, click = tool(AgreementWidget)
    click()
    hands = Hands(viewer, qtbot)
    hands.ready()
    hands.click(pair[0], 60, 70)
    assert widget.spot.text().startswith("At y 60, x 70: ")
    other = image_pair(viewer, 2 * COUNTS[:, :100] + 10, 2 * CLEAN[:, :100] + 10)
    assert widget.denoised.layer is other[1]
    assert widget.spot.text() == ""
