"""The keys of the Denoise widget, pressed over the image."""

import numpy as np
from qtpy.QtCore import Qt


def test_keys_do_what_the_buttons_do(make_napari_viewer, qtbot, until, denoiser, noisy):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    canvas = viewer.window._qt_viewer.canvas.native
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(canvas, Qt.Key.Key_S, shift)
    assert widget.swipe.isChecked()
    qtbot.keyClick(canvas, Qt.Key.Key_S, shift)
    assert not widget.swipe.isChecked()
    qtbot.keyClick(canvas, Qt.Key.Key_L, shift)
    assert widget.live.isChecked()
    qtbot.keyClick(canvas, Qt.Key.Key_L, shift)
    qtbot.keyClick(canvas, Qt.Key.Key_D, shift)
    until(lambda: not widget.running)
    np.testing.assert_allclose(viewer.layers[-1].data, noisy + 100)


def test_keys_of_a_widget_that_is_gone_are_free_again(viewer, until):
    from napari_sbd._napari.denoise.widget import DenoiseWidget

    widget = DenoiseWidget(viewer)
    assert len(viewer.keymap) == 4
    widget.deleteLater()
    until(lambda: len(viewer.keymap) == 1)
