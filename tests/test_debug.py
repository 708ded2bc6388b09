"""What is decided on the way to a result is told to whoever asks for it, and to nobody else."""

import logging

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice, of_cosines

PIXEL = 0.0061


@pytest.fixture
def said(caplog):
    """The rooms that have said something so far."""
    caplog.set_level(logging.DEBUG, "napari_sbd")
    return lambda: {record.name.split(".")[1] for record in caplog.records}


@pytest.fixture
def noisy():
    counts = np.random.default_rng(0).poisson(lattice((128, 128), mean=4.0))
    return sbd.Micrograph(counts.astype(np.float32), PIXEL, gain=1.0)


def test_a_denoising_says_what_it_chose(noisy, said, caplog):
    result = sbd.denoise(noisy)
    assert {"denoising", "networks", "noise", "session"} <= said()
    settings = result.metadata["napari_sbd"]["history"][-1]["settings"]
    assert f"model {settings['model']}: {settings['model_choice']}" in caplog.text


@of_cosines
def test_whoever_judges_says_by_what(noisy, said):
    result = sbd.denoise(noisy, model="hrtem")
    sbd.agreement(noisy, result, denoiser=False)
    sbd.find_columns(noisy, result, halves=False)
    sbd.residual_check(noisy, result)
    assert {"agreement", "columns", "spots", "quality"} <= said()


def test_movies_tuning_and_repetition_speak_too(noisy, said, model, tmp_path):
    movie = noisy.replace(data=np.stack([noisy.data, np.roll(noisy.data, 1, 0)]), frame_time=1.0)
    sbd.estimate_drift(movie, model="hrtem")
    sbd.gain_tune(noisy, model=model, steps=1)
    sbd.write(movie, tmp_path / "movie.tif")
    sbd.denoise_file(tmp_path / "movie.tif", tmp_path / "out.zarr", model="hrtem")
    sbd.rerun(tmp_path / "out.zarr")
    assert {"movie", "gaintuning", "io", "streaming", "provenance"} <= said()


def test_nothing_is_said_unasked(noisy, capsys):
    sbd.denoise(noisy)
    assert capsys.readouterr() == ("", "")
