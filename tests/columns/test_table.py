import csv

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd import SBDError
from napari_sbd.columns.export import read_columns
from napari_sbd.measure.strain import strain_table
from napari_sbd.recipe import recipe, with_recipe

POINTS = grid(8, 8, 20.0, jitter=1.0)
CLEAN = picture(POINTS, 20.0, 4.0, 4.0, 4.0)
COUNTS = np.random.default_rng(0).poisson(CLEAN)


@pytest.fixture(scope="module")
def table():
    return sbd.find_columns(COUNTS, CLEAN, pixel_size=0.01)


def test_the_table_has_what_it_promises(table):
    promised = (
        "y x y_err x_err intensity intensity_err sigma surface agreement_z agreement_p y_nm x_nm "
        "y_raw x_raw y_raw_err x_raw_err intensity_raw intensity_raw_err sigma_raw background"
    )
    assert set(promised.split()) <= set(table.columns)
    assert table["surface"].dtype == bool
    np.testing.assert_allclose(table["y_nm"], 0.01 * table["y"])
    assert table.attrs["polarity"] == "bright"
    assert table.attrs["unit"] == "electrons"
    assert table.attrs["recipe"]["operation"] == "find_columns"


def test_positions_intensities_and_errors_are_those_of_the_scene(table):
    score = sbd.compare_columns(POINTS, table)
    assert score.f1 == 1
    assert score.rmse < 0.02
    assert table["intensity"].median() == pytest.approx(2 * np.pi * 4 * 16, rel=0.01)


@pytest.mark.parametrize(("amplitude", "background"), [(4.0, 4.0), (0.5, 1.0)])
def test_errors_from_the_counts_are_honest(amplitude, background):
    """For clear columns, and for those of three standard deviations."""
    points = grid(24, 24, 20.0, jitter=1.0)
    clean = picture(points, 20.0, 4.0, amplitude, background)
    found = sbd.find_columns(np.random.default_rng(2).poisson(clean), clean)
    pairs = sbd.compare_columns(points, found).pairs
    assert len(pairs) == 576
    matched = found.iloc[pairs[:, 1]]
    off = matched[["y_raw", "x_raw"]].to_numpy() - points[pairs[:, 0]]
    assert 0.9 < np.nanstd(off / matched[["y_raw_err", "x_raw_err"]].to_numpy()) < 1.1
    excess = matched["intensity_raw"] - 2 * np.pi * amplitude * 16
    assert 0.9 < np.nanstd(excess / matched["intensity_raw_err"]) < 1.1


@pytest.mark.parametrize("factor", [1, 40])
def test_camera_values_that_are_no_counts_are_warned_of(factor, recwarn):
    sbd.find_columns(factor * COUNTS, factor * CLEAN)
    assert any("times the variance" in str(w.message) for w in recwarn) == (factor > 1)


def test_pixels_that_are_not_square_are_refused():
    """Columns would be fitted as circles, and their intensities be wrong."""
    sbd.find_columns(COUNTS, CLEAN, pixel_size=(0.0100, 0.0102))
    with pytest.raises(SBDError, match="square"):
        sbd.find_columns(COUNTS, CLEAN, pixel_size=(0.01, 0.015))


def test_masked_pixels_of_a_micrograph_hold_no_data():
    hidden = np.zeros(CLEAN.shape, bool)
    hidden[:, 60:64] = True
    values = np.where(hidden, 65535.0, COUNTS)
    gaps = np.where(hidden, np.nan, COUNTS)
    pair = [
        sbd.Micrograph(data, 0.01, gain=1.0) for data in (np.ma.array(values, mask=hidden), gaps)
    ]
    masked, missing = (sbd.find_columns(m, CLEAN) for m in pair)
    np.testing.assert_array_equal(masked["intensity_raw"], missing["intensity_raw"])


def test_columns_that_the_counts_contradict_are_marked():
    """Three columns of the denoised image are invented."""
    points = grid(8, 8, 20.0)
    gone = np.isin(np.arange(64), (18, 29, 50))
    counts = np.random.default_rng(0).poisson(picture(points, 20.0, 4.0, np.where(gone, 0, 4.0), 4))
    found = sbd.find_columns(counts, picture(points, 20.0, 4.0, 4.0, 4.0))
    invented = found.iloc[sbd.compare_columns(points[gone], found, 3).pairs[:, 1]]
    assert not invented["supported"].any()
    assert invented["agreement_z"].max() < -4
    assert found["supported"].sum() >= 60


def test_summing_pixels_changes_no_value():
    """Wide columns are fitted on summed pixels."""
    points = grid(6, 6, 60.0)
    found = sbd.find_columns(None, picture(points, 60.0, 11.0, 1.0, 0.5))
    score = sbd.compare_columns(points, found)
    assert score.f1 == 1
    assert score.rmse < 0.05
    np.testing.assert_allclose(found["sigma"], 11.0, rtol=0.01)
    np.testing.assert_allclose(found["intensity"], 2 * np.pi * 121, rtol=0.02)


def test_gain_and_offset_lead_to_the_same_electrons(table):
    other = sbd.find_columns(COUNTS * 30 + 100, CLEAN * 30 + 100, gain=30, offset=100)
    np.testing.assert_allclose(other["intensity"], table["intensity"], rtol=1e-4)
    np.testing.assert_allclose(other["y_raw_err"], table["y_raw_err"], rtol=1e-3)


@pytest.mark.parametrize(
    "image", [np.full((64, 64), 0.45), np.full((64, 64), np.nan), np.zeros((40, 40))]
)
def test_an_image_without_columns_gives_an_empty_table_and_a_sentence(image):
    with pytest.warns(UserWarning, match="No atomic columns"):
        empty = sbd.find_columns(None, image, pixel_size=0.01)
    assert len(empty) == 0
    assert {"y", "x", "y_err", "intensity", "surface", "agreement_z", "y_nm"} <= set(empty.columns)
    assert len(sbd.describe_lattice(empty)) == 0


def test_a_movie_gets_one_table_with_frames():
    movie = np.stack([CLEAN, np.full_like(CLEAN, 4.0), CLEAN])
    heard = []
    with pytest.warns(UserWarning, match="No atomic columns"):
        found = sbd.find_columns(
            None, movie, progress=lambda done, total: heard.append((done, total))
        )
    assert found["frame"].value_counts().to_dict() == {0: 64, 2: 64}
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert sbd.follow_columns(found)["track"].nunique() == 64
    with pytest.raises(sbd.Cancelled):
        sbd.find_columns(None, movie, should_stop=lambda: True)


def test_a_column_moved_by_hand_is_fitted_again_and_no_other(table):
    moved = table.copy()
    moved.loc[20, ["y", "x"]] += 1.5
    again = sbd.refit_columns(moved, [20], COUNTS, CLEAN)
    assert again["y"][20] == pytest.approx(table["y"][20], abs=0.05)
    others = [n for n in range(64) if n != 20]
    for name in ("y", "x", "intensity", "y_raw"):
        np.testing.assert_array_equal(again[name][others], table[name][others])


def test_a_column_lost_and_put_back_by_hand(table):
    import pandas as pd

    kept = table.drop(index=30).reset_index(drop=True)
    new = pd.DataFrame({"y": [table["y"][30] + 1], "x": [table["x"][30] - 1]})
    whole = pd.concat([kept, new], ignore_index=True)
    whole.attrs = table.attrs
    again = sbd.refit_columns(whole, [63], COUNTS, CLEAN)
    assert again["x"][63] == pytest.approx(table["x"][30], abs=0.05)
    assert again["intensity_raw_err"][63] == pytest.approx(table["intensity_raw_err"][30], rel=0.05)


@pytest.mark.parametrize("noisy", [True, False])
def test_a_point_put_into_vacuum_says_that_nothing_is_there(noisy):
    import pandas as pd

    clean = np.pad(CLEAN, 60, constant_values=4.0)
    counts = np.random.default_rng(3).poisson(clean) if noisy else None
    table = sbd.find_columns(counts, clean, pixel_size=0.01)
    points = [[20.0, 25.0], [25.0, 200.0], [240.0, 30.0]]
    new = pd.DataFrame(points, columns=["y", "x"], index=[64, 65, 66])
    whole = pd.concat([table, new])
    whole.attrs = table.attrs
    again = sbd.refit_columns(whole, [64, 65, 66], counts, clean)
    put = again.iloc[64:]
    assert not put["supported"].any()
    assert put["note"].str.contains("nothing here").all()
    numbers = put.drop(columns=["note", "agreement_z", "agreement_p", "elongation", "elongation_z"])
    assert np.isfinite(numbers.astype(float)).all(axis=None)
    np.testing.assert_array_equal(put[["y", "x"]], points)
    assert (put["y_err"] > 3).all() and (put["intensity"].abs() < 5 * put["intensity_err"]).all()
    assert again["supported"][:64].sum() >= 63
    back = again.copy()
    back.loc[64, ["y", "x"]] = table.loc[10, ["y", "x"]].to_numpy() + 0.5  # now onto a column
    back = back.drop(index=10).reset_index(drop=True)
    back.attrs = again.attrs
    moved = sbd.refit_columns(back, [63], counts, clean)
    assert moved["note"][63] == "" and moved["supported"][63]


def test_a_table_of_another_image_is_refused(table):
    with pytest.raises(SBDError, match="another"):
        sbd.refit_columns(table, [0], None, CLEAN[:50, :50])
    with pytest.raises(SBDError):
        sbd.find_columns(COUNTS[:50], CLEAN)
    with pytest.raises(SBDError, match="Alpha"):
        sbd.find_columns(None, CLEAN, alpha=0.1)


def test_the_old_order_is_recognised_by_the_recipe_and_told():
    """A denoised image in the first place, the noisy one in the second."""
    noisy = sbd.Micrograph(COUNTS, 0.01, gain=1.0)
    denoised = with_recipe(noisy.replace(data=CLEAN), recipe("denoise"))
    right = sbd.find_columns(noisy, denoised, halves=False)
    with pytest.warns(FutureWarning, match="noisy image comes first"):
        other = sbd.find_columns(denoised, noisy, halves=False)
    np.testing.assert_array_equal(other["y_raw"], right["y_raw"])
    with (
        pytest.warns(FutureWarning, match="noisy image comes first"),
        pytest.warns(UserWarning, match="errors of columns are left empty"),
    ):
        alone = sbd.find_columns(denoised)
    assert len(alone) == 64
    with pytest.raises(SBDError, match="give the raw one"):
        sbd.find_columns(denoised, denoised)


def test_images_in_each_others_place_are_refused():
    with pytest.raises(SBDError, match="noisy image comes first"):
        sbd.find_columns(CLEAN, COUNTS)
    with pytest.raises(SBDError, match="noisy image comes first"):
        sbd.refit_columns(sbd.find_columns(COUNTS, CLEAN), [0], CLEAN, COUNTS)
    with pytest.raises(SBDError, match="no image"):
        sbd.find_columns(None, None)


def test_csv_comes_back_with_its_recipe(table, tmp_path):
    sbd.write_columns(table, tmp_path / "a.csv")
    back = read_columns(tmp_path / "a.csv")
    assert list(back.columns) == list(table.columns)
    np.testing.assert_allclose(back["y_err"], table["y_err"])
    assert back.attrs["scale"] == table.attrs["scale"]
    again = sbd.refit_columns(back, [3], COUNTS, CLEAN)
    np.testing.assert_allclose(again["y"], table["y"], atol=0.05)


@pytest.mark.parametrize(("mark", "comma"), [(",", False), (";", True), ("\t", True), (";", False)])
def test_tables_that_a_spreadsheet_saved_keep_places_and_calibration(table, tmp_path, mark, comma):
    """It parts the first line at its commas, quotes it, and writes numbers as its language does."""
    sbd.write_columns(table, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if comma:
        rows[3:] = [[cell.replace(".", ",") for cell in row] for row in rows[3:]]
    with (tmp_path / "b.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=mark).writerows(rows)
    back = read_columns(tmp_path / "b.csv")
    np.testing.assert_array_equal(back[["y", "x_err"]], table[["y", "x_err"]])
    assert back["supported"].dtype == bool
    assert back.attrs == read_columns(tmp_path / "a.csv").attrs


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("y,x\n8,25,9,5\n8,25,19,5\n", "more numbers than there are names"),  # was y = 9, x = 5
        ('y,x\n"8,25","9,5"\n', "no finite numbers"),
        ("y,x\n8.25,9.5\n,3\n", "no finite numbers"),
        ("# attrs: {,\ny,x\n8.25,9.5\n", "first line of .* is damaged"),
    ],
)
def test_tables_whose_places_cannot_be_told_are_refused(tmp_path, text, why):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SBDError, match=why):
        read_columns(tmp_path / "a.csv")


def test_files_say_the_units_of_what_they_hold(table, tmp_path):
    """Displacements are px of describe_lattice, nm of strain_table; tracks keep their unit."""
    for found, unit in ((sbd.describe_lattice(table), "px"), (strain_table(table), "nm")):
        sbd.write_columns(found, tmp_path / "a.csv")
        head = (tmp_path / "a.csv").read_text().split("\ny,")[0]
        assert f"# displacement, spacing_a, spacing_b: {unit}; neighbour_distance: px" in head
    sbd.write_columns(sbd.follow_columns([table, table]), tmp_path / "tracks.csv")
    assert "[electrons x px]" in (tmp_path / "tracks.csv").read_text()
    assert read_columns(tmp_path / "tracks.csv").attrs["pixel_size_nm"] == 0.01


def test_what_keeps_a_table_from_being_written_is_told_without_drafts(table, tmp_path):
    """A folder of the name; the sentence held a number and the name of a draft."""
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(SBDError, match=r"a\.csv cannot be written: Is a directory\.$"):
        sbd.write_columns(table, tmp_path / "a.csv")


def test_xyz_is_in_angstrom(table, tmp_path):
    sbd.write_columns(table, tmp_path / "a.xyz", element="Pt")
    lines = (tmp_path / "a.xyz").read_text().splitlines()
    assert int(lines[0]) == len(lines) - 2 == 64
    symbol, x, y, z = lines[2].split()
    assert (symbol, float(z)) == ("Pt", 0)
    assert float(x) == pytest.approx(table["x"][0] * 0.1, abs=1e-3)
    assert float(y) == pytest.approx(table["y"][0] * 0.1, abs=1e-3)


def test_atomap_layout(table, tmp_path):
    sbd.write_columns(table, tmp_path / "a.hdf5", CLEAN)
    with h5py.File(tmp_path / "a.hdf5") as file:
        group = file["columns_sublattice"]
        np.testing.assert_allclose(group["atom_positions"], table[["x", "y"]])
        np.testing.assert_allclose(file["image_data"], CLEAN)


def test_frames_of_a_movie_are_no_single_structure(table, tmp_path):
    """All frames lay in one structure, in which each column had a twin per frame."""
    moved = table.assign(y=table["y"] + 1, y_nm=table["y_nm"] + 0.01)
    tracks = sbd.follow_columns([table, moved, table.iloc[:60]])
    sbd.write_columns(tracks, tmp_path / "a.xyz")
    lines = (tmp_path / "a.xyz").read_text().splitlines()
    for frame, count in enumerate((64, 64, 60)):
        assert int(lines[0]) == count and lines[1].endswith(f"frame {frame}")
        told = np.array([line.split()[1:3] for line in lines[2 : 2 + count]], float)
        here = tracks[tracks["frame"] == frame]
        np.testing.assert_allclose(told, 10 * here[["x_nm", "y_nm"]], atol=1e-4)
        lines = lines[2 + count :]
    assert not lines
    with pytest.raises(SBDError, match="one frame"):
        sbd.write_columns(tracks, tmp_path / "a.hdf5")
    sbd.write_columns(tracks[tracks["frame"] == 1], tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert len(file["columns_sublattice/atom_positions"]) == 64


def test_files_that_cannot_be_written_leave_nothing(table, tmp_path):
    with pytest.raises(SBDError, match="csv"):
        sbd.write_columns(table, tmp_path / "a.xlsx")
    with pytest.raises(SBDError, match="pixel size"):
        sbd.write_columns(table.drop(columns="y_nm"), tmp_path / "b.xyz")
    assert not list(tmp_path.iterdir())


def test_command_line(tmp_path):
    from napari_sbd.cli import app

    sbd.write(sbd.Micrograph(CLEAN.astype(np.float32), 0.01), tmp_path / "clean.tif")
    sbd.write(sbd.Micrograph(COUNTS.astype(np.uint16), 0.01), tmp_path / "raw.tif")
    out = tmp_path / "t.csv"
    arguments = [str(tmp_path / "raw.tif"), "-o", str(out), "--strain"]
    arguments += ["--denoised", str(tmp_path / "clean.tif")]
    result = CliRunner().invoke(app, ["columns", *arguments])
    assert result.exit_code == 0, result.output
    assert "64 bright columns" in result.output
    assert {"strain_xx", "species", "y_raw", "y_nm"} <= set(read_columns(out).columns)


def test_what_depends_on_a_moved_column_is_not_left_as_it_was():
    """Strain of a moved column and of its neighbours, and its species, were of the old place."""
    table = sbd.describe_lattice(sbd.find_columns(COUNTS, CLEAN))
    table["species"] = sbd.species(table["intensity"].to_numpy())
    table["mine"] = "kept"
    moved = table.copy()
    moved.loc[20, ["y", "x"]] += 3.0
    with pytest.warns(UserWarning, match="Lattices and strain .* measure them again"):
        again = sbd.refit_columns(moved, [20], COUNTS, CLEAN)
    assert not {"strain_xx", "displacement_y", "lattice", "h", "coordination"} & set(again)
    assert "lattices" not in again.attrs
    assert again.loc[20, "species"] == -1
    others = again.drop(index=20)
    assert (others["species"] == table["species"].drop(index=20)).all()
    assert (again["mine"] == "kept").all()
    fresh = sbd.describe_lattice(again)
    assert np.isfinite(fresh["strain_xx"]).sum() == np.isfinite(table["strain_xx"]).sum()
