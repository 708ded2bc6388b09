"""Folders of files: which, where to, what happens when some fail, and going on afterwards."""

import csv
import errno
import os
import subprocess
import sys

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice, of_cosines
from napari_sbd import cli
from napari_sbd._napari.jobs.summary import understand
from napari_sbd.batch.estimate import estimate
from napari_sbd.batch.plan import plan
from napari_sbd.figures import report
from napari_sbd.provenance import replay
from napari_sbd.recipe import KEY

PIXEL = 0.0061


@pytest.fixture
def folder(tmp_path, counts):
    """Two images, a movie in a subfolder, and a file that is none."""
    place = tmp_path / "in"
    (place / "sub").mkdir(parents=True)
    sbd.write(sbd.Micrograph(counts, PIXEL, gain=1.0), place / "a.npy")
    sbd.write(sbd.Micrograph(counts[::-1].copy(), PIXEL, gain=1.0), place / "b.mrc")
    sbd.write(sbd.Micrograph(np.stack([counts, counts + 1]), PIXEL), place / "sub" / "c.tif")
    (place / "broken.mrc").write_bytes(b"no image at all")
    (place / "notes.txt").write_text("no image either")
    return place


def names(folder):
    """Of all files, without the lock that stays."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != ".napari-sbd.lock")
    return sorted(str(p.relative_to(folder)) for p in files)


def table(folder):
    """Lines of the table, by the name of the file."""
    with (folder / "batch.csv").open(newline="") as file:
        return {os.path.basename(row["file"]): row for row in csv.DictReader(file)}


def statuses(outcomes):
    return {outcome.source.name: outcome.status for outcome in outcomes}


def command_line(monkeypatch, *words):
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


@pytest.mark.usefixtures("tiny_model")
def test_a_file_that_fails_does_not_end_the_batch(tmp_path, folder):
    out = tmp_path / "out"
    seen = []
    outcomes = sbd.batch(folder, out, on_file=seen.append)
    assert statuses(outcomes) == {"a.npy": "done", "b.mrc": "done", "broken.mrc": "failed"}
    assert len(seen) == 3
    assert names(out) == ["a_denoised.ome.tif", "b_denoised.ome.tif", "batch.csv"]
    for name in ("a.npy", "b.mrc"):
        expected = sbd.denoise(sbd.read(folder / name)).data
        result = sbd.read(out / f"{name[0]}_denoised.ome.tif")
        np.testing.assert_array_equal(result.data, expected)
        assert sbd.rerun(result).identical
    rows = table(out)
    assert rows["broken.mrc"]["status"] == "failed"
    assert "broken.mrc" in rows["broken.mrc"]["reason"]
    assert float(rows["a.npy"]["seconds"]) > 0


def test_processes_beside_each_other_give_the_same(tmp_path, folder):
    alone, beside = tmp_path / "alone", tmp_path / "beside"
    options = {"glob": "**/*", "to": "mrc"}
    sbd.batch(folder, alone, **options)
    outcomes = sbd.batch(folder, beside, jobs=2, **options)
    good = dict.fromkeys(("a.npy", "b.mrc", "c.tif"), "done")
    assert statuses(outcomes) == {**good, "broken.mrc": "failed"}
    assert names(alone) == names(beside)
    for name in ("a_denoised.mrc", "sub/c_denoised.mrc"):
        np.testing.assert_array_equal(sbd.read(alone / name).data, sbd.read(beside / name).data)


@pytest.mark.usefixtures("tiny_model")
def test_resume_does_what_is_missing_or_not_right(tmp_path, folder, counts):
    out = tmp_path / "out"
    sbd.batch(folder, out, glob="[ab].*y", resume=True)
    first = (out / "a_denoised.ome.tif").stat().st_mtime_ns
    outcomes = sbd.batch(folder, out, resume=True)
    assert statuses(outcomes) == {"a.npy": "skipped", "b.mrc": "done", "broken.mrc": "failed"}
    assert (out / "a_denoised.ome.tif").stat().st_mtime_ns == first
    assert statuses(sbd.batch(folder, out, resume=True, quality="best"))["a.npy"] == "done"
    sbd.write(sbd.Micrograph(counts[:, ::-1].copy(), PIXEL, gain=1.0), folder / "b.mrc")
    again = sbd.batch(folder, out, resume=True, quality="best")
    assert statuses(again) == {"a.npy": "skipped", "b.mrc": "done", "broken.mrc": "failed"}
    result = out / "a_denoised.ome.tif"
    result.write_bytes(result.read_bytes()[:3000])
    assert statuses(sbd.batch(folder, out, resume=True, quality="best"))["a.npy"] == "done"
    assert sbd.rerun(result).identical


@pytest.mark.parametrize(
    "options",
    [
        {"model": "stem"},
        {"modality": "dark field"},
        {"gain": 2.0},
        {"pixel_size": 0.0065},
        {"offset": -1.0},
    ],
    ids=lambda options: next(iter(options)),
)
@pytest.mark.filterwarnings("ignore")
def test_other_settings_are_not_finished(tmp_path, folder, options):
    out = tmp_path / "out"
    sbd.batch(folder, out, glob="a.npy", resume=True)
    (changed,) = sbd.batch(folder, out, glob="a.npy", resume=True, **options)
    assert changed.status == "done"
    (same,) = sbd.batch(folder, out, glob="a.npy", resume=True, **options)
    assert same.status == "skipped"
    (back,) = sbd.batch(folder, out, glob="a.npy", resume=True)  # without them it was skipped
    assert back.status == "done"
    (same,) = sbd.batch(folder, out, glob="a.npy", resume=True)
    assert same.status == "skipped"


def test_names_at_the_limit_of_the_system(tmp_path, counts):
    """Names end at 255 bytes. The image was said to be unreadable where its result has no room."""
    (tmp_path / "in").mkdir()
    image = sbd.Micrograph(counts, PIXEL, gain=1.0)
    short, long = "\u539f" * 81, "\u539f" * 82  # 3 bytes each, and "_denoised.tif" has 13
    np.save(tmp_path / "in" / "a.npy", image.data)
    os.rename(tmp_path / "in" / "a.npy", tmp_path / "in" / f"{long}.npy")
    (failed,) = sbd.batch(tmp_path / "in", tmp_path / "out", to="tif", model="hrtem")
    assert failed.status == "failed"
    assert "_denoised.tif cannot be written: File name too long" in failed.reason
    sbd.write(image, tmp_path / f"{short}.mrc")
    np.testing.assert_array_equal(sbd.read(tmp_path / f"{short}.mrc").data, counts)


def test_gains_are_tuned_for_each_file_and_known_again(tmp_path, folder, model):
    out = tmp_path / "out"
    image = sbd.read(folder / "a.npy")
    recipe = sbd.denoise(image, gain_tuning=sbd.gain_tune(image, model=model, steps=2))
    kept = recipe.metadata[KEY]
    outcomes = sbd.batch(folder, out, glob="b.mrc", recipe=kept, resume=True)
    assert statuses(outcomes) == {"b.mrc": "done"}
    expected = replay.apply(kept, sbd.read(folder / "b.mrc"))
    np.testing.assert_array_equal(sbd.read(out / "b_denoised.ome.tif").data, expected.data)
    outcomes = sbd.batch(folder, out, glob="b.mrc", recipe=kept, resume=True)
    assert statuses(outcomes) == {"b.mrc": "skipped"}


def test_a_recipe_brings_its_own_settings(tmp_path, folder):
    kept = sbd.denoise(sbd.read(folder / "a.npy"), quality="best").metadata[KEY]
    sbd.batch(folder, tmp_path / "out", glob="b.mrc", recipe=kept)
    expected = sbd.denoise(sbd.read(folder / "b.mrc"), quality="best", model="hrtem")
    result = sbd.read(tmp_path / "out" / "b_denoised.ome.tif")
    np.testing.assert_array_equal(result.data, expected.data)
    with pytest.raises(sbd.SBDError, match="own settings"):
        sbd.batch(folder, tmp_path / "out", recipe=kept, quality="best")


def touch(folder, *files):
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.mrc", "a.dm4", "b.mrc"], ["a_dm4", "a_mrc", "b"]),
        (["A.mrc", "a.mrc"], None),
        (["a.mrc", "A.dm4"], ["A_dm4", "a_mrc"]),
        (["x/a.mrc", "y/a.dm4"], ["x/a", "y/a"]),
        (["a.ome.tif", "a.tif"], ["a_ome_tif", "a_tif"]),
    ],
)
def test_names_of_results_never_meet(tmp_path, files, expected):
    folder, out = tmp_path / "in", tmp_path / "out"
    touch(folder, *files)
    if expected is None:
        with pytest.raises(sbd.SBDError, match="would have the result"):
            plan(folder, out, "**/*", "mrc")
        return
    targets = [str(item.target.relative_to(out)) for item in plan(folder, out, "**/*", "mrc")]
    assert sorted(targets) == [f"{name}_denoised.mrc" for name in expected]


def test_nothing_is_written_outside_of_the_output(tmp_path):
    folder, out, elsewhere = tmp_path / "in", tmp_path / "out", tmp_path / "elsewhere"
    touch(folder, "sub/a.mrc")
    for place in (out, elsewhere):
        place.mkdir()
    (out / "sub").symlink_to(elsewhere)
    with pytest.raises(sbd.SBDError, match="outside"):
        plan(folder, out, "**/*", "mrc")
    for glob in ("../*", "/etc/*", ""):
        with pytest.raises(sbd.SBDError, match="must stay"):
            plan(folder, tmp_path / "new", glob, "mrc")


def test_results_inside_of_the_folder_are_not_taken_for_images(tmp_path, folder):
    out = folder / "results"
    sbd.batch(folder, out, glob="**/*.npy")
    touch(out, "sub/old.npy")
    assert [i.source.name for i in plan(folder, out, "**/*.npy", "tif")] == ["a.npy"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"to": "docx"}, "docx"),
        ({"glob": "*.dm4"}, "No file"),
        ({"quality": "superb"}, "quality"),
        ({"model": "none"}, "no model"),
        ({"gain": -1.0}, "gain"),
        ({"jobs": 0}, "jobs"),
        ({"strength": 3}, "no option"),
        ({"recipe": {"history": []}}, "recipe"),
        ({"gain_tuning": "none.safetensors"}, "no gains"),
    ],
)
def test_what_cannot_work_is_said_before_any_work(tmp_path, folder, options, word):
    with pytest.raises(sbd.SBDError, match=word):
        sbd.batch(folder, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    for place in (folder, folder / "a.npy"):
        with pytest.raises(sbd.SBDError):
            sbd.batch(folder, place)


def test_a_stop_keeps_what_is_finished(tmp_path, folder):
    done = []
    with pytest.raises(sbd.Cancelled):
        sbd.batch(folder, tmp_path / "out", on_file=done.append, should_stop=lambda: bool(done))
    assert [o.source.name for o in done] == ["a.npy"]
    assert (tmp_path / "out" / "a_denoised.ome.tif").exists()
    assert not (tmp_path / "out" / "b_denoised.ome.tif").exists()


def test_an_estimate_writes_nothing(tmp_path, folder, counts):
    found = estimate(folder, tmp_path / "out", glob="**/*")
    entries = {e.item.source.name: e for e in found.entries}
    assert set(entries) == {"a.npy", "b.mrc", "broken.mrc", "c.tif"}
    assert entries["c.tif"].shape == (2, *counts.shape)
    assert entries["c.tif"].bytes_out == 2 * counts.size * 4
    assert entries["c.tif"].seconds == pytest.approx(2 * entries["a.npy"].seconds)
    assert "broken.mrc" in entries["broken.mrc"].remark
    assert found.bytes_out == 4 * counts.size * 4
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("tiny_model")
def test_an_estimate_where_the_camera_has_references(tmp_path):
    """They are of whole frames, and speed is measured on a part first."""
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    sbd.write(sbd.Micrograph(rng.poisson(9, (300, 320)), 0.03), tmp_path / "in" / "a.mrc")
    sbd.write(sbd.Micrograph(rng.normal(1, 0.05, (300, 320))), tmp_path / "gain.tif")
    found = estimate(tmp_path / "in", tmp_path / "out", gain_reference=tmp_path / "gain.tif")
    assert [bool(e.seconds) and not e.remark for e in found.entries] == [True]


def test_the_command(monkeypatch, capsys, tmp_path, folder):
    out = tmp_path / "out"
    assert command_line(monkeypatch, "batch", folder, "-o", out, "--dry-run") == 0
    assert "a.npy: 192 x 256" in capsys.readouterr().out
    assert not out.exists()
    assert command_line(monkeypatch, "batch", folder, "-o", out) == 1
    said = capsys.readouterr()
    assert "2 done, 0 skipped, 1 failed" in said.out
    assert "broken.mrc" in said.err
    assert command_line(monkeypatch, "batch", folder, "-o", out, "--glob", "[ab]*", "--resume") == 1
    (folder / "broken.mrc").unlink()
    recipe = out / "a_denoised.ome.tif"
    words = ("batch", folder, "-o", out, "--resume", "--recipe", recipe)
    assert command_line(monkeypatch, *words) == 0
    assert "0 done, 2 skipped, 0 failed" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same(tmp_path, folder, scheduler):
    outcomes = sbd.batch(folder, tmp_path / "out", scheduler=scheduler)
    assert statuses(outcomes) == {"a.npy": "done", "b.mrc": "done", "broken.mrc": "failed"}
    expected = sbd.denoise(sbd.read(folder / "a.npy")).data
    result = sbd.read(tmp_path / "out" / "a_denoised.ome.tif")
    np.testing.assert_allclose(result.data, expected, atol=1e-3)


@pytest.mark.filterwarnings("ignore")  # whether the reference belongs to the camera is not asked
def test_a_reference_that_was_replaced_is_another_setting(tmp_path, counts):
    """Results by the old one were kept as finished."""
    (tmp_path / "in").mkdir()
    camera = sbd.Micrograph((counts + 9).astype(np.float32), PIXEL, gain=1.0)
    sbd.write(camera, tmp_path / "in" / "a.tif")
    options = {"dark": str(tmp_path / "dark.tif"), "model": "hrtem", "resume": True}
    seen = []
    for level in (9.0, 9.0, 8.5):
        if not seen or level != 9.0:
            sbd.write(camera.replace(data=np.full(counts.shape, level)), tmp_path / "dark.tif")
        seen += [o.status for o in sbd.batch(tmp_path / "in", tmp_path / "out", **options)]
    assert seen == ["done", "skipped", "done"]


@of_cosines
def test_results_of_some_frames_are_judged_by_those(tmp_path):
    """Doses and columns were those of the movie's first frames, beside results of later ones."""
    clean = np.stack([lattice((96, 96), period=10, mean=mean) for mean in (4.0, 8.0, 40.0)])
    (tmp_path / "in").mkdir()
    counts = np.random.default_rng(3).poisson(clean).astype(np.uint16)
    sbd.write(sbd.Micrograph(counts, 0.03), tmp_path / "in" / "movie.tif")
    options = {"frames": "2:", "model": "hrtem", "judge": True}
    (outcome,) = sbd.batch(tmp_path / "in", tmp_path / "out", **options)
    assert "not the same image" not in outcome.reason
    assert outcome.facts.dose_e_per_pixel == pytest.approx(counts[2].mean(), rel=0.01)
    assert outcome.facts.halves == "agree"
    # 0.45 cycles per working pixel would be the end of the scale
    limited = outcome.facts.resolution_nm < 0.03 / 0.44
    assert outcome.facts.resolution_limited is limited
    assert outcome.facts.columns > 50 and outcome.facts.unsupported == 0
    again = sbd.rerun(tmp_path / "out" / "movie_denoised_columns.csv")
    assert again.verdict().startswith("The result is identical.")


def test_neighbouring_frames_help_as_they_do_alone(tmp_path, counts):
    folder, out = tmp_path / "movies", tmp_path / "out"
    folder.mkdir()
    movie = sbd.Micrograph(np.stack([counts] * 3), 0.0061, gain=1.0)
    sbd.write(movie, folder / "movie.mrc")
    sbd.write(movie.replace(data=counts), folder / "still.mrc")
    options = {"neighbours": 1, "model": "hrtem", "device": "cpu"}
    done, failed = sbd.batch(folder, out, **options)
    assert (done.status, failed.status) == ("done", "failed")
    assert "need a movie" in failed.reason
    expected = sbd.denoise_movie(sbd.read(folder / "movie.mrc"), **options)
    result = sbd.read(done.target)
    np.testing.assert_array_equal(result.data, expected.data)
    again = {"glob": "movie.mrc", "resume": True, "device": "cpu"}
    recipe = result.metadata[KEY]
    assert sbd.batch(folder, out, **again, recipe=recipe)[0].status == "skipped"
    assert sbd.batch(folder, out, **again, model="hrtem")[0].status == "done"
    assert sbd.batch(folder, out, **again, recipe=recipe)[0].status == "done"
    np.testing.assert_array_equal(sbd.read(done.target).data, expected.data)


@pytest.mark.filterwarnings("ignore:What model:UserWarning")
def test_drift_in_a_recipe_is_not_left_out_silently(tmp_path, folder):
    image = sbd.Micrograph(np.random.default_rng(0).poisson(1.0, (2, 96, 96)), 0.0061)
    shifts = np.zeros((2, 2))
    whole = sbd.correct_drift(image, sbd.Drift(shifts, shifts, shifts[:, 0], shifts[:, 0]))
    recipe = sbd.denoise(whole, model="hrtem").metadata[KEY]
    with pytest.raises(sbd.SBDError, match="more than denoise"):
        sbd.batch(folder, tmp_path / "out", recipe=recipe)


def test_neighbours_that_make_no_sense(tmp_path, folder):
    for options in ({"neighbours": -1}, {"neighbours": 2, "gain_tuning": True}):
        with pytest.raises(sbd.SBDError, match=r"[Nn]eighbours"):
            sbd.batch(folder, tmp_path / "out", **options)


@pytest.mark.parametrize("gain", [1, 7])
def test_window_table_and_page_tell_one_dose(tmp_path, gain):
    """Whole numbers without a gain: single electrons where their noise is that of such, else no
    one's. Of counts the window gave the dose, and table and page none."""
    counts = np.random.default_rng(0).poisson(lattice((160, 160), period=20, mean=6.0))
    raw = sbd.Micrograph((gain * counts).astype(np.uint16), 0.0142)
    (tmp_path / "in").mkdir()
    sbd.write(raw, tmp_path / "in" / "a.tif")
    sbd.batch(tmp_path / "in", tmp_path / "out")
    with (tmp_path / "out" / "batch.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    page = dict(report._words(raw, sbd.denoise(raw, device="cpu"), None, None, None, "", ()))[
        "Image"
    ]
    seen = understand(raw)
    if gain == 1:
        assert float(row["dose_e_per_pixel"]) == pytest.approx(counts.mean(), rel=2e-3)
        assert seen.electrons == pytest.approx(counts.mean(), rel=2e-3)
        assert seen.dose in page
    else:
        assert row["dose_e_per_pixel"] == ""
        assert "dose" not in page


def test_the_table_tells_model_pixel_size_and_dose(tmp_path, folder, counts):
    sbd.batch(folder, tmp_path / "out", glob="**/*")
    with (tmp_path / "out" / "batch.csv").open(newline="") as file:
        rows = {os.path.basename(row["file"]): row for row in csv.DictReader(file)}
    row = rows["a.npy"]
    assert row["model"] == "hrtem" and float(row["pixel_size_nm"]) == PIXEL
    assert float(row["dose_e_per_pixel"]) == pytest.approx(counts.mean(), rel=1e-3)
    assert rows["c.tif"]["dose_e_per_pixel"] == ""  # nobody told its gain
    assert rows["broken.mrc"]["model"] == row["columns"] == ""


@of_cosines
def test_a_batch_also_judges_measures_and_reports(tmp_path, folder, monkeypatch):
    out = tmp_path / "out"
    words = (folder, "-o", out, "--glob", "a.npy", "--judge", "--report")
    assert command_line(monkeypatch, "batch", *words) == 0
    result, raw = sbd.read(out / "a_denoised.ome.tif"), sbd.read(folder / "a.npy")
    with (out / "batch.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    expected = sbd.find_columns(raw, result)
    with (out / "a_denoised_columns.csv").open(newline="") as file:
        table = [line for line in file if not line.startswith("#")]
    assert len(table) - 1 == len(expected) == int(row["columns"])
    halves = sbd.split_half_resolution(raw, result)
    assert row["halves"] == halves.verdict()
    assert (out / "a_denoised_report.pdf").read_bytes().startswith(b"%PDF")
    # what is finished is not denoised again, but judged where that is asked for
    again = sbd.batch(folder, out, glob="a.npy", resume=True, judge=True)
    assert [o.status for o in again] == ["skipped"] and again[0].facts.columns == len(expected)


def test_what_cannot_be_judged_is_told_and_the_rest_goes_on(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sbd.write(sbd.Micrograph(rng.poisson(0.5, (256, 256)).astype(np.float32)), folder / "n.npy")
    (outcome,) = sbd.batch(folder, tmp_path / "out", judge=True, report=True)
    assert outcome.status == "done"
    assert outcome.facts.columns in (0, None)


def test_an_older_table_stays_where_there_is_no_room_for_a_new_one(tmp_path, folder, monkeypatch):
    place = tmp_path / "out"
    place.mkdir()
    (place / "batch.csv").write_text("of an earlier batch")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(sbd.SBDError, match="make room"):
        sbd.batch(folder, place, glob="a.npy", model="hrtem")
    assert (place / "batch.csv").read_text() == "of an earlier batch"
    assert names(place) == ["batch.csv"]


def test_a_batch_whose_output_nobody_reads_says_how_to_go_on(tmp_path, folder):
    words = ["batch", folder, "-o", tmp_path / "out", "--glob", "*.npy", "--model", "hrtem"]
    run = subprocess.Popen(
        [sys.executable, "-m", "napari_sbd", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run.stdout.close()
    said = run.stderr.read().strip()
    run.stderr.close()
    assert run.wait() == 2
    assert "with --resume goes on" in said.splitlines()[-1]
    assert (tmp_path / "out" / "a_denoised.ome.tif").exists()


def test_two_batches_at_a_time_need_two_folders(tmp_path, folder):
    """Each would replace the other's table; the first one's stays whole."""
    out = tmp_path / "out"

    def beside(_):
        with pytest.raises(sbd.SBDError, match="Another batch or watch writes into"):
            sbd.batch(folder, out, glob="b.mrc", model="hrtem")

    sbd.batch(folder, out, glob="a.npy", model="hrtem", on_file=beside)
    assert list(table(out)) == ["a.npy"]
    sbd.batch(folder, out, glob="b.mrc", model="hrtem")
    assert {name: row["status"] for name, row in table(out).items()} == {
        "a.npy": "done",
        "b.mrc": "done",
    }


def test_the_result_of_another_file_stays(tmp_path, folder, counts):
    """Files of two days often have the same names."""
    out, second = tmp_path / "out", tmp_path / "second"
    sbd.batch(folder, out, glob="a.npy", model="hrtem")
    before = sbd.read(out / "a_denoised.ome.tif").data
    second.mkdir()
    sbd.write(sbd.Micrograph(counts[:, ::-1].copy(), PIXEL, gain=1.0), second / "a.npy")
    (outcome,) = sbd.batch(second, out, model="hrtem")
    assert outcome.status == "failed"
    assert f"is the result of another file, {folder / 'a.npy'}, and stays" in outcome.reason
    np.testing.assert_array_equal(sbd.read(out / "a_denoised.ome.tif").data, before)
    # the same file changed, or moved, has a new result
    sbd.write(sbd.Micrograph(counts + 1, PIXEL, gain=1.0), folder / "a.npy")
    assert statuses(sbd.batch(folder, out, glob="a.npy", model="hrtem")) == {"a.npy": "done"}
    moved = folder.rename(tmp_path / "moved")
    assert statuses(sbd.batch(moved, out, glob="a.npy", model="hrtem")) == {"a.npy": "done"}
