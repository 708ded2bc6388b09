"""What is left of a scan's faults, as training shows it."""

import numpy as np
import pytest

from napari_sbd.training import cameras

SHAPE = (128, 128)
X = np.arange(128)
STRIPES = np.tile(40 * (1 + 0.4 * np.sin(2 * np.pi * X / 8)), (128, 1))  # vertical


def scans(expected, count=40):
    return [cameras.leave_over(expected, np.random.default_rng(s), 1.0) for s in range(count)]


def phase_scatter(image):
    """Scatter [px] of the places of vertical stripes over the rows."""
    phase = np.angle((image * np.exp(-2j * np.pi * X / 8)).sum(1))
    return np.std(phase - np.angle(np.exp(1j * phase).mean())) * 8 / (2 * np.pi)


def test_the_network_is_to_find_the_rows_where_the_scan_put_them(monkeypatch):
    monkeypatch.setattr(cameras, "_ILLUMINATION", 0.0)
    scatter = np.array([phase_scatter(clean) for _, clean in scans(STRIPES)])
    along_x = scatter > 1e-3  # of a scan along y the stripes move as a whole
    assert 0.25 < along_x.mean() < 0.75
    assert 0.05 < scatter[along_x].mean() < 0.25  # uniform from 0 to 0.3
    assert scatter.max() < 0.4


def test_what_is_found_is_what_is_expected_of_what_is_shown():
    for noisy, clean in scans(STRIPES):
        assert noisy.shape == clean.shape == SHAPE
        assert (noisy - clean).mean() == pytest.approx(0, abs=0.5)
        assert clean.mean() == pytest.approx(40, rel=0.2)


def test_streaks_leave_the_signal_askew_and_the_noise_nearly_white(monkeypatch):
    monkeypatch.setattr(cameras, "_MISFIT", 0.0)
    f = np.fft.rfftfreq(SHAPE[1])
    for seed in range(8):
        signal, colour = cameras._streak(SHAPE, np.random.default_rng(seed))
        assert signal[0, 0] == pytest.approx(1, rel=1e-6)
        phase = np.angle(signal[0, 1:-1])
        assert (phase < 0).all()  # what comes later is late at all frequencies
        assert colour == pytest.approx(np.ones((1, len(f))), rel=0.05)


def test_without_scans_nothing_changes():
    one, other = (cameras.leave_over(STRIPES, np.random.default_rng(3), *p) for p in ((), (0.0,)))
    np.testing.assert_array_equal(one, other)
