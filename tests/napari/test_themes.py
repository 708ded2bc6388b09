"""Plots take the colours of another theme as if they had been drawn in it."""

import numpy as np
import pandas as pd
import pytest
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt

from napari_sbd._napari.forms.autocorrelation import Autocorrelation
from napari_sbd._napari.forms.plot import Plot
from napari_sbd._napari.forms.spectra import Spectra
from napari_sbd._napari.forms.strain_map import StrainMap
from napari_sbd._napari.forms.themed import ThemedCanvas


def profile(plot):
    axes = plot.begin()
    (line,) = axes.plot([0, 1, 2], [3.0, 1.0, 2.0], ".-", label="raw")
    axes.fill_between([0, 1, 2], 0, 4, alpha=0.3, color=line.get_color())
    axes.axvline(1.5, color=plot.ink, ls="--")
    axes.set_xlabel("position [nm]")
    axes.legend(facecolor=plot.ground, edgecolor=plot.ink, labelcolor=plot.ink)
    plot.end()


def strain(plot):
    y, x = np.mgrid[:6, :7]
    table = pd.DataFrame({"y": 9.0 * y.ravel(), "x": 9.0 * x.ravel()})
    table["displacement_y"] = table["displacement_x"] = 1.0
    plot.show_map(table, np.linspace(-1, 1, 42), "strain_xx [%]", arrows=True)


def spectra(plot):
    power = np.random.default_rng(0).random((16, 16)) + 0.1
    frequency = np.arange(-8, 8) / 16
    plot.show_spectra({"raw": power, "removed": power}, frequency, frequency, "px")


def autocorrelation(plot):
    plot.show_image(np.eye(25), (0.1, 0.1), "nm")


PLOTS = [
    (lambda: Plot(200, "tip"), profile),
    (StrainMap, strain),
    (Spectra, spectra),
    (Autocorrelation, autocorrelation),
]


def counted(plot, colour):
    """Share of the pixels that have a colour, once the plot is drawn, whatever its size."""
    plot.draw()
    shown = np.asarray(plot.buffer_rgba())[..., :3]
    return float((shown == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(-1).mean())


def in_theme(viewer, qtbot, plot, name):
    """Ground and ink of a plot, once the window has put on a theme."""
    viewer.theme = name
    worn = get_theme(name).background.as_hex("long"), get_theme(name).text.as_hex("long")
    qtbot.waitUntil(lambda: (plot.ground, plot.ink) == worn)
    qtbot.wait(50)  # more such events come, and must not change it again
    return worn


def goes_with_the_theme(viewer, qtbot, plot):
    """Every pixel of ground and ink changes, and back."""
    dark = in_theme(viewer, qtbot, plot, "dark")
    before = [counted(plot, colour) for colour in dark]
    assert min(before) > 2e-5
    light = in_theme(viewer, qtbot, plot, "light")
    assert [counted(plot, colour) for colour in dark] == [0, 0]
    assert [counted(plot, colour) for colour in light] == pytest.approx(before, rel=0.2)
    in_theme(viewer, qtbot, plot, "dark")
    assert [counted(plot, colour) for colour in light] == [0, 0]
    assert [counted(plot, colour) for colour in dark] == pytest.approx(before, rel=0.2)


@pytest.mark.parametrize(("make", "draw"), PLOTS)
def test_a_plot_goes_with_the_theme(make_napari_viewer, qtbot, make, draw):
    viewer = make_napari_viewer(show=True)
    plot = make()
    plot.setMinimumWidth(360)
    viewer.window.add_dock_widget(plot)
    qtbot.wait(50)
    draw(plot)
    goes_with_the_theme(viewer, qtbot, plot)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the untrained network
def test_the_path_of_a_drift_goes_with_the_theme(make_napari_viewer, qtbot, noisy_movie):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy_movie, scale=(1, 0.0061, 0.0061), units=("pixel", "nm", "nm"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Drift")
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    (plot,) = widget.plot.findChildren(ThemedCanvas)
    goes_with_the_theme(viewer, qtbot, plot)


def test_the_plots_of_a_detector_go_with_the_theme(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    mean = np.linspace(1, 20, 256)[None] * np.ones((256, 1))
    viewer.add_image(np.random.default_rng(0).poisson(mean).astype(np.float32))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Detector")
    qtbot.mouseClick(widget.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    (plot,) = widget.plots.findChildren(ThemedCanvas)
    goes_with_the_theme(viewer, qtbot, plot)
