"""The plugin in a real window, and what ends with it."""

import numpy as np
from napari.components import ViewerModel

from napari_sbd._napari.denoise_widget import DenoiseWidget


def test_an_image_is_denoised_in_a_window(make_napari_viewer, qtbot, denoiser, noisy):
    viewer = make_napari_viewer()
    layer = viewer.add_image(noisy, scale=(0.0061, 0.0061), units=("nm", "nm"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.denoise.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    np.testing.assert_allclose(viewer.layers[-1].data, layer.data + 100)


def test_closing_the_viewer_during_a_run_ends_it(make_napari_viewer, qtbot, denoiser, noisy):
    denoiser.go.clear()
    viewer = make_napari_viewer()
    viewer.add_image(noisy)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.denoise.click()
    qtbot.waitUntil(lambda: denoiser.busy, timeout=20_000)
    viewer.close()
    qtbot.waitUntil(lambda: not denoiser.busy, timeout=20_000)


def test_deleting_the_widget_during_a_run_ends_it(qtbot, denoiser, noisy_movie):
    denoiser.go.clear()
    viewer = ViewerModel()
    viewer.add_image(noisy_movie)
    widget = DenoiseWidget(viewer)
    widget.denoise.click()
    qtbot.waitUntil(lambda: denoiser.busy, timeout=20_000)
    widget.deleteLater()
    qtbot.waitUntil(lambda: not denoiser.busy, timeout=20_000)
    viewer.dims.set_current_step(0, 2)
    viewer.layers[0].name = "still here"
    viewer.add_image(noisy_movie)
    assert len(viewer.layers) == 2


def test_the_raw_image_shows_while_a_key_is_held(make_napari_viewer, qtbot, denoiser, noisy):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy, name="raw")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.denoise.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyPress(canvas, "b")
    assert [layer.visible for layer in viewer.layers] == [True, False]
    qtbot.keyRelease(canvas, "b")
    qtbot.waitUntil(lambda: viewer.layers[1].visible, timeout=5000)
