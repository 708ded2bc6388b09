"""Results made once more: by rerun, by the script and by the commands that recipes turn into."""

import json
import runpy
import shlex
import shutil
import sys
from contextlib import nullcontext

import h5py
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import moving
import napari_sbd as sbd
from known import of_cosines
from napari_sbd import cli
from napari_sbd.provenance import read_recipe, replay
from napari_sbd.provenance.steps.plain import own_first
from napari_sbd.recipe import KEY

PIXEL = 0.0061
pytestmark = pytest.mark.usefixtures("tiny_model")  # recipes are made whatever the network


@pytest.fixture
def raw(tmp_path, counts):
    path = tmp_path / "raw data.mrc"
    sbd.write(sbd.Micrograph(counts, PIXEL, gain=1.0), path)
    return path


@pytest.fixture
def movie(tmp_path, counts):
    path = tmp_path / "movie.npy"
    frames = np.stack([counts, np.roll(counts, 7, 0), counts[::-1], counts[:, ::-1]])
    sbd.write(sbd.Micrograph(frames, PIXEL), path)
    return path


def command_line(monkeypatch, *words):
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


def results(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


def stored(tmp_path, result, name="result.ome.tif"):
    sbd.write(result, tmp_path / name)
    return tmp_path / name


@pytest.mark.filterwarnings("ignore")  # whether the result is good is not asked
def test_an_offset_that_a_gain_reference_leaves_to_be_told_is_taken_off_again(tmp_path, counts):
    """Without a dark reference; the recipe said 0, and that it was edited."""
    rng = np.random.default_rng(2)
    response = rng.normal(1, 0.1, counts.shape[-2:])
    sbd.write(sbd.Micrograph(response), tmp_path / "gain.tif")
    seen = counts * response + 5.0
    sbd.write(sbd.Micrograph(seen.astype(np.float32), PIXEL, gain=1.0), tmp_path / "raw.tif")
    options = {"gain_reference": tmp_path / "gain.tif", "offset": 5.0}
    made = sbd.denoise(sbd.read(tmp_path / "raw.tif"), model="hrtem", device="cpu", **options)
    path = stored(tmp_path, made)
    assert made.offset == 0 and "offset 5" in sbd.cite(made)
    assert "identical" in sbd.rerun(path).verdict() and "EDITED" not in sbd.rerun(path).verdict()


def test_another_image_under_the_name_of_the_source_is_no_edited_recipe(tmp_path, raw, counts):
    """Its dose is another, which was told as a forgery of the recipe."""
    path = stored(tmp_path, sbd.denoise(sbd.read(raw), model="hrtem"))
    raw.unlink()
    sbd.write(sbd.Micrograph(2 * counts, PIXEL, gain=1.0), raw)
    again = sbd.rerun(path)
    assert again.identical is False
    assert "EDITED" not in again.verdict()
    assert "The recipe is not of this source. Its dose" in again.verdict()
    assert again.verdict().endswith("The source file has CHANGED.")


def test_the_same_once_more_and_nothing_is_written(tmp_path, raw):
    path = stored(tmp_path, sbd.denoise(sbd.read(raw), quality="best"))
    before = results(tmp_path)
    again = sbd.rerun(path)
    assert again.identical
    assert again.largest_difference == 0
    assert again.source_intact
    assert again.verdict() == "The result is identical. The source file is unchanged."
    assert results(tmp_path) == before


def edited(path, **changes):
    """Change settings of the last step in the recipe of a result that was written as .npy."""
    beside = path.with_name(path.name + ".json")
    record = json.loads(beside.read_text())
    record["recipe"]["history"][-1]["settings"].update(changes)
    beside.write_text(json.dumps(record))
    return path


@pytest.mark.filterwarnings("ignore:The image has")
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"dose": 123.0}, "dose is 123"),
        ({"dose": 2.0}, "dose is 2"),
        ({"gain": 77.0}, "gain is 77"),
        ({"gain": 77.0, "dose": 123.0}, "gain is 77"),
        ({"gain": 2.0, "dose": 0.5}, "gain is 2"),
        ({"pixel_size": 0.0062}, "pixel size is 0.0062"),
        ({"block": [4, 4]}, "block is 4 x 4"),
        ({"model": "stem"}, "'stem'"),
        ({"model": "a better one"}, "'a better one'"),
    ],
)
def test_an_edited_recipe_is_named_and_cannot_be_cited(
    monkeypatch, capsys, tmp_path, raw, changes, named
):
    """The counts have one electron per pixel, 0.0061 nm ask for blocks of 5, and hrtem made it."""
    path = stored(tmp_path, sbd.denoise(sbd.read(raw), model="hrtem"), "result.npy")
    assert sbd.rerun(path).identical
    assert "The network was 'hrtem'".lower() in sbd.cite(path).lower()
    edited(path, **changes)
    again = sbd.rerun(path)
    assert again.identical is False
    assert "identical" not in again.verdict()
    assert again.verdict().startswith("The recipe was EDITED.")
    assert any(named in sentence for sentence in again.contradictions)
    with pytest.raises(sbd.SBDError, match=f"edited.*{named}"):
        sbd.cite(path)
    assert command_line(monkeypatch, "rerun", path) == 1
    assert "EDITED" in capsys.readouterr().out


@pytest.mark.parametrize("changes", [{"seed": 4}, {"reason": "It was wonderful."}, {"steps": 99}])
def test_what_is_said_of_gains_is_held_against_the_gains(tmp_path, raw, model, changes):
    tuned = sbd.gain_tune(sbd.read(raw), model=model, steps=5, seed=3)
    path = stored(tmp_path, sbd.denoise(sbd.read(raw), gain_tuning=tuned), "result.npy")
    assert sbd.rerun(path).identical
    kept = sbd.read(path).metadata[KEY]["history"][-1]["settings"]["gain_tuning"]
    edited(path, gain_tuning={**kept, **changes})
    again = sbd.rerun(path)
    assert again.largest_difference == 0
    assert again.identical is False
    assert f"{next(iter(changes))} of gain tuning" in again.verdict()


def test_a_calibration_given_by_hand_is_no_edit_and_is_told(tmp_path, raw, counts):
    """Gain 2 was given for a file that says 1: the result is whole, and the reader hears of it."""
    path = stored(tmp_path, sbd.denoise(sbd.read(raw), gain=2.0))
    again = sbd.rerun(path)
    assert again.identical
    assert again.remarks == ("The source's own gain is 1; that of the recipe, 2.",)
    assert f"{counts.mean() / 2:.3g} electrons per pixel" in sbd.cite(path)


@pytest.mark.parametrize(("factor", "told"), [(1 + 1e-8, 0), (1.001, 1)])
def test_digits_that_a_format_rounds_are_no_other_calibration(tmp_path, raw, factor, told):
    source = sbd.read(raw)
    path = stored(tmp_path, sbd.denoise(source, pixel_size=source.pixel_size * factor))
    assert len(sbd.rerun(path).remarks) == told


def test_a_calibration_that_was_not_known_then_is_no_edit_and_is_told(tmp_path, raw):
    """As where the values came as an array, or the gain of the file was taken off."""
    path = stored(tmp_path, sbd.denoise(sbd.read(raw).replace(gain=None)))
    again = sbd.rerun(path)
    assert (again.identical, again.contradictions) == (True, ())
    assert again.remarks == ("The source's own gain is 1; the recipe has none.",)


@pytest.mark.filterwarnings("ignore:The contrast")
@pytest.mark.parametrize("dose", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("modality", ["hrtem", "stem"])
@pytest.mark.usefixtures("bundled")
def test_the_mean_of_a_result_tells_its_dose(dose, modality):
    """Ten percent is the allowance of an honest recipe; the networks stay within two."""
    noisy = sbd.simulate(size=256, dose=dose, modality=modality).noisy
    result = sbd.denoise(noisy)
    assert result.data.mean() == pytest.approx(noisy.data.mean(), rel=0.02)


def test_frames_are_summed_again(tmp_path, movie):
    path = stored(tmp_path, sbd.denoise(sbd.read(movie, sum_frames=2), gain=1))
    assert sbd.read(path).shape[0] == 2
    again = sbd.rerun(path)
    assert (again.identical, again.source_intact) == (True, True)
    judged = sbd.agreement(sbd.read(movie, sum_frames=2), sbd.read(path))
    assert judged.verdict()
    said = sbd.cite(path)
    assert "Frames of the file were added, 2 to each" in said
    dose = float(sbd.read(movie).data[:2].sum(0).mean())
    assert f"The mean dose of a frame, the first with beam, was {dose:.3g} electrons" in said


@of_cosines
@pytest.mark.usefixtures("bundled")
def test_a_frame_that_was_taken_out_of_a_movie_is_taken_out_again(tmp_path, movie):
    whole = sbd.read(movie)
    path = stored(tmp_path, sbd.denoise(whole.frame(2), model="hrtem"))
    again = sbd.rerun(path)
    assert again.verdict() == "The result is identical. The source file is unchanged."
    assert "image = image.frame(2)" in sbd.as_python(again.result.metadata[KEY])
    assert "The image is frame 2 of a movie." in sbd.cite(path)
    with pytest.raises(sbd.SBDError, match="one frame of a movie"):
        sbd.as_command(again.result.metadata[KEY])
    of_all = sbd.denoise(whole, model="hrtem")
    for image in (sbd.read(path), of_all.frame(2)):  # its own file, and a frame of the result
        table = sbd.find_columns(whole.frame(2), image, halves=False)
        sbd.write_columns(table, tmp_path / "columns.csv")
        assert len(table) > 10 and sbd.rerun(tmp_path / "columns.csv").identical
        assert ".frame(2), " in sbd.as_python(table.attrs["recipe"])


def test_a_micrograph_in_memory(raw):
    assert sbd.rerun(sbd.denoise(sbd.read(raw))).identical


def test_a_source_that_changed_is_told(tmp_path, raw):
    path = stored(tmp_path, sbd.denoise(sbd.read(raw)))
    m = sbd.read(raw)
    changed = m.data.copy()
    changed[50, 60] += 100
    sbd.write(m.replace(data=changed, source=None), raw)
    again = sbd.rerun(path)
    assert again.source_intact is False
    assert again.identical is False
    assert 0 < again.largest_difference < 100
    assert "CHANGED" in again.verdict()


def test_a_stored_result_that_was_touched_is_told(tmp_path, raw):
    result = sbd.denoise(sbd.read(raw))
    data = result.data.copy()
    data[3, 4] += 0.25
    again = sbd.rerun(stored(tmp_path, result.replace(data=data)))
    assert again.identical is False
    assert again.largest_difference == pytest.approx(0.25, abs=1e-6)
    assert again.source_intact


def test_a_source_that_moved(tmp_path, raw):
    path = stored(tmp_path, sbd.denoise(sbd.read(raw)))
    elsewhere = tmp_path / "archive"
    elsewhere.mkdir()
    moved = raw.rename(elsewhere / raw.name)
    with pytest.raises(sbd.SBDError, match="not there any more"):
        sbd.rerun(path)
    assert sbd.rerun(path, source=moved).identical
    both = path.rename(elsewhere / path.name)
    assert sbd.rerun(both).identical


def test_another_image_as_the_source_is_refused_or_told(tmp_path, raw, movie):
    path = stored(tmp_path, sbd.denoise(sbd.read(raw)))
    with pytest.raises(sbd.SBDError, match="another image"):
        sbd.rerun(path, source=movie)


def test_gains_of_this_and_of_another_image(tmp_path, raw, movie, model):
    image = sbd.read(raw)
    own = sbd.gain_tune(image, model=model, steps=3)
    assert own.report.kept
    here = stored(tmp_path, sbd.denoise(image, gain_tuning=own), "here.tif")
    there = stored(tmp_path, sbd.denoise(sbd.read(movie), gain_tuning=own), "there.tif")
    assert sbd.rerun(here).identical
    assert sbd.rerun(there).identical
    assert "gain_tune(" in sbd.as_python(read_recipe(here))
    assert "gain_tune(" not in sbd.as_python(read_recipe(there))
    with pytest.raises(sbd.SBDError, match="another image"):
        sbd.as_command(read_recipe(there))


def test_a_model_that_is_another_by_now(tmp_path, raw, model, small_network):
    from napari_sbd import networks

    path = stored(tmp_path, sbd.denoise(sbd.read(raw), model=model))
    assert sbd.rerun(path).identical
    card = networks.find_model(model)
    small_network.train(True)
    next(small_network.parameters()).data.mul_(2)
    networks.save_model(small_network, card, model.parent)
    with pytest.raises(sbd.SBDError, match="another one than that of the recipe"):
        sbd.rerun(path)


def test_a_device_that_is_not_there(tmp_path, raw):
    result = sbd.denoise(sbd.read(raw), device="cpu")
    result.metadata[KEY]["history"][-1]["settings"]["device"] = "cuda:77"
    again = sbd.rerun(stored(tmp_path, result))
    assert "cuda:77 is not there" in again.verdict()


def test_other_versions_are_told(tmp_path, raw):
    result = sbd.denoise(sbd.read(raw))
    result.metadata[KEY]["history"][-1]["versions"]["torch"] = "1.0"
    assert "torch 1.0 then" in sbd.rerun(stored(tmp_path, result)).verdict()


def test_a_run_that_was_ended_early_is_compared_where_it_came_to(tmp_path, movie):
    image = sbd.read(movie)
    result = sbd.denoise(image)
    data = result.data.copy()
    data[[0, 3]] = np.nan
    result.metadata[KEY]["history"][-1]["settings"]["frames"] = [1, 2]
    assert sbd.rerun(stored(tmp_path, result.replace(data=data))).identical
    data[2, 5, 5] += 1
    assert sbd.rerun(result.replace(data=data)).largest_difference == pytest.approx(1, abs=1e-5)


def test_frames_that_could_not_be_read_are_left_out(tmp_path, movie):
    result = sbd.denoise(sbd.read(movie))
    result.data[2] = np.nan
    result.metadata[KEY]["history"][-1]["settings"]["unreadable_frames"] = [2]
    assert sbd.rerun(stored(tmp_path, result)).identical


def test_cancel(raw):
    with pytest.raises(sbd.Cancelled):
        sbd.rerun(sbd.denoise(sbd.read(raw)), should_stop=lambda: True)


@of_cosines
@pytest.mark.usefixtures("bundled")
def test_columns(tmp_path, raw):
    image = sbd.read(raw)
    table = sbd.find_columns(image, sbd.denoise(image), sensitivity=0.6)
    sbd.write_columns(table, tmp_path / "columns.csv")
    again = sbd.rerun(tmp_path / "columns.csv")
    assert again.identical
    assert len(again.result) == len(table) > 10
    table.loc[3, "y"] += 0.5
    sbd.write_columns(table, tmp_path / "columns.csv")
    assert sbd.rerun(tmp_path / "columns.csv").largest_difference == pytest.approx(0.5)


@of_cosines
@pytest.mark.usefixtures("bundled")
def test_columns_in_the_layout_of_atomap_are_repeated_and_cited(tmp_path, raw):
    path = tmp_path / "columns.hdf5"
    noisy = sbd.read(raw)
    sbd.write_columns(sbd.find_columns(noisy, sbd.denoise(noisy, model="hrtem")), path)
    again = sbd.rerun(path)
    assert again.identical and "Not in the stored table: y_err" in again.verdict()
    assert "Atomic columns were located" in sbd.cite(path)
    with h5py.File(path, "r+") as file:
        file["columns_sublattice/atom_positions"][3, 0] += 0.5
    assert sbd.rerun(path).largest_difference == pytest.approx(0.5)


@pytest.fixture
def found(tmp_path, raw, bundled):
    """A table of columns that rests on two files."""
    clean = stored(tmp_path, sbd.denoise(sbd.read(raw), model="hrtem"))
    table = sbd.find_columns(sbd.read(raw), sbd.read(clean))
    sbd.write_columns(table, tmp_path / "columns.csv")
    assert sbd.rerun(tmp_path / "columns.csv").verdict() == (
        "The result is identical. The source file is unchanged."
    )
    return table


@of_cosines
def test_flags_and_words_of_a_table_count_as_its_numbers_do(tmp_path, found):
    """Columns that the data deny could be called supported."""
    found.loc[[1, 2], "supported"] = ~found.loc[[1, 2], "supported"]
    found.loc[3, "note"] = "by a friend"
    sbd.write_columns(found, tmp_path / "columns.csv")
    again = sbd.rerun(tmp_path / "columns.csv")
    assert not again.identical and again.largest_difference == 0
    assert "Its supported is another than the repetition gives in 2 rows." in again.verdict()
    assert "Its note is another than the repetition gives in 1 row." in again.verdict()


@of_cosines
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("pixel_size_nm", 0.061, "Its pixel size nm is 0.061, and the repetition gives 0.0061."),
        ("unit", "image units", "Its unit is image units, and the repetition gives electrons."),
        ("unclear", 0.9, "Its unclear is 0.9"),
        ("polarity", "dark", "Its polarity is dark, and the repetition gives bright."),
    ],
)
def test_what_is_said_of_a_table_is_held_against_the_repetition(tmp_path, found, name, value, told):
    """Other tools take the pixel size and the unit from there."""
    found.attrs[name] = value
    sbd.write_columns(found, tmp_path / "columns.csv")
    again = sbd.rerun(tmp_path / "columns.csv")
    assert not again.identical and told in again.verdict()


@of_cosines
def test_what_a_table_has_beside_the_repetition_is_told(tmp_path, found):
    sbd.write_columns(found.drop(columns="note").assign(mine=1.0), tmp_path / "columns.csv")
    again = sbd.rerun(tmp_path / "columns.csv")
    assert again.identical
    assert "Not repeated: mine. Not in the stored table: note." in again.verdict()


@of_cosines
@pytest.mark.filterwarnings("ignore:The denoised image is judged by the very")
def test_raw_images_that_were_replaced_are_told_beside_their_results(tmp_path, raw, found):
    """The source of a table of columns is the denoised image; the counts are another file."""
    image = sbd.read(raw)
    raw.unlink()
    sbd.write(image.replace(data=np.roll(image.data, 5, 0)), raw)
    again = sbd.rerun(tmp_path / "columns.csv")
    assert not again.identical and again.source_intact
    assert "The raw image raw data.mrc has CHANGED." in again.verdict()


@pytest.mark.filterwarnings("ignore")  # whether columns could be followed is not asked
@pytest.mark.usefixtures("bundled")
def test_followed_columns_are_those_of_the_frames(tmp_path, movie):
    """They are sorted by track."""
    image = sbd.read(movie)
    table = sbd.find_columns(image, sbd.denoise(image, model="hrtem"), halves=False)
    followed = sbd.follow_columns(table, memory=2)
    assert not followed["frame"].is_monotonic_increasing
    sbd.write_columns(followed, tmp_path / "tracks.csv")
    again = sbd.rerun(tmp_path / "tracks.csv")
    assert again.identical and "Not repeated" not in again.verdict()
    script = sbd.as_python(followed.attrs["recipe"])
    assert "tracks = sbd.follow_columns(columns, memory=2)\n" in script
    assert "over 2 frames of absence" in sbd.cite(followed.attrs["recipe"])
    with pytest.raises(sbd.SBDError, match="No command follows columns by a step or a memory"):
        sbd.as_command(followed.attrs["recipe"])
    usual = sbd.follow_columns(table).attrs["recipe"]
    assert sbd.as_command(usual).endswith(" --follow")
    renamed = followed.assign(track=followed["track"] + (followed["frame"] == 1))
    sbd.write_columns(renamed, tmp_path / "renamed.csv")
    assert not sbd.rerun(tmp_path / "renamed.csv").identical
    # files that were written before recipes told how columns were followed
    followed.attrs["recipe"] = table.attrs["recipe"]
    sbd.write_columns(followed, tmp_path / "tracks.csv")
    assert "Not repeated: track" in sbd.rerun(tmp_path / "tracks.csv").verdict()
    followed.loc[7, "x"] += 0.25
    sbd.write_columns(followed, tmp_path / "tracks.csv")
    assert sbd.rerun(tmp_path / "tracks.csv").largest_difference == pytest.approx(0.25)


@pytest.mark.usefixtures("bundled")
def test_all_that_a_judgement_wrote_is_compared(monkeypatch, tmp_path, raw):
    """Its table was never, and of its maps one."""
    clean = stored(tmp_path, sbd.denoise(sbd.read(raw), model="hrtem"))
    files = [tmp_path / "judged.csv", tmp_path / "judged.npz"]
    command_line(monkeypatch, "agreement", raw, clean, "-o", files[0], "-o", files[1])
    assert [sbd.rerun(file).identical for file in files] == [True, True]
    with np.load(files[1]) as arrays:
        maps = dict(arrays)
    maps["log_likelihood_ratio"][50] += 0.5
    np.savez(files[1], **maps)
    files[0].write_text(files[0].read_text().replace("True", "False", 1))
    assert [sbd.rerun(file).identical for file in files] == [False, False]


@pytest.mark.parametrize("gain", [None, 1.0])
def test_an_edited_offset_is_told(tmp_path, counts, gain):
    """Also where no gain is known, and where a dark reference is subtracted in its place."""
    sbd.write(sbd.Micrograph(0.9 * counts + 5, PIXEL, gain=gain, offset=5.0), tmp_path / "raw.tif")
    sbd.write(sbd.Micrograph(np.full(counts.shape, 5.0)), tmp_path / "dark.tif")
    options = {} if gain is None else {"dark": tmp_path / "dark.tif"}
    made = sbd.denoise(sbd.read(tmp_path / "raw.tif"), model="hrtem", **options)
    path = stored(tmp_path, made, "result.npy")
    assert sbd.rerun(path).verdict() == "The result is identical. The source file is unchanged."
    verdict = sbd.rerun(edited(path, offset=7.0)).verdict()
    told = "offset is 7" if gain is None else "own offset is 5; that of the recipe, 7"
    assert told in verdict


@pytest.mark.filterwarnings("ignore")  # whether the spectrum is that of the image is not asked
def test_a_noise_spectrum_is_known_by_its_checksum_and_found_again(tmp_path, counts, monkeypatch):
    """Another one of the same name made an honest recipe "EDITED", and a path as it was typed held
    in one folder only."""
    rng = np.random.default_rng(5)
    for name, width in (("one.npz", 1.0), ("other.npz", 2.0)):
        noise = gaussian_filter(rng.normal(0, 1, (4, 64, 64)), (0, width, width))
        sbd.estimate_noise_spectrum(noise).save(tmp_path / name)
    shutil.copy(tmp_path / "one.npz", tmp_path / "noise.npz")
    monkeypatch.chdir(tmp_path)
    sbd.write(sbd.Micrograph(counts, 0.03, gain=1.0), tmp_path / "raw.tif")
    made = sbd.denoise(sbd.read(tmp_path / "raw.tif"), model="hrtem", noise="noise.npz")
    path = stored(tmp_path, made)
    monkeypatch.chdir("/")
    assert sbd.rerun(path).verdict() == "The result is identical. The source file is unchanged."
    shutil.copy(tmp_path / "other.npz", tmp_path / "noise.npz")
    verdict = sbd.rerun(path).verdict()
    assert verdict.startswith("The recipe is not of these files. Its coefficients of noise")
    assert verdict.endswith("The noise spectrum noise.npz has CHANGED.")
    (tmp_path / "noise.npz").unlink()
    with pytest.raises(sbd.SBDError, match=r"noise spectrum .* put it beside the result"):
        sbd.rerun(path)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(path, tmp_path / "elsewhere" / path.name)
    shutil.copy(tmp_path / "one.npz", tmp_path / "elsewhere" / "noise.npz")
    assert sbd.rerun(tmp_path / "elsewhere" / path.name).identical


@pytest.mark.filterwarnings("ignore")  # whether the references belong to the camera is not asked
def test_references_are_known_by_their_checksums(tmp_path, counts):
    """Another dark image of the same name made an honest recipe "EDITED", for the sake of its dose;
    references beside the result were not found."""
    for name, values in (("raw", counts + 9.0), ("dark", np.full(counts.shape, 9.0))):
        kept = sbd.Micrograph(values.astype(np.float32), PIXEL, gain=1.0)
        sbd.write(kept, tmp_path / f"{name}.tif")
    dark = tmp_path / "dark.tif"
    path = stored(tmp_path, sbd.denoise(sbd.read(tmp_path / "raw.tif"), model="hrtem", dark=dark))
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("raw.tif", "dark.tif", "result.ome.tif"):
        shutil.move(tmp_path / name, moved / name)
    path = moved / path.name
    assert sbd.rerun(path).verdict() == "The result is identical. The source file is unchanged."
    sbd.write(kept.replace(data=0.9 * kept.data), moved / "dark.tif")
    verdict = sbd.rerun(path).verdict()
    assert "EDITED" not in verdict and "is not of these files" in verdict
    assert "The dark reference dark.tif has CHANGED." in verdict
    (moved / "dark.tif").unlink()
    with pytest.raises(sbd.SBDError, match=r"dark reference .* put it beside the result"):
        sbd.rerun(path)


@of_cosines
@pytest.mark.usefixtures("bundled")
def test_columns_placed_by_hand_cannot_be_repeated(tmp_path, raw):
    image = sbd.read(raw)
    clean = sbd.denoise(image)
    table = sbd.refit_columns(sbd.find_columns(image, clean), [0], image, clean)
    sbd.write_columns(table, tmp_path / "columns.csv")
    with pytest.raises(sbd.SBDError, match="by hand"):
        sbd.rerun(tmp_path / "columns.csv")


def test_agreement_of_two_files(monkeypatch, tmp_path, raw):
    clean = stored(tmp_path, sbd.denoise(sbd.read(raw)))
    out = tmp_path / "z.npz"
    assert command_line(monkeypatch, "agreement", raw, clean, "-o", out) == 0
    assert sbd.rerun(out).identical


def made(kind, raw, movie, model):
    """Results of all kinds of steps, with the name of the file that their script writes."""
    if kind == "simulated":
        return sbd.denoise(sbd.simulate(size=96, seed=2).noisy), "image_denoised.ome.tif"
    if kind == "tuned":
        tuned = sbd.gain_tune(sbd.read(raw), model=model, steps=2, seed=3)
        return sbd.denoise(sbd.read(raw), gain_tuning=tuned), "raw data_denoised.ome.tif"
    if kind == "gains of another":
        tuned = sbd.gain_tune(sbd.read(movie), model=model, steps=2)
        return sbd.denoise(sbd.read(raw), gain_tuning=tuned), "raw data_denoised.ome.tif"
    if kind == "movie":
        m = sbd.read(movie)
        result = sbd.denoise(m.replace(data=m.data[1:3]))
        result.metadata[KEY]["history"][-1]["settings"]["frames"] = "1:3"
        return result, "movie_denoised.ome.tif"
    if kind == "sums":
        return sbd.denoise(sbd.read(movie, sum_frames=2)), "movie_denoised.ome.tif"
    options = {"pixel_size": (PIXEL, 0.0065), "gain": 2.0, "offset": -1.0}
    return sbd.denoise(sbd.read(raw), quality="best", **options), "raw data_denoised.ome.tif"


KINDS = ["simulated", "tuned", "gains of another", "movie", "sums", "options"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_script_makes_the_same(monkeypatch, tmp_path, raw, movie, model, kind):
    result, name = made(kind, raw, movie, model)
    script = tmp_path / "script.py"
    script.write_text(sbd.as_python(result.metadata[KEY]))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    runpy.run_path(str(script))
    assert [p.name for p in (tmp_path / "work").iterdir()] == [name]
    np.testing.assert_array_equal(sbd.read(name).data, result.data)


@pytest.mark.parametrize("kind", ["tuned", "movie", "sums"])
def test_the_command_makes_the_same(monkeypatch, tmp_path, raw, movie, model, kind):
    result, name = made(kind, raw, movie, model)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(sbd.as_command(result.metadata[KEY]))
    assert command_line(monkeypatch, *words[1:]) == 0
    np.testing.assert_array_equal(sbd.read(name).data, result.data)


@of_cosines
@pytest.mark.usefixtures("bundled")
def test_the_commands_of_a_table_make_the_same(monkeypatch, tmp_path, raw):
    image = sbd.read(raw)
    table = sbd.find_columns(image, sbd.denoise(image))
    monkeypatch.chdir(tmp_path)
    for line in sbd.as_command(table.attrs["recipe"]).splitlines():
        assert command_line(monkeypatch, *shlex.split(line)[1:]) == 0
    assert sbd.rerun("raw data_columns.csv").identical
    sbd.write_columns(table, "here.csv")
    there, here = (tmp_path / name for name in ("raw data_columns.csv", "here.csv"))
    assert there.read_text().splitlines()[3:] == here.read_text().splitlines()[3:]


def test_commands_for_results(monkeypatch, capsys, tmp_path, raw):
    path = stored(tmp_path, sbd.denoise(sbd.read(raw)))
    assert command_line(monkeypatch, "rerun", path) == 0
    assert "identical" in capsys.readouterr().out
    assert command_line(monkeypatch, "cite", path) == 0
    assert "2010.12970" in capsys.readouterr().out
    assert command_line(monkeypatch, "rerun", path, "--command") == 0
    assert capsys.readouterr().out.startswith("napari-sbd denoise")
    m = sbd.read(raw)
    sbd.write(m.replace(data=m.data[::-1], source=None), raw)
    assert command_line(monkeypatch, "rerun", path) == 1
    assert command_line(monkeypatch, "rerun", raw) == 2


def test_the_same_recipe_on_another_image(raw, counts):
    """Its own calibration goes first, what it lacks comes from the recipe and is told."""
    recipe = sbd.denoise(sbd.read(raw), quality="best", offset=0.2).metadata[KEY]
    finer = sbd.Micrograph(counts[::-1].copy(), 0.0068, gain=2.0)
    options = {"model": "hrtem", "quality": "best"}
    expected = sbd.denoise(finer, **options)
    np.testing.assert_array_equal(replay.apply(recipe, finer).data, expected.data)
    with pytest.warns(UserWarning, match="has no"):
        result = replay.apply(recipe, sbd.Micrograph(counts[::-1].copy()))
    assert (result.pixel_size, result.gain, result.offset) == (pytest.approx(PIXEL), 1.0, 0.2)


def test_tuning_is_done_anew_on_another_image(raw, movie, model):
    image = sbd.read(raw)
    tuned = sbd.gain_tune(image, model=model, steps=2)
    recipe = sbd.denoise(image, gain_tuning=tuned).metadata[KEY]
    other = sbd.read(movie)
    other = other.replace(data=other.data[2], gain=1.0)
    expected = sbd.denoise(other, gain_tuning=sbd.gain_tune(other, model=model, steps=2))
    np.testing.assert_array_equal(replay.apply(recipe, other).data, expected.data)


def test_a_simulation_is_nothing_to_apply(raw):
    recipe = sbd.simulate(size=64).noisy.metadata[KEY]
    with pytest.raises(sbd.SBDError, match="only simulates"):
        replay.apply(recipe, sbd.read(raw))


FAST = {"model": "hrtem", "device": "cpu"}


def still(movie, **options):
    image = sbd.read(movie)
    return sbd.correct_drift(image, sbd.estimate_drift(image, **FAST), **options)


@pytest.fixture
def drifting(tmp_path):
    path = tmp_path / "drifting.mrc"
    frames = [moving.counts(moving.crystal(shift=(2 * t, -3 * t), mean=2.0), t) for t in range(3)]
    sbd.write(sbd.Micrograph(np.stack(frames), PIXEL, gain=1.0), path)
    return path


@pytest.fixture(scope="module")
def files_of_stack(tmp_path_factory):
    nibabel = pytest.importorskip("nibabel")
    from napari_sbd.series import train_series

    rng = np.random.default_rng(0)
    rate = rng.uniform(0.3, 2, (2, 12, 12))
    clean = np.exp(-rate * np.linspace(0, 3, 8).reshape(-1, 1, 1, 1)).astype(np.float32)
    folder = tmp_path_factory.mktemp("stack")
    train_series(clean, level=0.1, noise="gaussian", steps=40).save(folder / "m.safetensors")
    noisy = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    inside = (rate > 0.5).astype(np.uint8)
    for name, values in (("stack.nii.gz", noisy), ("mask.nii.gz", inside)):
        nibabel.save(nibabel.Nifti1Image(values.T, np.eye(4)), folder / name)
    return folder


@pytest.fixture
def stack(files_of_stack, tmp_path):
    """A noisy NIfTI stack (N, Z, Y, X) with a mask and a model, all in files."""
    shutil.copytree(files_of_stack, tmp_path, dirs_exist_ok=True)
    return tmp_path / "stack.nii.gz"


def series_result(stack, mask=True):
    return sbd.denoise_series(
        sbd.read_series(stack),
        stack.with_name("m.safetensors"),
        stack.with_name("mask.nii.gz") if mask else None,
        device="cpu",
    )


def test_a_movie_with_neighbours_once_more(tmp_path, drifting):
    result = sbd.denoise_movie(sbd.read(drifting), neighbours=1, seed=5, **FAST)
    path = stored(tmp_path, result)
    assert sbd.rerun(path).identical
    alone = sbd.denoise(sbd.read(drifting), **FAST)
    assert not np.array_equal(alone.data, result.data)
    other = result.replace(metadata=alone.metadata)
    assert sbd.rerun(stored(tmp_path, other, "other.tif")).identical is False


@pytest.mark.parametrize(
    "options", [{}, {"interpolate": True}, {"edges": "crop"}], ids=["pad", "spline", "crop"]
)
def test_a_movie_without_its_drift_once_more(tmp_path, drifting, options):
    path = stored(tmp_path, still(drifting, **options))
    again = sbd.rerun(path)
    assert again.identical
    assert again.source_intact
    moved = sbd.read(path).data[2]
    assert not np.array_equal(moved, sbd.read(drifting).data[2])


def test_a_movie_denoised_after_its_drift_was_taken_out(tmp_path, drifting):
    whole = still(drifting, edges="crop")
    assert sbd.rerun(stored(tmp_path, sbd.denoise(whole, **FAST))).identical


@pytest.mark.usefixtures("bundled")
def test_columns_are_judged_by_the_counts_without_drift(tmp_path, drifting):
    whole = still(drifting, edges="crop")
    table = sbd.find_columns(whole, sbd.denoise(whole, **FAST))
    sbd.write_columns(table, tmp_path / "columns.csv")
    assert sbd.rerun(tmp_path / "columns.csv").identical


def test_drift_of_another_movie_is_its_own(drifting):
    """Shifts belong to the movie that they were estimated from."""
    recipe = still(drifting).metadata[KEY]
    image = sbd.read(drifting)
    other = image.replace(data=image.data[::-1].copy(), source=None)
    expected = sbd.correct_drift(other, sbd.estimate_drift(other, **FAST))
    np.testing.assert_array_equal(replay.apply(recipe, other).data, expected.data)


def test_shifts_from_elsewhere_are_repeated_and_never_estimated_anew(tmp_path, drifting):
    from napari_sbd.movie import Drift

    shifts = np.array([[0, 0], [2, -3], [4, -6.0]])
    image = sbd.read(drifting)
    given = Drift(shifts, np.zeros((3, 2)), np.ones(3), np.ones(3))
    result = sbd.correct_drift(image, given)
    assert sbd.rerun(stored(tmp_path, result)).identical
    recipe = result.metadata[KEY]
    for use in (sbd.as_python, sbd.as_command, lambda r: replay.apply(r, image)):
        with pytest.raises(sbd.SBDError, match="how its drift was found"):
            use(recipe)


@pytest.mark.parametrize("mask", [True, False])
def test_a_series_once_more(tmp_path, stack, mask):
    result = series_result(stack, mask)
    assert not np.array_equal(result.data, sbd.read_series(stack).data)
    assert sbd.rerun(result).identical
    path = tmp_path / "clean.nii.gz"
    sbd.write_series(result, path)
    again = sbd.rerun(path)
    assert again.identical
    assert again.source_intact
    result.data[3, 1, 5, 5] += 0.5
    sbd.write_series(result, path)
    assert sbd.rerun(path).largest_difference == pytest.approx(0.5, abs=1e-6)


def test_a_series_of_images_keeps_its_offset(tmp_path, stack):
    data = sbd.read_series(stack).data[:, 0] + np.float32(3)
    sbd.write(sbd.Micrograph(data, offset=3.0), tmp_path / "images.tif")
    for reader in (sbd.read, sbd.read_series):
        source = reader(tmp_path / "images.tif")
        result = sbd.denoise_series(source, stack.with_name("m.safetensors"), device="cpu")
        assert sbd.rerun(result).identical
        write = sbd.write if reader is sbd.read else sbd.write_series
        write(result, tmp_path / "clean.tif")
        assert sbd.rerun(tmp_path / "clean.tif").identical


@pytest.mark.parametrize(
    ("gone", "sentence"), [("m.safetensors", "model"), ("mask.nii.gz", "not there")]
)
def test_a_series_whose_model_or_mask_is_gone(stack, gone, sentence):
    result = series_result(stack)
    stack.with_name(gone).unlink()
    with pytest.raises(sbd.SBDError, match=sentence) as refusal:
        sbd.rerun(result)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_series_whose_model_or_mask_has_changed(stack):
    result = series_result(stack)
    plain = series_result(stack, mask=False)
    with pytest.raises(sbd.SBDError, match="a mask of its own"):
        replay.apply(result.metadata[KEY], sbd.read_series(stack))
    again = replay.apply(plain.metadata[KEY], sbd.read_series(stack))
    np.testing.assert_array_equal(again.data, plain.data)
    mask = stack.with_name("mask.nii.gz")
    mask.write_bytes(mask.read_bytes() + b"\0")
    with pytest.raises(sbd.SBDError, match=r"mask .* is not that of the recipe"):
        sbd.rerun(result)
    settings = plain.metadata[KEY]["history"][-1]["settings"]
    settings["model_sha256"] = "0" * 64
    with pytest.raises(sbd.SBDError, match="another one than that of the recipe"):
        sbd.rerun(plain)


def test_a_series_with_a_model_or_mask_in_memory_cannot_be_repeated(stack):
    from napari_sbd.series.files import read_mask

    path = stack.with_name("m.safetensors")
    loaded = sbd.load_series_model(path)
    fresh = type(loaded)(loaded.card.model_copy(update={"sha256": ""}), loaded.network)
    source = sbd.read_series(stack)
    cases = {
        "model .* only in memory": sbd.denoise_series(source, fresh),
        "mask was only in memory": sbd.denoise_series(
            source, path, read_mask(stack.with_name("mask.nii.gz"))
        ),
    }
    for sentence, result in cases.items():
        for use in (sbd.as_python, sbd.as_command):
            with pytest.raises(sbd.SBDError, match=sentence):
                use(result.metadata[KEY])
        with pytest.raises(sbd.SBDError, match=sentence):
            sbd.rerun(result)


def pca_result(stack, **options):
    return sbd.pca_series(
        sbd.read_series(stack), stack.with_name("mask.nii.gz"), noise="gaussian", **options
    )


@pytest.mark.parametrize("options", [{}, {"level": 0.1}], ids=["estimated", "given"])
def test_a_stack_denoised_without_a_reference_once_more(stack, options):
    """A level that was given is the recipe's on another stack too, which tells another; else it
    is estimated anew."""
    result = pca_result(stack, **options)
    assert sbd.rerun(result).identical
    settings = result.metadata[KEY]["history"][-1]["settings"]
    assert settings["estimated"] == (not options)
    source = sbd.read_series(stack)
    plain = sbd.pca_series(source, noise="gaussian", **options)
    louder = source.replace(data=source.data * 2)
    with pytest.warns(UserWarning, match="stack shows") if options else nullcontext():
        repeated = replay.apply(plain.metadata[KEY], louder)
    again = repeated.metadata[KEY]["history"][-1]["settings"]
    expected = 0.1 if options else 2 * settings["level"]
    assert again["level"] == pytest.approx(expected, rel=0.1)
    settings["level"] *= 1.5
    if not options:
        assert "EDITED" in sbd.rerun(result).verdict()


def of_stacks(kind, drifting, request):
    """Results of movies and stacks, with the name of the file that their script writes."""
    if kind == "neighbours":
        result = sbd.denoise_movie(sbd.read(drifting), neighbours=1, seed=5, **FAST)
        return result, "drifting_denoised.ome.tif"
    if kind == "drift":
        return still(drifting, edges="crop"), "drifting_corrected.ome.tif"
    if kind == "drift, then denoised":
        result = sbd.denoise(still(drifting, edges="crop"), **FAST)
        return result, "drifting_denoised.ome.tif"
    made = pca_result if kind == "stack without a reference" else series_result
    return made(request.getfixturevalue("stack")), "stack_denoised.nii.gz"


@pytest.mark.parametrize(
    "kind",
    ["neighbours", "drift", "drift, then denoised", "stack", "stack without a reference"],
)
def test_scripts_and_commands_of_movies_and_stacks(monkeypatch, tmp_path, drifting, request, kind):
    result, name = of_stacks(kind, drifting, request)
    recipe = result.metadata[KEY]
    read = sbd.read_series if kind.startswith("stack") else sbd.read
    for folder in ("script", "command"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        if folder == "script":
            (tmp_path / "script.py").write_text(sbd.as_python(recipe))
            runpy.run_path(str(tmp_path / "script.py"))
        else:
            lines = sbd.as_command(recipe).splitlines()
            for line in lines:
                assert command_line(monkeypatch, *shlex.split(line)[1:]) == 0
            written = shlex.split(lines[-1])
            name = written[written.index("-o") + 1]
        np.testing.assert_array_equal(np.asarray(read(name).data), np.asarray(result.data))


def test_a_pixel_size_that_is_taken_from_a_recipe_is_told_to_six_digits():
    """It was told to seventeen."""
    known = {"pixel_size": (0.009202398359775543, 0.0186), "gain": None, "offset": 0.0}
    with pytest.warns(UserWarning, match=r"that of the recipe, 0\.0092024 x 0\.0186, is taken"):
        taken = own_first(known, sbd.Micrograph(np.zeros((8, 8))))
    assert taken["pixel_size"] == known["pixel_size"]
