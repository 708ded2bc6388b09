"""Linked spectra: a peak that is pointed at in one is read and marked in all."""

import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent

from napari_sbd._napari.forms.spectra import Spectra, edges, spacing_text

PERIOD = 0.25  # nm, along x
STEP = 0.03


@pytest.fixture
def shown(qtbot):
    """Spectra of a lattice of an odd by an even number of samples."""
    x = np.arange(64) * STEP
    wave = np.cos(2 * np.pi * x / PERIOD) * np.ones((51, 1))
    power = np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2
    fy, fx = (np.fft.fftshift(np.fft.fftfreq(n, STEP)) for n in power.shape)
    widget = Spectra()
    qtbot.addWidget(widget)
    widget.show_spectra({"raw": power, "denoised": power, "removed": power}, fy, fx, "nm")
    widget.draw()
    return widget, power, fy, fx


def point(widget, axes, x, y, kind="motion_notify_event", **details):
    place = axes.transData.transform((x, y))
    event = MouseEvent(kind, widget, *place, **details)
    widget.callbacks.process(kind, event)


def test_samples_are_drawn_where_their_frequency_is(shown):
    _, _, fy, fx = shown
    left, right, bottom, top = edges(fy, fx)
    width = (right - left) / len(fx)
    assert left + width * (32 + 0.5) == pytest.approx(0)  # zero frequency
    assert (bottom + top) / 2 == pytest.approx(0)  # an odd number is symmetric


def test_the_spacing_of_the_peak_is_that_of_the_lattice(shown):
    widget, power, fy, fx = shown
    row, column = np.unravel_index(np.argmax(power), power.shape)
    left = widget.figure.axes[0]
    point(widget, left, abs(fx[column]), fy[row])
    words = widget.figure.get_supxlabel()
    assert float(words.split()[0]) == pytest.approx(PERIOD, rel=0.05)
    for axes in widget.figure.axes:  # the mark and its opposite, in all three
        x, y = axes.lines[0].get_data()
        np.testing.assert_allclose(np.abs(x), abs(fx[column]))
        np.testing.assert_allclose(y, [fy[row], -fy[row]], atol=1e-9)


def test_the_wheel_zooms_all_three_and_not_too_far(shown):
    widget, *_ = shown
    axes = widget.figure.axes
    before = axes[2].get_xlim()[1]
    point(widget, axes[0], 0.1, 0.1, "scroll_event", step=3)
    assert axes[2].get_xlim()[1] == pytest.approx(before / 1.3**3)
    point(widget, axes[0], 0.1, 0.1, "scroll_event", step=-50)
    assert axes[2].get_xlim()[1] == pytest.approx(before)


@pytest.mark.parametrize(
    ("y", "x", "words"),
    [(0, 4, "0.25 nm, 4 /nm, 0°"), (-3, 4, "0.2 nm, 5 /nm, 37°"), (0, 0, " ")],
)
def test_a_place_in_words(y, x, words):
    assert spacing_text(y, x, "nm") == words
