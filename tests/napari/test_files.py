"""Reader, writer and samples, as napari calls them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Image
from npe2 import PluginManager, io_utils
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from napari_sbd import Micrograph, read, write
from napari_sbd._napari.layers import samples
from napari_sbd._napari.layers.calibrating import calibrate, gain_errors
from napari_sbd._napari.layers.micrographs import micrograph_of
from napari_sbd._napari.layers.reader import get_reader
from napari_sbd._napari.layers.writer import write_image
from napari_sbd.errors import SBDError
from napari_sbd.files import writing
from napari_sbd.micrograph.gain_errors import gain_errors as of_micrograph

MOVIE = np.random.default_rng(0).poisson(3, (3, 40, 48)).astype(np.uint16)
RECIPE = {"history": [{"operation": "denoise"}]}
FILES = [".dm4", ".mrc", ".mrcs", ".emd", ".h5", ".hdf5", ".tif", ".ome.tif", ".npy"]
READABLE = [*FILES, ".zarr", ".ome.zarr"]
WRITABLE = [".ome.tif", ".tif", ".tiff", ".mrc", ".dm4", ".emd", ".h5", ".npy"]


@pytest.fixture(autouse=True)
def _plugins():
    PluginManager.instance().discover()


@pytest.mark.parametrize("suffix", READABLE)
def test_files_open_with_their_calibration(suffix, tmp_path):
    path = tmp_path / f"movie{suffix}"
    write(Micrograph(MOVIE, (0.01, 0.02), 0.5, 3.7, 100.0, metadata={"napari_sbd": RECIPE}), path)
    (layer,) = ViewerModel().open(path, plugin="napari-sbd")
    np.testing.assert_allclose(layer.scale, (0.5, 0.01, 0.02), rtol=1e-6)
    assert [str(unit) for unit in layer.units] == ["second", "nanometer", "nanometer"]
    assert tuple(layer.axis_labels) == ("t", "y", "x")
    assert layer.name == "movie"
    np.testing.assert_array_equal(layer.data, MOVIE)
    m = micrograph_of(layer)
    assert (m.gain, m.offset, m.source) == (3.7, 100.0, path)
    assert m.metadata["napari_sbd"] == RECIPE


def test_tiff_without_pixel_size_is_left_to_napari(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", MOVIE[0])
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((40, 40, 3), np.uint8), photometric="rgb")
    (tmp_path / "damaged.tif").write_bytes(b"II*\0 nothing")
    for name in ("plain", "colour", "damaged"):
        assert get_reader(str(tmp_path / f"{name}.tif")) is None


def test_imagej_tiff_with_pixel_size_is_ours(tmp_path):
    path = tmp_path / "scaled.TIF"
    tifffile.imwrite(path, MOVIE[0], imagej=True, resolution=(50, 50), metadata={"unit": "nm"})
    reader = get_reader(str(path))
    assert reader is not None
    ((_, attributes, kind),) = reader(str(path))
    assert kind == "image"
    assert attributes["scale"] == pytest.approx((0.02, 0.02))


@pytest.mark.parametrize("suffix", [".npy", ".zarr", ".h5", ".tif"])
def test_a_result_without_calibration_keeps_its_recipe(suffix, tmp_path):
    path = tmp_path / f"result{suffix}"
    write(Micrograph(MOVIE[0].astype(np.float32), metadata={"napari_sbd": RECIPE}), path)
    (layer,) = ViewerModel().open(path, plugin="napari-sbd")
    assert layer.metadata["napari_sbd"] == RECIPE
    assert [str(unit) for unit in layer.units] == ["pixel", "pixel"]


def ome(path, data, axes, scale=None, levels=1):
    """An OME-Zarr image as other programs write it, in nanometres."""
    kinds = {"t": "time", "c": "channel"}
    group = zarr.open_group(path, mode="w")
    datasets = []
    for level in range(levels):
        group.create_array(str(level), data=data)
        steps = scale or [1.0] * len(axes)
        transforms = [{"type": "scale", "scale": steps}]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    described = [
        {"name": a, "type": kinds[a]}
        if a in kinds
        else {"name": a, "type": "space", "unit": "nanometer"}
        for a in axes
    ]
    image = {"axes": described, "datasets": datasets, "name": "theirs"}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}


@pytest.mark.parametrize(("axes", "shape"), [("yx", (40, 48)), ("tyx", (3, 40, 48))])
def test_calibrated_ome_zarr_of_others_opens_with_its_scale(axes, shape, tmp_path):
    path = tmp_path / "theirs.zarr"
    ome(path, np.ones(shape, np.uint16), axes, [1.0] * (len(axes) - 2) + [0.02, 0.03], levels=2)
    (layer,) = ViewerModel().open(path, plugin="napari-sbd")
    assert layer.scale[-2:] == pytest.approx((0.02, 0.03))
    assert layer.data.shape == shape


def plain_npy(folder):
    path = folder / "plain.npy"
    np.save(path, MOVIE)
    return path, MOVIE.shape


def plain_zarr(folder):
    path = folder / "plain.zarr"
    zarr.create_array(path, data=MOVIE)
    return path, MOVIE.shape


def pyramid(folder):
    path = folder / "pyramid.zarr"
    group = zarr.open_group(path, mode="w")
    for level in range(2):
        group.create_array(str(level), data=MOVIE[0, :: 2**level, :: 2**level])
    return path, MOVIE.shape[1:]


def volume(folder):
    path = folder / "volume.zarr"
    ome(path, MOVIE, "zyx")
    return path, MOVIE.shape


def channels(folder):
    path = folder / "channels.ome.zarr"
    ome(path, MOVIE, "cyx")
    return path, MOVIE.shape


def five_axes(folder):
    path = folder / "five.zarr"
    ome(path, MOVIE[None, :, None], "tczyx")
    return path, (1, 3, 1, 40, 48)


def folder_of_images(folder):
    path = folder / "images"
    path.mkdir()
    for i in range(2):
        tifffile.imwrite(path / f"{i}.tif", MOVIE[i])
    return path, (2, 40, 48)


@pytest.mark.parametrize(
    "theirs",
    [plain_npy, plain_zarr, pyramid, volume, channels, five_axes, folder_of_images],
)
def test_what_is_not_ours_opens_as_it_does_without_us(theirs, tmp_path):
    path, shape = theirs(tmp_path)
    assert get_reader(str(path)) is None
    # files that our second reader takes as well: napari asks which plugin, and someone chooses it
    chosen = "napari" if path.suffix == ".npy" else None
    layer_data, reader = io_utils.read_get_reader([str(path)], plugin_name=chosen, stack=False)
    assert reader.plugin_name == "napari"
    data = layer_data[0][0]
    finest = data[0] if isinstance(data, list) else data
    assert finest.shape == shape


def test_a_pyramid_too_large_for_memory_is_left_to_napari(tmp_path):
    path = tmp_path / "slide.zarr"
    ome(path, np.ones((8, 8), np.uint8), "yx", levels=2)
    for level in range(2):  # chunks that were never written take no room
        zarr.create_array(
            path / str(level),
            shape=(40_000, 40_000),
            dtype="u1",
            chunks=(4000, 4000),
            overwrite=True,
        )
    assert get_reader(str(path)) is None


def test_what_cannot_be_read_is_declined(tmp_path):
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "folder.mrc").mkdir()
    (tmp_path / "damaged.npy").write_bytes(b"nothing")
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["numbers"] = np.arange(5)
    names = ["empty.zarr", "folder.mrc", "damaged.npy", "table.h5", "nowhere.zarr"]
    for path in [*(str(tmp_path / name) for name in names), "https://example.org/image.zarr"]:
        assert get_reader(path) is None


def test_a_folder_of_hyperspy_is_read(tmp_path):
    path = tmp_path / "a.zspy"
    group = zarr.open_group(path, mode="w", zarr_format=2).create_group("Experiments/scan")
    group.create_array("data", data=MOVIE[0], chunks=MOVIE[0].shape)
    for i, name in enumerate("yx"):
        axis = group.create_group(f"axis-{i}")
        axis.attrs.update(name=name, units="nm", scale=0.02, navigate=False)
    ((data, attributes, _),) = get_reader(str(path))(str(path))
    np.testing.assert_array_equal(data, MOVIE[0])
    assert attributes["scale"] == pytest.approx((0.02, 0.02))


def test_several_files_are_left_to_napari():
    assert get_reader(["a.dm4", "b.dm4"]) is None
    assert get_reader(["a.dm4"]) is not None


def test_an_unreadable_file_is_told_in_one_sentence(tmp_path, notifications):
    path = tmp_path / "broken.dm4"
    path.write_bytes(b"no image at all")
    assert ViewerModel().open(path, plugin="napari-sbd") == []
    (record,) = notifications
    assert record.severity == "error"
    assert record.message.startswith("broken.dm4")


@pytest.mark.parametrize("suffix", WRITABLE)
def test_layers_are_saved_with_calibration_and_recipe(suffix, tmp_path):
    viewer = ViewerModel()
    viewer.add_image(
        MOVIE.astype(np.float32),
        scale=(0.5, 0.1, 0.2),
        units=("s", "angstrom", "angstrom"),
        metadata={"napari_sbd": RECIPE},
    )
    path = tmp_path / f"saved{suffix}"
    assert viewer.layers.save(str(path), plugin="napari-sbd") == [str(path)]
    back = read(path)
    assert back.pixel_size == pytest.approx((0.01, 0.02), rel=1e-6)
    assert back.frame_time == pytest.approx(0.5)
    assert back.metadata["napari_sbd"] == RECIPE
    np.testing.assert_array_equal(back.data, MOVIE)


def test_what_cannot_be_saved_is_told_in_one_sentence(tmp_path, notifications):
    data, attributes, _ = Image(MOVIE).as_layer_data_tuple()
    assert write_image(str(tmp_path / "no folder" / "a.tif"), data, attributes) == []
    assert "no folder" in notifications[0].message
    assert "Traceback" not in notifications[0].message


@pytest.mark.parametrize(("key", "shape"), [("image", (1024, 1024)), ("movie", (8, 512, 512))])
def test_samples_are_noisy_counts_in_nanometres(key, shape):
    ((data, attributes, kind),) = getattr(samples, key)()
    assert kind == "image"
    assert data.shape == shape
    assert attributes["scale"][-2:] == (0.0061, 0.0061)
    assert attributes["units"][-2:] == ("nm", "nm")
    assert 0.35 < data.mean() < 0.55
    m = micrograph_of(Image(data, **attributes))
    assert m.gain == 1.0


def shift_of(one, other):
    """Whole pixels by which another image is brought onto one."""
    return phase_cross_correlation(one, other, normalization=None)[0].astype(int)


def test_the_sample_that_changes_drifts_and_changes():
    ((data, attributes, kind),) = samples.changing()
    assert (data.shape, kind, data.dtype) == ((12, 384, 384), "image", np.uint16)
    assert 0.35 < data.mean() < 0.55
    m = micrograph_of(Image(data, **attributes))
    assert (m.pixel_size, m.gain) == (0.0061, 1.0)
    start, late, later, end = (gaussian_filter(data[k : k + 2].mean(0), 3) for k in (0, 6, 8, 10))
    assert np.hypot(*shift_of(start, end)) > 10  # px

    def alike(a, b, rows):
        moved = np.roll(b, shift_of(a, b), (0, 1))
        return np.corrcoef(a[rows, 40:340].ravel(), moved[rows, 40:340].ravel())[0, 1]

    particle, support = slice(60, 150), slice(230, 330)
    assert alike(start, late, particle) < 0.2 < alike(late, later, particle)
    assert alike(start, late, support) > 0.4


def test_samples_open_from_the_menu():
    viewer = ViewerModel()
    (layer,) = viewer.open_sample("napari-sbd", "movie")
    assert layer.ndim == 3


def test_who_chooses_our_reader_gets_an_image_without_pixel_size_and_is_asked_for_it(tmp_path):
    from napari.utils.notifications import notification_manager

    for name in ("plain.tif", "plain.npy"):
        path = tmp_path / name
        if name.endswith("tif"):
            tifffile.imwrite(path, MOVIE[0])
        else:
            np.save(path, MOVIE[0])
        notification_manager.records.clear()
        (layer,) = ViewerModel().open(path, plugin="napari-sbd")
        np.testing.assert_array_equal(layer.data, MOVIE[0])
        assert micrograph_of(layer).pixel_size is None
        assert "pixel size" in notification_manager.records[-1].message
    notification_manager.records.clear()


def test_a_name_without_an_ending_gets_that_of_the_chosen_type(monkeypatch):
    from napari_sbd._napari.forms import fields

    kinds = {"CSV": ".csv", "XYZ": ".xyz"}
    for typed, chosen, wanted in (
        ("table", "XYZ (*.xyz)", "table.xyz"),
        ("table", "", "table.csv"),
        ("table.csv", "XYZ (*.xyz)", "table.csv"),
        ("run.2", "CSV (*.csv)", "run.2.csv"),
        ("", "", ""),
    ):
        answer = typed, chosen
        monkeypatch.setattr(fields.QFileDialog, "getSaveFileName", lambda *_, answer=answer: answer)
        assert fields.file_to_write(None, "Write", "table.csv", kinds) == wanted


def test_a_file_of_the_name_with_its_ending_is_replaced_only_when_asked(monkeypatch, tmp_path):
    """The dialog asked of "table", which is not there, and "table.csv" was written over."""
    from napari_sbd._napari.forms import fields

    (tmp_path / "table.csv").write_text("theirs")
    answer = str(tmp_path / "table"), "CSV (*.csv)"
    monkeypatch.setattr(fields.QFileDialog, "getSaveFileName", lambda *_: answer)
    yes, no = fields.QMessageBox.StandardButton.Yes, fields.QMessageBox.StandardButton.No
    for said, wanted in ((no, ""), (yes, str(tmp_path / "table.csv"))):
        asked = []

        def ask(_parent, _title, words, asked=asked, said=said):
            asked.append(words)
            return said

        monkeypatch.setattr(fields.QMessageBox, "question", ask)
        assert fields.file_to_write(None, "Write", "t.csv", {"CSV": ".csv"}) == wanted
        assert asked == ["table.csv is there already. Replace it?"]


def test_a_picture_that_cannot_be_written_leaves_none_and_says_why_in_words(qtbot, tmp_path):
    from napari_sbd._napari.forms import plot

    shown = plot.Plot(100, "")
    qtbot.addWidget(shown)
    shown.begin().plot([0, 1])
    for name, why in (("none/plot.png", "There is no folder"), ("plot.png", "")):
        path = tmp_path / name
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plot, "file_to_write", lambda *_, path=path: str(path))
            if why:
                with pytest.raises(SBDError, match=f"{why} {path.parent}"):
                    shown.ask_and_save(shown, "plot.png")
            else:
                assert shown.ask_and_save(shown, "plot.png") == f"Wrote {path}."
    assert [one.name for one in tmp_path.iterdir()] == ["plot.png"]


@pytest.mark.parametrize("suffix", WRITABLE)
def test_an_estimated_gain_keeps_its_error_in_files(suffix, tmp_path):
    viewer = ViewerModel()
    layer = viewer.add_image(MOVIE.astype(np.float32))
    calibrate(layer, 0.01, 37.3, 120.0, errors=(2.5, 14.0))
    path = tmp_path / f"saved{suffix}"
    assert viewer.layers.save(str(path), plugin="napari-sbd") == [str(path)]
    (again,) = ViewerModel().open(path, plugin="napari-sbd")
    assert gain_errors(again) == (2.5, 14.0)
    # what is told in its place is known
    other = tmp_path / f"told{suffix}"
    write(read(path).replace(gain=40.0), other)
    (told,) = ViewerModel().open(other, plugin="napari-sbd")
    assert micrograph_of(told).gain == 40.0
    assert gain_errors(told) == (0.0, 0.0)


def test_sums_of_frames_know_their_offset_so_many_times_worse(tmp_path):
    layer = ViewerModel().add_image(MOVIE.astype(np.float32))
    calibrate(layer, 0.01, 37.3, 120.0, errors=(2.5, 14.0))
    path = tmp_path / "movie.tif"
    write(micrograph_of(layer), path)
    assert of_micrograph(read(path, sum_frames=3)) == (2.5, 42.0)


def test_a_folder_that_is_missing_is_told_as_everywhere(tmp_path):
    """Pictures and profiles said "cannot be written to ...: No such file or directory"."""
    with (
        pytest.raises(SBDError, match=r"There is no folder .*gone; create it first"),
        writing(tmp_path / "gone" / "a.csv", "profile"),
    ):
        raise AssertionError("nothing is begun")
