"""What results say of how they were made, and what may stand in a recipe."""

import ast
import hashlib
import json
import re
import shlex

import numpy as np
import pytest

import napari_sbd as sbd
from known import of_cosines
from napari_sbd import files
from napari_sbd.gaintuning.tuned import from_text, to_text
from napari_sbd.io import WRITE_SUFFIXES
from napari_sbd.provenance import read_recipe
from napari_sbd.provenance.steps import steps
from napari_sbd.recipe import KEY, is_result, recipe

PIXEL = 0.0061


@pytest.fixture
def raw(tmp_path, counts):
    path = tmp_path / "raw.npy"
    sbd.write(sbd.Micrograph(counts, PIXEL, gain=1.0), path)
    return sbd.read(path)


@pytest.fixture
def tuned(raw, model):
    return sbd.gain_tune(raw, model=model, steps=2)


def last(result):
    return result.metadata[KEY]["history"][-1]


def test_a_result_carries_what_repeats_it(raw, counts):
    step = last(sbd.denoise(raw, offset=0.1))
    assert step["source"] == {
        "path": str(raw.source),
        "sha256": hashlib.sha256(raw.source.read_bytes()).hexdigest(),
    }
    assert set(step["versions"]) == {"python", "napari-sbd", "torch", "numpy"}
    settings = step["settings"]
    assert settings["model_sha256"] in {card.sha256 for card in sbd.models()}
    assert (settings["pixel_size"], settings["gain"], settings["offset"]) == (PIXEL, 1.0, 0.1)
    assert settings["dose"] == pytest.approx(counts.mean() - 0.1, rel=0.01)
    assert settings["device"] in ("cpu", "cuda", "mps")
    assert settings["precision"] in ("float32", "float16", "bfloat16")
    assert settings["seed"] == 0


def test_the_checksum_is_that_of_the_file_as_it_is_now(raw):
    before = files.file_checksum(raw.source)
    raw.source.write_bytes(raw.source.read_bytes() + b"more")
    assert files.file_checksum(raw.source) not in (None, before)
    assert files.file_checksum(raw.source.with_name("none")) is None


@pytest.mark.filterwarnings("ignore:The contrast", "ignore:This image is already a result")
def test_a_step_names_its_file_only_where_it_began_with_it(tmp_path, raw):
    """What was made in memory of an earlier result must not claim to be made of the raw file."""
    once = sbd.denoise(raw)
    twice = sbd.denoise(once)
    assert "source" not in last(twice)
    assert len(twice.metadata[KEY]["history"]) == 2
    sbd.write(once, tmp_path / "once.tif")
    again = sbd.denoise(sbd.read(tmp_path / "once.tif"))
    assert last(again)["source"]["path"] == str(tmp_path / "once.tif")


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_every_format_keeps_the_whole_recipe_with_its_gains(tmp_path, raw, tuned, suffix):
    result = sbd.denoise(raw, gain_tuning=tuned)
    path = tmp_path / f"result{suffix}"
    sbd.write(result, path)
    kept = read_recipe(path)
    assert kept == json.loads(json.dumps(result.metadata[KEY]))
    gains = steps(kept)[-1].settings.gain_tuning.gains
    assert from_text(gains).sha256 == tuned.sha256


def test_gains_of_a_bundled_model_are_small_enough_to_travel(raw):
    result = sbd.denoise(raw, gain_tuning=sbd.gain_tune(raw, steps=1))
    assert last(result)["settings"]["gain_tuning"]["gains"]
    assert len(json.dumps(result.metadata[KEY])) < 64 * 1024


def test_gains_as_text_are_the_gains(tuned):
    back = from_text(to_text(tuned))
    assert back.report == tuned.report
    for name, change in tuned.changes.items():
        np.testing.assert_array_equal(back.changes[name], change)
    for text in ("", "gAAA", "?", to_text(tuned)[:-400]):
        with pytest.raises(sbd.SBDError, match="damaged"):
            from_text(text)


@of_cosines
def test_files_without_a_place_for_a_recipe_have_it_beside(tmp_path, raw):
    columns = sbd.find_columns(raw, sbd.denoise(raw))
    path = tmp_path / "columns.xyz"
    sbd.write_columns(columns, path)
    operations = [step.operation for step in steps(read_recipe(path))]
    assert operations == ["denoise", "find_columns"]


def test_a_simulated_image_is_no_result():
    phantom = sbd.simulate(size=64, seed=1)
    assert phantom.noisy.metadata[KEY]["history"][0]["operation"] == "simulate"
    assert not is_result(phantom.noisy.metadata)
    assert is_result(sbd.denoise(phantom.noisy).metadata)


@pytest.mark.parametrize("kept", [None, 7, "text", [], {"history": 3}, {"history": {"a": 1}}])
def test_metadata_of_others_under_our_name_do_no_harm(raw, kept):
    odd = raw.replace(metadata={KEY: kept})
    assert not is_result(odd.metadata)
    assert len(sbd.denoise(odd).metadata[KEY]["history"]) == 1


def hostile(step):
    settings = step["settings"]
    return {
        "none": None,
        "text": "denoise",
        "empty": {},
        "no steps": {"history": []},
        "endless": {"history": [step] * 1000},
        "no step": {"history": ["denoise"]},
        "operation": {"history": [{**step, "operation": "os.system"}]},
        "key": {"history": [{**step, "command": "rm"}]},
        "setting": {"history": [{**step, "settings": {**settings, "output": "/etc/passwd"}}]},
        "type": {"history": [{**step, "settings": {**settings, "block": "import os"}}]},
        "quality": {"history": [{**step, "settings": {**settings, "quality": "x"}}]},
        "frames": {"history": [{**step, "settings": {**settings, "frames": "0]; import os"}}]},
        "number": {"history": [{**step, "settings": {**settings, "gain": float("nan")}}]},
        "seed": {"history": [{**step, "settings": {**settings, "seed": -1}}]},
        "before": {**step, "before": 3},
    }


@pytest.mark.parametrize(
    "case", [*("none", "text", "empty", "no steps", "endless", "no step", "operation", "key"),
             *("setting", "type", "quality", "frames", "number", "seed", "before")]
)  # fmt: skip
def test_recipes_hold_known_data_and_nothing_else(raw, case):
    recipe = hostile(last(sbd.denoise(raw)))[case]
    for use in (sbd.as_python, sbd.as_command):
        with pytest.raises(sbd.SBDError) as refusal:
            use(recipe)
        assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    "path",
    ['/a/it\'s "b".tif', "/a/$(touch x);`y`.mrc", "/a/new\nline.tif", "C:\\..\\b.tif", "/.."],
)
def test_names_of_files_are_text_in_scripts_and_never_a_place_to_write(raw, path):
    step = last(sbd.denoise(raw))
    step["source"]["path"] = path
    calls = [n for n in ast.walk(ast.parse(sbd.as_python(step))) if isinstance(n, ast.Call)]
    names = {c.func.attr: [a.value for a in c.args if isinstance(a, ast.Constant)] for c in calls}
    assert names["read"] == [path]
    words = shlex.split(sbd.as_command(step))
    assert words[:4] == ["napari-sbd", "denoise", path, "-o"]
    for target in (names["write"][0], words[4]):
        assert re.fullmatch(r"[\w. -]+_denoised\.ome\.tif", target)


def test_defaults_stay_out_of_scripts_and_choices_are_written_out(raw):
    step = last(sbd.denoise(raw, quality="best"))
    script, command = sbd.as_python(step), sbd.as_command(step)
    assert "quality='best'" in script
    assert "model='hrtem'" in script
    assert "seed" not in script
    assert "--quality best" in command
    assert "--seed" not in command


def test_pixels_that_are_not_square_are_told_in_scripts_and_commands(raw):
    step = last(sbd.denoise(raw, pixel_size=(PIXEL, 0.0065)))
    assert "pixel_size=(0.0061, 0.0065)" in sbd.as_python(step)
    assert "--pixel-size 0.0061x0.0065" in sbd.as_command(step)


@of_cosines
def test_the_methods_paragraph_says_what_was_done_and_no_more(raw, tuned):
    plain = sbd.cite(sbd.denoise(raw, quality="best"))
    tuned_text = sbd.cite(sbd.denoise(raw, gain_tuning=tuned))
    for fact in ("0.0061 nm", "5 x 5", "0.0305 nm", "hrtem", "2010.12970", "flips and turns"):
        assert fact in plain
    assert f"{float(np.mean(raw.data)):.3g} electrons per pixel" in plain
    assert "GainTuning" not in plain
    assert "flips and turns" not in tuned_text
    assert "shifted grids" in plain
    assert "2107.12815" in tuned_text
    assert "binomial thinning" in tuned_text
    assert "False Discovery" not in plain
    columns = sbd.cite(sbd.find_columns(raw, sbd.denoise(raw)).attrs["recipe"])
    assert "False Discovery" in columns


@of_cosines
def test_no_grids_are_cited_where_no_pixels_were_summed(raw):
    step = last(sbd.denoise(raw))
    step["settings"] |= {"quality": "best", "block": [1, 1], "pixel_size": 0.03}
    assert "the eight flips and turns of the image." in sbd.cite(step)


@of_cosines
def test_every_reference_is_called_and_every_call_has_its_reference(raw, tuned):
    denoised = sbd.denoise(raw, gain_tuning=tuned)
    table = sbd.find_columns(raw, denoised, halves=False)
    text = sbd.cite(table.attrs["recipe"])
    paragraph, _, references = text.partition("\n\n")
    called = {int(n) for group in re.findall(r"\[([\d, ]+)\]", paragraph) for n in group.split(",")}
    listed = [int(n) for n in re.findall(r"^\[(\d+)\]", references, re.MULTILINE)]
    assert listed == list(range(1, len(listed) + 1))
    assert called == set(listed)


def test_a_dose_that_is_not_known_is_not_given(counts):
    text = sbd.cite(sbd.denoise(sbd.Micrograph(counts, PIXEL)))
    assert "no dose is given" in text
    assert "mean dose" not in text


def test_files_without_a_recipe(tmp_path, counts):
    path = tmp_path / "plain.npy"
    np.save(path, counts)
    with pytest.raises(sbd.SBDError, match="carries no recipe"):
        sbd.cite(path)
    with pytest.raises(sbd.SBDError, match="carries no recipe"):
        sbd.cite(sbd.Micrograph(counts))


def entry(operation, **settings):
    """A recipe of one step, from a file, as results carry it."""
    step = recipe(operation, {"path": "/a/b.mrc", "sha256": "0" * 64}, **settings)
    return {"history": [step]}


NETWORK = {"model": "hrtem", "model_sha256": "12" * 32, "model_path": None}
DRIFT = {"interpolate": False, "edges": "pad", "counts": True, "shifts": [[0, 0], [2, -1]]}
ESTIMATED = {**NETWORK, "device": "cpu", "pixel_size": PIXEL, "jitter": 0.05, "largest_step": 0.6}
SERIES = {**NETWORK, "model_path": "/m.safetensors", "device": "cpu", "mask": False}


def test_the_methods_paragraph_of_neighbours(raw):
    settings = last(sbd.denoise(raw))["settings"]
    alone = sbd.cite(entry("denoise", **settings))
    helped = sbd.cite(entry("denoise", **{**settings, "neighbours": 3}))
    assert "6 neighbouring frames" in helped
    assert "neighbour" not in alone


@pytest.mark.parametrize(
    ("frames", "words"),
    [(1, None), (2, "of 1 neighbouring frame,"), (4, "of 3 neighbouring"), (9, "of 8 neighbour")],
)
def test_a_short_movie_has_no_more_neighbours_than_frames(raw, frames, words):
    settings = {**last(sbd.denoise(raw))["settings"], "neighbours": 4}
    text = sbd.cite(entry("denoise", **{**settings, "shape": [frames, 64, 64]}))
    assert words in text if words else "neighbour" not in text


def test_the_methods_paragraph_says_what_was_done_about_the_camera(raw):
    """Corrections and preparation are part of a method, and what was not done is not named."""
    settings = last(sbd.denoise(raw))["settings"]
    plain = sbd.cite(entry("denoise", **settings))
    for word in ("reference", "pattern", "white", "llumination", "utliers"):
        assert word not in plain
    spectrum = {"coefficients": [0.5] + [0.0] * 15, "floor": -12.0, "block": [1, 1]}
    seen = {"noise": spectrum, "outliers": {"hot": 2, "row": 1}, "illumination_fall": 0.61}
    camera = {"dark": "/a/dark.mrc", "gain_reference": "C:\\a\\gain.dm4", "camera": seen}
    told = {**settings, **camera, "outlier_filled_frames": {0: 66}}
    text = sbd.cite(entry("denoise", **told))
    assert "dark reference (dark.mrc) was subtracted" in text
    assert "gain reference (gain.dm4) was applied" in text
    assert "made white for the network." in text
    assert "a fall of 61%" in text
    assert "Outliers (2 hot pixels and one row) were left out" in text
    movie = {**told, "shape": [5, 64, 64], "outlier_filled_frames": {0: 3, 4: 2}}
    text = sbd.cite(entry("denoise", **{**movie, "noise": "/a/k3.json", "fixed_pattern": True}))
    assert "(5 pixels in 2 frames)" in text
    assert "by the spectrum in k3.json" in text
    assert "pattern that the frames of the movie share was taken out" in text
    drift = {**ESTIMATED, "dark": "/a/dark.mrc"}
    assert "dark.mrc" in sbd.cite(entry("correct_drift", **DRIFT, estimated=drift))


def test_the_methods_paragraph_of_drift():
    estimated = sbd.cite(entry("correct_drift", **DRIFT, estimated=ESTIMATED))
    given = sbd.cite(entry("correct_drift", **{**DRIFT, "interpolate": True}, estimated=None))
    assert "whole pixels" in estimated and "2010.12970" in estimated and "hrtem" in estimated
    assert "cubic splines" in given and "2010.12970" not in given and "hrtem" not in given


def test_the_methods_paragraph_of_a_series():
    text = sbd.cite(entry("denoise_series", **SERIES))
    assert "e0274396" in text and "low-noise acquisition" in text
    assert "2010.12970" not in text and "simulat" not in text and "mask" not in text
    assert "within a mask" in sbd.cite(entry("denoise_series", **{**SERIES, "mask": None}))


PCA = {"noise": "rician", "coils": 1, "level": 2.5, "estimated": True, "mask": False}


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("local-pca", ["small patches [2, 3]", "random matrix", "Singular"]),
        ("dipy-mp-pca", ["MP-PCA", "DIPY", "random matrix", "Garyfallidis"]),
        ("dipy-local-pca", ["DIPY", "Overcomplete", "Garyfallidis"]),
    ],
)
def test_the_methods_paragraph_of_a_stack_without_a_reference(method, words):
    text = sbd.cite(entry("pca_series", method=method, **PCA))
    for word in (*words, "rician of level 2.5, estimated from the stack, whose floor"):
        assert word in text
    assert "network" not in text and "mask" not in text
    given = {**PCA, "noise": "poisson", "estimated": False, "mask": None}
    other = sbd.cite(entry("pca_series", method=method, **given))
    assert "given." in other and "within a mask" in other


@pytest.mark.parametrize(
    ("operation", "settings"),
    [
        ("pca_series", {**PCA, "method": "magic"}),
        ("pca_series", {**PCA, "method": "local-pca", "level": 0}),
        ("correct_drift", {**DRIFT, "estimated": None, "shifts": []}),
        ("correct_drift", {**DRIFT, "estimated": None, "shifts": [[0, float("nan")]]}),
        ("correct_drift", {**DRIFT, "estimated": {**ESTIMATED, "jitter": -1}}),
        ("correct_drift", {**DRIFT, "estimated": None, "edges": "wrap"}),
        ("denoise_series", {**SERIES, "mask": "/m.nii"}),
        ("denoise_series", {**SERIES, "steps": 3}),
    ],
)
def test_recipes_of_movies_and_series_are_strict_too(operation, settings):
    with pytest.raises(sbd.SBDError, match="not understood"):
        steps(entry(operation, **settings))


@pytest.mark.parametrize("junk", ["text", {"history": "x"}, {"history": [1, {}, {"settings": 3}]}])
def test_a_report_is_written_whatever_stands_in_the_metadata(tmp_path, counts, junk):
    from napari_sbd.figures.report import write_report

    image = sbd.Micrograph(counts, PIXEL)
    path = write_report(tmp_path / "page.png", image, image.replace(metadata={KEY: junk}))
    assert path.stat().st_size > 1000
