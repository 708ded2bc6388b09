"""Raw images are judged as they were denoised: with the camera's references applied."""

import numpy as np
import pandas as pd
import pytest

import napari_sbd as sbd
from napari_sbd.cli import app
from napari_sbd.noise.as_denoised import CORRECTED, comparable, corrected_as

SHAPE = (160, 160)
LATTICE = 9.0  # px of 0.03 nm


def columns(y, x):
    """Bright columns on a square lattice, 0 between them and 1 at each."""
    nearest = [(v + LATTICE / 2) % LATTICE - LATTICE / 2 for v in (y, x)]
    return np.exp(-(nearest[0] ** 2 + nearest[1] ** 2) / (2 * 2.0**2))


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """Electrons, and the files of a dark image and one of even light."""
    folder, rng = tmp_path_factory.mktemp("camera"), np.random.default_rng(0)
    electrons = rng.poisson(30 + 30 * columns(*np.indices(SHAPE)))
    dark, response = rng.normal(300, 5, SHAPE), rng.normal(1, 0.15, SHAPE).clip(0.5)
    for name, values in (("dark", dark), ("gain", response)):
        sbd.write(sbd.Micrograph(values.astype(np.float32)), folder / f"{name}.tif")
    return electrons, dark, response, folder


def settings(folder, *names):
    files = {"dark": folder / "dark.tif", "gain_reference": folder / "gain.tif"}
    return {"model": "hrtem", "noise": "white", **{name: files[name] for name in names}}


@pytest.mark.parametrize(
    ("names", "offset"), [(("dark", "gain_reference"), 0.0), (("gain_reference",), 300.0)]
)
def test_references_of_the_recipe_are_applied_to_the_raw_image(camera, names, offset):
    """As if the raw image had been corrected before; the 300 of the dark are 15 electrons."""
    electrons, dark, response, folder = camera
    zero = dark if "dark" in names else offset
    raw = sbd.Micrograph(
        (20 * electrons * response + zero).astype(np.float32), 0.03, gain=20.0, offset=offset
    )
    result = sbd.denoise(raw, **settings(folder, *names))
    chosen = {name: folder / f"{'dark' if name == 'dark' else 'gain'}.tif" for name in names}
    ready = sbd.apply_references(raw, **chosen)
    for judge in (sbd.agreement, sbd.find_columns, sbd.residual_check, sbd.split_half_resolution):
        one, other = judge(raw, result), judge(ready, result)
        if judge is sbd.find_columns:
            assert len(one) == len(other) > 150
            assert one.supported.mean() > 0.95
            assert one.attrs["recipe"]["settings"]["offset"] == offset
            np.testing.assert_allclose(one.x_err, other.x_err, rtol=0.2)
        else:
            assert one.verdict() == other.verdict()


def test_without_a_gain_columns_are_found_as_in_the_corrected_image(camera):
    electrons, dark, response, folder = camera
    raw = sbd.Micrograph((20 * electrons * response + dark).astype(np.float32), 0.03)
    result = sbd.denoise(raw, **settings(folder, "dark", "gain_reference"))
    found = sbd.find_columns(raw, result)
    assert len(found) > 150 and found.supported.mean() > 0.95


def test_a_movies_own_pattern_is_taken_out_of_the_raw_frames():
    rng = np.random.default_rng(1)
    way = rng.integers(0, 100, (2, 24, 1, 1))
    clean = 40 + 10 * columns(*(np.indices((96, 96))[:, None] + way))
    response = rng.normal(1, 0.3, (96, 96)).clip(0.3)
    raw = sbd.Micrograph((rng.poisson(clean) * response).astype(np.float32), 0.03, gain=1.0)
    result = sbd.denoise(raw, model="hrtem", noise="white", fixed_pattern=True)
    found, gain, offset = corrected_as(raw, result)
    assert (gain, offset, found.gain) == (None, None, 1.0)
    left = (found.data - clean).mean(0).std(), (raw.data - clean).mean(0).std()
    assert left[0] < 0.3 * left[1]


def test_profiles_lie_on_that_of_the_result(camera, tmp_path, capsys):
    """Errors of 270 were told in place of 10, of a raw profile 300 above the denoised one."""
    electrons, dark, response, folder = camera
    raw = sbd.Micrograph(
        (20 * electrons * response + dark).astype(np.float32), 0.03, gain=20.0, offset=300.0
    )
    sbd.write(raw, tmp_path / "raw.tif")
    sbd.write(sbd.denoise(raw, **settings(folder, "dark", "gain_reference")), tmp_path / "made.tif")
    line = ["--start", "80,10", "--end", "80,150", "--denoised", str(tmp_path / "made.tif")]
    run = ["profile", str(tmp_path / "raw.tif"), "-o", str(tmp_path / "p.csv"), *line]
    app(run, standalone_mode=False)
    assert "counted electrons" in capsys.readouterr().out
    found = pd.read_csv(tmp_path / "p.csv", comment="#")
    pull = (found["raw"] - found["denoised"]) / found["raw_err"]
    assert abs(pull.mean()) < 0.3 and 0.6 < pull.std() < 1.3


def test_of_a_movie_the_frame_that_is_wanted_is_corrected(tmp_path):
    frames = np.stack([np.full((8, 8), 10.0 * t) + np.eye(8) for t in range(3)])
    dark = tmp_path / "dark.tif"
    sbd.write(sbd.Micrograph(np.full((8, 8), 4.0)), dark)
    movie = sbd.Micrograph(frames + 4, gain=1.0, offset=4.0)
    made = sbd.Micrograph(frames, gain=1.0, metadata={CORRECTED: {"dark": str(dark)}})
    here = comparable(movie, made, 2)
    np.testing.assert_array_equal(here.data, frames[2])
    assert here.offset == 0.0


def test_what_needs_no_correction_or_has_it_stays(camera):
    electrons, dark, response, folder = camera
    raw = sbd.Micrograph((20 * electrons * response + dark).astype(np.float32), 0.03, gain=20.0)
    plain = sbd.denoise(raw, model="hrtem", noise="white")
    assert corrected_as(raw, plain, 5.0, 1.0) == (raw, 5.0, 1.0)
    result = sbd.denoise(raw, **settings(folder, "dark", "gain_reference"))
    ready = sbd.apply_references(raw, folder / "dark.tif", folder / "gain.tif")
    assert corrected_as(ready, result)[0] is ready


def test_a_reference_that_is_gone_is_told(camera, tmp_path):
    electrons, dark, _, folder = camera
    raw = sbd.Micrograph((electrons + dark).astype(np.float32), 0.03, gain=1.0)
    (tmp_path / "dark.tif").write_bytes((folder / "dark.tif").read_bytes())
    result = sbd.denoise(raw, model="hrtem", noise="white", dark=tmp_path / "dark.tif")
    (tmp_path / "dark.tif").unlink()
    with pytest.warns(UserWarning, match="cannot be corrected like it"):
        assert corrected_as(raw, result)[0] is raw
