import numpy as np
import pytest

from napari_sbd import SBDError
from napari_sbd.simulation.detector import (
    DETECTORS,
    Detector,
    detect,
    detector_named,
    shift_rows,
)

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
    [
        {"tails": 1.1},
        {"interpolated": 2},
        {"illumination": 1.5},
        {"streak": -1},
        {"gain": 0},
        {"mtf": -1},
        {"read_noise": np.nan},
        {"dead": 0.6, "hot": 0.6},
        {"hot": 2},
    ],
)
def test_impossible_detectors_are_refused(wrong):
    with pytest.raises(SBDError, match="detector"):
        Detector(**wrong)


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_electrons_that_differ_add_to_the_variance(spread):
    """Of a sum over N, a Poisson number, of values of mean 1: N (1 + variance of the values)."""
    image = record(Detector(gain=2, gain_spread=spread))
    assert image.mean() == pytest.approx(2 * DOSE, rel=3e-3)
    assert image.var() == pytest.approx(4 * DOSE * (1 + spread**2), rel=2e-2)
    assert abs(correlation(image, 0, 1)) < 0.01


@pytest.mark.parametrize(
    "detector",
    [
        Detector(tails=1, tail_length=1.5),
        Detector(mtf=0.6, tails=0.3, tail_length=3),
        Detector(mtf=0.6, tails=0.3, tail_length=3, read_noise=2),
    ],
)
def test_the_noise_has_the_spectrum_of_its_point_spread(detector):
    """Shot noise passes the transfer; an exponential spread has (1 + (2 pi l f)^2)^(-3/2)."""
    window = np.outer(np.hanning(256), np.hanning(256))
    images = (record(detector, (256, 256), seed=s) - DOSE for s in range(8))
    power = np.mean([np.abs(np.fft.fft2(i * window)) ** 2 for i in images], axis=0)
    f = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    transfer = (1 - detector.tails) * np.exp(-2 * (np.pi * detector.mtf * f) ** 2)
    transfer += detector.tails * (1 + (2 * np.pi * detector.tail_length * f) ** 2) ** -1.5
    expected = DOSE * transfer**2 + detector.read_noise**2
    for low, high in ((0.02, 0.1), (0.1, 0.25), (0.25, 0.4), (0.4, 0.5)):
        ring = (f > low) & (f < high)
        found = power[ring].mean() / (window**2).sum()
        assert found == pytest.approx(expected[ring].mean(), rel=0.03)


def test_a_slow_scan_detector_streaks_forwards_only():
    """A decay over l pixels keeps a = exp(-1 / l): variance (1 - a) / (1 + a), correlation a^d."""
    image = record(Detector(streak=1.5))
    a = np.exp(-1 / 1.5)
    assert image.mean() == pytest.approx(DOSE, rel=3e-3)
    assert image.var() == pytest.approx(DOSE * (1 - a) / (1 + a), rel=3e-2)
    for distance in (1, 2):
        assert correlation(image, 0, distance) == pytest.approx(a**distance, abs=0.02)
    assert abs(correlation(image, 1, 0)) < 0.01
    scene = np.zeros((3, 40))
    scene[:, 20] = 1e6
    after = detect(scene, Detector(streak=1.5), np.random.default_rng(0))
    assert not after[:, :20].any()
    assert (after[:, 21] > 0.3 * after[:, 20]).all()


def test_a_fixed_pattern_is_the_same_in_every_frame():
    movie = record(Detector(fixed_pattern=0.05), (40, 100, 100), dose=400)
    pattern = movie.mean(0)
    assert pattern.std() / pattern.mean() == pytest.approx(np.hypot(0.05, 0.05 / 40**0.5), rel=0.05)


def test_light_falls_towards_the_corners():
    image = record(Detector(illumination=0.4), (401, 401), dose=1e6)
    assert image[200, 200] == pytest.approx(1e6, rel=0.01)
    for corner in (image[0, 0], image[0, -1], image[-1, 0], image[-1, -1]):
        assert corner == pytest.approx(0.6e6, rel=0.01)
    assert image[200, 0] == pytest.approx(0.8e6, rel=0.01)


def test_a_digitiser_rounds_and_adds_its_noise():
    image = record(Detector(gain=3, offset=0.4, step=16))
    assert (image % 16 == 0).all()
    assert image.var() == pytest.approx(9 * DOSE + 16**2 / 12, rel=0.03)


def test_interpolation_between_two_pixels_halves_the_noise():
    """Linear interpolation by half a pixel has variance 1/4 and correlation 1/2 along each axis."""
    image = record(Detector(interpolated=0.5))
    assert image.var() == pytest.approx(DOSE / 4, rel=0.03)
    assert correlation(image, 0, 1) == pytest.approx(0.5, abs=0.02)
    assert correlation(image, 1, 0) == pytest.approx(0.5, abs=0.02)


def test_nothing_is_lost_at_the_edges():
    for name, detector in DETECTORS.items():
        image = record(detector, (64, 64), dose=300)
        electrons = (image - detector.offset) / detector.gain
        assert electrons[:4].mean() == pytest.approx(300, rel=0.03), name
        assert electrons[:, -4:].mean() == pytest.approx(300, rel=0.03), name


def test_a_name_stands_for_a_detector():
    assert detector_named("scintillator CCD") is DETECTORS["scintillator CCD"]
    assert not detector_named("scintillator CCD").counts
    assert detector_named("counting").counts
    with pytest.raises(SBDError, match="scintillator CCD"):
        detector_named("film")
