from __future__ import annotations

import pytest

from napari_sbd.units import number_of, pixel_size_nm, plain, to_nm, to_seconds, with_error


@pytest.mark.parametrize(
    ("value", "unit", "nm"),
    [
        (2e-11, "m", 0.02),
        (1e-9, "cm", 0.01),
        (1e-8, "inch", 0.254),
        (3e-5, "mm", 30.0),
        (0.03, "um", 30.0),
        (0.03, "µm", 30.0),
        (0.03, "μm", 30.0),
        (0.03, "\\u00B5m", 30.0),
        (0.03, b"\xb5m", 30.0),
        (0.03, "microns", 30.0),
        (0.03, "micrometres", 30.0),
        (0.5, "nm", 0.5),
        (0.5, "n_m", 0.5),
        (0.5, "[n_m]", 0.5),
        (0.5, b"n_m", 0.5),
        ("0.5", "nanometers", 0.5),
        (2, "Å", 0.2),
        (2, "\u212b", 0.2),
        (2, "\\u00C5", 0.2),
        (2, b"\xc5", 0.2),
        (2, "Ångström", 0.2),
        (2, "A", 0.2),
        (2, "angstrom", 0.2),
        (8, "pm", 0.008),
        (8, "picometre", 0.008),
        (-0.5, "nm", 0.5),
    ],
)
def test_lengths_come_in_nm(value, unit, nm):
    assert to_nm(value, unit) == pytest.approx(nm, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        *[(1.0, unit) for unit in ("1/nm", "nm^-1", "n_m^-1", "eV", "px", "pixel", "", "rad", "s")],
        *[(1.0, None), (0.0, "nm"), (float("nan"), "nm"), (float("inf"), "nm"), (None, "nm")],
        ("far", "nm"),
    ],
)
def test_what_is_no_length_is_not_calibrated(value, unit):
    assert to_nm(value, unit) is None


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (2, "s", 2),
        (2, "sec", 2),
        (40, "ms", 0.04),
        (40, "µs", 4e-5),
        (1, "min", 60),
        (1, "nm", None),
    ],
)
def test_durations_come_in_seconds(value, unit, seconds):
    assert to_seconds(value, unit) == (seconds and pytest.approx(seconds, rel=1e-12))


def test_each_axis_has_its_own_unit():
    assert pixel_size_nm(2, "A", 10, "pm") == (0.2, 0.01)


def test_one_calibrated_axis_is_no_calibration():
    assert pixel_size_nm(2, "nm", 1, "") is None


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.399051, 0.000294, "0.39905 ± 0.00029"),
        (0.3957, 0.0102, "0.396 ± 0.010"),
        (7045700.0, 44321.0, "7.046e+06 ± 4.4e+04"),
        (1234.5, 67.8, "1234 ± 68"),
        (123.45, 0.0996, "123.45 ± 0.10"),
        (-1.25e-12, 3.1e-14, "-1.250e-12 ± 3.1e-14"),
        (0.0, 2.0e5, "0.0e+00 ± 2.0e+05"),
        (0.39905123, 0.0, "0.39905"),
        (0.39905123, float("nan"), "0.39905"),
        (float("nan"), 1.0, "nan"),
    ],
)
def test_a_value_has_the_digits_that_its_error_leaves(value, error, words):
    assert with_error(value, error) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [(1686.7, "1,690"), (0.0305, "0.0305"), (11.62, "11.6"), (1e9, "1e+09"), (3e-5, "3e-05")],
)
def test_numbers_are_written_as_people_do(value, text):
    assert plain(value) == text


def test_one_thing_is_no_several():
    told = [number_of(count, "column") for count in (0, 1, 2, 30)]
    assert told == ["0 columns", "1 column", "2 columns", "30 columns"]
