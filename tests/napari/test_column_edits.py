"""Columns edited with the mouse in a window, as a person does."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

import napari_sbd as sbd
from napari_sbd._napari.layers.micrographs import add_result, to_layer
from napari_sbd._napari.tools.columns_widget import ColumnsWidget
from napari_sbd.recipe import recipe, with_recipe

PIXEL = 0.0061
PATIENCE = 60_000
CENTRES = np.arange(20, 128, 32)


class Window:
    """A viewer with raw counts, their truth as the denoised image, and the columns of it.

    Sixteen columns stand in a square of 128 pixels; the rest of 192 x 192 is vacuum.
    """

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        y, x = np.mgrid[:192, :192]
        truth = np.full((192, 192), 1.0)
        for cy in CENTRES:
            for cx in CENTRES:
                truth += 4 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2 / 6**2)
        counts = np.random.default_rng(0).poisson(truth).astype(np.float32)
        raw = sbd.Micrograph(counts, PIXEL, gain=1.0, name="raw")
        data, attributes, _ = to_layer(raw)
        source = viewer.add_image(data, **attributes)
        step = recipe("denoise", model="hrtem", quality="fast")
        made = with_recipe(raw.replace(data=truth.astype(np.float32)), step)
        add_result(viewer, source, made, "denoised")
        self.widget = ColumnsWidget(viewer)
        viewer.window.add_dock_widget(self.widget)
        self.widget.polarity.setCurrentText("bright")
        self.widget.start.click()
        self.settle()
        self.points = next(layer for layer in viewer.layers if layer.name.endswith("columns"))
        viewer.layers.selection.active = self.points
        qtbot.wait(200)  # until the dock has its place
        viewer.reset_view()
        qtbot.wait(100)

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas

    def settle(self):
        w = self.widget
        self.qtbot.waitUntil(lambda: not (w.running or w.busy), timeout=PATIENCE)

    def at(self, y, x):
        """The place on the canvas of a pixel of the image."""
        height, width = self.canvas.size
        zoom, (cy, cx) = self.viewer.scene.camera.zoom, self.viewer.scene.camera.center[-2:]
        wy, wx = y * PIXEL, x * PIXEL
        return QPoint(round(width / 2 + (wx - cx) * zoom), round(height / 2 + (wy - cy) * zoom))

    def send(self, kind, place, button=Qt.MouseButton.LeftButton):
        native = self.canvas.native
        where, far = QPointF(place), QPointF(native.mapToGlobal(place))
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
        pressed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else button
        none = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(native, QMouseEvent(kind, where, far, pressed, held, none))
        self.qtbot.wait(50)  # moves in quick succession are one

    def drag(self, start, end):
        self.send(QEvent.Type.MouseMove, self.at(*start), Qt.MouseButton.NoButton)
        self.send(QEvent.Type.MouseButtonPress, self.at(*start))
        for share in (0.3, 0.7, 1.0):
            place = np.add(start, share * np.subtract(end, start))
            self.send(QEvent.Type.MouseMove, self.at(*place))
        self.send(QEvent.Type.MouseButtonRelease, self.at(*end))
        self.settle()

    def click(self, place):
        self.send(QEvent.Type.MouseMove, self.at(*place), Qt.MouseButton.NoButton)
        self.send(QEvent.Type.MouseButtonPress, self.at(*place))
        self.send(QEvent.Type.MouseButtonRelease, self.at(*place))
        self.settle()

    def press(self, key, modifiers=Qt.KeyboardModifier.NoModifier):
        self.qtbot.keyClick(self.canvas.native, key, modifiers)
        self.settle()

    def row(self, y, x):
        return int(np.argmin(np.abs(self.points.data - (y, x)).sum(1)))

    @property
    def state(self):
        numbers = self.points.features.drop(columns=["supported", "surface"])
        return np.column_stack([self.points.data, numbers.select_dtypes("number").to_numpy(float)])


@pytest.fixture
def window(make_napari_viewer, qtbot):
    return Window(make_napari_viewer(show=True), qtbot)


def test_a_column_is_dragged_with_the_mouse_fitted_undone_and_done_again(window):
    """Dragged by 4 of its 6 px of width it comes back to the column; all others stay."""
    window.points.mode = "select"
    before = window.state
    assert len(before) == 16
    row = window.row(52, 52)
    window.drag((52, 52), (55, 55))
    after = window.state
    assert np.abs(window.points.data[row] - (52, 52)).max() < 1
    np.testing.assert_array_equal(np.delete(after, row, 0), np.delete(before, row, 0))
    assert np.isfinite(after[row]).any()
    assert "16 columns" in window.widget.message.text()
    assert window.points.metadata["napari_sbd_columns"]["attrs"]["edited"]
    window.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(window.state, before)
    assert "edited" not in window.points.metadata["napari_sbd_columns"]["attrs"]
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    window.press(Qt.Key.Key_Z, both)
    np.testing.assert_array_equal(window.state, after)
    window.press(Qt.Key.Key_Z, both)  # nothing is left, which a click and a key say
    assert "left to do again" in window.widget.message.text()
    window.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.qtbot.mouseClick(window.widget.undo, Qt.MouseButton.LeftButton)
    assert "left to take back" in window.widget.message.text()
    np.testing.assert_array_equal(window.state, before)


def test_a_point_in_vacuum_is_not_supported_and_this_is_said(window):
    window.points.mode = "add"
    window.click((160, 160))
    assert len(window.points.data) == 17
    text = window.widget.message.text()
    assert text.startswith("17 columns")
    assert "1 not supported" in text
    assert "The counts show nothing here" in text
    assert not window.points.features["supported"].iloc[-1]
    assert str(window.points.symbol[-1]) == "cross"
    window.widget.undo.click()
    assert len(window.points.data) == 16
    assert "16 columns" in window.widget.message.text()
    assert "0 not supported" in window.widget.message.text()


def test_a_column_is_deleted_and_added_again_where_it_was(window):
    window.points.mode = "select"
    before = window.state
    intensity = window.points.features["intensity"].iloc[window.row(84, 84)]
    window.click((84, 84))
    window.press(Qt.Key.Key_Delete)
    assert len(window.points.data) == 15
    assert "15 columns" in window.widget.message.text()
    window.points.mode = "add"
    window.click((83, 85))
    assert len(window.points.data) == 16
    row = window.row(84, 84)
    error = window.points.features[["y_err", "x_err"]].iloc[row].to_numpy(float)
    assert np.isfinite(error).all()
    assert np.abs(window.points.data[row] - (84, 84)).max() < 5 * error.max()
    assert window.points.features["intensity"].iloc[row] == pytest.approx(intensity, rel=0.05)
    assert window.points.features["supported"].iloc[row]
    window.widget.undo.click()
    window.widget.undo.click()
    np.testing.assert_array_equal(window.state, before)
    window.widget.undo.click()  # there is nothing more
    np.testing.assert_array_equal(window.state, before)


def test_undone_while_it_is_being_fitted(window):
    """The fit of an edit that was taken back must not come back."""
    window.points.mode = "add"
    before = window.state
    window.send(QEvent.Type.MouseButtonPress, window.at(160, 100))
    window.send(QEvent.Type.MouseButtonRelease, window.at(160, 100))
    window.widget.undo.click()
    window.settle()
    window.qtbot.wait(300)
    np.testing.assert_array_equal(window.state, before)


def test_columns_are_followed_and_exported_in_a_dock_that_is_opened_again(
    window, tmp_path, monkeypatch
):
    """Dragged after the dock was closed, they kept the numbers of where they had been."""
    viewer, points = window.viewer, window.points
    points.mode = "select"
    viewer.window.remove_dock_widget(window.widget)
    before, row = window.state, window.row(52, 52)
    window.qtbot.wait(100)
    window.drag((52, 52), (150, 150))  # vacuum
    window.qtbot.waitUntil(lambda: points.features["supported"][row] == False, timeout=PATIENCE)  # noqa: E712
    window.widget = again = ColumnsWidget(viewer)
    viewer.window.add_dock_widget(again)
    window.qtbot.mouseClick(again.undo, Qt.MouseButton.LeftButton)
    np.testing.assert_array_equal(window.state, before)
    assert "16 columns" in again.message.text()
    path = tmp_path / "columns.csv"
    monkeypatch.setattr(
        "napari_sbd._napari.tools.columns_widget.file_to_write", lambda *_: str(path)
    )
    window.qtbot.mouseClick(again.export, Qt.MouseButton.LeftButton)
    assert len(sbd.columns.export.read_columns(path)) == 16


def test_an_image_that_is_removed_meanwhile_is_told(window):
    """It said that no columns were found."""
    denoised = window.widget.denoised.layer
    window.widget.start.click()
    window.viewer.layers.remove(denoised)
    window.settle()
    assert f"{denoised.name} was removed meanwhile" in window.widget.message.text()
