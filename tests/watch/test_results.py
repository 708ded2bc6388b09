"""What a watch leaves behind: results that say how they were made, and a journal that is whole."""

import csv
import re

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.provenance import read_recipe

SHAPE = (64, 64)
PIXEL = 0.03


def frames(count, seed=0, shape=SHAPE):
    """Counts of a lattice, each frame with noise of its own."""
    y, x = np.indices(shape) * 2 * np.pi * PIXEL / 0.25
    rate = 20 * (1 + 0.5 * np.cos(y) * np.cos(x))
    rng = np.random.default_rng(seed)
    return [rng.poisson(rate).astype(np.float32) for _ in range(count)]


@pytest.fixture
def settings(model):
    return {"model": model, "device": "cpu", "gain": 1.0, "pixel_size": PIXEL}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def lines(folder):
    with (folder / "watch.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_a_folder_of_results_that_vanishes_is_waited_for_and_not_made_anew(
    source, tmp_path, settings, left
):
    """An empty folder is what a network drive leaves where it was mounted."""
    out, away, said = tmp_path / "res" / "out", tmp_path / "away", []
    sbd.write(sbd.Micrograph(np.stack(frames(3)), PIXEL), source / "movie.mrc")

    def vanish(seen):
        if seen.waiting == 2:
            out.parent.rename(away)
            if left != "nothing":
                out.mkdir(parents=True)

    def come_back(sentence):
        said.append(sentence)
        if away.exists():
            anew = [p for p in out.parent.rglob("*") if p != out]
            assert not anew, "the results were begun anew"
            if out.exists():
                out.rmdir()
                out.parent.rmdir()
            away.rename(out.parent)

    found = sbd.watch(source, out, idle=0.0, on_frame=vanish, say=come_back, **settings)
    assert found.fates == {"denoised": 3}
    assert any("have vanished" in s and "trying again" in s for s in said)
    assert sorted(line["frame"] for line in lines(out)) == ["0", "1", "2"]
    assert np.isfinite(np.asarray(sbd.read(out / "movie_denoised.zarr").data)).all()


def test_a_journal_without_its_header_is_read_whole(source, tmp_path, settings):
    out = tmp_path / "out"
    sbd.write(sbd.Micrograph(np.stack(frames(2)), PIXEL), source / "movie.mrc")
    sbd.watch(source, out, idle=0.0, **settings)
    journal = out / "watch.csv"
    journal.write_bytes(journal.read_bytes().partition(b"\n")[2])
    assert not sbd.watch(source, out, idle=0.0, **settings).fates


def test_a_table_that_vanished_is_not_begun_without_its_header(tmp_path):
    from napari_sbd.files import Table

    table = Table(tmp_path / "table.csv", ["a", "b"])
    table.add([1, 2])
    (tmp_path / "table.csv").unlink()
    with pytest.raises(sbd.SBDError, match="cannot be written"):
        table.add([3, 4])
    assert not (tmp_path / "table.csv").exists()


def test_results_that_were_begun_with_other_settings_are_not_mixed(source, tmp_path, settings):
    out, path = tmp_path / "out", source / "movie.mrc"
    dark = tmp_path / "dark.npy"
    np.save(dark, np.random.default_rng(1).normal(0, 0.1, SHAPE))
    sbd.write(sbd.Micrograph(np.stack(frames(2)), PIXEL), path)
    sbd.watch(path, out, idle=0.0, dark=dark, **settings)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    sbd.write(sbd.Micrograph(np.stack(frames(4)), PIXEL), path)
    with pytest.raises(sbd.SBDError, match="other values of pixel size, quality;"):
        sbd.watch(
            path, out, idle=0.0, dark=dark, quality="best", **settings | {"pixel_size": 0.035}
        )
    np.save(dark, np.random.default_rng(2).normal(0, 0.1, SHAPE))  # of the same name
    with pytest.raises(sbd.SBDError, match="other values of dark;"):
        sbd.watch(path, out, idle=0.0, dark=dark, **settings)
    with pytest.raises(sbd.SBDError, match="whole frames; watch into another folder for a preview"):
        sbd.watch(path, out, idle=0.0, dark=dark, preview=True, **settings)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    np.save(dark, np.random.default_rng(1).normal(0, 0.1, SHAPE))
    found = sbd.watch(path, out, idle=0.0, dark=dark, **settings | {"device": "auto"})
    assert found.fates == {"denoised": 2}


def test_a_preview_does_not_stand_for_whole_frames(source, tmp_path, settings):
    out = tmp_path / "out"
    sbd.write(sbd.Micrograph(frames(1)[0], PIXEL), source / "a.mrc")
    sbd.watch(source, out, idle=0.0, preview=True, **settings)
    with pytest.raises(sbd.SBDError, match=r"are a preview.*folder for whole frames"):
        sbd.watch(source, out, idle=0.0, **settings)
    assert not sbd.watch(source, out, idle=0.0, preview=True, **settings).fates


@pytest.mark.parametrize("to", ["xyz", "", "../tif"])
def test_results_of_an_unknown_kind_are_refused_before_anything_is_done(
    source, tmp_path, settings, to
):
    sbd.write(sbd.Micrograph(np.stack(frames(2)), PIXEL), source / "movie.mrc")
    with pytest.raises(sbd.SBDError, match="Single images are written as"):
        sbd.watch(source, tmp_path / "out", to=to, idle=0.0, **settings)
    assert not (tmp_path / "out").exists()


def smoothed(images):
    """Frames of a camera that spreads each electron over neighbours, as scintillators do."""
    return [
        (f + np.roll(f, 1, 0) + np.roll(f, 1, 1) + np.roll(f, (1, 1), (0, 1))) / 4 for f in images
    ]


@pytest.mark.filterwarnings("ignore")
def test_the_recipes_of_watched_results_repeat_them(source, tmp_path, settings):
    """Single images and stacks, of one camera that was looked at once, at a frame of its own."""
    out = tmp_path / "out"
    bright = smoothed(frames(2, shape=(128, 128)))
    for k, image in enumerate(bright):
        sbd.write(sbd.Micrograph(image * (k + 1), PIXEL), source / f"image{k}.tif")
    stack = np.stack(frames(4, shape=(128, 128)))
    stack[1] = 0
    sbd.write(sbd.Micrograph(stack, PIXEL), source / "movie.mrc")
    sbd.watch(source, out, idle=0.0, **settings)
    for k in range(2):
        again = sbd.rerun(out / f"image{k}_denoised.ome.tif")
        assert again.verdict() == "The result is identical. The source file is unchanged."
        (step,) = read_recipe(out / f"image{k}_denoised.ome.tif")["history"]
        assert step["source"]["path"] == str(source / f"image{k}.tif")
        assert step["settings"]["shape"] == [128, 128]
        assert step["settings"]["dose"] == pytest.approx((k + 1) * bright[k].mean(), rel=1e-3)
    store = out / "movie_denoised.zarr"
    assert sbd.rerun(store).identical
    (step,) = read_recipe(store)["history"]
    assert step["settings"]["shape"] == [4, 128, 128] and step["settings"]["blank_frames"] == [1]
    # what is kept of a stack in the window is a frame
    seen = []
    sbd.watch(source / "movie.mrc", None, idle=0.0, on_frame=seen.append, **settings)
    kept = next(s.result for s in seen if s.arrival.index == 2)
    assert sbd.rerun(kept).identical
    other = sbd.apply(kept.metadata["napari_sbd"], sbd.Micrograph(bright[0], PIXEL, gain=1.0))
    assert other.shape == (128, 128)


@pytest.mark.filterwarnings("ignore")
def test_a_stack_that_goes_on_is_of_one_model_and_its_recipe_says_what_is_there(
    source, tmp_path, settings
):
    """The model looks at the noise of its first frame; so do frames of a watch begun again."""
    out, path = tmp_path / "out", source / "movie.mrc"
    images = [*frames(3, shape=(128, 128)), *smoothed(frames(2, seed=1, shape=(128, 128)))]
    sbd.write(sbd.Micrograph(np.stack(images[:3]), PIXEL), path)
    store = out / "movie_denoised.zarr"
    sbd.watch(path, out, idle=0.0, **settings)
    sbd.write(sbd.Micrograph(np.stack(images), PIXEL), path)
    assert sbd.rerun(store).identical  # of the frames that are there
    ended = []
    sbd.watch(
        path, out, on_frame=ended.append, should_stop=lambda: bool(ended), idle=0.0, **settings
    )
    (step,) = read_recipe(store)["history"]
    assert step["settings"]["frames"] == [0, 1, 2, 4] and sbd.rerun(store).identical
    sbd.watch(path, out, idle=0.0, **settings)
    # also where a frame of another file comes before its next one
    other = source / "other.mrc"
    sbd.write(sbd.Micrograph(images[4], PIXEL), other)

    def grow(seen):
        if seen.arrival.path == other:
            with path.open("r+b") as file:
                file.seek(8)  # the number of sections
                file.write(np.int32(6).tobytes())
                file.seek(0, 2)
                file.write(images[3].tobytes())

    sbd.watch(source, out, idle=0.0, on_frame=grow, **settings)
    assert sbd.rerun(out / "other_denoised.ome.tif").identical
    (step,) = read_recipe(store)["history"]
    assert "frames" not in step["settings"] and step["settings"]["shape"][0] == 6
    assert sbd.rerun(store).identical


@pytest.mark.parametrize("suffix", [".mrc", ".tif", ".ome.tif", ".zarr", ".dm4"])
def test_a_stack_keeps_frame_time_gain_and_offset(source, tmp_path, model, suffix):
    stack = np.stack(frames(2)) * 32 + 5
    path = source / f"movie{suffix}"
    sbd.write(sbd.Micrograph(stack, PIXEL, frame_time=0.1, gain=32.0, offset=5.0), path)
    sbd.watch(path, tmp_path / "out", idle=0.0, model=model, device="cpu")
    result = sbd.read(tmp_path / "out" / "movie_denoised.zarr")
    assert (result.frame_time, result.gain, result.offset) == (0.1, 32.0, 5.0)


@pytest.mark.parametrize(("glob", "reason"), [("*", "can be read"), ("*.mrc", r"fits \*.mrc")])
def test_a_folder_of_files_that_nothing_reads_is_told(source, tmp_path, settings, glob, reason):
    for k in range(5):
        (source / f"frame{k}.raw").write_bytes(bytes(64))
    said = []
    sbd.watch(source, tmp_path / "out", glob=glob, idle=0.0, say=said.append, **settings)
    (sentence,) = said
    assert re.search(rf"No file in .* {reason} .*frame0.raw, .* and 2 more", sentence)
    (source / "notes.txt").write_text("no image")
    sbd.write(sbd.Micrograph(frames(1)[0], PIXEL), source / "a.mrc")
    said.clear()
    sbd.watch(source, tmp_path / "out", glob=glob, idle=0.0, say=said.append, **settings)
    assert not [s for s in said if "No file" in s]


def test_the_command_offers_what_a_watch_can_do():
    from typer.testing import CliRunner

    from napari_sbd.cli import app

    shown = CliRunner().invoke(app, ["watch", "--help"], env={"COLUMNS": "200"}).output
    assert "--gain-reference" in shown and "--pixel-size" in shown
    assert not re.search("--(frames|neighbours|fixed-pattern|seed)", shown)
