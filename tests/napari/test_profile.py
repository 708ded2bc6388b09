"""Profiles along a line whose ends are dragged with the mouse."""

import io
import warnings

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

import napari_sbd as sbd
from columns.scenes import grid, picture
from hands import Hands
from napari_sbd._napari.layers.micrographs import add_result, to_layer
from napari_sbd._napari.tools.profile_widget import ProfileWidget

PIXEL = 0.0125
TRUTH = picture(grid(8, 9, 16.0), 16.0, 3.0, 20.0, 5.0)


@pytest.fixture
def window(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    counts = np.random.default_rng(0).poisson(TRUTH).astype(np.float32)
    raw = sbd.Micrograph(counts, PIXEL, gain=1.0, name="raw")
    data, attributes, _ = to_layer(raw)
    layer = viewer.add_image(data, **attributes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the untrained network in the place of the real one
        made = sbd.denoise(raw, device="cpu").replace(data=TRUTH.astype(np.float32))
    add_result(viewer, layer, made, "denoised")
    widget = ProfileWidget(viewer)
    viewer.window.add_dock_widget(widget)
    hands = Hands(viewer, qtbot)
    widget.line.click()
    hands.ready()
    yield hands, widget, layer
    qtbot.wait(100)


def settle(hands, widget):
    """Until the noise is known."""
    hands.qtbot.waitUntil(lambda: widget.settled, timeout=60_000)


def dragged_to_a_row(hands, widget, layer):
    """Both ends on the row of columns at y = 80."""
    ends = widget.shapes.data[0].copy()
    hands.drag(layer, ends[0], (80, 5))
    hands.drag(layer, ends[1], (80, 155))
    settle(hands, widget)


def test_spacings_of_columns_along_a_dragged_line(window):
    """Raw and denoised with the error band; nine columns 16 px of 12.5 pm apart."""
    hands, widget, layer = window
    lengths = set()
    ends = widget.shapes.data[0].copy()
    hands.drag(layer, ends[0], (80, 5), lambda: lengths.add(widget.profile.position[-1]))
    assert len(lengths) >= 3, "the profile goes with the line"
    hands.drag(layer, ends[1], (80, 155))
    settle(hands, widget)
    widget.peaks_too.click()
    assert set(widget.profile.values) == {"raw", "denoised"}
    error = widget.profile.error
    assert np.isfinite(error).all()
    assert (
        np.abs(widget.profile.values["raw"] - widget.profile.values["denoised"]) < 5 * error
    ).all()
    assert len(widget.peaks.position) == 9
    assert widget.peaks.mean == pytest.approx(0.2, abs=4 * widget.peaks.mean_err)
    assert "9 peaks, mean spacing 0." in widget.message.text()
    assert "counted electrons" in widget.message.text()


def test_a_profile_is_copied_and_saved_as_table_and_picture(window, monkeypatch, tmp_path):
    hands, widget, layer = window
    dragged_to_a_row(hands, widget, layer)
    widget.copy.click()
    table = pd.read_csv(io.StringIO(QApplication.clipboard().text()), comment="#")
    assert list(table) == ["position_nm", "raw", "denoised", "raw_err"]
    np.testing.assert_allclose(table["raw"], widget.profile.values["raw"])
    for button, name in ((widget.save, "a.csv"), (widget.export, "a.png")):
        monkeypatch.setattr(
            "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName",
            lambda *_a, name=name: (str(tmp_path / name), ""),
        )
        button.click()
        assert (tmp_path / name).stat().st_size > 500
    assert pd.read_csv(tmp_path / "a.csv", comment="#").shape == table.shape


def test_the_raw_image_alone_and_a_denoised_one_alone(window):
    """Without its raw image a denoised one has no errors, and this is said."""
    hands, widget, layer = window
    dragged_to_a_row(hands, widget, layer)
    widget.layer.choose(layer)
    assert set(widget.profile.values) == {"raw"}
    settle(hands, widget)
    assert np.isfinite(widget.profile.error).all()
    hands.viewer.layers.remove(layer)
    assert set(widget.profile.values) == {"denoised"}
    assert np.isnan(widget.profile.error).all()
    assert "choose the raw image" in widget.message.text()


def test_a_wider_line_has_smaller_errors(window):
    hands, widget, layer = window
    dragged_to_a_row(hands, widget, layer)
    widget.across.setValue(1)
    narrow = np.median(widget.profile.error)
    widget.across.setValue(9)
    assert np.median(widget.profile.error) < narrow / 2


def test_the_error_band_is_that_of_the_noise_that_the_image_has(window):
    """Read-out noise of 8 electrons beside those of the counts: the band holds two thirds, as it
    did not while it was that of counts alone."""
    hands, widget, layer = window
    dragged_to_a_row(hands, widget, layer)
    counted = widget.profile.error
    layer.data = layer.data + np.random.default_rng(1).normal(0, 8, TRUTH.shape)
    dragged_to_a_row(hands, widget, layer)
    assert "times the variance of counted electrons" in widget.message.text()
    off = widget.profile.values["raw"] - widget.profile.values["denoised"]
    assert 0.75 < np.std(off / widget.profile.error) < 1.25
    assert np.std(off / counted) > 1.5
    assert "counted electrons" in widget.csv().splitlines()[0]


def test_a_kymograph_of_a_movie_along_the_dragged_line(
    make_napari_viewer, qtbot, monkeypatch, tmp_path
):
    """A spot that moves to the right is a line of its speed; a moved line shows profiles again."""
    y, x = np.mgrid[:64, :96].astype(float)
    frames = [20 * np.exp(-((y - 32) ** 2 + (x - 20 - 4 * t) ** 2) / 18) for t in range(10)]
    movie = sbd.Micrograph(np.stack(frames).astype(np.float32), PIXEL, frame_time=0.5, name="m")
    viewer = make_napari_viewer(show=True)
    data, attributes, _ = to_layer(movie)
    layer = viewer.add_image(data, **attributes)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Line profile")
    hands = Hands(viewer, qtbot)
    qtbot.mouseClick(widget.through, Qt.MouseButton.LeftButton)
    assert "Click Line first" in widget.message.text()
    qtbot.mouseClick(widget.line, Qt.MouseButton.LeftButton)
    hands.ready()
    ends = widget.shapes.data[0].copy()
    hands.drag(layer, ends[0], (32, 8))
    qtbot.mouseClick(widget.through, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget.kymograph is not None, timeout=20_000)
    found = widget.kymograph
    places = [np.average(found.position, weights=np.maximum(row, 1e-9)) for row in found.values]
    assert np.polyfit(found.time, places, 1)[0] == pytest.approx(4 * PIXEL / 0.5, rel=0.05)
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName",
        lambda *_a: (str(tmp_path / "k.csv"), ""),
    )
    qtbot.mouseClick(widget.save, Qt.MouseButton.LeftButton)
    assert (tmp_path / "k.csv").read_text().startswith("time_s,")
    hands.drag(layer, (32, 8), (40, 8))
    assert widget.kymograph is None
    qtbot.mouseClick(widget.through, Qt.MouseButton.LeftButton)
    widget.across.setValue(9)  # before the answer has come
    qtbot.waitUntil(widget.through.isEnabled, timeout=20_000)
    assert widget.kymograph is None
    assert "changed meanwhile; click Kymograph again" in widget.message.text()


def test_a_profile_is_that_of_the_values_and_the_line_that_are_there(window):
    hands, widget, layer = window
    dragged_to_a_row(hands, widget, layer)
    widget.layer.choose(layer)
    before = widget.profile.values["raw"].copy()
    layer.data = layer.data + 100
    hands.qtbot.waitUntil(
        lambda: np.allclose(widget.profile.values["raw"], before + 100), timeout=5000
    )
    settle(hands, widget)
    widget.shapes.data = [widget.shapes.data[0] + 5000]
    hands.qtbot.waitUntil(lambda: "lies off the image" in widget.message.text(), timeout=5000)
    assert widget.profile is None and not widget.plot.isVisible()
    widget.save.click()
    assert "There is no profile yet" in widget.message.text()


def test_a_line_that_is_deleted_in_its_layer_is_drawn_anew(window):
    hands, widget, _ = window
    settle(hands, widget)
    assert widget.profile is not None
    widget.shapes.selected_data = {0}
    widget.shapes.remove_selected()
    hands.qtbot.waitUntil(lambda: widget.profile is None, timeout=5000)
    assert widget.message.text().startswith("Click Line")
    widget.line.click()
    hands.qtbot.waitUntil(lambda: widget.profile is not None, timeout=5000)
    assert len(widget.shapes.data) == 1
    settle(hands, widget)
