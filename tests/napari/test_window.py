"""The plugin in a real window."""

import numpy as np


def test_sample_and_widget_work_together_in_a_window(make_napari_viewer, qtbot, denoiser, noisy):
    viewer = make_napari_viewer()
    [layer] = [viewer.add_image(noisy, scale=(0.0061, 0.0061), units=("nm", "nm"))]
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
    assert widget.running
    viewer.close()
