from dataclasses import replace

import numpy as np
import pytest

import napari_sbd as sbd
from moving import PIXEL, counts, crystal, damaged
from napari_sbd.movie import Drift

PATH = np.array([[0, 0], [3, -2], [5, 1], [9, 2], [14, 0], [12, 5]], float)


@pytest.fixture(scope="module")
def drifting():
    frames = [counts(crystal(shift=p), t) for t, p in enumerate(PATH)]
    return sbd.Micrograph(np.stack(frames), PIXEL, gain=1.0)


@pytest.fixture(scope="module")
def found(drifting):
    return sbd.estimate_drift(drifting, model="hrtem")


def known(shifts=PATH):
    nothing = np.full(len(shifts), np.nan)
    return Drift(np.asarray(shifts, float), np.zeros((len(shifts), 2)), nothing, nothing)


def test_the_path_of_a_noisy_movie(found):
    assert np.abs(found.shifts - PATH).max() < 1.5
    assert np.sqrt(np.mean((found.shifts - PATH) ** 2)) < 3 * np.sqrt(
        np.mean(found.errors[1:] ** 2)
    )
    np.testing.assert_allclose(found.shifts_nm, found.shifts * PIXEL)
    assert not found.changed.any()
    assert len(found.table()) == len(PATH)


def filled(shift, missing=(), shape=(144, 160)):
    """A lattice of slanted vectors that fills the view; some columns missing."""
    places = [
        (12.9 * i - 1.3 * j, 1.7 * i + 13.7 * j)
        for i in range(-14, 15)
        for j in range(-14, 15)
        if (i, j) not in missing
    ]
    centre = np.array(places) + np.array(shape) / 2 + shift
    y, x = (np.arange(n)[:, None] - p for n, p in zip(shape, centre.T, strict=True))
    return 0.3 + np.exp(-(y**2) / 2 / 2.7**2) @ np.exp(-(x**2) / 2 / 2.7**2).T


@pytest.mark.parametrize("dose", [2, 60])
@pytest.mark.parametrize("jump", [0, 1])
def test_a_lattice_that_fills_the_view_drifts_between_the_pixels(dose, jump):
    """No whole pixel is its place, and some lattice vector lies next to one; where columns are
    missing, a jump by a period is seen."""
    path = np.array([[0, 0], [1.1, -0.9], [2.3, -2.9], [3.2, -3.1], [4.9, -3.3]])
    path[3:] += jump * np.array([12.9, 1.7])
    missing = [(-2, 1), (1, 3), (3, -2)] if jump else []
    frames = [counts(dose * filled(p, missing), t) for t, p in enumerate(path)]
    found = sbd.estimate_drift(sbd.Micrograph(np.stack(frames), 0.0165, gain=1.0), model="hrtem")
    np.testing.assert_allclose(found.shifts, path, atol=1.0)


def test_a_scene_that_changes_is_told_in_words():
    scenes = [crystal(), crystal(), crystal(), crystal(phase=0.5, missing=[(0, 0), (1, 1)])]
    movie = np.stack([counts(4 * s, t) for t, s in enumerate(scenes)])
    with pytest.warns(UserWarning, match="not stationary"):
        drift = sbd.estimate_drift(movie, pixel_size=PIXEL, model="hrtem", largest_step=0.06)
    assert list(np.flatnonzero(drift.changed)) == [3]


def test_blank_frames_have_no_shift(drifting):
    data = drifting.data.copy()
    data[2] = 0
    drift = sbd.estimate_drift(drifting.replace(data=data), model="hrtem")
    assert np.isnan(drift.shifts[2]).all() and np.isfinite(drift.shifts[3]).all()


def test_a_frame_that_cannot_be_read_has_no_shift(drifting, found):
    movie = drifting.replace(data=damaged(drifting.data, 2))
    with pytest.warns(UserWarning, match="Frame 2 could not be read.*torn"):
        drift = sbd.estimate_drift(movie, model="hrtem")
    assert np.isnan(drift.shifts[2]).all()
    np.testing.assert_allclose(np.delete(drift.shifts - found.shifts, 2, 0), 0, atol=0.7)


@pytest.mark.parametrize("part", [1.0, 1.3])
def test_the_path_hangs_on_no_offset(drifting, found, part):
    """Of values less their mean, frames below the brightest were taken for such without beam."""
    data = drifting.data - part * drifting.data.mean()
    drift = sbd.estimate_drift(sbd.Micrograph(data, PIXEL), model="hrtem")
    assert np.abs(drift.shifts - found.shifts).max() < 0.5 * found.errors.max()


def test_correction_moves_counts_and_does_not_touch_them(drifting):
    moved = sbd.correct_drift(drifting, known())
    held = np.isfinite(moved.data)
    for t, (y, x) in enumerate(PATH.astype(int)):
        frame = drifting.data[t]
        inside = frame[max(y, 0) : 192 + min(y, 0), max(x, 0) : 256 + min(x, 0)]
        np.testing.assert_array_equal(moved.data[t][held[t]], inside.ravel())
    assert moved.metadata["napari_sbd"]["history"][-1]["settings"]["counts"] is True


@pytest.mark.parametrize("interpolate", [False, True])
def test_corrected_frames_show_the_scene_in_one_place(interpolate):
    clean = np.stack([crystal(shift=p) for p in PATH + 0.4 * interpolate])
    path = PATH + 0.4 * interpolate
    moved = sbd.correct_drift(clean, known(path - path[0]), interpolate, edges="crop")
    assert np.ptp(moved, axis=0).max() < 0.005
    assert moved.shape[0] == len(PATH) and moved.shape[1] < 192


def test_cropped_counts_keep_their_type(drifting):
    whole = drifting.replace(data=drifting.data.astype(np.uint16))
    moved = sbd.correct_drift(whole, known(), edges="crop")
    assert moved.data.dtype == np.uint16


def test_lazy_movies_stay_lazy(drifting):
    import dask.array as da

    lazy = drifting.replace(data=da.from_array(drifting.data, chunks=(1, -1, -1)))
    moved = sbd.correct_drift(lazy, known())
    assert isinstance(moved.data, da.Array)
    np.testing.assert_array_equal(moved.data.compute(), sbd.correct_drift(drifting, known()).data)


def test_interpolated_values_are_no_counts(drifting):
    moved = sbd.correct_drift(drifting, known(PATH / 2), interpolate=True)
    assert moved.metadata["napari_sbd"]["history"][-1]["settings"]["counts"] is False


def test_what_cannot_be_used_is_refused(drifting):
    with pytest.raises(sbd.SBDError, match="needs a movie"):
        sbd.estimate_drift(drifting.data[0], pixel_size=PIXEL)
    with pytest.raises(sbd.SBDError, match="jitter is a positive number"):
        sbd.estimate_drift(drifting, jitter=0)
    with pytest.raises(sbd.SBDError, match="give the movie"):
        sbd.correct_drift(drifting, known(PATH[:3]))
    with pytest.raises(sbd.SBDError, match="'pad' or 'crop'"):
        sbd.correct_drift(drifting, known(), edges="wrap")
    with pytest.raises(sbd.SBDError, match="no pixel is in all"):
        sbd.correct_drift(drifting, known(PATH * 30), edges="crop")
    with pytest.raises(sbd.SBDError, match="pixel size"):
        _ = known().shifts_nm


def test_the_command(drifting, tmp_path, capsys):
    from napari_sbd.cli import app

    source, table = tmp_path / "movie.tif", tmp_path / "shifts.csv"
    sbd.write(drifting, source)
    files = ["--table", str(table), "--plot", str(tmp_path / "path.png")]
    app(["drift", str(source), "-o", str(tmp_path / "out.tif"), *files], standalone_mode=False)
    assert sbd.read(tmp_path / "out.tif").shape == drifting.shape
    assert len(table.read_text().splitlines()) == len(PATH) + 1
    assert (tmp_path / "path.png").stat().st_size > 1000
    assert "The scene moves by up to" in capsys.readouterr().out


def test_the_shifts_of_a_movie_of_vacuum_are_called_meaningless():
    vacuum = np.random.default_rng(0).poisson(0.45, (3, 192, 192)).astype(np.float32)
    with pytest.warns(UserWarning, match="too low to tell.*meaningless"):
        found = sbd.estimate_drift(sbd.Micrograph(vacuum, 0.0061, gain=1.0, offset=0.0))
    assert "meaningless" in found.verdict()


def test_a_first_frame_without_beam_does_not_set_the_place():
    movie = np.stack([counts(crystal(shift=(2 * t, 0)), t) for t in range(4)]).astype(np.float32)
    dark = np.random.default_rng(9).normal(-0.02, 0.3, movie.shape[1:]).astype(np.float32)
    whole = sbd.estimate_drift(sbd.Micrograph(movie, PIXEL, gain=1.0))
    drift = sbd.estimate_drift(sbd.Micrograph(np.stack([dark, *movie]), PIXEL, gain=1.0))
    assert np.isnan(drift.shifts[0]).all()
    np.testing.assert_allclose(drift.shifts[1:], whole.shifts)


@pytest.fixture
def camera(drifting, tmp_path):
    """The movie on a camera whose dark pattern is far stronger than the noise, and its files."""
    dark = np.random.default_rng(9).integers(0, 60, drifting.shape[1:]).astype(np.float32)
    sbd.write(sbd.Micrograph(dark), tmp_path / "dark.tif")
    sbd.write(drifting.replace(data=drifting.data + dark), tmp_path / "camera.tif")
    return tmp_path / "camera.tif", str(tmp_path / "dark.tif")


def test_drift_with_a_dark_reference_is_that_of_the_scene_and_can_be_repeated(
    drifting, found, camera, tmp_path
):
    path, dark = camera
    m = sbd.read(path)
    alike = sbd.estimate_drift(m, model="hrtem", dark=dark)
    np.testing.assert_allclose(alike.shifts, found.shifts, atol=0.05)
    still = sbd.correct_drift(m, alike)
    plain = sbd.correct_drift(drifting, replace(alike, estimated=None))
    np.testing.assert_allclose(still.data, plain.data, atol=1e-4)
    target = tmp_path / "still.tif"
    sbd.write(still, target)
    again = sbd.rerun(target).result
    np.testing.assert_allclose(again.data, still.data, atol=1e-4)
    assert f"dark={dark!r}" in sbd.as_python(still.metadata["napari_sbd"])
    assert f"--dark {dark}" in sbd.as_command(still.metadata["napari_sbd"])
    with pytest.raises(sbd.SBDError, match="were moved to take out its drift"):
        sbd.denoise(still, model="hrtem", dark=dark)


def test_the_command_knows_references(found, camera, tmp_path):
    from napari_sbd.cli import app

    path, dark = camera
    table = tmp_path / "shifts.csv"
    files = ["--table", str(table), "--dark", dark, "--model", "hrtem"]
    app(["drift", str(path), *files], standalone_mode=False)
    told = np.loadtxt(table, delimiter=",", skiprows=1, usecols=(1, 2))
    np.testing.assert_allclose(told, found.shifts, atol=0.05)


def test_shifts_within_their_errors_are_told_so():
    """Of seven shifts that are errors alone the farthest lies at two of them."""
    rng = np.random.default_rng(0)
    still = 0
    for _ in range(200):
        shifts = np.vstack([[0, 0], rng.normal(0, 0.3, (7, 2))])
        found = replace(known(shifts), errors=np.full((8, 2), 0.3), pixel_size=(0.01, 0.02))
        still += "which may be errors alone" in found.verdict()
    assert 180 <= still <= 198  # 95 %
    moved = replace(known(), errors=np.full((6, 2), 0.3), agreement=np.ones(6))
    assert moved.verdict() == "The scene moves by up to 14.00 ± 0.30 px."
    exact = replace(known(), agreement=np.ones(6))
    assert exact.verdict() == "The scene moves by up to 14 px."
