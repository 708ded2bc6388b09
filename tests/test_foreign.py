"""Images of HyperSpy, xarray, abTEM, quantem and pandas."""

import json

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.micrograph.foreign import as_given, micrograph_of

COUNTS = np.random.default_rng(0).poisson(5.0, (3, 48, 64)).astype(np.float32)


def hyperspy_signal(data=COUNTS):
    signals = pytest.importorskip("hyperspy.api").signals
    signal = signals.Signal2D(data)
    for axis, scale in zip(signal.axes_manager.signal_axes, (0.2, 0.4), strict=True):
        axis.scale, axis.units = scale, "Å"
    if data.ndim == 3:
        time = signal.axes_manager.navigation_axes[0]
        time.name, time.scale, time.units = "time", 50.0, "ms"
    signal.metadata.General.title = "kept"
    return signal


def xarray_array(data=COUNTS, order=("time", "y", "x")):
    xarray = pytest.importorskip("xarray")
    places = {
        "time": ("time", 0.05 * np.arange(3), {"units": "s"}),
        "y": ("y", 0.04 * np.arange(48), {"units": "nm"}),
        "x": ("x", 20.0 * np.arange(64), {"units": "pm"}),
    }
    array = xarray.DataArray(data, dims=("time", "y", "x"), coords=places, attrs={"title": "kept"})
    return array.transpose(*order)


def test_a_signal_of_hyperspy_comes_with_its_axes_and_goes_back():
    signal = hyperspy_signal()
    m = micrograph_of(signal)
    np.testing.assert_array_equal(m.data, COUNTS)
    assert m.pixel_size_yx == pytest.approx((0.04, 0.02)) and m.frame_time == pytest.approx(0.05)
    back = as_given(signal, m.replace(data=COUNTS + 1, metadata={"napari_sbd": {"a": 1}}))
    assert type(back) is type(signal)
    np.testing.assert_array_equal(back.data, COUNTS + 1)
    np.testing.assert_array_equal(signal.data, COUNTS)
    assert back.axes_manager.signal_axes[0].scale == 0.2
    assert back.metadata.General.title == "kept"
    assert json.loads(back.metadata.General.napari_sbd) == {"a": 1}
    assert micrograph_of(back).metadata == {"napari_sbd": {"a": 1}}


def test_spectra_and_diffraction_of_hyperspy_are_refused():
    signals = pytest.importorskip("hyperspy.api").signals
    with pytest.raises(sbd.SBDError, match="no image"):
        micrograph_of(signals.Signal1D(COUNTS))
    with pytest.raises(sbd.SBDError, match="no image"):
        micrograph_of(signals.Signal2D(np.zeros((2, 2, 32, 32))))


@pytest.mark.parametrize("order", [("time", "y", "x"), ("x", "y", "time"), ("y", "x", "time")])
def test_an_array_of_xarray_comes_by_the_names_of_its_axes(order):
    array = xarray_array(order=order)
    m = micrograph_of(array)
    np.testing.assert_array_equal(m.data, COUNTS)
    assert m.pixel_size_yx == pytest.approx((0.04, 0.02)) and m.frame_time == pytest.approx(0.05)
    back = as_given(array, m.replace(data=COUNTS + 1))
    assert back.dims == order and back.attrs["title"] == "kept"
    np.testing.assert_array_equal(back.transpose("time", "y", "x").values, COUNTS + 1)


@pytest.mark.parametrize("kind", ["timedelta64[ms]", "datetime64[ms]", "float32"])
def test_times_of_numpy_and_rounded_coordinates_are_even(kind):
    """They were passed over in silence: no frame time, and no pixel size far from the origin."""
    xarray = pytest.importorskip("xarray")
    time = np.arange(len(COUNTS)) * 100
    if kind == "float32":
        time, unit = (1000 + time / 1000).astype(kind), {"units": "s"}
    else:
        time, unit = time.astype(kind), {}
    far = (1000 + np.arange(COUNTS.shape[1]) * 0.0061).astype(np.float32)  # steps of 6 or 6.1 pm
    places = {"time": ("time", time, unit), "y": ("y", far, {"units": "nm"})}
    array = xarray.DataArray(COUNTS, dims=("time", "y", "x"), coords=places)
    array = array.assign_coords(x=("x", np.arange(COUNTS.shape[2]) * 6.1, {"units": "pm"}))
    found = micrograph_of(array)
    assert found.frame_time == pytest.approx(0.1, rel=1e-3)
    assert found.pixel_size_yx == pytest.approx((0.0061, 0.0061), rel=2e-3)


@pytest.mark.filterwarnings("ignore:The coordinates along")
def test_uneven_or_nameless_coordinates_are_no_calibration():
    xarray = pytest.importorskip("xarray")
    rows = "y", np.arange(48.0) ** 2, {"units": "nm"}
    places = {"y": rows, "x": np.arange(64.0)}
    uneven = xarray.DataArray(COUNTS[0], dims=("y", "x"), coords=places)
    assert micrograph_of(uneven).pixel_size is None
    with pytest.warns(UserWarning, match="along y are not evenly spaced"):
        micrograph_of(uneven)
    assert micrograph_of(xarray.DataArray(COUNTS[0])).pixel_size is None


def test_an_image_of_abtem_is_in_angstrom():
    abtem = pytest.importorskip("abtem")
    image = abtem.measurements.Images(COUNTS[0], sampling=(0.4, 0.2), metadata={"title": "kept"})
    m = micrograph_of(image)
    assert m.pixel_size_yx == pytest.approx((0.04, 0.02))
    back = as_given(image, m.replace(data=COUNTS[0] + 1))
    assert type(back) is type(image) and back.metadata["title"] == "kept"
    assert tuple(back.sampling) == pytest.approx((0.4, 0.2))
    np.testing.assert_array_equal(back.array, COUNTS[0] + 1)
    np.testing.assert_array_equal(image.array, COUNTS[0])


def test_diffraction_patterns_of_abtem_are_no_images():
    """Their sampling in 1/Å passed for a pixel size."""
    abtem = pytest.importorskip("abtem")
    patterns = abtem.measurements.DiffractionPatterns(COUNTS[0], sampling=(0.1, 0.1))
    with pytest.raises(sbd.SBDError, match="DiffractionPatterns of abTEM are no images"):
        sbd.denoise(patterns)


def test_a_data_set_of_quantem_comes_with_its_units():
    datasets = pytest.importorskip("quantem.core.datastructures")
    data = datasets.Dataset2d.from_array(COUNTS[0], sampling=(0.4, 0.2), units=("A", "A"))
    m = micrograph_of(data)
    assert m.pixel_size_yx == pytest.approx((0.04, 0.02))
    back = as_given(data, m.replace(data=COUNTS[0] + 1))
    np.testing.assert_array_equal(back.array, COUNTS[0] + 1)
    np.testing.assert_array_equal(data.array, COUNTS[0])


@pytest.mark.filterwarnings("ignore")
def test_a_table_of_pandas_keeps_its_rows_and_columns(model):
    """Also with numbers that may be missing, which are no data."""
    pandas = pytest.importorskip("pandas")
    rows, columns = np.linspace(0, 1.9, 48), [f"x{i}" for i in range(64)]
    table = pandas.DataFrame(COUNTS[0], index=rows, columns=columns)
    table.attrs["title"] = "kept"
    result = sbd.denoise(table, model=model, device="cpu", gain=1.0)
    assert isinstance(result, pandas.DataFrame)
    assert result.index.equals(table.index) and result.columns.equals(table.columns)
    expected = sbd.denoise(COUNTS[0], model=model, device="cpu", gain=1.0)
    np.testing.assert_array_equal(result, expected)
    assert result.attrs["title"] == "kept"
    assert micrograph_of(result).metadata["napari_sbd"]["history"][0]["operation"] == "denoise"
    np.testing.assert_array_equal(table, COUNTS[0])
    gaps = table.astype("Float64")
    gaps.iloc[3, 5] = pandas.NA
    taken = micrograph_of(gaps).data
    assert np.isnan(taken[3, 5]) and np.isnan(taken).sum() == 1
    with pytest.raises(sbd.SBDError, match="not numbers"):
        sbd.denoise(table.astype(str), model=model)


@pytest.mark.filterwarnings("ignore:The image shows", "ignore:The image has", "ignore:The result")
def test_denoise_gives_back_what_it_was_given(model, tmp_path):
    array = xarray_array()
    result = sbd.denoise(array, model=model, device="cpu", gain=1.0)
    assert type(result) is type(array) and result.dims == array.dims
    expected = sbd.denoise(COUNTS, model=model, device="cpu", gain=1.0, pixel_size=(0.04, 0.02))
    np.testing.assert_array_equal(result.values, expected)
    assert '"operation": "denoise"' in result.attrs["napari_sbd"]
    sbd.write(array, tmp_path / "a.mrc")
    assert sbd.read(tmp_path / "a.mrc").pixel_size_yx == pytest.approx((0.04, 0.02))


def test_arrays_stay_arrays_and_micrographs_micrographs():
    assert micrograph_of(COUNTS) is None and micrograph_of([[1, 2], [3, 4]]) is None
    m = sbd.Micrograph(COUNTS)
    assert as_given(m, m) is m
    assert as_given(COUNTS, m) is m.data


def test_the_recipe_comes_along_so_that_results_are_judged_like_micrographs():
    """By halves of the electrons, which only the recipe allows."""
    xarray = pytest.importorskip("xarray")
    y, x = (np.indices((120, 120)) % 9) - 4
    columns = np.exp(-(y**2 + x**2) / 8)  # 0.27 nm apart
    counts = np.random.default_rng(0).poisson(20 + 20 * columns).astype(np.float32)
    noisy = sbd.Micrograph(counts, 0.03, gain=1.0)
    denoised = sbd.denoise(noisy, model="hrtem")

    def given(m):
        steps = [np.arange(n) * 0.03 for n in m.shape]
        places = {name: (name, at, {"units": "nm"}) for name, at in zip("yx", steps, strict=True)}
        return xarray.DataArray(m.data, dims=("y", "x"), coords=places)

    raw = given(noisy)
    result = as_given(raw, denoised)
    words = sbd.agreement(noisy.replace(gain=None), denoised).verdict()
    assert "half of the electrons" in words
    assert sbd.agreement(raw, result).verdict() == words
    assert len(sbd.find_columns(raw, result)) == len(sbd.find_columns(noisy, denoised))
    assert sbd.cite(result) == sbd.cite(denoised)


def test_what_is_no_denoising_gives_a_micrograph_with_the_axes():
    array = xarray_array()
    dark = xarray_array(np.ones_like(COUNTS))
    ready = sbd.apply_references(array, dark)
    np.testing.assert_allclose(ready.data, COUNTS - 1)
    assert ready.pixel_size_yx == pytest.approx((0.04, 0.02))
    still = sbd.Drift(np.zeros((3, 2)), np.zeros((3, 2)), np.ones(3), np.zeros(3))
    assert sbd.correct_drift(array, still, edges="crop").frame_time == pytest.approx(0.05)
    assert isinstance(sbd.correct_drift(COUNTS, still), np.ndarray)
