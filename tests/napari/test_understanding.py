"""What the widget tells of an image, as a table of images and texts."""

import re

import numpy as np
import pytest

from known import lattice
from napari_sbd._napari.jobs.summary import pixel_size_text, understand, understand_or_say
from napari_sbd.errors import SBDError
from napari_sbd.micrograph import Micrograph
from napari_sbd.units import parse_number, parse_pixel_size


def poisson(mean=1.0, shape=(200, 200)):
    return np.random.default_rng(2).poisson(lattice(shape, mean=mean)).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" ", None),
        ("0.0061", 0.0061),
        ("0,0061", 0.0061),
        ("0.006 x 0.012", (0.006, 0.012)),
        ("0.006×0.012", (0.006, 0.012)),
        ("0.0061 nm", 0.0061),
        ("6.1pm", 0.0061),
        ("0,061 Å", 0.0061),
        ("0.06 x 0.12 Å", (0.006, 0.012)),
        ("6.1e-3", 0.0061),
        ("6.1 pm/px", 0.0061),
        ("0.0061 nm / pixel", 0.0061),
        ("0.06 x 0.12 Å per px", (0.006, 0.012)),
    ],
)
def test_pixel_sizes_are_read_as_typed(text, value):
    assert parse_pixel_size(text) == value
    assert parse_pixel_size(pixel_size_text(value)) == value


@pytest.mark.parametrize("text", ["a", "0.006 x", "x", "1 x 2 x 3", "5 kV", "6 pm x 0.07 Å", "nm"])
def test_other_pixel_sizes_are_refused_in_words(text):
    with pytest.raises(SBDError, match=r"type"):
        parse_pixel_size(text)


def test_a_refused_number_says_what_was_wanted():
    assert parse_number("1,5", "gain") == 1.5
    with pytest.raises(SBDError, match='"much" is no number; type the gain'):
        parse_number("much", "gain")
    for word in ("12,000", "1,250,000"):  # which was 12 without a word
        with pytest.raises(SBDError, match="type the gain without a comma"):
            parse_number(word, "gain")
    for word in ("nan", "inf", "1e999"):
        with pytest.raises(SBDError, match="is no number"):
            parse_number(word, "gain")


@pytest.mark.parametrize(
    ("calibration", "sampling"),
    [
        ({"pixel_size": 0.0061}, "sums 5 x 5 pixels to 0.031 nm"),
        ({"pixel_size": 0.033}, "takes pixels as they are, 0.033 nm"),
        ({"pixel_size": (0.0061, 0.016)}, "sums 5 x 2 pixels to 0.031 x 0.032 nm"),
        ({}, "judged from the image"),
    ],
)
def test_sampling(calibration, sampling):
    found = understand(Micrograph(poisson(), **calibration))
    assert found.sampling.endswith(sampling)


@pytest.mark.parametrize(
    ("image", "calibration", "dose"),
    [
        (poisson(), {"gain": 1, "pixel_size": 0.01}, r"^0\.99\d e⁻ per pixel, 99\.\d e⁻/Å²$"),
        (poisson() * 50 + 7, {"gain": 50, "offset": 7}, r"^0\.99\d e⁻ per pixel$"),
        (poisson(4) * 3, {"pixel_size": 0.0061}, r" e⁻/Å² ± [0-9.]+ % \(estimated\)$"),
        (poisson(), {"pixel_size": 0.0061}, r" e⁻/Å² \(single electrons\)$"),
        (poisson()[None].repeat(2, 0), {"gain": 1}, r"e⁻ per pixel a frame$"),
        (poisson(), {"gain": 1, "offset": 50}, r"^none: the image lies below the offset$"),
        (np.ones((64, 64)), {"pixel_size": 0.0061}, r"^cannot be told from this image$"),
    ],
)
def test_dose(image, calibration, dose):
    assert re.search(dose, understand(Micrograph(image, **calibration)).dose)


@pytest.mark.parametrize("pixel_size", [None, 0.015])
def test_electrons_that_two_pixels_count_are_no_single_ones(pixel_size):
    """Of a counting detector whose electrons light a neighbour half of the time: 1.5 a electron,
    though single pixels, and sums over some, may scatter as counts do."""
    rng = np.random.default_rng(0)
    electrons = rng.poisson(lattice((256, 256)) * 5)
    counts = electrons + rng.binomial(np.roll(electrons, 1, 1), 0.5)
    found = understand(Micrograph(counts.astype(np.uint16), pixel_size))
    assert "single electrons" not in found.dose
    assert found.gain.how != "counted"
    if found.gain.how == "estimated":
        assert abs(found.gain.gain - 1.5) < 3 * found.gain.error


def test_an_estimated_gain_is_near_the_true_one():
    found = understand(Micrograph(poisson(4, (512, 512)) * 3, 0.0061))
    assert found.gain.gain == pytest.approx(3, rel=0.2)
    assert found.electrons == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize(
    ("image", "calibration", "warnings"),
    [
        (poisson(), {"gain": 1, "pixel_size": 0.0061}, []),
        (poisson(), {"gain": 1}, ["The pixel size is unknown"]),
        (
            poisson(9),
            {"gain": 1, "pixel_size": 0.1},
            ["0.1 nm per working pixel", "lattice would be"],
        ),
        (poisson(50), {"gain": 1, "pixel_size": 0.0061}, ["electrons per working pixel"]),
        (poisson(0.01), {"gain": 1, "pixel_size": 0.0061}, ["electrons per working pixel"]),
        (
            poisson(),
            {"gain": 1, "pixel_size": 0.0061, "metadata": {"napari_sbd": {"history": [{}]}}},
            ["already a result"],
        ),
    ],
)
def test_warnings(image, calibration, warnings):
    found = understand(Micrograph(image, **calibration)).warnings
    assert len(found) == len(warnings)
    assert all(words in sentence for words, sentence in zip(warnings, found, strict=True))


def test_the_model_is_named():
    assert understand(Micrograph(poisson(), 0.0061)).model.startswith("hrtem ")


@pytest.mark.parametrize("shape", [(5, 5), (1, 40), (3, 6, 40)])
def test_of_tiny_images_is_told_before_denoise_that_they_are_too_small(shape):
    """And no working pixel of 0 nm."""
    m = Micrograph(np.ones(shape), 0.0061)
    with pytest.raises(SBDError, match="at least 32 x 32"):
        understand(m)
    assert "at least 32 x 32" in understand_or_say(m, "auto")[1]
