"""Files that are written over, replaced, copied back and skipped: each image once, none missed."""

import csv
import os
import shutil
import time

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.watch.arrivals import SETTLED, Arrivals

SHAPE = (64, 64)


def frames(count, seed=0):
    """Counts of a lattice, each frame another."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE) * 2 * np.pi * 0.03 / 0.25
    return rng.poisson(20 * (1 + 0.5 * np.cos(y) * np.cos(x)), (count, *SHAPE)).astype(np.float32)


@pytest.fixture
def settings(model):
    return {"model": model, "device": "cpu", "gain": 1.0, "pixel_size": 0.03}


def lines(folder):
    with (folder / "watch.csv").open(newline="") as file:
        return [
            (row["file"], int(row["take"]), int(row["frame"]), row["fate"])
            for row in csv.DictReader(file)
        ]


def write_over(path, values, in_place=True):
    """Another movie under an old name: into the same file, or as a file that takes its place."""
    beside = path.with_name("draft.mrc")
    sbd.write(sbd.Micrograph(values, 0.03), beside)
    if in_place:
        path.write_bytes(beside.read_bytes())
        beside.unlink()
    else:
        os.replace(beside, path)
    now = path.stat().st_mtime_ns + 10**7  # also where clocks of files are coarse
    os.utime(path, ns=(now, now))


class Camera:
    """Looks at a source every half of the time after which a file counts as written."""

    def __init__(self, source, **more):
        self.arrivals, self.now = Arrivals(source, **more), 0.0

    def look(self, times=4):
        found = []
        for _ in range(times):
            self.now += SETTLED / 2
            found += self.arrivals.poll(self.now)
        return found

    def read(self, times=4):
        """What came, by take and number, each read."""
        return {
            (a.path.name, a.take, a.index): np.asarray(self.arrivals.read(a).data)
            for a in self.look(times)
        }


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_a_file_that_is_written_over_with_the_same_size_is_another_take(tmp_path, in_place, count):
    path, camera = tmp_path / "live.mrc", Camera(tmp_path / "live.mrc")
    for take in (1, 2, 3):
        values = frames(count, seed=take)
        write_over(path, values, in_place)
        found = camera.read()
        assert list(found) == [("live.mrc", take, k) for k in range(count)]
        np.testing.assert_array_equal(list(found.values()), values)
    assert camera.read() == {}


def test_a_file_that_only_says_that_it_changed_is_no_other_take(tmp_path):
    path, camera = tmp_path / "movie.mrc", Camera(tmp_path / "movie.mrc")
    write_over(path, frames(3))
    assert len(camera.read()) == 3
    os.utime(path, ns=(10**18, 10**18))
    assert camera.look() == []
    write_over(path, frames(3))  # the same once more, as a copy
    assert camera.look() == []
    longer = np.concatenate([frames(3), frames(1, seed=9)])
    write_over(path, longer)
    assert [(take, k) for _, take, k in camera.read()] == [(1, 3)]


def test_movies_with_the_same_dark_first_frame_are_told_apart(tmp_path):
    path, camera = tmp_path / "movie.mrc", Camera(tmp_path / "movie.mrc")
    for take in (1, 2):
        values = frames(3, seed=take)
        values[0] = 0
        write_over(path, values)
        assert [(t, k) for _, t, k in camera.read()] == [(take, k) for k in range(3)]


def test_of_a_movie_that_is_written_over_in_place_no_old_frame_is_taken(tmp_path):
    """While the new frames are written, the old ones still lie behind them."""
    path, camera = tmp_path / "movie.mrc", Camera(tmp_path / "movie.mrc")
    write_over(path, frames(4, seed=1))
    camera.read()
    new = frames(4, seed=2)
    body = new[0].nbytes
    head = path.stat().st_size - 4 * body
    with path.open("rb+") as file:
        file.seek(head)
        for k in range(4):
            file.write(new[k].tobytes())
            file.flush()
            os.utime(path, ns=(10**18 + k * 10**7,) * 2)
            assert camera.look(1) == []
    found = camera.read()
    assert [(take, k) for _, take, k in found] == [(2, k) for k in range(4)]
    np.testing.assert_array_equal(list(found.values()), new)


def test_frames_that_waited_are_not_taken_from_the_movie_that_came_after(tmp_path, settings):
    path, out = tmp_path / "movie.mrc", tmp_path / "out"
    old, new = frames(3, seed=1), frames(3, seed=2)
    write_over(path, old)
    seen = []

    def take(frame):
        seen.append(frame)
        if len(seen) == 1:
            write_over(path, new)

    sbd.watch(path, out, idle=0.3, on_frame=take, **settings)
    for frame in seen:
        if frame.raw is not None:
            values = (old, new)[frame.arrival.take - 1][frame.arrival.index]
            np.testing.assert_array_equal(frame.raw.data, values)
    done = [(take, k) for _, take, k, fate in lines(out) if fate == "denoised"]
    assert {(2, 0), (2, 1), (2, 2)} <= set(done) and len(done) == len(set(done))


@pytest.mark.parametrize("missed", [0, 1])
def test_the_newest_comes_of_a_file_that_is_replaced_without_a_pause(tmp_path, missed):
    """Programs that replace files complete them before; takes that were missed are not counted."""
    path, camera = tmp_path / "live.mrc", Camera(tmp_path / "live.mrc")
    found = {}
    for k in range(12):
        values = frames(1, seed=k)
        for _ in range(1 + missed * (k > 1)):  # every second file has the number of one before
            write_over(path, values, in_place=False)
        new = camera.read(1)
        for raw in new.values():
            np.testing.assert_array_equal(raw, values[0])
        found.update(new)
    assert len(found) > 8
    assert [take for _, take, _ in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize("read", [True, False])
def test_a_drive_that_comes_back_with_other_numbers_on_the_disk_holds_nothing_new(tmp_path, read):
    folder, camera = tmp_path / "drive", Camera(tmp_path / "drive", say=lambda sentence: None)
    folder.mkdir()
    for k, count in enumerate((1, 3)):
        write_over(folder / f"{k}.mrc", frames(count, seed=k))
    first = camera.look()
    for arrival in first if read else ():
        camera.arrivals.read(arrival)
    assert len(first) == 4
    folder.rename(tmp_path / "away")
    assert camera.look() == []
    shutil.copytree(tmp_path / "away", folder)
    write_over(folder / "new.mrc", frames(1, seed=9))
    assert [a.key for a in camera.look()] == [("new.mrc", 1, 0)]
    assert len([camera.arrivals.read(arrival) for arrival in first]) == 4


def test_frames_that_were_skipped_do_not_come_again(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    write_over(source / "movie.mrc", frames(4))
    write_over(source / "other.mrc", frames(1, seed=5))
    sbd.watch(source, out, idle=0.0, skip=True, **settings)
    before = lines(out)
    assert len(before) == 5 and ("movie.mrc", 1, 0, "skipped") in before
    sbd.watch(source, out, idle=0.0, skip=True, **settings)
    assert lines(out) == before


def test_an_image_that_was_skipped_is_seen_when_it_is_another(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    write_over(source / "a.mrc", frames(1))
    write_over(source / "b.mrc", frames(1, seed=1))
    seen = []

    def again(frame):
        seen.append(frame)
        if len(seen) == 2:
            write_over(source / "a.mrc", frames(1, seed=2))

    sbd.watch(source, out, idle=0.5, skip=True, on_frame=again, **settings)
    assert ("a.mrc", 1, 0, "skipped") in lines(out)
    assert ("a.mrc", 2, 0, "denoised") in lines(out)


def test_an_image_that_was_skipped_and_replaced_while_nobody_watched_is_seen(tmp_path, settings):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    write_over(source / "a.mrc", frames(1))
    write_over(source / "b.mrc", frames(1, seed=1))
    sbd.watch(source, out, idle=0.0, skip=True, **settings)
    assert ("a.mrc", 1, 0, "skipped") in lines(out)
    write_over(source / "a.mrc", frames(1, seed=2))
    sbd.watch(source, out, idle=0.0, **settings)
    after = lines(out)
    assert ("a.mrc", 2, 0, "denoised") in after and len(after) == 3
    sbd.watch(source, out, idle=0.0, **settings)
    assert lines(out) == after


def test_a_frame_that_waited_is_not_read_from_a_movie_that_came_just_now(tmp_path):
    path, camera = tmp_path / "movie.mrc", Camera(tmp_path / "movie.mrc")
    write_over(path, frames(3, seed=1))
    first, _, last = camera.look()
    assert camera.arrivals.read(last) is not None
    write_over(path, frames(3, seed=2))
    assert camera.arrivals.read(first) is None
    assert [(a.take, a.index) for a in camera.look()] == [(2, 0), (2, 1), (2, 2)]
    with pytest.raises(sbd.SBDError, match="took its place"):
        camera.arrivals.read(first)


def test_after_a_watch_that_was_begun_again_takes_go_on(tmp_path, settings):
    path, out = tmp_path / "movie.mrc", tmp_path / "out"
    for take in (1, 2):
        write_over(path, frames(2, seed=take))
        sbd.watch(path, out, idle=0.0, **settings)
    seen = []

    def again(frame):
        seen.append(frame)
        if len(seen) == 2:
            write_over(path, frames(2, seed=4))

    write_over(path, frames(2, seed=3))
    sbd.watch(path, out, idle=0.5, on_frame=again, **settings)
    expected = [("movie.mrc", take, k, "denoised") for take in (1, 2, 3, 4) for k in (0, 1)]
    assert sorted(lines(out)) == expected


def test_looking_takes_a_small_part_of_the_time(tmp_path, settings, monkeypatch):
    """Folders of thousands of files, on drives that answer slowly."""
    look, looks = Arrivals.poll, []

    def slow_look(self, now):
        time.sleep(0.1)
        looks.append(now)
        return look(self, now)

    monkeypatch.setattr(Arrivals, "poll", slow_look)
    path, begun = tmp_path / "movie.mrc", time.monotonic()
    write_over(path, frames(30))
    found = sbd.watch(path, None, idle=0.0, **settings)
    assert found.fates["denoised"] == 30
    assert 0.1 * len(looks) <= 0.25 * (time.monotonic() - begun) + 0.3


def test_a_look_at_a_folder_in_which_nothing_happens_reads_nothing(tmp_path, monkeypatch):
    from napari_sbd.watch import arrivals as looks

    for k in range(20):
        write_over(tmp_path / f"{k}.mrc", frames(1, seed=k))
    (tmp_path / "notes.txt").write_text("no image")
    camera = Camera(tmp_path)
    assert len(camera.look()) == 20
    monkeypatch.setattr(looks, "so_far", None)
    monkeypatch.setattr(looks, "is_readable", None)
    assert camera.look() == []
