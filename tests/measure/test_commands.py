"""The tools on the command line, on files."""

import math
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd import cli
from napari_sbd.cli import app

GAP, PIXEL = 16.0, 0.0125


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


@pytest.fixture
def image(tmp_path):
    """A square lattice of 0.2 nm in counted electrons."""
    truth = picture(grid(15, 15, GAP), GAP, 3.0, 20.0, 5.0)
    counts = np.random.default_rng(0).poisson(truth).astype(np.float32)
    sbd.write(sbd.Micrograph(counts, PIXEL, gain=1.0), tmp_path / "image.mrc")
    return tmp_path / "image.mrc"


@pytest.fixture
def columns(tmp_path):
    """The same lattice, 1 % longer along x at the right; two kinds of columns."""
    points = grid(12, 12, GAP)
    right = points[:, 1] > 100
    points[right, 1] = 1.01 * (points[right, 1] - 100) + 100
    table = pd.DataFrame(points, columns=["y", "x"])
    table["y_err"], table["x_err"] = 0.01, 0.01
    table["intensity"] = np.where(np.arange(len(points)) % 2, 10.0, 20.0)
    table.attrs["pixel_size_nm"] = PIXEL
    sbd.write_columns(table, tmp_path / "columns.csv")
    return tmp_path / "columns.csv"


def test_fft_reads_spacings_and_angles(monkeypatch, capsys, image):
    assert run(monkeypatch, "fft", image, "--box", "20:240,20:240", "--known", "0.21") == 0
    words = capsys.readouterr().out
    spacings = [float(line.split()[0]) for line in words.splitlines() if " nm at " in line]
    assert spacings[:2] == pytest.approx([0.2, 0.2], rel=2e-3)
    assert "angle of the first two: 90.0" in words or "angle of the first two: 89.9" in words
    assert "pixel size 0.0131" in words


def test_spacings_of_a_denoised_image_have_no_errors_from_what_is_left_of_its_noise(
    monkeypatch, capsys, tmp_path, image
):
    """The spot stays where the noise has put it: errors were a tenth of what spots scatter by."""
    counts = sbd.read(image)
    made = sbd.denoise(counts, model="hrtem")  # of the tests, which knows little of lattices
    sbd.write(made.replace(data=gaussian_filter(counts.data, 2.0)), tmp_path / "clean.tif")
    told = {}
    for path in (image, tmp_path / "clean.tif"):
        assert run(monkeypatch, "fft", path, "--known", "0.21") == 0
        told[path.stem] = capsys.readouterr().out
    assert "±" in told["image"] and "does not show its noise" not in told["image"]
    assert "±" not in told["clean"] and "does not show its noise" in told["clean"]
    for words in told.values():
        spacings = [float(line.split()[0]) for line in words.splitlines() if " nm at " in line]
        assert np.min(np.abs(np.array(spacings) - 0.2)) < 5e-4


def test_fft_of_noise_and_of_a_wrong_box_is_refused(monkeypatch, capsys, tmp_path, image):
    noise = np.random.default_rng(0).poisson(5.0, (128, 128)).astype(np.float32)
    sbd.write(sbd.Micrograph(noise, PIXEL), tmp_path / "noise.mrc")
    assert run(monkeypatch, "fft", tmp_path / "noise.mrc") == 2
    assert "no reflection" in capsys.readouterr().err
    assert run(monkeypatch, "fft", image, "--box", "1-5") == 2
    assert "TOP:BOTTOM" in capsys.readouterr().err


def test_profile_writes_values_and_tells_spacings(monkeypatch, capsys, tmp_path, image):
    out = tmp_path / "profile.csv"
    ends = "--start", "128,5", "--end", "128,250"
    assert run(monkeypatch, "profile", image, "-o", out, *ends, "--gain", 1) == 0
    table = pd.read_csv(out, comment="#")
    assert list(table) == ["position_nm", "raw", "raw_err"]
    words = capsys.readouterr().out
    mean = float(words.split("mean spacing ")[1].split()[0])
    assert mean == pytest.approx(0.2, rel=5e-3)


def test_profile_tells_how_much_of_the_line_lies_outside(monkeypatch, capsys, tmp_path, image):
    out = tmp_path / "profile.csv"
    ends = "--start", "128,5", "--end", "128,500"
    assert run(monkeypatch, "profile", image, "-o", out, *ends, "--gain", 1) == 0
    table = pd.read_csv(out, comment="#")
    gone = int(table["raw"].isna().sum())
    assert gone == pytest.approx(500 - sbd.read(image).shape[1], abs=2)
    assert f"{len(table)} values, {gone} of them outside of the image" in capsys.readouterr().out


def test_pixel_sizes_are_typed_as_in_the_window(monkeypatch, capsys, image):
    """Of 0.2 nm in pixels of 12.5 pm, half as much in pixels of half the size."""
    told = set()
    for text in ("0.00625", "0,00625", "6.25pm", "6.25 pm/px", "0.0625 Å", "0.00625x0.00625"):
        assert run(monkeypatch, "fft", image, "--pixel-size", text) == 0
        told.add(capsys.readouterr().out)
    (words,) = told
    assert float(words.split()[0]) == pytest.approx(0.2 * 0.00625 / PIXEL, rel=2e-3)
    assert run(monkeypatch, "fft", image, "--pixel-size", "6.25 kV") == 2
    assert "type the pixel size in nm" in capsys.readouterr().err
    assert run(monkeypatch, "specialise", "Pt", "-o", "run", "--pixel-size", "6,5 kV") == 2
    assert "type the pixel size in nm" in capsys.readouterr().err


def test_gain_and_offset_have_a_decimal_comma_or_a_point(monkeypatch, capsys, tmp_path, image):
    tables = []
    for gain, offset in (("1.5", "-0.5"), ("1,5", "-0,5")):
        ends = "--start", "128,5", "--end", "128,230", "--gain", gain, "--offset", offset
        assert run(monkeypatch, "profile", image, "-o", tmp_path / "p.csv", *ends) == 0
        tables.append((tmp_path / "p.csv").read_text())
    assert tables[0] == tables[1]
    assert (
        run(monkeypatch, "profile", image, "-o", tmp_path / "p.csv", *ends[:4], "--gain", "a") == 2
    )
    assert "type the gain" in capsys.readouterr().err


def test_strain_against_a_region(monkeypatch, capsys, tmp_path, columns):
    out = tmp_path / "strain.csv"
    assert run(monkeypatch, "strain", columns, "-o", out, "--region", "0:300,0:90") == 0
    found = pd.read_csv(out, comment="#")
    assert found.loc[found["x"] > 130, "strain_xx"].median() == pytest.approx(0.01, abs=1e-4)
    assert "strain_xx: median" in capsys.readouterr().out


def test_rotation_is_told_in_degrees(monkeypatch, capsys, tmp_path, columns):
    """Against the upright left part, the rest turned by 20 mrad is turned by 1.15 degrees."""
    table = pd.read_csv(columns, comment="#")
    y, x = table["y"].copy(), table["x"].copy()
    turned = x > 60
    table.loc[turned, "y"] = y + 0.02 * (x - 60)
    table.loc[turned, "x"] = x - 0.02 * y
    table.to_csv(tmp_path / "turned.csv", index=False)
    given = ["strain", tmp_path / "turned.csv", "-o", tmp_path / "strain.csv"]
    assert run(monkeypatch, *given, "--region", "0:300,0:50") == 0
    words = capsys.readouterr().out.split("rotation: median ")[1].split()
    found = pd.read_csv(tmp_path / "strain.csv", comment="#")["rotation"].median()
    assert float(words[0]) == pytest.approx(math.degrees(found), abs=1e-3)
    assert abs(float(words[0])) == pytest.approx(1.15, abs=0.1)
    assert words[1] == "degrees,"


def test_histogram_parts_kinds(monkeypatch, capsys, columns):
    assert run(monkeypatch, "histogram", columns) == 0
    words = capsys.readouterr().out
    assert "thresholds: 15" in words
    assert words.count("72 columns") == 2
    assert run(monkeypatch, "histogram", columns, "--thresholds", "1,x") == 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("profile {image} -o {out}.csv --start 4,4 --end 4,60 --width 1e6", "make it narrower"),
        ("profile {image} -o {out}.csv --start 4,nan --end 4,60", "The start of the line is Y,X"),
        ("kymograph {movie} -o {out}.csv --start 4,4 --end 4,60 --width 1e6", "make it narrower"),
        ("kymograph {movie} -o {out}.csv --start 4,4 --end 4,60 --width -1", "positive number."),
        ("fft {image} --frame 3", "is a single image, without a frame 3"),
        ("fft {image} --material Unobtainium", "Unobtainium"),
        ("fft {image} --known -1", "The known spacing is a positive number of nm, not -1."),
        ("columns {image} -o {out}.csv --as-it-is --spacing 1e5", "give a shorter one"),
        ("columns {image} -o {out}.csv --as-it-is --element Pt", ".xyz files alone"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_impossible_lines_and_the_like_are_one_sentence_at_once(tmp_path, command, said):
    """A line a million pixels wide took two minutes to be refused."""
    image, movie = tmp_path / "image.tif", tmp_path / "movie.tif"
    values = np.random.default_rng(0).poisson(9.0, (2, 64, 64)).astype(np.float32)
    sbd.write(sbd.Micrograph(values[0], 0.02, gain=1.0), image)
    sbd.write(sbd.Micrograph(values, 0.02, gain=1.0), movie)
    words = command.format(image=image, movie=movie, out=tmp_path / "out").split()
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, sbd.SBDError)
    assert said in str(result.exception)
    assert not (tmp_path / "out.csv").exists()


def test_thresholds_are_told_in_order_and_empty_kinds_without_numbers(tmp_path):
    table = tmp_path / "columns.csv"
    pd.DataFrame({"y": [1.0, 2, 3], "x": [1.0, 2, 3], "intensity": [4.0, 6, 5]}).to_csv(table)
    result = CliRunner().invoke(app, ["histogram", str(table), "--thresholds", "9,1"])
    assert result.output.splitlines() == [
        "thresholds: 1, 9",
        "0: 0 columns",
        "1: 3 columns, 5.00 ± 0.58, sd 1",
        "2: 0 columns",
    ]
