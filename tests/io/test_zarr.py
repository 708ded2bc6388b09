from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_sbd import Micrograph, SBDError, read, write
from napari_sbd.io import arrays, frame_writer
from napari_sbd.io.ome_zarr import frames_so_far
from napari_sbd.io.raw_frames import frame_reader

RECIPE = {"history": [{"unicode": "Pt/CeO₂ <&>", "nested": {"a": [1, 2.5, None]}}]}
DTYPES = ("uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64", "bool")
STREAMED = (".zarr", ".tif", ".ome.tif", ".mrc")


def result(data: np.ndarray) -> Micrograph:
    metadata = {"napari_sbd": RECIPE}
    return Micrograph(data, (0.0061, 0.0125), 0.0025, 3.7, 101.3, metadata)


@pytest.mark.parametrize("frames", [slice(None), 0], ids=["movie", "image"])
def test_everything_survives(frames, tmp_path, movie):
    m = result(movie[frames])
    write(m, tmp_path / "a.ome.zarr")
    back = read(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(back.data, m.data)
    assert back.pixel_size == pytest.approx(m.pixel_size)
    assert (back.frame_time, back.gain, back.offset) == (m.frame_time, m.gain, m.offset)
    assert back.metadata["napari_sbd"] == RECIPE
    assert back.name == "a"


def test_nothing_is_made_up(tmp_path, movie):
    write(movie, tmp_path / "a.zarr")
    back = read(tmp_path / "a.zarr")
    assert (back.pixel_size, back.frame_time, back.gain, back.offset) == (None, None, None, 0)
    assert "napari_sbd" not in back.metadata


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_every_type_survive(dtype, order, tmp_path):
    data = np.array([[0, 1, 1], [1, 0, 0]]).astype(np.dtype(dtype).newbyteorder(order))
    write(da.from_array(data), tmp_path / "a.zarr")
    back = read(tmp_path / "a.zarr").data
    np.testing.assert_array_equal(back, data)
    assert back.dtype == np.dtype(dtype)


def test_the_layout_is_that_of_ngff(tmp_path, movie):
    write(result(movie), tmp_path / "a.zarr")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    (image,) = group.attrs["ome"]["multiscales"]
    assert group.attrs["ome"]["version"] == "0.5"
    assert image["axes"] == [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "y", "type": "space", "unit": "nanometer"},
        {"name": "x", "type": "space", "unit": "nanometer"},
    ]
    (level,) = image["datasets"]
    (transform,) = level["coordinateTransformations"]
    assert transform == {"type": "scale", "scale": [0.0025, 0.0061, 0.0125]}
    array = group[level["path"]]
    assert array.chunks == (1, *movie.shape[1:])
    assert array.metadata.dimension_names == ("t", "y", "x")


def write_ngff_4(path, data, axes, scale, **options) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("s0", data=data, chunks=(1,) * (data.ndim - 2) + data.shape[-2:], **options)
    transforms = [{"type": "scale", "scale": scale}]
    datasets = [{"path": "s0", "coordinateTransformations": transforms}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]


def test_stores_of_others_are_read(tmp_path, movie):
    units = ("millisecond", None, None, "angstrom", "angstrom")
    axes = [{"name": n, **({"unit": u} if u else {})} for n, u in zip("tczyx", units, strict=True)]
    write_ngff_4(tmp_path / "a.zarr", movie[:, None, None], axes, [20, 1, 1, 0.2, 0.3])
    back = read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(back.data, movie)
    assert back.pixel_size == pytest.approx((0.02, 0.03))
    assert back.frame_time == pytest.approx(0.02)


@pytest.mark.parametrize("names", ["txy", "yxt", "xty"])
@pytest.mark.parametrize("large", [False, True])
def test_images_stand_upright_whatever_the_order_of_the_axes(
    names, large, tmp_path, movie, monkeypatch
):
    """NGFF asks for the order z, y, x only where there are three axes of space."""
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    data = movie.transpose(["tyx".index(n) for n in names])
    scales = {"t": 0.02, "y": 0.2, "x": 0.3}
    units = {"t": "second", "y": "angstrom", "x": "angstrom"}
    axes = [{"name": n, "unit": units[n]} for n in names]
    write_ngff_4(tmp_path / "a.zarr", data, axes, [scales[n] for n in names])
    back = read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(back.data, movie)
    assert back.pixel_size == pytest.approx((0.02, 0.03))
    assert back.frame_time == pytest.approx(0.02)
    zarr.create_array(tmp_path / "b.zarr", data=data, dimension_names=tuple(names))
    np.testing.assert_array_equal(read(tmp_path / "b.zarr").data, movie)
    count, frame = frames_so_far(tmp_path / "a.zarr")
    assert count == len(movie)
    np.testing.assert_array_equal(frame(1), movie[1])


def test_channels_are_no_movie(tmp_path, movie):
    axes = [{"name": n, "type": t} for n, t in (("c", "channel"), ("y", "space"), ("x", "space"))]
    write_ngff_4(tmp_path / "a.zarr", movie, axes, [1, 0.2, 0.3])
    with pytest.raises(SBDError, match="channels, which are no frames"):
        read(tmp_path / "a.zarr")
    write_ngff_4(tmp_path / "b.zarr", movie[:1], axes, [1, 0.2, 0.3])
    np.testing.assert_array_equal(read(tmp_path / "b.zarr").data, movie[0])


def test_a_unit_without_a_scale_is_no_calibration(tmp_path, movie):
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    write_ngff_4(tmp_path / "a.zarr", movie[0], axes, [1, 1])
    group = zarr.open_group(tmp_path / "a.zarr")
    (image,) = group.attrs["multiscales"]
    del image["datasets"][0]["coordinateTransformations"]
    group.attrs["multiscales"] = [image]
    assert read(tmp_path / "a.zarr").pixel_size is None


def test_plain_arrays_are_read(tmp_path, movie):
    zarr.create_array(tmp_path / "a.zarr", data=movie, chunks=(2, 24, 32))
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").data, movie)


def test_large_stores_stay_on_the_disk(tmp_path, movie, monkeypatch):
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    write(movie, tmp_path / "a.zarr")
    data = read(tmp_path / "a.zarr").data
    assert isinstance(data, da.Array)
    assert data.chunks[0] == (1, 1, 1, 1)
    np.testing.assert_array_equal(data[2].compute(), movie[2])


def test_frames_that_were_never_written_are_no_zeros(tmp_path):
    template = Micrograph(np.zeros((2, 8, 8), np.float32))
    frame_writer(tmp_path / "a.zarr").allocate(template, tmp_path / "a.zarr", 0)
    assert np.isnan(read(tmp_path / "a.zarr").data).all()


def test_a_codec_that_runs_code_is_refused(tmp_path, movie):
    write_ngff_4(tmp_path / "a.zarr", movie, ["t", "y", "x"], [1, 1, 1])
    header = tmp_path / "a.zarr" / "s0" / ".zarray"
    fields = json.loads(header.read_text())
    header.write_text(json.dumps({**fields, "filters": [{"id": "pickle", "protocol": 5}]}))
    with pytest.raises(SBDError, match=r"a\.zarr"):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize("path", ["../secret", "/nowhere", "missing"])
def test_levels_elsewhere_are_refused(path, tmp_path, movie):
    write(movie, tmp_path / "secret.zarr")
    write_ngff_4(tmp_path / "a.zarr", movie, ["t", "y", "x"], [1, 1, 1])
    header = tmp_path / "a.zarr" / ".zattrs"
    target = path.replace("secret", "secret.zarr/0")
    header.write_text(header.read_text().replace('"s0"', f'"{target}"'))
    with pytest.raises(SBDError, match=r"a\.zarr"):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize("content", ["nothing", "empty group", "text", "strings", "damaged"])
def test_stores_without_an_image_are_refused(content, tmp_path, movie):
    path = tmp_path / "a.zarr"
    if content == "empty group":
        zarr.open_group(path, mode="w")
    elif content == "text":
        path.write_text("no store")
    elif content == "strings":
        zarr.create_array(path, shape=(3, 3), dtype="U3", zarr_format=2)
    else:
        path.mkdir()
    if content == "damaged":
        (path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "array"')
    with pytest.raises(SBDError, match=r"a\.zarr"):
        read(path)


def test_the_raw_store_is_not_replaced_by_its_result(tmp_path, movie):
    write(movie, tmp_path / "a.zarr")
    with pytest.raises(SBDError, match="raw file"):
        write(read(tmp_path / "a.zarr"), tmp_path / "a.zarr")


def test_other_folders_are_not_replaced(tmp_path, movie):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(SBDError, match="is a folder"):
        write(movie, tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr" / "thesis.txt").exists()


def test_a_failure_leaves_the_older_store(tmp_path, movie):
    class Interrupted(Exception):
        pass

    def second_frame(block, block_info=None):
        if block_info and block_info[0]["chunk-location"][0] == 1:
            raise Interrupted
        return block

    write(movie, tmp_path / "a.zarr")
    broken = da.from_array(movie + 1, (1, 24, 32)).map_blocks(second_frame, dtype=movie.dtype)
    with pytest.raises(Interrupted):
        write(broken, tmp_path / "a.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").data, movie)
    write(movie + 1, tmp_path / "a.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").data, movie + 1)


@pytest.mark.parametrize("suffix", STREAMED)
def test_files_are_filled_in_any_order(suffix, tmp_path):
    """The record may grow while the frames are written; what was known before is kept."""
    path = tmp_path / f"a{suffix}"
    values = np.random.default_rng(0).normal(size=(5, 40, 52)).astype(np.float32)
    blank = np.broadcast_to(np.float32(0), values.shape)
    writer = frame_writer(path)
    writer.allocate(result(blank), path, 500)
    frames = writer.open_frames(path)
    for i in (3, 1, 4, 0, 2):
        frames[i] = values[i]
    grown = {"history": [*RECIPE["history"], {"frames": list(range(99))}]}
    writer.seal(result(blank).replace(metadata={"napari_sbd": grown}), path)
    back = read(path)
    np.testing.assert_array_equal(back.data, values)
    np.testing.assert_array_equal(writer.open_frames(path)[3], values[3])
    assert back.metadata["napari_sbd"] == grown
    assert back.pixel_size == pytest.approx((0.0061, 0.0125))
    assert (back.frame_time, back.gain, back.offset) == (0.0025, 3.7, 101.3)


@pytest.mark.parametrize("suffix", [".zarr", ".tif", ".mrc", ".npy", ".h5", ".ser", ".dm4"])
@pytest.mark.parametrize("lazy", [True, False])
def test_single_frames_are_read_as_the_whole_movie_is(
    suffix, lazy, make, tmp_path, movie, monkeypatch
):
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1 if lazy else 2**28)
    path = tmp_path / f"a{suffix}"
    write(movie, path) if suffix == ".zarr" else make(path.name)
    m = read(path)
    for source, truth in (
        (m.data, movie),
        (m.data[1:], movie[1:]),
        (m.data[:, ::2], movie[:, ::2]),
    ):
        frame = frame_reader(source)
        np.testing.assert_array_equal([frame(i) for i in (2, 0)], truth[[2, 0]])
