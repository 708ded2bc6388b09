"""Which images of a file are its frames, and how many of them are still to come."""

import os

import numpy as np
import pytest
import tifffile

import napari_sbd as sbd
from napari_sbd.watch.arrivals import SETTLED, Arrivals

SHAPE = (64, 64)
FRAMES = np.random.default_rng(0).poisson(20, (5, *SHAPE)).astype(np.uint16)
SIGNED = {"axes": "TYX", "cf": 0, "c0": -32768.0, "c1": 1.0}


@pytest.fixture
def settings(model):
    return {"model": model, "device": "cpu", "gain": 1.0, "pixel_size": 0.03}


def all_of(path, said=None):
    """The frames of a file as they come."""
    arrivals = Arrivals(path, say=(said if said is not None else []).append)
    found = [a for k in range(4) for a in arrivals.poll(k * SETTLED / 2)]
    assert [a.index for a in found] == list(range(len(found)))
    return np.array([arrivals.read(a).data for a in found]), found


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "truncate": True, "metadata": {"axes": "TYX"}},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"imagej": True, "metadata": SIGNED},  # as ImageJ stores signed values
        {"imagej": True, "truncate": True, "metadata": SIGNED},
        {"truncate": True},
        {"ome": True, "metadata": {"axes": "TYX"}},
        {"metadata": None},
        {},
        {"compression": "zlib"},
    ],
)
def test_the_frames_of_a_tiff_are_those_that_are_read(tmp_path, options):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, FRAMES, photometric="minisblack", **options)
    expected = np.asarray(sbd.read(path).data)
    found, _ = all_of(path)
    assert len(found) == 5
    np.testing.assert_array_equal(found, expected)


def test_a_movie_of_one_page_that_is_cut_short_is_no_single_image(tmp_path):
    path, said = tmp_path / "movie.tif", []
    tifffile.imwrite(path, FRAMES, truncate=True)
    os.truncate(path, path.stat().st_size - 3 * FRAMES[0].nbytes)
    found, (arrival,) = all_of(path, said)
    np.testing.assert_array_equal(found[0], FRAMES[0])
    assert not arrival.alone


def write_pages(path, pages):
    with tifffile.TiffWriter(path) as file:
        for page, options in pages:
            file.write(page, photometric="minisblack", metadata=None, **options)


def test_thumbnails_and_masks_are_no_frames(tmp_path):
    path, said = tmp_path / "movie.tif", []
    small = {"subfiletype": 1}, {"subfiletype": 4}
    pages = [(FRAMES[0], {}), (FRAMES[0, ::4, ::4], small[0])]
    pages += [(FRAMES[k], {}) for k in (1, 2)] + [(FRAMES[1] > 99, small[1]), (FRAMES[3], {})]
    write_pages(path, pages)
    found, _ = all_of(path, said)
    np.testing.assert_array_equal(found, FRAMES[:4])
    assert not said
    write_pages(path, [(FRAMES[0], {}), (FRAMES[0, ::4, ::4], small[0])])
    found, (arrival,) = all_of(path)
    assert arrival.alone and len(found) == 1


@pytest.mark.parametrize("place", [0, 2, 5])
def test_pages_of_another_size_are_left_out_with_a_sentence(tmp_path, settings, place):
    path, said = tmp_path / "movie.tif", []
    pages = [(frame, {}) for frame in FRAMES]
    pages.insert(place, (FRAMES[0, :16, :32], {}))
    write_pages(path, pages)
    sbd.watch(path, tmp_path / "out", idle=0.0, say=said.append, **settings)
    (sentence,) = [s for s in said if "left out" in s]
    assert "movie.tif also holds images of 16 x 32 pixels" in sentence
    result = sbd.read(tmp_path / "out" / "movie_denoised.zarr")
    assert result.shape == FRAMES.shape and np.isfinite(np.asarray(result.data)).all()


def test_a_page_of_another_size_that_comes_later_changes_nothing(tmp_path):
    path, said = tmp_path / "movie.tif", []
    arrivals = Arrivals(path, say=said.append)
    found = []
    for k, page in enumerate((*FRAMES[:2], *[np.tile(FRAMES[0], (4, 4))] * 2, FRAMES[2])):
        tifffile.imwrite(path, page, append=k > 0, metadata=None)
        found += [a.stack.frame(a.index) for a in arrivals.poll(k * SETTLED / 2)]
    np.testing.assert_array_equal(found, FRAMES[:3])
    assert len(said) == 1 and "256 x 256" in said[0]


@pytest.mark.parametrize("stated", [5, 0, 1])
def test_the_first_frame_of_a_slow_movie_goes_where_the_others_go(tmp_path, settings, stated):
    """Frames that come so slowly that the file counts as written after each of them."""
    path, whole, out = tmp_path / "slow.mrc", tmp_path / "whole.mrc", tmp_path / "out"
    sbd.write(sbd.Micrograph(FRAMES.astype(np.float32), 0.03), whole)
    blob = bytearray(whole.read_bytes())
    body = 4 * FRAMES[0].size
    head = len(blob) - 5 * body
    blob[8:12] = stated.to_bytes(4, "little")
    path.write_bytes(blob[: head + body])
    seen = []

    def go_on(frame):
        seen.append(frame)
        with path.open("ab") as file:
            file.write(blob[head + len(seen) * body :][:body])

    sbd.watch(path, out, idle=0.5, on_frame=go_on, **settings)
    assert [s.arrival.index for s in seen] == list(range(5))
    result = np.asarray(sbd.read(out / "slow_denoised.zarr").data)
    np.testing.assert_array_equal(result, [s.result.data for s in seen])
    assert (out / "slow_denoised.ome.tif").exists() == (stated == 1)


def test_a_movie_that_was_torn_after_its_first_frame_is_no_single_image(tmp_path):
    path = tmp_path / "torn.mrc"
    sbd.write(sbd.Micrograph(FRAMES.astype(np.float32)), path)
    os.truncate(path, path.stat().st_size - 4 * 4 * FRAMES[0].size + 100)
    _, (arrival,) = all_of(path)
    assert not arrival.alone
    single = tmp_path / "single.mrc"
    sbd.write(sbd.Micrograph(FRAMES[0].astype(np.float32)), single)
    _, (arrival,) = all_of(single)
    assert arrival.alone


def test_frames_that_were_promised_and_never_came_are_named_at_the_end(tmp_path):
    path, said = tmp_path / "movie.mrc", []
    sbd.write(sbd.Micrograph(FRAMES.astype(np.float32)), path)
    os.truncate(path, path.stat().st_size - 2 * 4 * FRAMES[0].size)
    arrivals = Arrivals(path, say=said.append)
    arrivals.poll(0.0)
    assert len(arrivals.poll(SETTLED)) == 0 and not said
    arrivals.say_left()
    assert said == ["movie.mrc says that it holds 5 frames; 3 were there when the watch ended."]
