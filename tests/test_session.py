"""Every way to denoise a movie gives the same values, the same fates and the same recipe."""

import warnings

import numpy as np
import pytest
import tifffile

import napari_sbd as sbd
from known import lattice
from napari_sbd._napari.jobs.live import LiveDenoiser, Request
from napari_sbd._napari.jobs.run import Run
from napari_sbd.denoising.settings import Repeated, Settings, TuningRequest
from napari_sbd.io import arrays
from napari_sbd.provenance.steps import steps
from napari_sbd.session import Session
from napari_sbd.streaming.file import denoise_into

PIXEL = 0.0061
FRAMES, BLANK, LOST = 16, 1, 3
CHOSEN = {"model": "hrtem", "pixel_size": PIXEL, "gain": 1.0}

pytestmark = pytest.mark.filterwarnings("ignore:Frames")


@pytest.fixture
def source(tmp_path, monkeypatch, tiny_model):
    """A movie with a blank frame, and one that is damaged on the disk."""
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    shape = (FRAMES, 96, 128)
    movie = np.random.default_rng(0).poisson(lattice(shape[1:]), shape).astype(np.float32)
    movie[BLANK] = 7
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, movie, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        place = file.pages[LOST].dataoffsets[0]
    with path.open("rb+") as file:
        file.seek(place)
        file.write(b"\xff" * 200)
    return path


def in_memory(source, _target, **settings):
    return sbd.denoise(sbd.read(source), **settings)


def from_file_to_file(source, target, **settings):
    sbd.denoise_file(source, target, **settings)
    return sbd.read(target)


def in_the_window(source, _target, **settings):
    m = sbd.read(source).replace(**{k: settings.pop(k) for k in ("pixel_size", "gain")})
    run = Run(m, Settings.of(**settings), frame=4)
    assert sorted(run.work()) == list(range(FRAMES))
    return m.replace(data=run.result, metadata=run.metadata)


DOORS = in_memory, from_file_to_file, in_the_window


def recipe(result):
    return result.metadata["napari_sbd"]["history"][-1]


@pytest.mark.parametrize("door", DOORS)
def test_what_becomes_of_each_frame(door, source, tmp_path):
    result = door(source, tmp_path / "out.zarr", **CHOSEN)
    data = np.asarray(result.data)
    assert (data[BLANK] == 7).all()
    assert np.isnan(data[LOST]).all()
    for i in set(range(FRAMES)) - {BLANK, LOST}:
        frame = np.asarray(sbd.read(source).data[i])
        np.testing.assert_array_equal(data[i], sbd.denoise(frame, **CHOSEN))
    settings = recipe(result)["settings"]
    assert (settings["blank_frames"], settings["unreadable_frames"]) == ([BLANK], [LOST])
    assert "frames" not in settings


def test_one_recipe(source, tmp_path):
    first, *others = (recipe(door(source, tmp_path / "out.zarr", **CHOSEN)) for door in DOORS)
    assert all(other == first for other in others)
    assert first["source"]["sha256"]


def test_neighbours_help_in_memory_as_in_a_file(source, tmp_path):
    one, two = (
        door(source, tmp_path / "out.zarr", neighbours=1, **CHOSEN)
        for door in (in_memory, from_file_to_file)
    )
    np.testing.assert_array_equal(one.data, two.data)
    assert recipe(one) == recipe(two)
    settings = recipe(one)["settings"]
    assert (settings["blank_frames"], settings["unreadable_frames"]) == ([BLANK], [LOST])
    assert (one.data[BLANK] == 7).all()
    assert np.isnan(one.data[LOST]).all()


def test_live_mode_shows_the_same_frame(source):
    m = sbd.read(source).replace(pixel_size=PIXEL, gain=1.0)
    whole = (0, m.shape[1]), (0, m.shape[2])
    live = LiveDenoiser()
    preview = live(Request(m, 0, whole, Settings(model="hrtem")), lambda: False)
    np.testing.assert_array_equal(preview.values, sbd.denoise(m.data[0].compute(), **CHOSEN))
    with pytest.raises(sbd.SBDError, match="constant"):
        live(Request(m, BLANK, whole, Settings(model="hrtem")), lambda: False)


class After:
    """Asks to stop once some frames are done."""

    def __init__(self, frames):
        self.frames, self.done = frames, 0.0

    def progress(self, done, total):
        self.done = done

    def should_stop(self):
        return self.done >= self.frames


def test_a_stop(source, tmp_path):
    """In memory nothing is left; in a file and in the window, what was done."""
    expected = in_memory(source, None, **CHOSEN).data
    halt = After(2)
    stops = {"progress": halt.progress, "should_stop": halt.should_stop}
    with pytest.raises(sbd.Cancelled):
        sbd.denoise(sbd.read(source), **stops, **CHOSEN)
    halt = After(2)
    stops = {"progress": halt.progress, "should_stop": halt.should_stop}
    with pytest.raises(sbd.Cancelled):
        sbd.denoise_file(source, tmp_path / "out.zarr", **stops, **CHOSEN)
    sbd.denoise_file(source, tmp_path / "out.zarr", resume=True, **CHOSEN)
    np.testing.assert_array_equal(sbd.read(tmp_path / "out.zarr").data, expected)
    run = Run(sbd.read(source).replace(pixel_size=PIXEL, gain=1.0), Settings(model="hrtem"))
    work = run.work()
    done = [next(work), next(work)]
    run.cancel()
    assert list(work) == []
    np.testing.assert_array_equal(run.result[done], expected[done])
    assert np.isnan(np.delete(run.result, done, 0)).all()
    settings = run.metadata["napari_sbd"]["history"][-1]["settings"]
    assert settings["frames"] == sorted(done)
    assert settings["blank_frames"] == [BLANK]


def test_frames_come_in_the_order_that_is_asked_for(source):
    session = Session(sbd.read(source), Settings.of(**CHOSEN))
    frames = list(session.frames([4, BLANK, LOST, 0]))
    assert [f.index for f in frames] == [4, BLANK, LOST, 0]
    assert [f.fate for f in frames] == ["denoised", "blank", "unreadable", "denoised"]
    assert all(f.values.dtype == np.float32 for f in frames)


def test_a_movie_that_begins_with_a_damaged_frame(source):
    movie = sbd.read(source).replace(pixel_size=PIXEL)
    result = sbd.denoise(movie.replace(data=movie.data[LOST:]), model="hrtem")
    assert np.isnan(result.data[0]).all()
    assert np.isfinite(result.data[1:]).all()


def test_a_range_of_frames_is_a_setting_of_every_door(source, tmp_path):
    one, two = (
        door(source, tmp_path / "out.zarr", frames="4:", **CHOSEN)
        for door in (in_memory, from_file_to_file)
    )
    assert one.shape == (FRAMES - 4, 96, 128)
    np.testing.assert_array_equal(one.data, two.data)
    assert recipe(one) == recipe(two)
    assert recipe(one)["settings"]["frames"] == "4:"


@pytest.mark.parametrize("door", [in_memory, from_file_to_file])
def test_frames_of_a_range_are_named_as_those_of_the_result(door, source, tmp_path):
    """As the recipe counts them; in the movie, others have these numbers."""
    with pytest.warns(UserWarning, match=r"Frames \[1\] of the result could not be read"):
        result = door(source, tmp_path / "out.zarr", frames=f"{LOST - 1}:", **CHOSEN)
    assert np.isnan(result.data[1]).all()
    assert recipe(result)["settings"]["unreadable_frames"] == [1]


def test_a_stopped_run_with_tuning_goes_on_with_the_gains_it_found(source, tmp_path, monkeypatch):
    request = TuningRequest(loss="sure", steps=2)
    settings = Settings.of(gain_tuning=request, **CHOSEN)
    halt, target = After(3), tmp_path / "out.zarr"
    with pytest.raises(sbd.Cancelled):
        denoise_into(sbd.read(source), target, settings, False, halt.progress, halt.should_stop)
    monkeypatch.setattr("napari_sbd.gaintuning.tune.tune_model", None)  # must not be needed
    from napari_sbd.cli import app

    words = ["denoise", source, "-o", target, "--model", "hrtem", "--pixel-size", PIXEL]
    words += ["--gain", 1, "--gain-tuning", "--loss", "sure", "--tune-steps", 2, "--resume"]
    app([str(w) for w in words], standalone_mode=False)
    assert recipe(sbd.read(target))["settings"]["gain_tuning"]["requested"]["loss"] == "sure"


@pytest.mark.parametrize("dose", [0.01, 1.0, 50.0])
def test_window_and_engine_agree_whether_a_dose_is_in_range(dose):
    from napari_sbd._napari.jobs.summary import understand

    image = np.random.default_rng(2).poisson(lattice((96, 96), mean=dose)).astype(np.float32)
    m = sbd.Micrograph(image, PIXEL, gain=1.0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sbd.denoise(m, model="hrtem")
    said = {str(w.message) for w in told if "trained at" in str(w.message)}
    assert said == {w for w in understand(m, "hrtem").warnings if "trained at" in w}
    assert bool(said) == (dose != 1.0)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"quality": "superb"}, "'fast' or 'best', not 'superb'"),
        ({"neighbours": 1.5}, "whole number from 0"),
        ({"neighbours": 2, "gain_tuning": True}, "cannot be combined"),
        ({"neighbours": "two"}, "whole number from 0 up, not 'two'"),
        ({"neighbours": [1]}, r"whole number from 0 up, not \[1\]"),
        ({"neighbours": float("inf")}, "whole number from 0 up, not inf"),
        ({"seed": -1}, "The setting seed is wrong: it must be 0 or more, not -1"),
        ({"sharpen": "no way"}, "The setting sharpen is wrong: it must be true or false"),
        ({"pixel_size": -1}, "pixel size"),
        ({"seed": -1}, "seed"),
        ({"device": 5}, "device"),
        ({"gain_tuning": 3}, "gain tuning"),
        ({"frames": "a"}, "START:STOP"),
        ({"frames": slice(0, 4, 2)}, "step"),
        ({"modle": "hrtem"}, "no option 'modle'"),
    ],
)
def test_impossible_settings_get_a_sentence(given, sentence):
    with pytest.raises(sbd.SBDError, match=sentence):
        Settings.of(**given)


@pytest.mark.parametrize("function", [sbd.denoise, sbd.denoise_file, sbd.denoise_movie, sbd.batch])
def test_the_help_shows_every_setting(function):
    from inspect import signature

    shown = signature(function).parameters
    for name, field in Settings.model_fields.items():
        assert name in shown
        if name != "neighbours":
            assert shown[name].default == field.default
        assert name in function.__doc__


OTHERS = {
    "quality": "best",
    "neighbours": 2,
    "seed": 5,
    "dark": "dark.tif",
    "gain_reference": "gain.tif",
    "fixed_pattern": True,
    "outliers": False,
    "noise": "white",
    "illumination": False,
    "sharpen": True,
    "region": "0:80,8:88",
}


@pytest.mark.parametrize("name", Repeated.model_fields)
def test_what_a_recipe_keeps_is_repeated_by_scripts_commands_and_other_images(
    name, tmp_path, monkeypatch
):
    """Every field, those to come too."""
    value = OTHERS[name]
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    sbd.write(sbd.Micrograph(rng.normal(0, 0.1, (96, 96))), "dark.tif")
    sbd.write(sbd.Micrograph(rng.normal(1, 0.2, (96, 96))), "gain.tif")
    response = sbd.read("gain.tif").data
    count, step = (12, 5) if name == "fixed_pattern" else (6, 0)  # it shows where a scene moves
    moving = np.stack([np.roll(lattice((96, 96)), step * t, 0) for t in range(count)])
    movie = np.random.default_rng(0).poisson(9 * moving) * response
    m = sbd.Micrograph(movie, PIXEL, gain=1.0)
    session = Session(m, Settings.of(model="hrtem", device="cpu", **{name: value}))
    entry = session.entry(dict.fromkeys(range(count), "denoised"))
    if name in session.settings.files():
        value = str(tmp_path / value)  # which is found from other folders as well
    assert entry["settings"][name] == value
    assert f"{name}={value!r}" in sbd.as_python(entry)
    word = name.replace("_", "-")
    flag = (
        f"--{word if value else f'no-{word}'}" if isinstance(value, bool) else f"--{word} {value}"
    )
    assert flag in sbd.as_command(entry)
    (step,) = steps(entry)
    again = step.settings.settings_for(m, exact=False, device="cpu")
    assert again == session.settings.model_copy(update={name: value, **again.calibration})


def test_a_denoiser_does_not_change():
    image = np.random.default_rng(0).poisson(lattice((96, 96)))
    worker = Session(sbd.Micrograph(image, PIXEL), Settings(model="hrtem")).worker
    with pytest.raises(AttributeError):
        worker.block = (2, 2)
    assert worker.on_blocks().block == (1, 1)
    assert worker.block == (5, 5)
