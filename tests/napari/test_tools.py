"""The single-purpose dock widgets, driven by their buttons."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Points, Shapes
from napari.layers.base import ActionType
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice, of_cosines
from napari_sbd._napari.denoise.widget import DenoiseWidget
from napari_sbd._napari.layers.calibrating import calibrate
from napari_sbd._napari.layers.columns import points_layer
from napari_sbd._napari.layers.micrographs import (
    add_result,
    micrograph_of,
    result_layer,
    to_layer,
)
from napari_sbd._napari.layers.results import correction_of, put
from napari_sbd._napari.layers.shapes import corners_on
from napari_sbd._napari.tools.agreement_widget import AgreementWidget
from napari_sbd._napari.tools.columns_widget import ColumnsWidget
from napari_sbd._napari.tools.compare_widget import CompareWidget
from napari_sbd._napari.tools.detector_widget import DetectorWidget
from napari_sbd._napari.tools.filter_widget import FilterWidget, reach
from napari_sbd._napari.tools.flow_widget import FlowWidget
from napari_sbd._napari.tools.gaintune_widget import GainTuneWidget
from napari_sbd._napari.tools.gaintune_widget import _tune as tune
from napari_sbd._napari.tools.phantom_widget import PhantomWidget
from napari_sbd._napari.tools.profile_widget import ProfileWidget
from napari_sbd._napari.tools.report_widget import ReportWidget
from napari_sbd._napari.tools.residual_widget import ResidualWidget
from napari_sbd.columns.export import read_columns
from napari_sbd.denoising.equivalent_filter import EquivalentFilter
from napari_sbd.measure.profile import line_profile
from napari_sbd.micrograph import Micrograph
from napari_sbd.noise.as_denoised import corrected_as
from napari_sbd.recipe import recipe, with_recipe
from napari_sbd.simulation.detector import DETECTORS

PATIENCE = 60_000  # ms, for busy machines


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def open_tool(viewer, qtbot):
    """Open a widget beside a viewer without a window; wait for its task at the end."""
    opened = []

    def open_one(kind):
        opened.append(kind(viewer))
        return opened[-1]

    yield open_one
    for widget in opened:
        widget.cancel.click()
        qtbot.waitUntil(lambda w=widget: not w.running, timeout=PATIENCE)
        widget.deleteLater()
    notification_manager.records.clear()


@pytest.fixture
def finish(qtbot):
    """Click a widget's button and wait for the end."""

    def click(widget):
        widget.start.click()
        qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)

    return click


def add(viewer, m):
    data, attributes, _ = to_layer(m)
    return viewer.add_image(data, **attributes)


@pytest.fixture
def pair(viewer):
    """Raw counts of a lattice and the lattice itself, as if it had been denoised."""
    truth = lattice((128, 128))
    counts = np.random.default_rng(0).poisson(truth).astype(np.uint16)
    raw = Micrograph(counts, 0.0061, gain=1.0, name="raw")
    add(viewer, raw)
    denoised = raw.replace(data=truth.astype(np.float32), name="raw denoised")
    step = recipe("denoise", model="hrtem", quality="fast")
    return raw, add(viewer, with_recipe(denoised, step))


@pytest.mark.parametrize(
    "kind", [AgreementWidget, CompareWidget, DetectorWidget, FilterWidget, GainTuneWidget]
)
def test_without_an_image_a_tool_says_what_to_do(open_tool, kind):
    widget = open_tool(kind)
    widget.start.click()
    assert "open one" in widget.message.text()
    assert not widget.running


def test_a_phantom_comes_with_its_truth(viewer, open_tool, finish):
    widget = open_tool(PhantomWidget)
    widget.side.setText("128")
    widget.pixel_size.setText("0.02")
    finish(widget)
    noisy, clean, columns = viewer.layers
    assert noisy.data.shape == clean.data.shape == (128, 128)
    assert noisy.data.mean() == pytest.approx(0.45, rel=0.2)
    assert isinstance(columns, Points)
    assert columns.units == noisy.units
    assert (columns.data < 128).all()
    assert "78" in {f"{z:.0f}" for z in columns.features["atomic_number"]}


def test_what_is_measured_next_is_the_noisy_phantom_and_not_its_hidden_truth(
    viewer, open_tool, finish
):
    detector, widget = open_tool(DetectorWidget), open_tool(PhantomWidget)
    widget.side.setText("64")
    finish(widget)
    assert not viewer.layers[1].visible
    assert detector.layer.layer is viewer.layers[0]


def test_a_detector_is_chosen_with_the_mouse(viewer, open_tool, qtbot, until):
    widget = open_tool(PhantomWidget)
    widget.show()
    qtbot.waitExposed(widget)
    widget.side.setText("96")
    widget.pixel_size.setText("0.02")
    widget.dose.setText("4")
    box, left = widget.detector, Qt.MouseButton.LeftButton
    qtbot.mouseClick(box, left)
    items = box.view()
    row = items.model().index(box.findText("scintillator CCD"), 0)
    qtbot.wait(
        QApplication.doubleClickInterval() + 50
    )  # or the release counts as the first click's
    qtbot.mouseClick(items.viewport(), left, pos=items.visualRect(row).center())
    assert box.currentText() == "scintillator CCD"
    qtbot.mouseClick(widget.start, left)
    until(lambda: len(viewer.layers) == 3)
    noisy, clean, _ = viewer.layers
    camera = DETECTORS["scintillator CCD"]
    electrons = (noisy.data - camera.offset) / camera.gain
    assert electrons.mean() == pytest.approx(clean.data.mean(), rel=0.1)
    noise = electrons - clean.data
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] > 0.2


@pytest.mark.parametrize(("field", "wrong"), [("side", "8"), ("side", "64.5"), ("dose", "-1")])
def test_a_phantom_that_cannot_be_is_refused(viewer, open_tool, finish, field, wrong):
    widget = open_tool(PhantomWidget)
    getattr(widget, field).setText(wrong)
    finish(widget)
    assert widget.message.text()
    assert not viewer.layers


def test_gaintune_adds_its_result_beside_the_raw_image_and_says_what_it_did(
    viewer, open_tool, finish, noisy
):
    source = add(viewer, Micrograph(noisy.astype(np.uint16), 0.0061, gain=1.0, name="raw"))
    widget = open_tool(GainTuneWidget)
    finish(widget)
    assert viewer.layers[0].name == "raw"
    result = viewer.layers[-1]
    assert result.name in ("raw GainTuned", "raw denoised (untuned)")
    assert result.data.shape == source.data.shape
    np.testing.assert_allclose(result.extent.world, source.extent.world)
    assert "held-out" in widget.message.text().lower() or "put aside" in widget.message.text()
    assert result.metadata["napari_sbd"]["history"][-1]["settings"]["gain_tuning"]


def test_gaintune_corrects_the_image_as_denoise_did(viewer, noisy, tmp_path):
    gain = np.random.default_rng(0).normal(1, 0.2, noisy.shape).clip(0.5).astype(np.float32)
    gain[:, noisy.shape[1] // 2 :] *= 3.0
    path = str(tmp_path / "gain.tif")
    sbd.write(Micrograph(gain), path)
    m = Micrograph((noisy * gain).astype(np.float32), 0.0061, gain=1.0, name="raw")
    raw = add(viewer, m)
    assert correction_of(viewer.layers, raw) == {}
    put(viewer, result_layer(raw, sbd.denoise(m, gain_reference=path), "denoised"), "denoised")
    others = correction_of(viewer.layers, raw)
    assert others == {"gain_reference": path}
    settings = {"model": "hrtem", "device": "cpu", "steps": 2}
    _, result = tune(m, [], settings, others, lambda done, total: None, lambda: False)
    assert result.metadata["napari_sbd"]["history"][-1]["settings"]["gain_reference"] == path
    assert 0.8 < result.data[:, -90:].mean() / result.data[:, :90].mean() < 1.25


def test_gaintune_cancelled_at_once_still_gives_the_image(viewer, open_tool, qtbot, noisy):
    add(viewer, Micrograph(noisy.astype(np.uint16), 0.0061, gain=1.0, name="raw"))
    widget = open_tool(GainTuneWidget)
    widget.start.click()
    widget.cancel.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    assert viewer.layers[-1].name == "raw denoised (untuned)"


def test_the_truth_agrees_with_its_counts(viewer, open_tool, finish, pair):
    widget = open_tool(AgreementWidget)
    finish(widget)
    heat = next(layer for layer in viewer.layers if layer.name == "raw agreement z")
    assert tuple(heat.contrast_limits) == (-5, 5)
    assert heat.colorbar.visible
    assert np.nanstd(heat.data) == pytest.approx(1, abs=0.15)
    assert "support" in widget.message.text()


def test_a_column_that_is_not_in_the_data_is_marked(viewer, open_tool, finish, pair):
    _, denoised = pair
    y, x = np.indices(denoised.data.shape)
    invented = 6 * np.exp(-((y - 60) ** 2 + (x - 60) ** 2) / (2 * 8**2))
    denoised.data = (denoised.data + invented).astype(np.float32)
    widget = open_tool(AgreementWidget)
    finish(widget)
    heat = next(layer for layer in viewer.layers if layer.name == "raw agreement z")
    assert abs(heat.data[60, 60]) > 5


def test_layers_of_different_images_are_refused(viewer, open_tool, finish, pair):
    _, denoised = pair
    denoised.data = denoised.data[:64]
    widget = open_tool(AgreementWidget)
    finish(widget)
    assert "shape" in widget.message.text()


@pytest.fixture
def found(viewer, open_tool, finish, pair):
    """The columns widget after it found the lattice's columns."""
    widget = open_tool(ColumnsWidget)
    widget.polarity.setCurrentText("bright")  # a cosine is as dark as it is bright
    finish(widget)
    return widget, next(layer for layer in viewer.layers if layer.name.endswith("columns"))


def test_columns_lie_on_the_image_with_errors_and_a_verdict(viewer, found, pair):
    widget, points = found
    _, denoised = pair
    assert points.units == denoised.units
    np.testing.assert_allclose(points.scale, denoised.scale)
    assert len(points.data) > 10
    assert {"y_err", "intensity", "agreement_z", "surface"} <= set(points.features)
    brightness = denoised.data[tuple(np.rint(points.data).astype(int).T)]
    assert (brightness > denoised.data.mean()).all()
    assert "at the surface" in widget.message.text()


def drag(points, row, step):
    """Move a point as the mouse does."""
    data = points.data.copy()
    data[row] += step
    numbers = points.features.copy()
    with points.events.data.blocker():
        points.data = data
        points.features = numbers
    points.events.data(
        value=points.data, action=ActionType.CHANGED, data_indices=(row,), vertex_indices=((),)
    )


def test_a_point_moved_by_hand_is_fitted_again_and_no_other(found, qtbot):
    _, points = found
    before, numbers = points.data.copy(), points.features.copy()
    inner = int(np.argmin(np.abs(before - 64).sum(1)))
    drag(points, inner, 1.5)
    qtbot.waitUntil(
        lambda: np.abs(points.data[inner] - before[inner]).max() < 0.5, timeout=PATIENCE
    )
    others = np.arange(len(before)) != inner
    np.testing.assert_array_equal(points.data[others], before[others])
    np.testing.assert_array_equal(
        points.features["intensity"][others], numbers["intensity"][others]
    )


def test_points_moved_one_right_after_the_other_are_all_fitted(found, qtbot):
    widget, points = found
    before = points.data.copy()
    rows = np.argsort(np.abs(before - 64).sum(1))[:3]
    for row in rows:
        drag(points, row, 1.5)
    qtbot.waitUntil(lambda: not widget.busy, timeout=PATIENCE)
    assert np.abs(points.data - before).max() < 0.5
    np.testing.assert_allclose(points.features["y_nm"], points.data[:, 0] * 0.0061, atol=1e-6)


def test_a_search_in_vain_in_another_image_leaves_the_points_theirs(viewer, found, finish, qtbot):
    widget, points = found
    before = points.data.copy()
    row = int(np.argmin(np.abs(before - 64).sum(1)))
    m = Micrograph(np.ones((128, 128), np.float32), 0.0061, gain=1.0, name="flat denoised")
    flat = add(viewer, with_recipe(m, recipe("denoise", model="hrtem", quality="fast")))
    widget.denoised.choose(flat)
    widget.raw.setCurrentIndex(-1)
    finish(widget)
    drag(points, row, 1.5)
    qtbot.waitUntil(lambda: not widget.busy, timeout=PATIENCE)
    assert np.abs(points.data[row] - before[row]).max() < 0.5


@of_cosines
def test_columns_lie_on_an_image_that_was_turned_and_moved(pair):
    _, denoised = pair
    denoised.rotate = 30
    denoised.affine = [[1, 0.1, 0.3], [0, 1, -0.2], [0, 0, 1]]
    table = sbd.find_columns(None, denoised.data, pixel_size=0.0061)
    points = points_layer(table, denoised)
    for place in points.data[::7]:
        np.testing.assert_allclose(points.data_to_world(place), denoised.data_to_world(place))


def test_a_new_gain_of_the_raw_image_is_that_of_its_result_too(viewer, pair):
    raw, denoised = (viewer.layers[i] for i in range(2))
    calibrate(raw, 0.0061, 1.25, 3.0, viewer.layers)
    m = micrograph_of(denoised)
    assert (m.gain, m.offset) == (1.25, 3.0)


def test_the_slider_shows_at_once_what_would_be_found(viewer, open_tool, qtbot, pair):
    widget = open_tool(ColumnsWidget)
    widget.sensitivity.setValue(70)
    qtbot.waitUntil(lambda: "columns preview" in viewer.layers, timeout=PATIENCE)
    preview = viewer.layers["columns preview"]
    assert len(preview.data) > 10
    calibrate(pair[1], 0.02, 1.0, 0.0, viewer.layers)
    assert tuple(preview.scale) == (0.02, 0.02)
    assert "would be found" in widget.message.text()
    other = Micrograph(lattice((96, 96)), 0.01, name="other denoised")
    made = add(viewer, with_recipe(other, recipe("denoise", model="hrtem", quality="fast")))
    assert widget.denoised.layer is made  # of which nothing is known
    assert preview not in viewer.layers
    assert widget.message.text() == ""


def test_columns_are_exported_with_their_recipe(found, tmp_path, monkeypatch):
    widget, points = found
    path = tmp_path / "columns.csv"
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName",
        lambda *_: (str(path), ""),
    )
    widget.export.click()
    table = read_columns(path)
    np.testing.assert_allclose(table[["y", "x"]], points.data, atol=1e-4)
    assert table.attrs["recipe"]["operation"] == "find_columns"


def test_tracks_are_exported_in_nm_of_the_pixel_size_of_now(
    viewer, open_tool, tmp_path, monkeypatch
):
    """One that was typed in after the columns had been followed."""
    path = tmp_path / "columns.csv"
    monkeypatch.setattr(
        "napari_sbd._napari.tools.columns_widget.file_to_write", lambda *_: str(path)
    )
    frames = np.stack([lattice((96, 96))] * 2).astype(np.float32)
    made = recipe("denoise", model="hrtem", quality="fast")
    movie = add(viewer, with_recipe(Micrograph(frames, 0.0061, name="movie"), made))
    one = pd.DataFrame({"y": [10.0], "x": [20.0], "y_err": [0.1], "x_err": [0.2], "frame": 0})
    table = one.assign(track=0, y_nm=0.061, x_nm=0.122, y_err_nm=0.0, x_err_nm=0.0, surface=False)
    table.attrs = {"pixel_size_nm": 0.0061}
    widget = open_tool(ColumnsWidget)
    widget._asked = movie, (None, micrograph_of(movie))
    widget.show_result((table, None, ""))
    calibrate(movie, 0.0122, None, 0.0, viewer.layers)
    widget.export.click()
    written = read_columns(path)
    assert written["y_nm"][0] == pytest.approx(0.122)
    assert written["x_err_nm"][0] == pytest.approx(0.2 * 0.0122)


def test_an_image_without_columns_gives_none(viewer, open_tool, finish):
    flat = np.random.default_rng(0).normal(1, 1e-3, (128, 128)).astype(np.float32)
    m = Micrograph(flat, 0.0061, gain=1.0, name="flat denoised")
    add(viewer, with_recipe(m, recipe("denoise", model="hrtem", quality="fast")))
    widget = open_tool(ColumnsWidget)
    widget.raw.setCurrentIndex(-1)
    finish(widget)
    assert len(viewer.layers) == 1
    assert "No atomic columns" in widget.message.text()


def test_what_was_removed_is_shown_and_judged(viewer, open_tool, finish, pair):
    raw, denoised = pair
    widget = open_tool(ResidualWidget)
    finish(widget)
    removed = viewer.layers["raw removed"]
    np.testing.assert_allclose(removed.data, raw.data - denoised.data, atol=1e-5)
    assert removed.units == denoised.units
    assert "white noise" in widget.message.text()
    assert widget.autocorrelation.isVisibleTo(widget)


def test_a_blur_is_caught_removing_the_lattice(viewer, open_tool, finish, pair):
    _, denoised = pair
    denoised.data = np.full_like(denoised.data, denoised.data.mean())
    widget = open_tool(ResidualWidget)
    finish(widget)
    assert "removed signal" in widget.message.text()


def test_a_report_is_one_file(open_tool, finish, pair, tmp_path, monkeypatch):
    path = tmp_path / "report.png"
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName",
        lambda *_: (str(path), ""),
    )
    widget = open_tool(ReportWidget)
    finish(widget)
    assert widget.message.text().startswith(f"Wrote {path}.")
    assert [p.name for p in tmp_path.iterdir()] == ["report.png"]
    assert path.stat().st_size > 10_000


def test_four_clicks_lead_from_a_raw_image_to_its_columns(viewer, qtbot):
    counts = np.random.default_rng(0).poisson(lattice((128, 128))).astype(np.uint16)
    add(viewer, Micrograph(counts, 0.0061, gain=1.0, name="raw"))
    flow = FlowWidget(viewer)
    for step in (0, 2, 3):
        flow.buttons[step].click()
        page = flow.page(step)
        qtbot.waitUntil(lambda p=page: not p.running, timeout=PATIENCE)
    names = [layer.name for layer in viewer.layers]
    assert names[:3] == ["raw", "raw denoised", "raw agreement z"]
    assert flow.page(3).message.text()
    verdict = flow.page(2).message.text()
    count = len(viewer.layers)
    flow.buttons[2].click()  # back to read: nothing is computed again
    assert not flow.page(2).running
    assert flow.page(2).message.text() == verdict
    assert len(viewer.layers) == count
    flow.deleteLater()
    notification_manager.records.clear()


@pytest.fixture
def steps_of_two(make_napari_viewer, qtbot):
    """Two images, the SBD widget, and clicks on its steps and on layers of the list."""
    viewer = make_napari_viewer(show=True)
    for seed, name in enumerate(("one", "two")):
        counts = np.random.default_rng(seed).poisson(lattice((128, 128))).astype(np.uint16)
        add(viewer, Micrograph(counts, 0.0061, gain=1.0, name=name))
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")

    def take(step, front=None):
        """Click a step; returns how many tasks began."""
        if front is not None:
            viewer.layers.selection.active = viewer.layers[front]
        page, begun = flow.page(step), []
        page.start.clicked.connect(lambda: begun.append(1))
        qtbot.mouseClick(flow.buttons[step], Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not page.running, timeout=PATIENCE)
        return len(begun)

    return viewer, flow, take


def test_a_step_is_that_of_the_image_in_front(steps_of_two):
    """Done for one image, it is done for another in front as well; back at the first one, not."""
    viewer, flow, take = steps_of_two
    names = ["one", "two"]
    assert [take(0, name) for name in names] == [1, 1]
    assert {"one denoised", "two denoised"} <= {layer.name for layer in viewer.layers}
    for step in (3, 2):
        assert [take(step, f"{name} denoised") for name in names] == [1, 1]
        assert flow.page(step).denoised.layer.name == "two denoised"
        assert [take(step, name) for name in names] == [0, 0]
        assert take(step, "one") == 0
        assert flow.page(step).denoised.layer.name == "one denoised"
        assert flow.page(step).raw.layer.name == "one"


def test_a_step_answers_for_no_other_image_than_the_one_in_front(steps_of_two):
    """Judge and Columns of an image that was just opened worked on the one before."""
    viewer, flow, take = steps_of_two
    assert take(0, "one") == 1
    for step in (2, 3, 4):
        page = flow.page(step)
        assert take(step, "two") == 0
        assert page.message.text() == (
            "two is not denoised yet: click Denoise first. For one denoised click "
            f"{page.start.text()} below."
        )
    viewer.add_labels(np.zeros((128, 128), int))  # says nothing of which image is meant
    assert take(2) == 1
    assert "one" in flow.page(2).message.text()
    assert take(2, "two") == 0
    assert flow.page(2).message.text().startswith("two is not denoised")


def test_no_step_tells_a_verdict_where_no_image_is_left(steps_of_two, notifications):
    """A click on Judge showed that of images that were gone, without a name."""
    viewer, flow, take = steps_of_two
    layers = list(viewer.layers)
    viewer.layers.clear()
    assert take(2) == 1
    nothing = flow.page(2).message.text()
    viewer.layers.extend(layers)
    assert [take(step, "one") for step in (0, 2)] == [1, 1]
    verdict = flow.page(2).message.text()
    viewer.layers.clear()
    assert flow.page(2).message.text() == f"one denoised: {verdict.removeprefix('one denoised: ')}"
    assert take(2) == 1
    assert flow.page(2).message.text() == nothing
    assert "There is no" in nothing


def test_a_verdict_is_that_of_the_calibration_now(steps_of_two):
    """A gain that was typed since lets the click judge again, and not denoise."""
    viewer, _, take = steps_of_two
    assert [take(step, "one") for step in (0, 2, 3)] == [1, 1, 1]
    calibrate(viewer.layers["one"], 0.0061, 2.0, 0.0, viewer.layers)
    assert [take(step, "one") for step in (0, 2, 3)] == [0, 1, 1]
    assert [take(step, "one") for step in (0, 2, 3)] == [0, 0, 0]


def test_going_back_to_denoise_denoises_no_result(steps_of_two):
    viewer, flow, take = steps_of_two
    assert take(0, "one") == 1
    for front in ("one denoised", "one"):
        assert take(0, front) == 0
        assert flow.page(0).layer.layer.name == "one"
    viewer.layers.remove("one denoised")
    assert take(0, "one") == 1  # what was removed is made again
    assert not any(layer.name.endswith("denoised denoised") for layer in viewer.layers)


def test_what_takes_minutes_is_said_while_it_does(viewer, open_tool, qtbot, pair, tmp_path):
    """Halves of a tuned result are tuned on anew; Cancel ends that."""
    viewer.layers.clear()
    m = sbd.read(sbd.write(pair[0], tmp_path / "raw.npy") or tmp_path / "raw.npy")
    tuned = sbd.gain_tune(m, model="hrtem", steps=2, device="cpu")
    add_result(viewer, add(viewer, m), sbd.denoise(m, gain_tuning=tuned, device="cpu"), "GainTuned")
    for kind in (AgreementWidget, ColumnsWidget):
        widget = open_tool(kind)
        widget.start.click()
        assert widget.running
        assert "tuned on anew" in widget.message.text()
        widget.cancel.click()
        qtbot.waitUntil(lambda w=widget: not w.running, timeout=PATIENCE)
        assert "tuned on anew" not in widget.message.text()


def test_a_page_takes_no_columns_of_another_result(viewer, open_tool, pair):
    raw, denoised = viewer.layers["raw"], pair[1]
    table = pd.DataFrame({"y": [9.0, 30.0], "x": [9.0, 30.0], "intensity": 1.0, "supported": True})
    table.attrs.update(scale=3.0, spacing=20.0)
    columns = points_layer(table, denoised)
    viewer.add_layer(columns)
    widget = open_tool(ReportWidget)
    assert widget.columns.layer is columns
    other = add_result(viewer, raw, micrograph_of(denoised), "GainTuned")
    assert widget.denoised.layer is other
    assert widget.columns.layer is None
    widget.denoised.choose(denoised)
    assert widget.columns.layer is columns


def test_denoisers_are_ranked_by_electrons_put_aside(viewer, open_tool, finish, pair):
    widget = open_tool(CompareWidget)
    widget.tuned.setChecked(False)
    finish(widget)
    names = [widget.table.item(row, 0).text() for row in range(widget.table.rowCount())]
    assert {"raw", "Gaussian", "Wiener", "network"} <= set(names)
    assert names.index("Gaussian") < names.index("raw")
    assert names[0] in widget.message.text()


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the untrained network
def test_denoisers_are_compared_on_the_image_as_it_was_corrected(
    viewer, open_tool, finish, until, tmp_path
):
    """Beside an image that was denoised with its dark reference; the pattern of that is 40 times
    the noise. What is taken is judged like it."""
    dark = np.random.default_rng(4).integers(0, 200, (128, 128)).astype(np.float32)
    sbd.write(Micrograph(dark, name="dark"), tmp_path / "dark.tif")
    counts = np.random.default_rng(5).poisson(lattice((128, 128), mean=4)).astype(np.float32)
    add(viewer, Micrograph(counts + dark, 0.0061, gain=1.0, name="camera"))
    form = open_tool(DenoiseWidget)
    form.dark.choose(str(tmp_path / "dark.tif"))
    finish(form)
    widget = open_tool(CompareWidget)
    widget.tuned.setChecked(False)
    finish(widget)
    assert "corrected for its camera" in widget.message.text()
    shown = {
        widget.table.item(row, 0).text(): widget.table.item(row, 1).text()
        for row in range(widget.table.rowCount())
    }
    plain = Micrograph(counts, 0.0061, gain=1.0)
    told = sbd.compare(plain, sbd.candidates(pixel_size=0.0061, gain_tuning=False))
    for name in ("raw", "Gaussian"):
        assert float(shown[name].split()[0]) == pytest.approx(told["upsnr"][name], abs=0.06)
    np.testing.assert_allclose(widget._pictures["raw"], counts, atol=1e-4)
    widget.table.selectRow(list(shown).index("Gaussian"))
    widget.take.click()
    until(lambda: not widget.running)
    made = next(layer for layer in viewer.layers if layer.name.endswith("Gaussian"))
    raw, result = micrograph_of(viewer.layers["camera"]), micrograph_of(made)
    assert np.median(np.abs(result.data - 4)) < 1
    corrected, *_ = corrected_as(raw, result)
    np.testing.assert_allclose(corrected.data, counts, atol=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the untrained network
def test_what_was_removed_and_profiles_are_of_the_image_as_it_was_corrected(
    viewer, open_tool, finish, until, qtbot, tmp_path
):
    dark = np.random.default_rng(4).integers(0, 200, (128, 128)).astype(np.float32)
    sbd.write(Micrograph(dark, name="dark"), tmp_path / "dark.tif")
    counts = np.random.default_rng(5).poisson(lattice((128, 128), mean=4)).astype(np.float32)
    layer = add(viewer, Micrograph(counts + dark, 0.0061, gain=1.0, name="camera"))
    form = open_tool(DenoiseWidget)
    form.dark.choose(str(tmp_path / "dark.tif"))
    finish(form)
    made = next(one for one in viewer.layers if one is not layer)
    residual = open_tool(ResidualWidget)
    finish(residual)
    removed = viewer.layers["camera removed"].data
    np.testing.assert_allclose(removed, counts - made.data, atol=1e-4)
    profile = ProfileWidget(viewer)
    qtbot.addWidget(profile)
    profile.layer.choose(made)
    profile.line.click()
    until(lambda: profile.settled and profile.profile is not None)
    ends = corners_on(made, profile.shapes)[[0, -1]]
    told = line_profile({"raw": counts, "denoised": made.data}, *ends, width=5.0, gain=1.0)
    np.testing.assert_allclose(profile.profile.values["raw"], told.values["raw"], atol=1e-3)
    np.testing.assert_allclose(profile.profile.error, told.error, rtol=0.02)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the untrained network
def test_an_image_without_counts_is_compared_pixel_by_pixel(viewer, open_tool, finish):
    """The scores are those of Python; the pictures are made of all pixels at their own size."""
    mean = 40 * lattice((256, 256), contrast=0.4)
    values = (mean + np.random.default_rng(2).normal(0, 4, mean.shape)).astype(np.float32)
    m = Micrograph(values, 0.0061, name="adc")
    add(viewer, m)
    widget = open_tool(CompareWidget)
    widget.tuned.setChecked(False)
    widget.way.setCurrentText("one image, pixel by pixel")
    finish(widget)
    shown = {
        widget.table.item(row, 0).text(): widget.table.item(row, 1).text()
        for row in range(widget.table.rowCount())
    }
    asked = {"pixel_size": m.pixel_size, "method": "subsampling", "gain_tuning": False}
    told = sbd.compare(m, sbd.candidates(**asked, counts=False), method="subsampling")
    assert set(shown) == set(told.index)
    for name, row in told.iterrows():
        assert shown[name].startswith(f"{row['upsnr']:.1f} (")
    np.testing.assert_array_equal(widget._pictures["network"], sbd.denoise(m).data)


def test_what_cannot_be_compared_is_said_by_the_names_of_the_form(viewer, open_tool, finish):
    smooth = gaussian_filter(np.random.default_rng(3).normal(100, 5, (128, 128)), 1.5)
    add(viewer, Micrograph(smooth.astype(np.float32), 0.0061, name="smooth"))
    widget = open_tool(CompareWidget)
    for way in ("one image, pixel by pixel", "neighbouring frames"):
        widget.way.setCurrentText(way)
        finish(widget)
        assert f'"{way}"' in widget.message.text()
        assert "subsampling" not in widget.message.text()
        assert "thinning" not in widget.message.text()


def test_a_comparison_can_be_cancelled(viewer, open_tool, qtbot, pair):
    widget = open_tool(CompareWidget)
    widget.start.click()
    widget.cancel.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    assert "ancel" in widget.message.text() or widget.table.rowCount() > 0


@pytest.fixture
def camera(viewer):
    """File values of gain 20 and offset 100; the left part is dark, of a scale of its own."""
    expected = 5 * lattice((320, 320), contrast=0.2)
    expected[:, :80] = 0
    values = 20.0 * np.random.default_rng(0).poisson(expected) + 100
    return add(viewer, Micrograph(values, 0.0061, name="camera"))


def test_a_marked_dark_region_calibrates_the_detector(viewer, open_tool, finish, camera):
    corners = np.array([[0, 0], [319, 0], [319, 75], [0, 75]]) * 0.0061
    viewer.add_layer(Shapes([corners], shape_type="polygon", units=("nm", "nm")))
    widget = open_tool(DetectorWidget)
    widget.use.setCurrentIndex(1)
    finish(widget)
    assert widget.found.offset == pytest.approx(100, abs=1e-6)
    assert widget.found.gain == pytest.approx(20, rel=0.1)
    widget.take.click()
    assert micrograph_of(camera).gain == widget.found.gain
    assert micrograph_of(camera).pixel_size == pytest.approx(0.0061)


def test_a_region_that_was_not_drawn_is_asked_for(open_tool, camera):
    widget = open_tool(DetectorWidget)
    widget.use.setCurrentIndex(2)
    widget.start.click()
    assert "Draw the region" in widget.message.text()


def test_a_click_shows_what_the_network_looked_at(viewer, open_tool, qtbot, pair):
    widget = open_tool(FilterWidget)
    before = list(viewer.mouse_drag_callbacks)
    widget.start.click()
    assert "Click a pixel" in widget.message.text()
    where = tuple(np.array([40, 60]) * 0.0061)
    for kind, callbacks in (
        ("mouse_press", mouse_press_callbacks),
        ("mouse_release", mouse_release_callbacks),
    ):
        event = SimpleNamespace(type=kind, position=where, handled=False, modifiers=())
        callbacks(viewer, event)
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    weights = viewer.layers["raw weights for (40, 60)"]
    assert weights.data.shape == (128, 128)
    assert weights.data.sum() == pytest.approx(1, abs=0.5)
    np.testing.assert_array_equal(viewer.layers["raw pixel"].data, [[40, 60]])
    assert viewer.mouse_drag_callbacks == before


def test_the_reach_of_weights_holds_most_of_them():
    weights = np.zeros((21, 21))
    weights[10, 10], weights[10, 15], weights[10, 18] = 0.5, -0.45, 0.05
    assert reach(EquivalentFilter(weights, 1.0, 0.0, 10, 10)) == 5


def test_a_missing_result_is_named_as_such(viewer, open_tool, noisy):
    add(viewer, Micrograph(noisy.astype(np.uint16), 0.0061, gain=1.0, name="raw"))
    widget = open_tool(AgreementWidget)
    widget.start.click()
    assert "denoise an image first" in widget.message.text()
