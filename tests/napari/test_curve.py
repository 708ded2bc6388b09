"""The small plot: round numbers at its axes, points where they belong."""

import numpy as np
import pytest

from napari_sbd._napari.forms.curve import Curve, ticks


@pytest.mark.parametrize(
    ("low", "high"), [(0, 100), (-0.00013, 0.00027), (1234, 56789), (0.82, 0.8217), (-7, -6.9)]
)
def test_numbers_at_an_axis_are_round_even_and_true(low, high):
    found = ticks(low, high, 5)
    values = np.array(list(found))
    assert 2 <= len(values) <= 6
    assert low <= values.min() <= values.max() <= high
    steps = np.diff(values)
    assert steps == pytest.approx(steps[0])
    assert f"{steps[0]:.0e}"[0] in "125"
    assert [float(written) for written in found.values()] == pytest.approx(values)


@pytest.mark.parametrize(("end", "falls"), [(0.2, True), (3.0, False)])
def test_a_loss_that_falls_is_drawn_falling(qtbot, end, falls):
    curve = Curve("step", "loss")
    qtbot.addWidget(curve)
    curve.resize(300, 170)
    curve.show_points([(0, 1.0), (10, end)], level=1.0)
    rows, columns = np.nonzero(orange(curve))
    first, last = rows[columns == columns.min()].mean(), rows[columns == columns.max()].mean()
    assert (last > first) == falls
    assert np.ptp(columns) > 150


def test_it_grows_and_goes_with_its_points(qtbot):
    curve = Curve("step", "loss")
    qtbot.addWidget(curve)
    curve.resize(300, 170)
    curve.show_points([(0, 1.0)])
    one = orange(curve).sum()
    assert one
    curve.show_points([(0, 1.0), (1, 0.5)])
    assert orange(curve).sum() > one
    curve.show_points([])
    assert not curve.isVisibleTo(None)


def orange(widget):
    """Where the picture of a widget has the colour of curves."""
    image = widget.grab().toImage().convertToFormat(widget.grab().toImage().Format.Format_RGB888)
    whole = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    rows = whole.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
    red, _, blue = np.moveaxis(rows.reshape(image.height(), image.width(), 3).astype(int), 2, 0)
    return (red > 200) & (blue < 100)
