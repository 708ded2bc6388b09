"""A part of an image that is treated as an image of its own."""

import sys
import warnings

import numpy as np
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd import cli
from napari_sbd.region import Region

GAP, PIXEL = 16.0, 0.0125
RECTANGLE = "40:168,24:168"
INSIDE = np.s_[40:168, 24:168]
TRIANGLE = [(40.0, 24.0), (167.0, 24.0), (167.0, 160.0)]


@pytest.fixture(scope="module")
def noisy():
    truth = picture(grid(11, 11, GAP), GAP, 3.5, 30.0, 8.0)
    return sbd.Micrograph(np.random.default_rng(3).poisson(truth), PIXEL, gain=1.0)


@pytest.fixture(scope="module")
def whole(noisy):
    return sbd.denoise(noisy, model="hrtem")


@pytest.fixture(scope="module")
def part(noisy):
    return sbd.denoise(noisy, model="hrtem", region=RECTANGLE)


@pytest.fixture(scope="module")
def cropped(noisy):
    return noisy.replace(data=noisy.data[INSIDE])


@pytest.mark.parametrize(
    "given",
    [RECTANGLE, " 40:168, 24:168 ", ((40, 168), (24, 168)), np.array([[40, 168], [24, 168]])],
)
def test_a_rectangle_in_all_its_forms(given):
    assert str(Region.of(given)) == RECTANGLE
    assert Region.of(given).on((192, 192)).size == (128, 144)


def test_a_polygon_in_all_its_forms_holds_its_inside():
    text = "40,24 167,24 167,160"
    assert str(Region.of(TRIANGLE)) == str(Region.of(text)) == text
    part = Region.of(text).on((192, 192))
    assert part.holds([(160, 30), (50, 150), (30, 30)]).tolist() == [True, False, False]
    mask = part.mask()
    assert mask[160, 30]
    assert not mask[50, 150]
    assert mask.sum() == pytest.approx(127 * 136 / 2, rel=0.03)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a:b,c:d", "A region is"),
        ("1,2 3,4", "A region is"),
        ("50:40,0:60", "holds no pixel"),
        (object(), "A region is"),
        ([(0, np.nan), (3, 4), (5, 6)], "finite"),
        ("0:10,0:100", "at least 32 x 32"),
        ("500:600,500:600", "0 x 0 of the 192 x 192"),
    ],
)
def test_what_is_no_region_is_refused(noisy, given, words):
    with pytest.raises(sbd.SBDError, match=words):
        sbd.denoise(noisy, model="hrtem", region=given)


def test_a_region_is_denoised_as_an_image_of_its_own(noisy, part, cropped):
    assert part.shape == noisy.shape
    alone = sbd.denoise(cropped, model="hrtem")
    assert np.array_equal(part.data[INSIDE], alone.data)
    assert np.isnan(part.data).sum() == part.data.size - alone.data.size


def test_its_dose_and_model_are_those_of_the_region(noisy):
    """A dark half would make the dose of the whole another one."""
    values = np.where(np.arange(192) < 96, 0.1, 1.0) * noisy.data
    scene = noisy.replace(data=np.random.default_rng(0).poisson(values))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = sbd.denoise(scene, model="hrtem", region="0:192,0:96")
    settings = made.metadata["napari_sbd"]["history"][-1]["settings"]
    assert settings["dose"] == pytest.approx(scene.data[:, :96].mean(), rel=1e-5)
    assert settings["region"] == "0:192,0:96"


def test_columns_and_judgement_are_those_of_the_part_alone(noisy, part, cropped):
    alone = sbd.denoise(cropped, model="hrtem")
    table, own = sbd.find_columns(noisy, part), sbd.find_columns(cropped, alone)
    assert len(table) == len(own) > 50
    assert table["y"].to_numpy() == pytest.approx(own["y"].to_numpy() + 40)
    assert table["x_nm"].to_numpy() == pytest.approx(own["x_nm"].to_numpy() + 24 * PIXEL)
    assert table["y_err"].to_numpy() == pytest.approx(own["y_err"].to_numpy())
    judged, theirs = sbd.agreement(noisy, part), sbd.agreement(cropped, alone)
    assert judged.verdict() == theirs.verdict()
    assert np.array_equal(judged.z[INSIDE], theirs.z)
    assert np.isnan(judged.z[0, 0])
    assert len(judged.columns) == len(table)
    halves = sbd.split_half_resolution(noisy, part)
    assert halves.correlation == sbd.split_half_resolution(cropped, alone).correlation
    assert halves.map.shape == noisy.shape


def test_a_region_of_a_whole_result_counts_what_lies_in_it(noisy, whole):
    everything = sbd.find_columns(noisy, whole)
    some = sbd.find_columns(noisy, whole, region=TRIANGLE)
    inside = Region.of(TRIANGLE).on(noisy.shape).holds(everything[["y", "x"]])
    assert 10 < len(some) < len(everything)
    assert some["y"].tolist() == everything["y"][inside].tolist()
    assert some["surface"].tolist() == everything["surface"][inside].tolist()
    judged = sbd.agreement(noisy, whole, region=TRIANGLE)
    assert len(judged.columns) == len(some)
    assert np.isfinite(judged.z).mean() == pytest.approx(127 * 136 / 2 / 192**2, rel=0.03)


def test_a_column_moved_by_hand_in_a_region_finds_its_place_again(noisy, part):
    table = sbd.find_columns(noisy, part)
    there = table.loc[30, ["y", "x"]].to_numpy(float)
    edited = table.copy()
    edited.loc[30, ["y", "x"]] = there + 1.0
    again = sbd.refit_columns(edited, [30], noisy, part)
    assert again.loc[30, ["y", "x"]].to_numpy(float) == pytest.approx(there, abs=0.05)
    assert again.loc[30, "y_nm"] == pytest.approx(again.loc[30, "y"] * PIXEL)
    assert again["y"].drop(30).tolist() == pytest.approx(table["y"].drop(30).tolist())


def test_movies_and_their_neighbours_are_denoised_in_the_region(noisy, cropped):
    frames = np.random.default_rng(0).poisson(np.stack([noisy.data * 0.5] * 3))
    movie = noisy.replace(data=frames)
    for neighbours in (0, 1):
        made = sbd.denoise(movie, model="hrtem", region=RECTANGLE, neighbours=neighbours)
        parts = movie.replace(data=frames[:, *INSIDE])
        alone = sbd.denoise(parts, model="hrtem", neighbours=neighbours)
        assert np.array_equal(made.data[:, *INSIDE], alone.data)
        assert np.isnan(made.data[:, 0, 0]).all()


def test_the_recipe_says_the_region_and_rerun_repeats_it(noisy, whole, tmp_path, monkeypatch):
    sbd.write(noisy, tmp_path / "raw.mrc")
    raw = sbd.read(tmp_path / "raw.mrc")
    result = sbd.denoise(raw, model="hrtem", region=TRIANGLE)
    sbd.write(result, tmp_path / "part.ome.tif")
    assert sbd.rerun(tmp_path / "part.ome.tif").identical
    recipe = result.metadata["napari_sbd"]
    assert "region='40,24 167,24 167,160'" in sbd.as_python(recipe)
    assert "--region '40,24 167,24 167,160'" in sbd.as_command(recipe)
    words = "columns", "raw.mrc", "-o", "part.csv", "--denoised", "part.ome.tif"
    monkeypatch.chdir(tmp_path)
    command(monkeypatch, *words, "--region", "60:140,30:120", "--gain", "1")
    again = sbd.rerun(tmp_path / "part.csv")
    assert again.identical
    assert again.result["y"].between(59.5, 139.5).all()
    words = "agreement", "raw.mrc", "part.ome.tif", "-o", "z.npz", "--gain", "1"
    command(monkeypatch, *words, "--region", "60:140,30:120")
    assert sbd.rerun(tmp_path / "z.npz").identical


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
