import numpy as np
import pandas as pd
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
    assert "uPSNR [dB, peak " in run.output  # what stands in brackets was taken for a style
    table = pd.read_csv(files / "t.csv")
    peak = float(10 ** (table["upsnr"] / 20)[0] * table["umse"][0] ** 0.5)
    assert table["peak"].to_numpy() == pytest.approx(peak) and (table["unit"] == "electrons").all()
    assert f"[dB, peak {peak:.3g} e]" in run.output
    assert "verdict" in table


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


@pytest.mark.filterwarnings("ignore:The columns flow together")  # of a lattice of cosines
def test_compare_and_columns_know_references(files, counts):
    """An image with a strong dark pattern and its dark reference is the image without either."""
    dark = np.random.default_rng(1).integers(0, 200, counts.shape).astype(np.float32)
    sbd.write(sbd.Micrograph(dark), files / "dark.npy")
    sbd.write(sbd.Micrograph(counts + dark, 0.0061, gain=1.0), files / "camera.npy")
    told = {}
    for name, more in (("raw", []), ("camera", ["--dark", str(files / "dark.npy")])):
        options = ["--device", "cpu", "--no-gain-tuning", *more]
        table, columns = files / f"{name}.csv", files / f"{name}_columns.csv"
        for command, target in (("compare", table), ("columns", columns)):
            own = options if command == "compare" else options[:2] + more
            given = [command, str(files / f"{name}.npy"), "-o", str(target), *own]
            run = CliRunner().invoke(app, given)
            assert run.exit_code == 0, run.output
        told[name] = pd.read_csv(table), pd.read_csv(columns, comment="#")
    (scores, found), (plain, others) = told["camera"], told["raw"]
    np.testing.assert_allclose(scores["upsnr"], plain["upsnr"], atol=0.02)
    assert len(found) == len(others) > 5
    np.testing.assert_allclose(found["y"], others["y"], atol=0.01)


def test_columns_of_oblong_pixels_are_refused_before_any_work(files, counts, monkeypatch):
    monkeypatch.setattr(sbd, "denoise", lambda *_, **__: pytest.fail("this takes minutes"))
    sbd.write(sbd.Micrograph(counts, (0.0061, 0.0122), gain=1.0), files / "oblong.npy")
    for more in ([], ["--as-it-is"]):
        given = ["columns", str(files / "oblong.npy"), "-o", str(files / "c.csv"), *more]
        run = CliRunner().invoke(app, given)
        assert isinstance(run.exception, sbd.SBDError)
        assert "0.0061 x 0.0122 nm" in str(run.exception)
    # unless the size that the file tells is corrected
    given += ["--pixel-size", "0.0061"]
    with pytest.warns(UserWarning, match="No atomic columns"):  # of mere noise
        run = CliRunner().invoke(app, given)
    assert run.exit_code == 0


def test_references_beside_a_denoised_file_are_refused(files):
    given = ["--denoised", str(files / "clean.npy"), "--dark", str(files / "raw.npy")]
    target = ["-o", str(files / "c.csv")]
    run = CliRunner().invoke(app, ["columns", str(files / "raw.npy"), *given, *target])
    assert isinstance(run.exception, sbd.SBDError)
    assert "denoised here" in str(run.exception)
