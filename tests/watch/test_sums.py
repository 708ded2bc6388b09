"""A watch that adds frames, and that reads electron events in finer pixels."""

import csv
import struct

import numpy as np
import pytest
import tifffile
import zarr

import napari_sbd as sbd
from events import image, seen, write_eer
from napari_sbd.provenance import read_recipe
from napari_sbd.watch.arrivals import Arrivals

PIXEL = 0.03
SHAPE = (64, 64)


def frames(count, seed=0):
    y, x = np.indices(SHAPE) * 2 * np.pi * PIXEL / 0.25
    rate = 4 * (1 + 0.5 * np.cos(y) * np.cos(x))
    return np.random.default_rng(seed).poisson(rate, (count, *SHAPE)).astype(np.uint16)


@pytest.fixture
def settings(model):
    return {"model": model, "device": "cpu"}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def raws(found):
    return {s.arrival.index: s.raw for s in found}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".mrc", ".tif", ".ome.tif", ".zarr", ".dm4"])
def test_frames_of_every_stack_are_added_as_read_does_it(suffix, source, tmp_path, settings):
    path, came, said = source / f"movie{suffix}", [], []
    movie = sbd.Micrograph(frames(5), PIXEL, frame_time=0.1, gain=2.0, offset=0.5)
    sbd.write(movie, path)
    out = tmp_path / "out"
    found = sbd.watch(
        path, out, idle=0.0, sum_frames=2, on_frame=came.append, say=said.append, **settings
    )
    assert found.fates == {"denoised": 2}
    whole = sbd.read(path, sum_frames=2)
    for index, raw in raws(came).items():
        np.testing.assert_array_equal(raw.data, whole.data[index])
        told = raw.pixel_size, raw.gain, raw.offset, raw.frame_time
        assert told == pytest.approx((PIXEL, 2.0, 1.0, 0.2))
    assert any("The last 1 of 5 frames of movie" in sentence for sentence in said)
    store = out / "movie_denoised.zarr"
    (step,) = read_recipe(store)["history"]
    assert step["source"]["sum_frames"] == 2
    assert sbd.rerun(store).identical


@pytest.mark.filterwarnings("ignore")
def test_electron_events_are_added_and_finer(source, tmp_path, settings):
    events = seen(4)
    write_eer(source / "movie.eer", events)
    came, out = [], tmp_path / "out"
    chosen = {"sum_frames": 2, "super_resolution": 2}
    found = sbd.watch(source, out, idle=0.0, on_frame=came.append, **chosen, **settings)
    assert sum(found.fates.values()) == 2
    for index, raw in raws(came).items():
        pair = sum(image(events[k], 2) for k in (2 * index, 2 * index + 1))
        np.testing.assert_array_equal(raw.data, pair)
        assert raw.pixel_size == pytest.approx((0.015, 0.01))
    with (out / "watch.csv").open(newline="") as file:
        assert sorted(line["frame"] for line in csv.DictReader(file)) == ["0", "1"]


def test_other_sums_are_not_mixed_into_results(source, tmp_path, settings):
    sbd.write(sbd.Micrograph(frames(4), PIXEL, gain=1.0), source / "movie.mrc")
    out = tmp_path / "out"
    sbd.watch(source, out, idle=0.0, sum_frames=2, **settings)
    for other in ({}, {"sum_frames": 4}):
        with pytest.raises(sbd.SBDError, match="other values of sum and super-resolution"):
            sbd.watch(source, out, idle=0.0, **other, **settings)
    again = sbd.watch(source, out, idle=0.0, sum_frames=2, **settings)
    assert not again.fates  # all is there


def test_a_watch_from_before_sums_goes_on(source, tmp_path, settings):
    import json

    sbd.write(sbd.Micrograph(frames(2), PIXEL, gain=1.0), source / "movie.mrc")
    out = tmp_path / "out"
    sbd.watch(source, out, idle=0.0, **settings)
    note = json.loads((out / "watch.json").read_text())
    del note["read"]
    (out / "watch.json").write_text(json.dumps(note))
    assert not sbd.watch(source, out, idle=0.0, **settings).fates


def test_what_cannot_be_read_so_is_named_and_the_rest_goes_on(source, tmp_path, settings):
    sbd.write(sbd.Micrograph(frames(1)[0], PIXEL, gain=1.0), source / "image.tif")
    write_eer(source / "movie.eer")
    for chosen, count, reason in (
        ({"sum_frames": 2}, 2, "1 frame, too few for a sum of 2"),
        ({"super_resolution": 2}, 4, "as EER files do"),
    ):
        said, came, out = [], [], tmp_path / str(count)
        tell = {"say": said.append, "on_frame": came.append}

        def enough(came=came, count=count):
            return len(came) == count

        sbd.watch(source, out, should_stop=enough, **tell, **chosen, **settings)
        assert any("image.tif" in sentence and reason in sentence for sentence in said)
    for wrong in ({"sum_frames": 0}, {"super_resolution": 3}):
        with pytest.raises(sbd.SBDError):
            sbd.watch(source, tmp_path / "c", idle=0.0, **wrong, **settings)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("suffix", [".mrc", ".tif"])
def test_a_sum_comes_when_its_last_frame_is_written(suffix, source):
    """The file has its full length at first, and frame after frame is filled in."""
    path, movie = source / f"movie{suffix}", frames(5)
    sbd.write(sbd.Micrograph(movie, PIXEL), path)
    raw = path.read_bytes()
    places = [raw.index(frame.tobytes()) for frame in movie]
    empty = bytearray(raw)
    for place in places:
        empty[place : place + movie[0].nbytes] = bytes(movie[0].nbytes)
    path.write_bytes(empty)
    arrivals, now, counts = Arrivals(path, chosen={"sum_frames": 2}), 0.0, []
    for place, frame in zip(places, movie, strict=True):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(frame.tobytes())
        now += 0.01  # never settled
        counts.append(len(arrivals.poll(now)))
    assert counts == [0, 1, 0, 1, 0]


def grown_mrc(path, movie, count):
    """The camera does not know how many frames will come."""
    sbd.write(sbd.Micrograph(movie, PIXEL, frame_time=0.1), path)
    raw = bytearray(path.read_bytes())
    raw[8:12] = struct.pack("<i", 0)
    path.write_bytes(raw[: len(raw) - (len(movie) - count) * movie[0].nbytes])


def grown_tiff(path, movie, count):
    there = 0
    if path.exists():
        with tifffile.TiffFile(path) as file:
            there = len(file.pages)
    with tifffile.TiffWriter(path, append=there > 0) as file:
        for frame in movie[there:count]:
            file.write(frame, contiguous=False, metadata=None)


def grown_zarr(path, movie, count):
    if not path.exists():
        sbd.write(sbd.Micrograph(movie[:1], PIXEL, frame_time=0.1), path)
    array = zarr.open_array(path / "0", mode="r+")
    array.resize((count, *movie.shape[1:]))
    array[:] = movie[:count]


@pytest.mark.parametrize(
    ("suffix", "grow"), [(".mrc", grown_mrc), (".tif", grown_tiff), (".zarr", grown_zarr)]
)
def test_a_stack_that_grows_gives_sums_once(suffix, grow, source):
    path, movie, told = source / f"movie{suffix}", frames(6).astype(np.float32), []
    arrivals, now = Arrivals(path, chosen={"sum_frames": 3}), 0.0
    for count in (1, 2, 3, 4, 6, 6):
        grow(path, movie, count)
        for waited in (0.01, 1):
            now += waited
            told += [(count, a.index, arrivals.read(a)) for a in arrivals.poll(now)]
    assert [(count, index) for count, index, _ in told] == [(3, 0), (6, 1)]
    for _, index, sum_ in told:
        np.testing.assert_array_equal(sum_.data, movie[3 * index : 3 * index + 3].sum(0))
        assert sum_.frame_time == (None if suffix == ".tif" else pytest.approx(0.3))
