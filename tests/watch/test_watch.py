"""Frames that come while we look: none lost, none twice, none torn."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time

import mrcfile
import numpy as np
import pytest
import tifffile
from mrcfile.dtypes import get_ext_header_dtype

import napari_sbd as sbd
from events import write_eer
from napari_sbd.watch import arrivals as looks
from napari_sbd.watch.arrivals import PATIENCE, SETTLED, Arrivals
from napari_sbd.watch.running import RunningMean

SHAPE = (64, 64)
PIXEL = 0.03


def frames(count, seed=0):
    """Counts of a lattice that drifts, each frame another."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE) * 2 * np.pi * PIXEL / 0.25
    return [
        rng.poisson(20 * (1 + 0.5 * np.cos(y + 0.1 * k) * np.cos(x))).astype(np.float32)
        for k in range(count)
    ]


@pytest.fixture
def settings(model):
    return {"model": model, "device": "cpu", "gain": 1.0, "pixel_size": PIXEL}


def lines(folder):
    with (folder / "watch.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.filterwarnings(
    "ignore:The image shows a period",
    "ignore:The result of model",
    "ignore:A period of:UserWarning",
)
def test_what_a_folder_holds_is_denoised_as_denoise_does(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    images = frames(3)
    for k, image in enumerate(images[:2]):
        sbd.write(sbd.Micrograph(image, PIXEL), source / f"image{k}.mrc")
    sbd.write(sbd.Micrograph(np.stack(images), PIXEL), source / "stack.mrc")
    (source / "notes.txt").write_text("no image")
    summary = sbd.watch(source, out, idle=0.0, **settings)
    assert dict(summary.fates) == {"denoised": 5} and summary.waiting == 0
    single = sbd.read(out / "image1_denoised.ome.tif")
    assert single.pixel_size == PIXEL
    expected = np.asarray(sbd.denoise(images[1], **settings).data)
    # one camera: the model looks at its first frame, as at the first of a movie
    np.testing.assert_allclose(single.data, expected, atol=0.05 * expected.std())
    stack = sbd.read(out / "stack_denoised.zarr")
    assert stack.shape == (3, *SHAPE) and np.isfinite(np.asarray(stack.data)).all()
    assert len(lines(out)) == 5


def test_a_watch_that_is_begun_again_does_what_is_new_only(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    images = frames(4)
    for k, image in enumerate(images[:2]):
        sbd.write(sbd.Micrograph(image), source / f"image{k}.mrc")
    sbd.watch(source, out, idle=0.0, **settings)
    for k, image in enumerate(images[2:], 2):
        sbd.write(sbd.Micrograph(image), source / f"image{k}.mrc")
    assert sbd.watch(source, out, idle=0.0, **settings).fates["denoised"] == 2
    assert sorted(line["file"] for line in lines(out)) == [f"image{k}.mrc" for k in range(4)]
    # another image under an old name is new, and its result does not take the place of the other
    sbd.write(sbd.Micrograph(frames(1, seed=9)[0]), source / "image0.mrc")
    assert sbd.watch(source, out, idle=0.0, **settings).fates["denoised"] == 1
    assert {p.name for p in out.glob("image0*")} == {
        "image0_denoised.ome.tif",
        "image0_2_denoised.ome.tif",
    }


def test_a_journal_cut_in_the_middle_of_a_line_costs_that_frame_only(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for k, image in enumerate(frames(2)):
        sbd.write(sbd.Micrograph(image), source / f"image{k}.mrc")
    sbd.watch(source, out, idle=0.0, **settings)
    journal = out / "watch.csv"
    journal.write_text(journal.read_text()[:-9])
    assert sbd.watch(source, out, idle=0.0, **settings).fates["denoised"] == 1
    assert not sbd.watch(source, out, idle=0.0, **settings).fates  # and it costs it once


def test_two_watches_do_not_write_into_one_folder(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    sbd.write(sbd.Micrograph(frames(1)[0]), source / "a.mrc")
    refused = []

    def begin_another(seen):
        with pytest.raises(sbd.SBDError, match="Another batch or watch writes into") as caught:
            sbd.watch(source, out, idle=0.0, **settings)
        refused.append(caught)

    sbd.watch(source, out, idle=0.0, on_frame=begin_another, **settings)
    assert len(refused) == len(lines(out)) == 1
    sbd.watch(source, out, idle=0.0, **settings)


@pytest.mark.parametrize("skip", [False, True])
def test_a_disk_that_was_full_for_a_while_costs_nothing(tmp_path, settings, monkeypatch, skip):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    sbd.write(sbd.Micrograph(np.stack(frames(3))), source / "movie.mrc")
    said, failed, sync = [], [], os.fsync

    def full(number):
        if len(failed) < 2 and (out / "movie_denoised.zarr").exists():
            failed.append(number)
            raise OSError(28, "No space left on device")
        sync(number)

    monkeypatch.setattr(os, "fsync", full)
    found = sbd.watch(source, out, idle=0.0, say=said.append, skip=skip, **settings)
    assert [s for s in said if "No space left on device" in s and "trying again" in s]
    assert sum(found.fates.values()) == 3
    told = [(line["file"], line["frame"]) for line in lines(out)]
    assert sorted(told) == [("movie.mrc", str(k)) for k in range(3)]


def written_slowly(path, images, pause, chunks=3):
    """An MRC stack as a camera writes it: header without a count, frames in pieces."""
    whole = path.with_suffix(".whole.mrc")
    sbd.write(sbd.Micrograph(np.stack(images), PIXEL), whole)
    blob = whole.read_bytes()
    whole.unlink()
    body = images[0].nbytes
    head = len(blob) - body * len(images)
    header = bytearray(blob[:head])
    header[8:12] = bytes(4)  # nz
    with path.open("wb") as file:
        file.write(header)
        for k in range(len(images)):
            for piece in np.array_split(np.frombuffer(blob, np.uint8)[head + k * body :][:body], 3):
                file.write(piece.tobytes())
                file.flush()
                time.sleep(pause / chunks)


@pytest.mark.parametrize("skip", [False, True])
def test_frames_of_a_growing_stack_come_once_each_and_whole(tmp_path, settings, skip):
    images = frames(12)
    path, out = tmp_path / "movie.mrc", tmp_path / "out"
    seen = []
    camera = threading.Thread(target=written_slowly, args=(path, images, 0.06))
    camera.start()
    summary = sbd.watch(path, out, idle=1.0, on_frame=seen.append, skip=skip, **settings)
    camera.join()
    assert sorted(s.arrival.index for s in seen) == list(range(12))
    for s in seen:
        if s.raw is not None:
            np.testing.assert_array_equal(s.raw.data, images[s.arrival.index])
    result = np.asarray(sbd.read(out / "movie_denoised.zarr").data)
    missing = {s.arrival.index for s in seen if s.fate == "skipped"}
    assert sum(summary.fates.values()) == 12 and summary.fates["skipped"] == len(missing)
    assert {k for k in range(len(result)) if np.isnan(result[k]).any()} == missing
    assert not missing or skip


def test_a_stack_of_full_length_is_read_as_far_as_it_was_written(tmp_path):
    """Some programs take the room on the disk at first; what is zero there was not written."""
    path = tmp_path / "movie.mrc"
    images = frames(4)
    sbd.write(sbd.Micrograph(np.stack(images)), path)
    blob = bytearray(path.read_bytes())
    body = images[0].nbytes
    blob[-2 * body - body // 2 :] = bytes(2 * body + body // 2)
    path.write_bytes(blob)
    arrivals = Arrivals(path, say=print)
    assert [a.index for a in arrivals.poll(0.0)] == [0]
    assert arrivals.poll(SETTLED / 2) == []
    # nothing changes any more: then zeros are what the camera wrote
    assert [a.index for a in arrivals.poll(2 * SETTLED)] == [1, 2, 3]


def test_a_dead_last_row_holds_a_frame_back_until_the_next_one_only(tmp_path):
    images = [image.copy() for image in frames(4)]
    for image in images:
        image[-1] = 0
    sbd.write(sbd.Micrograph(np.stack(images)), tmp_path / "movie.mrc")
    arrivals = Arrivals(tmp_path / "movie.mrc", say=print)
    assert [a.index for a in arrivals.poll(0.0)] == [0, 1, 2]
    assert [a.index for a in arrivals.poll(2 * SETTLED)] == [3]


def test_pages_of_a_tiff_come_as_they_are_appended(tmp_path):
    import tifffile

    path = tmp_path / "movie.tif"
    arrivals = Arrivals(path, say=lambda sentence: None)
    assert arrivals.poll(0.0) == []
    found = []
    for k, image in enumerate(frames(5)):
        tifffile.imwrite(path, image, append=k > 0, metadata=None)
        found += [(a.index, a.stack.frame(a.index)) for a in arrivals.poll(1.0 + k)]
    found += [(a.index, a.stack.frame(a.index)) for a in arrivals.poll(9.0)]
    assert [index for index, _ in found] == [0, 1, 2, 3, 4]
    for (_, values), image in zip(found, frames(5), strict=True):
        np.testing.assert_array_equal(values, image)


def test_a_half_written_file_waits_and_a_damaged_one_is_named_once(tmp_path):
    whole = tmp_path / "whole.dm4"
    sbd.write(sbd.Micrograph(frames(1)[0]), whole)
    blob = whole.read_bytes()
    whole.unlink()
    folder = tmp_path / "in"
    folder.mkdir()
    said = []
    arrivals = Arrivals(folder, say=said.append)
    path = folder / "image.dm4"
    path.write_bytes(blob[:-500])
    assert arrivals.poll(0.0) == arrivals.poll(1.0) == [] and said == []
    for at in (PATIENCE + 1, PATIENCE + 2):
        assert arrivals.poll(at) == []
    assert len(said) == 1 and "image.dm4 cannot be read" in said[0]
    path.write_bytes(blob)
    arrivals.poll(PATIENCE + 3)
    assert len(arrivals.poll(PATIENCE + 4)) == 1


@pytest.mark.skipif(os.name != "posix", reason="locks of this kind")
@pytest.mark.parametrize("lock", ["flock", "lockf"])
def test_a_locked_file_waits(tmp_path, lock):
    """A lock of another process, as that of the program that writes."""
    path = tmp_path / "image.mrc"
    sbd.write(sbd.Micrograph(frames(1)[0]), path)
    code = f"import fcntl, sys; f = open({str(path)!r}, 'r+b'); fcntl.{lock}(f, 2); "
    code += "print('locked', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    holder.stdout.readline()
    arrivals = Arrivals(path)
    assert arrivals.poll(0.0) == arrivals.poll(1.0) == []
    holder.communicate("")
    assert len(arrivals.poll(2.0)) == 1


def test_a_source_that_is_missing_or_goes_away_is_waited_for(tmp_path):
    said = []
    folder = tmp_path / "drive"
    arrivals = Arrivals(folder, say=said.append)
    assert arrivals.poll(0.0) == arrivals.poll(0.1) == []
    folder.mkdir()
    sbd.write(sbd.Micrograph(frames(1)[0]), folder / "a.mrc")
    arrivals.poll(1.0)
    assert len(arrivals.poll(2.0)) == 1
    folder.rename(tmp_path / "gone")
    assert arrivals.poll(3.0) == []
    (tmp_path / "gone").rename(folder)
    assert arrivals.poll(4.0) == arrivals.poll(5.0) == []  # nothing new
    assert [s.partition("drive ")[2][:12] for s in said] == ["is not there", "is there now"] * 2


def test_a_source_that_never_comes_is_an_error(tmp_path, settings):
    with pytest.raises(sbd.SBDError, match="drive was never there"):
        sbd.watch(tmp_path / "drive", tmp_path / "out", idle=0.1, say=print, **settings)


def test_a_file_that_is_begun_anew_is_another_take(tmp_path):
    path = tmp_path / "movie.mrc"
    sbd.write(sbd.Micrograph(np.stack(frames(3))), path)
    arrivals = Arrivals(path)
    arrivals.poll(0.0)
    assert [a.take for a in arrivals.poll(1.0)] in ([1, 1, 1], [])
    sbd.write(sbd.Micrograph(np.stack(frames(2, seed=5))), path)
    again = arrivals.poll(2.0) + arrivals.poll(3.0)
    assert [(a.take, a.index) for a in again] == [(2, 0), (2, 1)]


def test_blank_frames_and_other_cameras_in_one_folder(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    image = frames(1)[0]
    sbd.write(sbd.Micrograph(0 * image), source / "dark.mrc")
    sbd.write(sbd.Micrograph(image), source / "a.mrc")
    sbd.write(sbd.Micrograph(image[:32, :48]), source / "b.mrc")
    sbd.write(sbd.Micrograph(image[:1]), source / "line.mrc")
    summary = sbd.watch(source, out, idle=0.0, **settings)
    assert summary.fates["denoised"] == 2 and summary.fates["blank"] == 1
    assert summary.fates["unreadable"] == 1
    fates = {line["file"]: (line["fate"], line["reason"]) for line in lines(out)}
    assert fates["line.mrc"][0] == "unreadable" and fates["line.mrc"][1]


def test_results_wait_for_a_folder_that_has_vanished(tmp_path, settings):
    source, out, away = tmp_path / "in", tmp_path / "out", tmp_path / "away"
    source.mkdir()
    for k, image in enumerate(frames(3)):
        sbd.write(sbd.Micrograph(image), source / f"image{k}.mrc")
    said = []

    def vanish(seen):
        if seen.waiting == 2:
            out.rename(away)

    def come_back(sentence):
        said.append(sentence)
        if away.exists():
            away.rename(out)

    summary = sbd.watch(source, out, idle=0.0, on_frame=vanish, say=come_back, **settings)
    assert summary.fates["denoised"] == 3 and len(list(out.glob("*.tif"))) == 3
    assert any("trying again" in sentence for sentence in said)


@pytest.mark.parametrize(
    "wrong", [{"neighbours": 2}, {"frames": (0, 2)}, {"gain_tuning": True}, {"quality": "superb"}]
)
def test_what_a_watch_cannot_do_is_refused(tmp_path, wrong):
    with pytest.raises(sbd.SBDError):
        sbd.watch(tmp_path, tmp_path / "out", **wrong)
    with pytest.raises(sbd.SBDError, match="another folder"):
        sbd.watch(tmp_path, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_a_watch_that_is_killed_goes_on(tmp_path, model):
    """kill -9 in the middle, then the same command: each frame once, none torn."""
    images = frames(30)
    path, out = tmp_path / "movie.mrc", tmp_path / "out"
    words = [sys.executable, "-c", "from napari_sbd.cli import main; main()", "watch", str(path)]
    words += ["-o", str(out), "--model", str(model), "--device", "cpu", "--gain", "1"]
    words += ["--pixel-size", str(PIXEL)]
    camera = threading.Thread(target=written_slowly, args=(path, images, 0.3))
    camera.start()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as first:
        for line in first.stdout:
            if "[2]" in line:
                break
        first.send_signal(signal.SIGKILL)
    options = {"model": model, "device": "cpu", "gain": 1.0, "pixel_size": PIXEL}
    sbd.watch(path, out, idle=1.0, **options)
    camera.join()
    assert sorted(int(line["frame"]) for line in lines(out)) == list(range(30))
    assert np.isfinite(np.asarray(sbd.read(out / "movie_denoised.zarr").data)).all()


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_denoises_many_movies_at_once_as_the_watch_alone_does(
    tmp_path, settings, scheduler
):
    source, alone, out = tmp_path / "in", tmp_path / "alone", tmp_path / "out"
    source.mkdir()
    for k in range(3):
        stack = np.stack(frames(4, seed=k))
        stack[2] = 0
        sbd.write(sbd.Micrograph(stack, PIXEL), source / f"movie{k}.mrc")
    expected = sbd.watch(source, alone, idle=0.0, **settings)
    seen = []
    found = sbd.watch(source, out, idle=0.0, scheduler=scheduler, on_frame=seen.append, **settings)
    assert found.fates == expected.fates == {"denoised": 9, "blank": 3}
    assert len({s.arrival.key for s in seen}) == len(lines(out)) == 12
    for k in range(3):
        one, other = (sbd.read(f / f"movie{k}_denoised.zarr").data for f in (alone, out))
        np.testing.assert_allclose(np.asarray(other), np.asarray(one), atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_goes_away_is_one_sentence_and_the_next_watch_goes_on(
    tmp_path, settings, monkeypatch
):
    from napari_sbd.watch import elsewhere

    class Gone:
        def __init__(self, address):
            self.given = []

        def __len__(self):
            return len(self.given)

        def has_room(self):
            if self.given:
                raise sbd.SBDError("The scheduler is gone.")
            return True

        def give(self, ticket, *job):
            self.given.append(ticket)

        def finished(self):
            return []

        def close(self):
            pass

    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    sbd.write(sbd.Micrograph(np.stack(frames(4)), PIXEL), source / "movie.mrc")
    with monkeypatch.context() as replaced:
        replaced.setattr(elsewhere, "Crew", Gone)
        with pytest.raises(sbd.SBDError, match="gone"):
            sbd.watch(source, out, idle=0.0, scheduler="tcp://nowhere:1", **settings)
    assert len(lines(out)) == 1
    assert sbd.watch(source, out, idle=0.0, **settings).fates["denoised"] == 3


@pytest.mark.filterwarnings(
    "ignore:The image shows a period",
    "ignore:The result of model",
    "ignore:A period of:UserWarning",
)
def test_a_preview_denoises_the_middle_as_the_whole_and_says_so(tmp_path, settings):
    source, said, seen = tmp_path / "in", [], []
    source.mkdir()
    whole = np.random.default_rng(0).poisson(20 * (1 + 0.5 * np.cos(np.indices((64, 600))[1] / 2)))
    sbd.write(sbd.Micrograph(whole.astype(np.float32), PIXEL), source / "large.mrc")
    sbd.write(sbd.Micrograph(frames(1)[0], PIXEL), source / "small.mrc")
    sbd.watch(
        source,
        tmp_path / "out",
        idle=0.0,
        preview=True,
        say=said.append,
        on_frame=seen.append,
        **settings,
    )
    (result,) = (sbd.read(p) for p in (tmp_path / "out").glob("large*"))
    side = round(150 * 0.033 / PIXEL)  # 150 working pixels of 0.033 nm
    first = (600 - side) // 2
    there = np.zeros(whole.shape, bool)
    there[:, first : first + side] = True
    np.testing.assert_array_equal(np.isfinite(result.data), there)
    alone = sbd.denoise(whole[:, first : first + side].astype(np.float32), **settings)
    np.testing.assert_array_equal(result.data[:, there[0]], alone)
    assert [s for s in said if "preview" in s and f"0:64,{first}:{first + side}" in s]
    (large,) = (frame for frame in seen if frame.arrival.path.name == "large.mrc")
    assert RunningMean(2)(large).average.shape == (64, side)
    whole_frame = sbd.read(next((tmp_path / "out").glob("small*")))
    assert np.isfinite(whole_frame.data).all()
    with pytest.raises(sbd.SBDError, match="without a cluster"):
        sbd.watch(source, preview=True, scheduler="tcp://nowhere:1")


def test_files_whose_names_differ_by_suffix_or_case_keep_their_results(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    images = frames(3)
    for name, image in zip(("a.mrc", "a.tif", "A.mrc"), images, strict=True):
        sbd.write(sbd.Micrograph(image, PIXEL), source / name)
    sbd.watch(source, out, idle=0.0, **settings)
    results = [line["output"] for line in lines(out)]
    assert len({name.casefold() for name in results}) == 3
    # also when a watch is begun again, and another file of that name comes
    sbd.write(sbd.Micrograph(images[0] + 1, PIXEL), source / "a.npy")
    sbd.watch(source, out, idle=0.0, **settings)
    assert len({line["output"].casefold() for line in lines(out)}) == 4


@pytest.mark.parametrize("suffix", [".mrc", ".tif"])
def test_a_movie_that_stops_in_the_middle_of_a_frame_is_named_and_the_rest_goes_on(
    suffix, tmp_path, settings, monkeypatch
):
    monkeypatch.setattr(looks, "PATIENCE", 2.0)
    source, said = tmp_path / "in", []
    source.mkdir()
    path = source / f"movie{suffix}"
    if suffix == ".tif":
        with tifffile.TiffWriter(path) as file:
            for image in frames(3):
                file.write(image, contiguous=False, photometric="minisblack", metadata=None)
    else:
        sbd.write(sbd.Micrograph(np.stack(frames(3))), path)
    os.truncate(path, path.stat().st_size - 5000)
    write_eer(source / "events.eer")
    cut = (source / "events.eer").read_bytes()
    (source / "events.eer").write_bytes(cut[: len(cut) // 2])
    sbd.write(sbd.Micrograph(frames(1)[0]), source / "image.mrc")
    found = sbd.watch(source, tmp_path / "out", idle=0.0, say=said.append, **settings)
    assert found.fates["denoised"] == 3
    assert len([s for s in said if "ends in the middle of frame 2" in s]) == 1
    assert len([s for s in said if s.startswith("events.eer") and "cut short" in s]) == 1


def test_what_was_not_read_before_a_watch_is_stopped_is_named(tmp_path, settings):
    """A watch gives files ten seconds to become readable; who stops it sooner hears of them."""
    source, said, begun = tmp_path / "in", [], time.monotonic()
    source.mkdir()
    sbd.write(sbd.Micrograph(frames(1)[0]), source / "good.mrc")
    for name in ("bad1.tif", "bad2.tif"):
        (source / name).write_bytes(b"no image at all")
    (source / "late.npy").write_bytes(b"")

    def should_stop():
        return time.monotonic() - begun > 1.0 and bool(seen)

    seen = []
    found = sbd.watch(
        source, None, say=said.append, should_stop=should_stop, on_frame=seen.append, **settings
    )
    assert found.fates == {"denoised": 1} and found.waiting == 0
    told = [s for s in said if s.startswith("Not read before the watch ended")]
    (both,) = [s for s in told if "bad1.tif, bad2.tif (" in s]
    assert "TIFF" in both
    assert any("late.npy" in s for s in told)
    assert not any("good" in s for s in said)


def test_many_files_that_were_left_are_one_sentence(tmp_path):
    for k in range(9):
        sbd.write(sbd.Micrograph(frames(1)[0]), tmp_path / f"{k}.npy")
    said = []
    arrivals = Arrivals(tmp_path, say=said.append)
    arrivals.poll(0.0)
    (tmp_path / "8.npy").unlink()  # gone again, as drafts are
    arrivals.say_left()
    (sentence,) = said
    assert "0.npy, 1.npy, 2.npy and 5 more" in sentence


def test_the_text_beside_a_growing_movie_tells_its_pixel_size(tmp_path):
    movie = tmp_path / "a.mrc"
    sbd.write(sbd.Micrograph(np.stack(frames(2))), movie)
    movie.with_name("a.mrc.mdoc").write_text("PixelSpacing = 0.3\n[FrameSet = 0]\n")
    arrivals = Arrivals(movie)
    first, _ = [*arrivals.poll(0.0), *arrivals.poll(SETTLED)]
    assert first.stack.image(0, movie).pixel_size == pytest.approx(0.03)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("uneven", "expected"), [(0, 0.4), (9, None)])
def test_times_of_the_frames_of_a_complete_movie_give_its_frame_time(uneven, expected, tmp_path):
    """Those of an extended header of FEI, or of the text beside; the pixel size is the file's."""
    movie = np.stack(frames(3)).astype(np.float32)
    by_text, by_table = tmp_path / "a.mrc", tmp_path / "b.mrc"
    sbd.write(sbd.Micrograph(movie, 0.03), by_text)
    text = "[FrameSet = 0]\nExposureTime = 1.2\n"
    if not uneven:
        text += "NumSubFrames = 3\n"
    by_text.with_name("a.mrc.mdoc").write_text(text)
    table = np.zeros(3, get_ext_header_dtype(b"FEI1", "<"))
    table["Metadata size"], table["Bitmask 1"] = table.itemsize, 1
    table["Timestamp"] = 46_000.5 + np.array([0, 0.4, 0.8 + uneven]) / 86400
    with mrcfile.new(by_table, movie) as file:
        file.set_image_stack()
        file.set_extended_header(table)
        file.header.exttyp = b"FEI1"
    for path in (by_text, by_table):
        arrivals = Arrivals(path)
        first, *_ = [*arrivals.poll(0.0), *arrivals.poll(SETTLED)]
        assert first.stack.image(0, path).frame_time == (
            expected and pytest.approx(expected, abs=1e-5)
        )


def test_the_pattern_of_frames_that_are_still_to_come_is_not_known(tmp_path, settings):
    (tmp_path / "in").mkdir()
    with pytest.raises(sbd.SBDError, match="whole movie, which are still to come"):
        sbd.watch(tmp_path / "in", tmp_path / "out", idle=0.0, fixed_pattern=True, **settings)


def test_settings_that_do_not_fit_are_told_once_and_the_frames_stay_to_be_done(tmp_path, settings):
    source, out, said = tmp_path / "in", tmp_path / "out", []
    source.mkdir()
    rng = np.random.default_rng(0)
    wrong, right = tmp_path / "wrong.tif", tmp_path / "right.tif"
    response = rng.normal(1, 0.1, SHAPE)
    sbd.write(sbd.Micrograph(rng.normal(1, 0.1, (48, 48))), wrong)
    sbd.write(sbd.Micrograph(response), right)
    images = [image * response for image in frames(3)]
    sbd.write(sbd.Micrograph(images[0]), source / "a.mrc")
    sbd.write(sbd.Micrograph(np.stack(images)), source / "movie.mrc")
    told = {"idle": 0.0, "say": said.append, **settings}
    found = sbd.watch(source, out, gain_reference=wrong, skip=True, **told)
    assert not found.fates and found.waiting == 4 and not lines(out)
    (sentence,) = said
    assert "cannot be denoised with these settings" in sentence and "48 x 48 pixels" in sentence
    # one of another shape goes on, and so do all with the reference that fits
    assert sbd.watch(source, out, gain_reference=right, **told).fates == {"denoised": 4}
    sbd.write(sbd.Micrograph(np.tile(images[0], (1, 2))), source / "b.mrc")
    sbd.write(sbd.Micrograph(images[1]), source / "c.mrc")
    found = sbd.watch(source, out, gain_reference=right, **told)
    assert found.fates == {"denoised": 1} and found.waiting == 1
    assert {line["file"] for line in lines(out)} == {"a.mrc", "c.mrc", "movie.mrc"}


def test_frames_wait_for_one_by_which_the_model_can_be_made_ready(tmp_path, settings):
    """A first frame without beam, just below the offset, is none; later ones tell what it is."""
    source, said = tmp_path / "in", []
    source.mkdir()
    dark = np.random.default_rng(0).normal(99.5, 1, SHAPE).astype(np.float32)
    sbd.write(sbd.Micrograph(np.stack([frames(1)[0] + 100, dark])), source / "movie.mrc")
    found = sbd.watch(source, None, idle=0.0, offset=100.0, say=said.append, **settings)
    assert sum(found.fates.values()) == 2 and found.waiting == 0 and found.fates["denoised"] >= 1


@pytest.mark.parametrize("wrong", [{"model": "nonesuch"}, {"device": "abacus"}])
def test_what_no_frame_can_be_denoised_with_is_refused_at_once(tmp_path, settings, wrong):
    with pytest.raises(sbd.SBDError):
        sbd.watch(tmp_path / "in", tmp_path / "out", idle=0.0, **settings | wrong)
    assert not (tmp_path / "out").exists()
