"""HyperSpy's own files, laid out as its version 2.5 does (RosettaSciIO 0.15.0)."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
import zarr

from napari_sbd import SBDError, read
from napari_sbd.io import arrays


@pytest.mark.parametrize("suffix", [".hspy", ".hdf5", ".h5"])
def test_an_image_under_each_suffix(suffix, make, movie):
    m = read(make(f"a{suffix}", ".hspy", data=movie[0]))
    np.testing.assert_array_equal(m.data, movie[0])
    assert m.pixel_size == (0.02, 0.03)
    assert m.metadata["hyperspy"]["metadata"]["General"]["title"] == "scan"


@pytest.mark.parametrize("unit", [None, "", "1/nm", "px", "<undefined>"])
def test_axes_that_are_no_lengths_are_not_calibrated(unit, make, movie):
    axes = [("y", unit, 0.02), ("x", unit, 0.02)]
    assert read(make("a.hspy", data=movie[0], axes=axes)).pixel_size is None


@pytest.mark.parametrize(("axes", "signal_axes"), [(None, 1), ("Wavelength", 2)])
def test_spectra_are_refused(axes, signal_axes, make):
    fields = {} if axes is None else {"axes": [("y", "nm", 1), ("x", "nm", 1), (axes, "nm", 0.5)]}
    with pytest.raises(SBDError, match=r"a\.hspy: there is no image"):
        read(make("a.hspy", signal_axes=signal_axes, **fields))


def test_the_image_beside_spectra(make, movie, tmp_path):
    path = make("a.hspy", signal_axes=1)
    make("b.hspy", data=movie[0])
    with h5py.File(path, "a") as file, h5py.File(tmp_path / "b.hspy") as other:
        other.copy("Experiments/__unnamed__", file["Experiments"], "survey")
    np.testing.assert_array_equal(read(path).data, movie[0])


ORDERS = {"time y x": (0, 1, 2), "y x time": (1, 2, 0), "x y time": (2, 1, 0)}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["i1", "u2", "f8"])
@pytest.mark.parametrize(("unit", "nm"), [("Å", 0.1), ("pm", 1e-3), ("µm", 1e3)])
def test_what_rosettasciio_writes(unit, nm, dtype, order, movie, tmp_path):
    writer = pytest.importorskip("rsciio.hspy")
    data = movie.astype(dtype).transpose(ORDERS[order])
    told = {"time": ("ms", 50.0), "y": (unit, 2.0), "x": (unit, -3.0)}  # x counts to the left
    axes = [
        {
            "name": name,
            "units": told[name][0],
            "scale": told[name][1],
            "offset": 0.0,
            "size": size,
            "navigate": name == "time",
        }
        for name, size in zip(order.split(), data.shape, strict=True)
    ]
    parts = ["original_metadata", "learning_results", "models", "package_info", "tmp_parameters"]
    signal = {"data": data, "axes": axes, "metadata": {"General": {"title": "ä" * 300}}}
    signal |= {name: {} for name in parts} | {"attributes": {"_lazy": False}}
    writer.file_writer(str(tmp_path / "a.hspy"), signal)
    m = read(tmp_path / "a.hspy")
    np.testing.assert_array_equal(m.data, movie.astype(dtype))
    assert m.pixel_size == pytest.approx((2 * nm, 3 * nm))
    assert m.frame_time == pytest.approx(0.05)


def test_older_files_name_their_axes_in_a_list(tmp_path, movie):
    """File format 1: no suffix of its own, groups in _list_2_axes."""
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        group = file.create_group("Experiments/scan")
        group["data"] = movie[0]
        for i, scale in enumerate((0.02, 0.03)):
            axis = group.create_group(f"_list_2_axes/{i}")
            axis.attrs.update(name="yx"[i], units="nm", scale=scale, navigate=False)
    m = read(tmp_path / "a.hdf5")
    np.testing.assert_array_equal(m.data, movie[0])
    assert m.pixel_size == (0.02, 0.03)


def test_a_file_of_another_program_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        file["data"] = np.ones((4, 4))
    with pytest.raises(SBDError, match="not written by HyperSpy"):
        read(tmp_path / "a.hspy")


@pytest.fixture(params=["folder", "archive"])
def zspy(request, tmp_path, movie):
    """Zarr 2, as RosettaSciIO writes .zspy with zarr 2.18."""
    path = tmp_path / "a.zspy"
    group = zarr.open_group(path, mode="w", zarr_format=2).create_group("Experiments/__unnamed__")
    group.create_array("data", data=movie, chunks=movie.shape)
    axes = [("time", "s", 0.1), ("y", "nm", 0.0072), ("x", "nm", 0.0061)]
    for i, (name, unit, scale) in enumerate(axes):
        axis = group.create_group(f"axis-{i}")
        axis.attrs.update(name=name, units=unit, scale=scale, offset=0.0, navigate=i == 0)
    if request.param == "archive":
        archive = shutil.make_archive(str(tmp_path / "packed"), "zip", path)
        shutil.rmtree(path)
        shutil.move(archive, path)
    return path


@pytest.mark.parametrize("large", [False, True])
def test_zspy(zspy, large, movie, monkeypatch):
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    m = read(zspy)
    np.testing.assert_array_equal(np.asarray(m.data), movie)
    assert (m.pixel_size, m.frame_time) == ((0.0072, 0.0061), 0.1)
    assert hasattr(m.data, "dask") == large


def test_a_zspy_with_objects_stays_closed(tmp_path):
    root = zarr.open_group(tmp_path / "a.zspy", mode="w", zarr_format=2)
    group = root.create_group("Experiments/ragged")
    group.create_array("data", shape=(4, 4), dtype="<U5")
    for i in range(2):
        group.create_group(f"axis-{i}").attrs.update(navigate=False)
    with pytest.raises(SBDError, match="not numbers"):
        read(tmp_path / "a.zspy")


def test_a_file_of_hyperspy(sample):
    """Of version 1.7.5 under the suffix of before 1.4; its scale has no unit."""
    m = read(sample("hyperspy_adf_400x380.hdf5"))
    assert (m.shape, m.data.dtype, m.pixel_size) == ((400, 380), np.float16, None)
    assert m.data.min() == 901.5  # as RosettaSciIO 0.15.0
