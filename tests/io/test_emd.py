"""EMD and HDF5 as HyperSpy, RosettaSciIO, Prismatic and ncempy lay them out."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_sbd import Micrograph, SBDError, read, write
from napari_sbd.io import arrays


def make(path, data, axes, group="data/scan", name="data", first=1):
    """An EMD group; ``axes`` in the order of ``data``: name, unit, step."""
    with h5py.File(path, "a") as file:
        place = file.create_group(group)
        place.attrs["emd_group_type"] = 1
        place[name] = data
        for i, (axis, unit, step) in enumerate(axes):
            # as RosettaSciIO writes it: two values suffice
            dim = place.create_dataset(f"dim{i + first}", data=[0, step])
            dim.attrs.update(name=axis, units=unit)
    return path


@pytest.fixture
def large(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    return request.param


@pytest.mark.parametrize("large", [False, True], indirect=True)
def test_stack_of_hyperspy(large, tmp_path, movie):
    """RosettaSciIO 0.15.0 writes the transpose: x, y, time."""
    axes = [("x", "[n_m]", 0.0061), ("y", "[n_m]", 0.0072), ("time", "[s]", 0.1)]
    m = read(make(tmp_path / "a.emd", movie.T, axes, "signals/stack"))
    np.testing.assert_array_equal(np.asarray(m.data), movie)
    assert m.pixel_size == pytest.approx((0.0072, 0.0061))
    assert m.frame_time == pytest.approx(0.1)
    assert hasattr(m.data, "dask") == large


def test_image_of_hyperspy(tmp_path, movie):
    axes = [("x", "[n_m]", 0.0061), ("y", "[n_m]", 0.0072)]
    m = read(make(tmp_path / "a.emd", movie[0].T, axes, "signals/image"))
    np.testing.assert_array_equal(m.data, movie[0])
    assert m.pixel_size == pytest.approx((0.0072, 0.0061))


def test_hyperspy_without_names(tmp_path, movie):
    """Still the transpose, as everything under /signals."""
    axes = [("", "", 1.0)] * 3
    m = read(make(tmp_path / "a.emd", movie.T, axes, "signals/__unnamed__"))
    np.testing.assert_array_equal(m.data, movie)
    assert m.pixel_size is None


def test_spectra_of_hyperspy_are_refused(tmp_path, movie):
    axes = [("Energy", "[e_V]", 0.5), ("x", "[n_m]", 0.1), ("y", "[n_m]", 0.1)]
    path = make(tmp_path / "a.emd", movie.T, axes, "signals/map")
    with pytest.raises(SBDError, match="spectra"):
        read(path)
    make(path, movie[0].T, axes[1:], "signals/survey")
    np.testing.assert_array_equal(read(path).data, movie[0])


@pytest.mark.parametrize("units", ["n_m", "[n_m]", "nm", "[nm]", b"[n_m]"])
@pytest.mark.parametrize("names", [("Y", "X"), ("", "")])
def test_berkeley_order(names, units, tmp_path, movie):
    """As the microscopes of NCEM write it: rows first."""
    axes = [(names[0], units, 0.0072), (names[1], units, 0.0061)]
    m = read(make(tmp_path / "a.emd", movie[0], axes))
    np.testing.assert_array_equal(m.data, movie[0])
    assert m.pixel_size == pytest.approx((0.0072, 0.0061))


def test_dimensions_counted_from_zero_come_as_stored(tmp_path, movie):
    """py4DSTEM's x runs along the rows, and its arrays are shown as they lie."""
    axes = [("Rx", "nm", 0.0061), ("Ry", "nm", 0.0061)]
    path = make(tmp_path / "a.h5", movie[0], axes, first=0)
    with h5py.File(path, "a") as file:
        file["data/scan/dim1"].attrs["units"] = "nm"
    np.testing.assert_array_equal(read(path).data, movie[0])


PRISMATIC = "4DSTEM_simulation/data/realslices/annular_detector_depth000"


@pytest.mark.parametrize("depths", [1, 3])
def test_prismatic(depths, tmp_path, movie):
    axes = [("R_x", b"[n_m]", 0.02), ("R_y", b"[n_m]", 0.025)]
    for i in range(depths):
        make(tmp_path / "a.emd", movie[i].T, axes, f"{PRISMATIC}{i}", "realslice")
    m = read(tmp_path / "a.emd")
    np.testing.assert_array_equal(m.data, movie[0] if depths == 1 else movie[:3])
    assert m.pixel_size == pytest.approx((0.025, 0.02))
    assert m.frame_time is None


def test_our_files_name_units_as_the_layout_does(tmp_path, movie):
    """Brackets mark base units with their prefix; RosettaSciIO 0.15.0 reads no others."""
    write(Micrograph(movie, (0.0072, 0.0061), frame_time=0.1), tmp_path / "a.emd")
    with h5py.File(tmp_path / "a.emd") as file:
        dims = [file[f"data/image/dim{i}"].attrs for i in (1, 2, 3)]
        assert [d["units"] for d in dims] == ["[s]", "[n_m]", "[n_m]"]
        assert [d["name"] for d in dims] == ["time", "Y", "X"]
    m = read(tmp_path / "a.emd")
    assert (m.pixel_size, m.frame_time) == (pytest.approx((0.0072, 0.0061)), pytest.approx(0.1))


def test_a_file_of_prismatic(sample):
    """Shape and size as RosettaSciIO 0.15.0 reads them; x varies fastest in what it shows."""
    m = read(sample("prismatic_22x44.emd"))
    assert (m.shape, m.data.dtype, m.pixel_size) == ((22, 44), np.float32, pytest.approx(0.25))
    with h5py.File(sample("prismatic_22x44.emd")) as file:
        np.testing.assert_array_equal(m.data, file[f"{PRISMATIC}0/realslice"][()].T)


def test_uneven_coordinates_are_no_pixel_size(tmp_path, movie):
    """Their mean step passed for one: 39 nm here."""
    axes = [("time", "s", 0.1), ("y", "nm", 0.02), ("x", "nm", 0.02)]
    path = make(tmp_path / "a.emd", movie, axes)
    count = movie.shape[1]
    with h5py.File(path, "a") as file:
        for places, known in (
            (0.02 * np.arange(count)[::-1] - 7.0, True),
            (np.arange(count, dtype=float) ** 2, False),
        ):
            del file["data/scan/dim2"]
            dim = file["data/scan"].create_dataset("dim2", data=places)
            dim.attrs.update(name="y", units="nm")
            file.flush()
            if known:
                assert read(path).pixel_size == pytest.approx(0.02)
    with pytest.warns(UserWarning, match="along y are not evenly spaced"):
        m = read(path)
    assert m.pixel_size is None and m.frame_time == pytest.approx(0.1)
