"""Spots of waves whose frequency is known."""

import numpy as np
import pytest

from napari_sbd.errors import SBDError
from napari_sbd.measure.spectrum import angle_between, box_spectrum, snap, strongest
from napari_sbd.spacings import reflections


def waves(shape, frequencies, amplitude=1.0):
    """Cosines of (y, x) frequencies [cycles per px]."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return sum(amplitude * np.cos(2 * np.pi * (fy * y + fx * x) + 0.3) for fy, fx in frequencies)


@pytest.mark.parametrize(
    ("pixel", "frequency"),
    [
        ((0.02, 0.02), (0.0, 0.1)),
        ((0.02, 0.02), (0.0713, -0.0931)),
        ((0.02, 0.03), (0.11, 0.051)),
        ((1.0, 1.0), (-0.2171, 0.13)),
    ],
)
def test_a_spot_has_the_spacing_and_direction_of_its_wave(pixel, frequency):
    """Between the bins to a thousandth of one, wherever it is clicked within two bins."""
    spectrum = box_spectrum(waves((150, 170), [frequency]), pixel)
    y, x = np.divide(frequency, pixel)
    spot = snap(spectrum, y + 1.4 * spectrum.bin[0], x - 1.2 * spectrum.bin[1])
    assert spot.spacing == pytest.approx(1 / np.hypot(y, x), rel=2e-4)
    assert spot.direction == pytest.approx(np.degrees(np.arctan2(-y, x)) % 180, abs=0.02)
    assert spot.significant


def test_the_opposite_spot_is_the_same_planes():
    spectrum = box_spectrum(waves((96, 96), [(0.05, 0.12)]), (0.02, 0.02))
    one, other = snap(spectrum, 2.5, 6.0), snap(spectrum, -2.5, -6.0)
    assert one.spacing == pytest.approx(other.spacing, rel=1e-6)
    assert one.direction == pytest.approx(other.direction, abs=1e-6)
    assert angle_between(one, other)[0] == pytest.approx(180, abs=1e-4)


@pytest.mark.parametrize("degrees", [30.0, 54.7356, 70.5288, 90.0, 125.0])
def test_the_angle_between_two_spots(degrees):
    a = 0.12
    turned = a * np.sin(np.radians(degrees)), a * np.cos(np.radians(degrees))
    spectrum = box_spectrum(waves((200, 200), [(0.0, a), turned]), (0.02, 0.02))
    spots = [snap(spectrum, fy / 0.02, fx / 0.02) for fy, fx in ((0.0, a), turned)]
    assert angle_between(*spots)[0] == pytest.approx(degrees, abs=0.02)


@pytest.mark.parametrize("envelope", [None, 20.0])
def test_errors_hold_in_repeated_noise(envelope):
    """Deviations over errors have unit variance: of a wave in the whole box, and of a particle."""
    truth = waves((96, 96), [(0.061, 0.117)], 0.5)
    if envelope:
        y, x = np.mgrid[:96, :96] - 47.5
        truth = 2 * truth * np.exp(-(y**2 + x**2) / 2 / envelope**2)
    clean = snap(box_spectrum(truth), 0.061, 0.117)
    rng = np.random.default_rng(5)
    z = []
    for _ in range(300):
        spot = snap(box_spectrum(truth + rng.normal(0, 1.0, truth.shape)), 0.061, 0.117)
        z.append(
            [
                (spot.spacing - clean.spacing) / spot.spacing_err,
                (spot.direction - clean.direction) / spot.direction_err,
            ]
        )
    spread = np.std(z, axis=0)
    assert ((spread > 0.87) & (spread < 1.15)).all(), spread


@pytest.mark.parametrize("shape", [(48, 400), (400, 48), (64, 400), (96, 96)])
def test_a_strip_shows_the_lattice_that_its_length_holds(shape):
    """As across an interface: 33 periods along the strip were "no reflection"."""
    spacing, turn = 12.0, 0.2
    ways = [(np.sin(t), np.cos(t)) for t in (turn, turn + np.pi / 2)]
    truth = 20 + waves(shape, np.array(ways) / spacing, 8.0)
    for seed in range(5):
        counts = np.random.default_rng(seed).poisson(truth)
        for spot in strongest(counts)[1][:2]:
            assert abs(spot.spacing - spacing) < 4.5 * spot.spacing_err
    noise = [np.random.default_rng(seed).poisson(20.0, shape) for seed in range(40)]
    assert sum(len(reflections(image).amplitude) for image in noise) == 0


def test_a_peak_of_noise_is_not_significant():
    """In searches of noise, less than one in fifty is called a spot."""
    rng = np.random.default_rng(2)
    found = [
        snap(box_spectrum(rng.normal(0, 1, (64, 64))), 0.2, 0.13).significant for _ in range(200)
    ]
    assert sum(found) <= 4
    faint = waves((64, 64), [(0.2, 0.13)], 0.4)
    seen = [
        snap(box_spectrum(faint + rng.normal(0, 1, (64, 64))), 0.2, 0.13).significant
        for _ in range(50)
    ]
    assert sum(seen) > 45


def test_a_box_is_cut_where_the_image_ends_and_refused_where_nothing_is_left():
    image = waves((100, 120), [(0.1, 0.05)])
    assert box_spectrum(image, box=((-20, 40), (100, 400))).power.shape == (40, 20)
    with pytest.raises(SBDError, match="at least 8 x 8"):
        box_spectrum(image, box=((-20, 4), (0, 50)))
    with pytest.raises(SBDError, match="no data"):
        box_spectrum(np.full((20, 20), np.nan))


def test_the_centre_is_no_spot():
    spectrum = box_spectrum(waves((64, 64), [(0.1, 0.05)]))
    with pytest.raises(SBDError, match="off the centre"):
        snap(spectrum, 100.0, 100.0)
    assert snap(spectrum, 0.0, 0.0).frequency >= 1.9 / 64


@pytest.mark.parametrize("across", [(0.0, 0.0), (0.5, 0.0), (0.49, 0.48), (0.41, -0.49)])
def test_a_spot_is_found_wherever_it_lies_between_the_bins(across):
    """Planes of (10, 7) periods along the sides, and shares of one more."""
    shape = (97, 106)
    true = (np.array([10.0, 7.0]) + across) / shape
    noisy = 5 + waves(shape, [true], 3.0) + np.random.default_rng(0).normal(0, 2, shape)
    spot = strongest(noisy)[1][0]
    assert spot.significant
    assert abs(spot.spacing - 1 / np.hypot(*true)) < 4 * spot.spacing_err
    assert spot.spacing_err < 1e-3 * spot.spacing
