import numpy as np
import pytest
from typer.testing import CliRunner

import napari_sbd as sbd
from known import lattice
from napari_sbd.cli import app


@pytest.fixture
def files(tmp_path, counts):
    sbd.write(sbd.Micrograph(counts, 0.0061, gain=1.0), tmp_path / "raw.npy")
    truth = lattice(counts.shape).astype(np.float32)
    sbd.write(sbd.Micrograph(truth, 0.0061, gain=1.0), tmp_path / "clean.npy")
    return tmp_path


def test_agreement_says_a_verdict_and_writes_maps_and_table(files):
    outputs = [files / name for name in ("map.png", "columns.csv", "maps.npz")]
    options = [part for path in outputs for part in ("-o", str(path))]
    run = CliRunner().invoke(
        app, ["agreement", str(files / "raw.npy"), str(files / "clean.npy"), *options]
    )
    assert run.exit_code == 0, run.output
    assert "columns" in run.output
    assert all(path.stat().st_size > 100 for path in outputs)
    assert np.load(outputs[2])["z"].shape == (192, 256)


def test_agreement_refuses_other_outputs(files):
    run = CliRunner().invoke(
        app, ["agreement", str(files / "raw.npy"), str(files / "clean.npy"), "-o", "x.pdf"]
    )
    assert isinstance(run.exception, sbd.SBDError)


def test_compare_prints_a_table(files):
    options = ["-o", str(files / "t.csv"), "--device", "cpu", "--no-gain-tuning"]
    run = CliRunner().invoke(app, ["compare", str(files / "raw.npy"), *options])
    assert run.exit_code == 0, run.output
    assert "Gaussian" in run.output and "network" in run.output
    assert "verdict" in (files / "t.csv").read_text()


def test_detector_prints_the_calibration_and_draws_it(files):
    run = CliRunner().invoke(
        app, ["detector", str(files / "raw.npy"), "--gain", "1", "-o", str(files / "d.png")]
    )
    assert run.exit_code == 0, run.output
    assert "gain 1" in run.output
    assert (files / "d.png").stat().st_size > 1000


def test_detector_refuses_other_plots_than_pictures(files):
    run = CliRunner().invoke(app, ["detector", str(files / "raw.npy"), "-o", "plot.txt"])
    assert isinstance(run.exception, sbd.SBDError)
