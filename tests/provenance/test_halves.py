"""What halves of the data showed stands in the recipe: cited, repeated, and noticed when edited."""

import json
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice
from napari_sbd import SBDError, cli
from napari_sbd.provenance import read_recipe
from napari_sbd.recipe import BESIDE, HALVES, KEY, recipe, with_halves, with_recipe
from napari_sbd.repeat import denoiser_of

PIXEL = 0.0061


@pytest.fixture
def raw(tmp_path):
    counts = np.random.default_rng(0).poisson(lattice((192, 192), contrast=0.6, mean=3))
    sbd.write(sbd.Micrograph(counts.astype(np.float32), PIXEL, gain=1.0), tmp_path / "raw.tif")
    return tmp_path / "raw.tif"


def kept_in_a_file(raw, **changes):
    noisy = sbd.read(raw)
    denoised = sbd.denoise(noisy, model="hrtem", device="cpu")
    found = sbd.split_half_resolution(noisy, denoised)
    noted = found.noted_in(denoised)
    if changes:
        noted = with_halves(denoised, {**noted.metadata[KEY][HALVES], **changes})
    path = raw.with_name("result.ome.tif")
    sbd.write(noted, path)
    return path, found


def test_the_file_is_cited_and_repeated_with_its_halves(raw):
    path, found = kept_in_a_file(raw)
    text = sbd.cite(path)
    assert f"agree (correlation of the fine structure {found.correlation:.2f}" in text
    assert f"down to {found.resolution_nm:.3g} nm" in text
    for source in ("Rosenthal", "Schatz", "Similarity measures"):
        assert source in text
    again = sbd.rerun(path)
    assert again.identical and not again.contradictions
    assert str(found) in again.verdict()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"correlation": 0.76}, "correlation of halves is 0.76"),
        ({"correlation": 0.3}, "verdict on halves is 'agree'"),
        ({"resolution_px": 7.0}, "resolution of halves is 7 px"),
        ({"resolution_px": None}, "resolution of halves is inf px"),
        ({"seed": 5, "correlation": 0.8}, "correlation of halves"),
    ],
)
def test_what_was_edited_is_named(raw, changes, named):
    path, _ = kept_in_a_file(raw, **changes)
    again = sbd.rerun(path)
    assert again.identical is False
    assert named in again.verdict()


def test_a_verdict_that_its_own_number_contradicts_is_not_cited(raw):
    path, _ = kept_in_a_file(raw, verdict="disagree")
    with pytest.raises(SBDError, match="edited and cannot be cited"):
        sbd.cite(path)
    path, _ = kept_in_a_file(raw, verdict="splendid")
    with pytest.raises(SBDError, match="not understood"):
        sbd.cite(path)


def test_they_are_those_of_one_image(raw):
    noisy = sbd.read(raw)
    denoised = sbd.denoise(noisy, model="hrtem", device="cpu")
    found = sbd.split_half_resolution(noisy, denoised)
    further = with_recipe(found.noted_in(denoised), recipe("agreement", noisy=None))
    assert HALVES not in further.metadata[KEY]
    with pytest.raises(SBDError, match="no recipe"):
        found.noted_in(noisy)


def test_a_frame_of_a_movie_and_a_part_of_an_image_are_compared_again(tmp_path):
    frames = np.random.default_rng(1).poisson(
        lattice((160, 160), contrast=0.6, mean=3), (2, 160, 160)
    )
    movie = sbd.Micrograph(frames.astype(np.float32), PIXEL, gain=1.0)
    sbd.write(movie, tmp_path / "movie.tif")
    movie = sbd.read(tmp_path / "movie.tif")
    denoised = sbd.denoise(movie, model="hrtem", device="cpu")
    one, clean = (m.replace(data=np.asarray(m.data[1])) for m in (movie, denoised))
    found = sbd.split_half_resolution(one, clean)
    assert not sbd.rerun(found.noted_in(denoised, frame=1)).contradictions
    assert "of frame 1" in sbd.cite(found.noted_in(denoised, frame=1))
    from napari_sbd.repeat import denoiser_of

    part = one.replace(data=one.data[20:140, 10:150], metadata={})
    found = sbd.split_half_resolution(part, denoiser=denoiser_of(denoised, anew=False))
    facts = found.facts(frame=1, part=(20, 140, 10, 150), tuned_anew=False)
    assert not sbd.rerun(with_halves(denoised, facts)).contradictions
    facts["part"] = 0, 60, 0, 60
    assert sbd.rerun(with_halves(denoised, facts)).contradictions


def test_command_line(raw, monkeypatch, capsys):
    denoised = sbd.denoise(sbd.read(raw), model="hrtem", device="cpu")
    path = raw.with_name("result.ome.tif")
    sbd.write(denoised, path)
    monkeypatch.setattr(sys, "argv", ["napari-sbd", "halves", str(raw), str(path), "--keep"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    assert HALVES in json.loads((path.parent / (path.name + BESIDE)).read_text())
    assert read_recipe(path)[HALVES]["verdict"] == "agree"
    assert "two halves" in sbd.cite(path)
    assert sbd.rerun(path).identical


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_was_not_told_a_gain_is_repeated_without_one():
    """Whole numbers of correlated noise and texture, which a gain of 1 tells apart."""
    rng = np.random.default_rng(0)
    texture, noise = (gaussian_filter(rng.normal(0, 1, (128, 128)), s) for s in (1.5, 0.6))
    values = np.clip(np.round(120 + 50 * texture + 25 * noise), 0, 255).astype(np.float32)
    made = [
        sbd.denoise(sbd.Micrograph(values, 0.03, gain=gain), model="hrtem", device="cpu")
        for gain in (None, 1.0)
    ]
    assert np.abs(made[0].data - made[1].data).max() > 0.1 * np.ptp(made[0].data)
    for one in made:
        np.testing.assert_array_equal(denoiser_of(one, anew=False)(values), one.data)
