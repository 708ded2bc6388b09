import sys

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd import cli


def run(monkeypatch, *arguments):
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


@pytest.fixture
def noisy(tmp_path, counts):
    path = tmp_path / "noisy.mrc"
    sbd.write(sbd.Micrograph(counts, 0.0061, gain=1.0), path)
    return path


def test_tune_save_and_apply_again(monkeypatch, capsys, tmp_path, model, noisy, counts):
    out, again = tmp_path / "out.ome.tif", tmp_path / "again.ome.tif"
    options = ("--model", model, "--gain", 1)
    assert (
        run(monkeypatch, "denoise", noisy, "-o", out, "--gain-tuning", "--save-gains", *options)
        == 0
    )
    assert "put aside" in capsys.readouterr().out
    gains = tmp_path / "out_gains.safetensors"
    assert run(monkeypatch, "denoise", noisy, "-o", again, "--gains", gains, *options) == 0
    result = sbd.read(out)
    np.testing.assert_array_equal(sbd.read(again).data, result.data)
    settings = result.metadata["napari_sbd"]["history"][0]["settings"]
    assert settings["gain_tuning"]["gains_sha256"] == sbd.Tuned.load(gains).sha256


def test_the_model_that_is_tuned_is_the_one_that_was_chosen(monkeypatch, capsys, tmp_path, noisy):
    out = tmp_path / "out.ome.tif"
    assert run(monkeypatch, "denoise", noisy, "-o", out, "--gain-tuning", "--tune-steps", 1) == 0
    settings = sbd.read(out).metadata["napari_sbd"]["history"][-1]["settings"]
    assert (
        settings["model_choice"]
        == sbd.denoise(sbd.read(noisy)).metadata["napari_sbd"]["history"][-1]["settings"][
            "model_choice"
        ]
    )
    assert settings["model_choice"] in " ".join(capsys.readouterr().out.split())


def test_no_steps_tune_nothing(monkeypatch, capsys, tmp_path, model, noisy):
    """It ended in a division by zero."""
    out, options = tmp_path / "out.ome.tif", ("--gain-tuning", "--tune-steps", 0, "--model", model)
    assert run(monkeypatch, "denoise", noisy, "-o", out, *options) == 0
    plain = sbd.denoise(sbd.read(noisy), model=model)
    np.testing.assert_array_equal(sbd.read(out).data, plain.data)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--loss", "sure"], "--gain-tuning"),
        (["--save-gains"], "--gain-tuning"),
        (["--gain-tuning", "--gains", "g.safetensors"], "leave out"),
        (["--gain-tuning", "--loss", "guess"], "The loss is"),
        (["--gain-tuning", "--tune-frames", "7"], "no frame 7"),
    ],
)
def test_bad_options_are_one_sentence(monkeypatch, capsys, tmp_path, noisy, options, word):
    out = tmp_path / "out.ome.tif"
    assert run(monkeypatch, "denoise", noisy, "-o", out, *options) == 2
    said = capsys.readouterr().err
    assert word in said
    assert "Traceback" not in said
    assert not out.exists()
