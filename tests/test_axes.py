"""Which axis is which, and that spectra are no images."""

from __future__ import annotations

import pytest

from napari_sbd.axes import Axis, calibration, frames_first, is_image, stack_first

ORDERS = [
    ("y x", (0, 1)),
    ("x y", (1, 0)),
    ("X Y", (1, 0)),
    ("R_x R_y", (1, 0)),
    ("height width", (0, 1)),
    ("width height", (1, 0)),
    ("- -", (0, 1)),
    ("x -", (1, 0)),
    ("- y", (1, 0)),
    ("time y x", (0, 1, 2)),
    ("x y time", (2, 1, 0)),
    ("y x time", (2, 0, 1)),
    ("x y -", (2, 1, 0)),
    ("- x y", (0, 2, 1)),
    ("x y z", (2, 1, 0)),
    ("z y x", (0, 1, 2)),
    ("- - -", (0, 1, 2)),
    ("- - time", (2, 0, 1)),
]


@pytest.mark.parametrize(("names", "order"), ORDERS)
def test_names_decide(names, order):
    axes = [Axis(None if name == "-" else name) for name in names.split()]
    assert frames_first(axes) == order


def test_a_unit_of_time_decides():
    axes = [Axis("", "[n_m]", 0.02), Axis("", "n_m", 0.03), Axis("", "ms", 40)]
    order = frames_first(axes)
    assert order == (2, 0, 1)
    assert calibration(axes, order) == {"pixel_size": (0.02, 0.03), "frame_time": 0.04}


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("energy y x", (0, 1, 2)),
        ("y x energy", (2, 0, 1)),
        ("x y Wavelength", (2, 1, 0)),
        ("x energy y", (1, 2, 0)),
        ("y x time", (2, 0, 1)),
        ("time z y x", (0, 1, 2, 3)),
        ("y x z energy", (3, 0, 1, 2)),
        ("- - -", (0, 1, 2)),
    ],
)
def test_signals_along_a_stack_come_first(names, order):
    assert stack_first([Axis(None if name == "-" else name) for name in names.split()]) == order


def test_the_one_axis_that_is_not_navigated_is_the_signal():
    axes = [Axis("y", navigate=True), Axis("x", navigate=True), Axis("", navigate=False)]
    assert stack_first(axes) == (2, 0, 1)


def test_without_names_the_writer_decides():
    assert frames_first([Axis()] * 3, reverse=True) == (2, 1, 0)
    assert frames_first([Axis("y"), Axis("x")], reverse=True) == (0, 1)


def test_the_axis_of_navigation_counts_frames():
    axes = [Axis(navigate=False), Axis(navigate=False), Axis(navigate=True)]
    assert frames_first(axes) == (2, 0, 1)


@pytest.mark.parametrize(
    "axis",
    [
        Axis("Energy"),
        Axis("Energy loss", "eV"),
        Axis("", "keV"),
        Axis("Wavelength", "nm"),  # its nanometres are no pixel size
        Axis("Raman Shift", "1/cm"),
        Axis("", b"[e_V]"),
    ],
)
def test_spectra_are_no_images(axis):
    assert not is_image([Axis("y", "nm"), Axis("x", "nm"), axis])
    assert not is_image([Axis("y", "nm"), axis])


def test_one_signal_axis_makes_spectra():
    one = [Axis(navigate=True), Axis(navigate=True), Axis(navigate=False)]
    two = [Axis(navigate=True), Axis(navigate=False), Axis(navigate=False)]
    assert (is_image(one), is_image(two)) == (False, True)


@pytest.mark.parametrize("number", [1, 4])
def test_images_and_stacks_have_two_or_three_axes(number):
    assert not is_image([Axis()] * number)
