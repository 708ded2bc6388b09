"""What is shown while frames come: a mean that follows the scene, focus and drift."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import rotate

import napari_sbd as sbd
from napari_sbd import cli
from napari_sbd.watch.arrivals import Arrival
from napari_sbd.watch.running import RunningMean, fine_contrast
from napari_sbd.watch.turns import Seen

PIXEL = 0.03
SHAPE = (128, 128)


def particle(shift=(0.0, 0.0), blur=1.8, mean=20.0):
    """Expected counts of a crystal that ends in vacuum, (Y, X)."""
    at = np.array([(y, x) for y in range(30, 100, 9) for x in range(20, 110, 9)], float) + shift
    y, x = (np.arange(n)[:, None] - p for n, p in zip(SHAPE, at.T, strict=True))
    peaks = np.exp(-(y**2) / 2 / blur**2) @ np.exp(-(x**2) / 2 / blur**2).T
    return mean * (1 + 12 / blur**2 * peaks / 2)


def seen(number, expected, rng, fate="denoised"):
    """As a watch tells it; the truth stands for the denoised image."""
    raw = sbd.Micrograph(rng.poisson(expected).astype(np.float32), PIXEL, gain=1.0)
    entry = {"operation": "denoise", "settings": {"block": [1, 1]}}
    result = raw.replace(
        data=expected.astype(np.float32), metadata={"napari_sbd": {"history": [entry]}}
    )
    arrival = Arrival(Path("movie.mrc"), 1, number, stack=None)
    return Seen(arrival, raw, result, fate, 0.1, 0, number=number)


def test_the_mean_follows_a_drifting_scene():
    rng, running = np.random.default_rng(0), RunningMean(frames=6)
    steps = np.array([0.6, -0.4])
    for k in range(9):
        now = running(seen(k, particle(k * steps), rng))
    assert now.count == 6
    assert now.shift == pytest.approx(8 * steps, abs=0.3)
    assert (now.shift_err < 0.3).all()
    # noise of six frames, where all of them reach: a sixth of the variance of one
    inside = np.s_[8:-8, 8:-8]
    off = (now.average - particle(8 * steps))[inside]
    expected = particle()[inside].mean() / 6
    assert 0.8 * expected < off.var() < 1.6 * expected
    assert not now.changed


def test_another_scene_begins_anew():
    rng, running = np.random.default_rng(0), RunningMean()
    for k in range(4):
        running(seen(k, particle(), rng))
    other = rotate(particle(), 30, reshape=False, mode="nearest", order=1)
    now = running(seen(5, other, rng))
    assert now.changed
    assert now.count == 1
    assert now.shift.tolist() == [0, 0]
    assert "anew" in str(now)


def test_late_blank_and_unreadable_frames_do_not_count():
    rng, running = np.random.default_rng(0), RunningMean()
    assert running(seen(3, particle(), rng)) is not None
    assert running(seen(1, particle(), rng)) is None
    assert running(seen(4, particle(), rng, "blank")) is None
    lost = Seen(Arrival(Path("a.mrc"), 1, 5, stack=None), None, None, "unreadable", 0.1, 0)
    assert running(lost) is None
    assert running.newest.count == 1
    smaller = sbd.Micrograph(particle()[:64, :64].astype(np.float32), PIXEL)
    entry = {"operation": "denoise", "settings": {"block": [1, 1]}}
    result = smaller.replace(metadata={"napari_sbd": {"history": [entry]}})
    another = Seen(running.newest.seen.arrival, smaller, result, "denoised", 0.1, 0, number=9)
    assert running(another).average.shape == (64, 64)


@pytest.mark.parametrize("frames", [0, 1.5, -2])
def test_a_mean_of_no_frame_is_refused(frames):
    with pytest.raises(sbd.SBDError, match="1 frame or more"):
        RunningMean(frames)


def test_contrast_is_that_of_the_detail_without_the_noise():
    """A wave of known amplitude; the errors hold on both sides."""
    y, x = np.indices((256, 256)) * 2 * np.pi * PIXEL / 0.21
    truth = 8 * (1 + 0.2 * np.cos(x) * np.cos(y))
    rng = np.random.default_rng(0)
    found = np.array([fine_contrast(rng.poisson(truth), (PIXEL,) * 2) for _ in range(30)])
    assert found[:, 0].mean() == pytest.approx(0.2 / 2, rel=0.03)
    assert 0.6 < found[:, 0].std() / found[:, 1].mean() < 1.5
    none = [fine_contrast(rng.poisson(np.full((256, 256), 8.0)), (PIXEL,) * 2) for _ in range(20)]
    assert np.mean([value for value, _ in none]) < 0.02
    assert np.mean([value < 4 * error for value, error in none]) > 0.9


def test_focus_is_where_the_contrast_is_largest():
    rng = np.random.default_rng(1)
    blurs = [4.0, 3.0, 2.2, 1.6, 2.2, 3.0, 4.0]
    found = [fine_contrast(rng.poisson(particle(blur=b)), (PIXEL,) * 2)[0] for b in blurs]
    assert int(np.argmax(found)) == 3
    assert found[0] < found[1] < found[2] < found[3]


def test_the_finest_period_is_that_of_the_lattice():
    now = RunningMean()(seen(0, particle(), np.random.default_rng(0)))
    assert now.finest is not None
    order = 9 * PIXEL / now.finest
    assert order**2 == pytest.approx(round(order**2), abs=0.15)
    assert now.unit == "nm"


def test_a_frame_that_tells_no_contrast_says_so_in_words():
    """One frame of the size of a stamp, and one without noise."""
    now = RunningMean()(seen(0, particle(), np.random.default_rng(0)))
    assert "Fine contrast" in str(now)
    assert "±" in str(now)
    blind = replace(now, contrast=0.0, contrast_err=float("inf"))
    assert "inf" not in str(blind)
    assert "cannot be told" in str(blind)


def test_the_command_tells_the_numbers(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for k in range(3):
        counts = rng.poisson(particle((0.5 * k, 0))).astype(np.float32)
        sbd.write(sbd.Micrograph(counts, PIXEL, gain=1.0), tmp_path / f"{k}.mrc")
    words = ["napari-sbd", "watch", str(tmp_path), "-o", str(tmp_path / "out"), "--mean", "2"]
    monkeypatch.setattr(sys, "argv", [*words, "--idle", "0", "--model", "hrtem"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    said = capsys.readouterr().out
    assert said.count("Fine contrast") >= 1
    assert "Drift counts from here" in said
