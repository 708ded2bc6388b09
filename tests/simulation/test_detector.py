import numpy as np
import pytest

from napari_sbd import SBDError
from napari_sbd.simulation.detector import Detector, detect, shift_rows

DOSE = 30.0


def record(detector, shape=(400, 400), dose=DOSE, seed=0):
    return detect(np.full(shape, dose), detector, np.random.default_rng(seed)).astype(float)


def correlation(image, dy, dx):
    noise = image - image.mean()
    return (noise * np.roll(noise, (dy, dx), (0, 1))).mean() / noise.var()


def test_a_counting_detector_is_poisson():
    image = record(Detector())
    assert image.mean() == pytest.approx(DOSE, rel=2e-3)
    assert image.var() == pytest.approx(DOSE, rel=2e-2)
    assert (image == np.round(image)).all()


def test_gain_offset_and_readout_noise():
    image = record(Detector(gain=7, offset=100, read_noise=3))
    assert image.mean() == pytest.approx(7 * DOSE + 100, rel=2e-3)
    assert image.var() == pytest.approx(49 * (DOSE + 9), rel=2e-2)


def test_the_mtf_correlates_neighbours_and_keeps_the_electrons():
    """White noise under a Gaussian of sd s: variance 1 / (4 pi s^2), correlation exp(-d^2/4s^2)."""
    s = 1.2
    image = record(Detector(mtf=s))
    assert image.mean() == pytest.approx(DOSE, rel=2e-3)
    assert image.var() == pytest.approx(DOSE / (4 * np.pi * s**2), rel=3e-2)
    for distance in (1, 2, 3):
        expected = np.exp(-(distance**2) / (4 * s**2))
        assert correlation(image, 0, distance) == pytest.approx(expected, abs=0.02)
        assert correlation(image, distance, 0) == pytest.approx(expected, abs=0.02)


def test_the_mtf_blurs_what_is_seen():
    scene = np.zeros((41, 41))
    scene[20, 20] = 1e6
    image = detect(scene, Detector(mtf=2.0), np.random.default_rng(0))
    y, x = np.mgrid[-20:21, -20:21]
    assert (image * x**2).sum() / image.sum() == pytest.approx(4.0, rel=0.02)
    assert (image * y**2).sum() / image.sum() == pytest.approx(4.0, rel=0.02)


def test_dead_and_hot_pixels_stay_where_they_are():
    detector = Detector(gain=2, offset=50, dead=0.02, hot=0.01, hot_current=500)
    movie = record(detector, (5, 200, 200))
    dead, hot = (movie == 50).all(0), (movie > 50 + 2 * 400).all(0)
    assert dead.mean() == pytest.approx(0.02, abs=0.003)
    assert hot.mean() == pytest.approx(0.01, abs=0.002)
    assert movie[:, hot].mean() == pytest.approx(50 + 2 * (DOSE + 500), rel=0.01)
    assert movie[:, ~dead & ~hot].mean() == pytest.approx(50 + 2 * DOSE, rel=0.01)


def test_scan_noise_shifts_whole_rows():
    x = np.arange(200)
    scene = np.tile(1e6 * (1.5 + np.sin(2 * np.pi * x / 20)), (300, 1))
    image = detect(scene, Detector(row_jitter=0.8), np.random.default_rng(1))
    phase = np.angle((image * np.exp(-2j * np.pi * x / 20)).sum(1))
    shift = -(phase - np.angle(np.exp(1j * phase).sum())) * 20 / (2 * np.pi)
    assert shift.std() == pytest.approx(0.8, rel=0.1)


def test_rows_move_by_their_shift():
    row = np.arange(10.0)
    shifted = shift_rows(np.stack([row, row]), np.array([0.25, -2.0]))
    np.testing.assert_allclose(shifted[0, 1:], row[1:] - 0.25)
    np.testing.assert_allclose(shifted[1, :-2], row[:-2] + 2)


@pytest.mark.parametrize(
    "wrong",
    [{"gain": 0}, {"mtf": -1}, {"read_noise": np.nan}, {"dead": 0.6, "hot": 0.6}, {"hot": 2}],
)
def test_impossible_detectors_are_refused(wrong):
    with pytest.raises(SBDError, match="detector"):
        Detector(**wrong)
