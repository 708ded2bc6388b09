"""The plugin in a real window, and what ends with it."""

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton

from napari_sbd._napari.denoise.widget import DenoiseWidget


def test_an_image_is_denoised_in_a_window(make_napari_viewer, qtbot, denoiser, noisy):
    viewer = make_napari_viewer()
    layer = viewer.add_image(noisy, scale=(0.0061, 0.0061), units=("nm", "nm"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    np.testing.assert_allclose(viewer.layers[-1].data, layer.data + 100)


def test_closing_the_viewer_during_a_run_ends_it(make_napari_viewer, qtbot, denoiser, noisy):
    denoiser.go.clear()
    viewer = make_napari_viewer()
    viewer.add_image(noisy)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.start.click()
    qtbot.waitUntil(lambda: denoiser.busy, timeout=20_000)
    viewer.close()
    qtbot.waitUntil(lambda: not denoiser.busy, timeout=20_000)


def test_deleting_the_widget_during_a_run_ends_it(qtbot, denoiser, noisy_movie):
    denoiser.go.clear()
    viewer = ViewerModel()
    viewer.add_image(noisy_movie)
    widget = DenoiseWidget(viewer)
    widget.start.click()
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
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyPress(canvas, "b")
    assert [layer.visible for layer in viewer.layers] == [True, False]
    qtbot.keyRelease(canvas, "b")
    qtbot.waitUntil(lambda: viewer.layers[1].visible, timeout=5000)


WIDGETS = [
    widget.display_name
    for widget in PluginManifest.from_distribution("napari-sbd").contributions.widgets
]


@pytest.mark.parametrize("name", WIDGETS)
def test_no_words_are_cut_in_a_dock_as_narrow_as_it_gets(make_napari_viewer, qtbot, name):
    viewer = make_napari_viewer(show=True)
    area, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
    viewer.window._qt_window.resizeDocks([area], [50], Qt.Orientation.Horizontal)
    qtbot.wait(50)
    parts = [
        part for kind in (QLabel, QPushButton, QCheckBox) for part in widget.findChildren(kind)
    ]
    shown = [part for part in parts if part.isVisible() and part.text()]
    assert shown
    for part in shown:
        if not (isinstance(part, QLabel) and part.wordWrap()):
            assert part.width() >= part.minimumSizeHint().width(), part.text()
            assert part.visibleRegion().boundingRect().width() == part.width(), part.text()


def test_a_long_message_does_not_widen_the_dock(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Batch")
    narrowest = widget.minimumSizeHint().width()
    widget.say("x" * 500)
    assert widget.minimumSizeHint().width() == narrowest


def test_the_plots_of_the_detector_do_not_enlarge_a_small_window(make_napari_viewer, until):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1089, 630)
    mean = np.linspace(1, 20, 256)[None] * np.ones((256, 1))
    viewer.add_image(np.random.default_rng(0).poisson(mean).astype(np.float32))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Detector")
    widget.start.click()
    until(lambda: not widget.running)
    assert "gain" in widget.message.text()
    assert widget.plots.isVisible()
    assert viewer.window._qt_window.height() == 630
