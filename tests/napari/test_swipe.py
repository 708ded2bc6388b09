"""The swipe line: raw on its left, whatever else is shown on its right."""

import numpy as np
import pytest

from napari_sbd._napari.denoise.swipe import clipped


@pytest.fixture
def swipe(denoise_widget):
    denoise_widget.swipe.click()
    return denoise_widget.divider


def left_of(viewer):
    return next((layer for layer in viewer.layers if layer.name.endswith("[raw | result]")), None)


@pytest.mark.parametrize(("column", "expected"), [(-5, 1), (10.4, 10), (64, 63), (900, 63)])
def test_the_line_leaves_something_on_each_side(column, expected):
    assert clipped(column, 64) == expected


def test_the_left_half_is_raw_and_lies_on_its_pixels(viewer, add, noisy_movie, denoise_widget):
    source = add(noisy_movie, frame_time=0.5)
    source.translate = (0, 1, 2)
    denoise_widget.swipe.click()
    left = left_of(viewer)
    assert left is viewer.layers[-1]
    assert np.shares_memory(left.data, noisy_movie)
    np.testing.assert_array_equal(left.data, noisy_movie[..., :32])
    np.testing.assert_allclose(left.extent.world[0], source.extent.world[0])
    denoise_widget.divider.move(50)
    np.testing.assert_array_equal(left.data, noisy_movie[..., :50])


def test_it_stays_on_top_and_is_no_image_to_denoise(
    viewer, add, noisy, denoise_widget, denoiser, until
):
    source = add(noisy)
    denoise_widget.swipe.click()
    denoise_widget.start.click()
    until(lambda: not denoise_widget.running)
    assert len(viewer.layers) == 3
    assert viewer.layers[-1] is left_of(viewer)
    assert denoise_widget.layer.count() == 2
    source.contrast_limits = (0, 3)
    assert tuple(left_of(viewer).contrast_limits) == (0, 3)


def test_switched_off_or_deleted_it_leaves_nothing(viewer, add, noisy, denoise_widget):
    add(noisy)
    denoise_widget.swipe.click()
    denoise_widget.swipe.click()
    assert left_of(viewer) is None
    denoise_widget.swipe.click()
    viewer.layers.remove(left_of(viewer))
    assert not denoise_widget.swipe.isChecked()


def test_it_follows_the_chosen_image(viewer, add, noisy, denoise_widget):
    first, second = add(noisy, name="first"), add(noisy + 1, name="second")
    denoise_widget.swipe.click()
    denoise_widget.layer.choose(first)
    assert left_of(viewer).name.startswith("first")
    viewer.layers.remove(first)
    assert left_of(viewer).name.startswith("second")
    viewer.layers.remove(second)
    assert not viewer.layers


def test_the_line_is_dragged_with_the_mouse(make_napari_viewer, qtbot, until, noisy):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.swipe.click()
    qtbot.wait(200)  # until the dock has its place
    viewer.reset_view()
    canvas = viewer.window._qt_viewer.canvas
    until(lambda: viewer.scene.camera.zoom > 2 and canvas.native.isVisible())
    native, zoom = canvas.native, viewer.scene.camera.zoom

    def at(column):
        height, width = canvas.size
        y, x = viewer.scene.camera.center[-2:]
        return _point(width / 2 + (column - 0.5 - x) * zoom, height / 2 + (31.5 - y) * zoom)

    centre = viewer.scene.camera.center
    _drag(qtbot, native, at(32), at(20))
    until(lambda: widget.divider.column == pytest.approx(20, abs=1))
    assert viewer.scene.camera.center == centre
    _drag(qtbot, native, at(50), at(40))  # elsewhere the mouse moves the picture
    until(lambda: viewer.scene.camera.center != centre)
    assert widget.divider.column == pytest.approx(20, abs=1)


def _point(x, y):
    from qtpy.QtCore import QPoint

    return QPoint(round(x), round(y))


def _drag(qtbot, native, start, end):
    from qtpy.QtCore import Qt

    button = Qt.MouseButton.LeftButton
    qtbot.mouseMove(native, start)
    qtbot.mousePress(native, button, pos=start)
    for step in (0.5, 0.9, 1.0):
        qtbot.wait(50)  # moves in quick succession are one
        _move(native, start + (end - start) * step)
    qtbot.wait(50)
    qtbot.mouseRelease(native, button, pos=end)


def _move(native, place):
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    where, far = QPointF(place), QPointF(native.mapToGlobal(place))
    left = Qt.MouseButton.LeftButton
    none, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(QEvent.Type.MouseMove, where, far, none, left, keys)
    QApplication.sendEvent(native, event)
