"""Every block of code on every page: Python runs, commands run or at least parse."""

import glob
import inspect
import re
import shutil
import tomllib
import warnings
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pages import PAGES, ROOT, blocks, commands
from typer.main import get_command
from typer.testing import CliRunner

import napari_sbd as sbd
from events import SHAPE, seen, write_eer
from napari_sbd import quality
from napari_sbd.cli import app
from napari_sbd.denoising.settings import TuningRequest
from napari_sbd.networks import find_model
from napari_sbd.simulation.library_writer import write_library
from napari_sbd.training.recipe import read_recipe

LANGUAGES = {"python", "bash", "console", "text", "yaml", "{toctree}"}
# Programs of others that a page may import; without them its block is not run.
OTHERS = {"hyperspy"}
# What takes minutes, or a cluster, is parsed only.
LONG = ("demo", "compare", "fine-tune", "train", "series train", "simulate", "specialise", "watch")


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A folder with files of the names that the pages use, all small."""
    folder = tmp_path_factory.mktemp("samples")
    phantom = partial(sbd.simulate, pixel_size=0.03, dose=20, seed=1)
    frame = phantom("crystal_edge", size=96, material="Pt", zone=(1, 1, 0)).noisy
    movie = phantom(size=64, frames=3).noisy
    one = movie.replace(data=movie.data[0])
    for name in ("image.dm4", "frame.dm4", "other.dm4", "raw.tif"):
        sbd.write(frame, folder / name)
    (folder / "camera").mkdir()
    rng = np.random.default_rng(0)
    for name in ("movie.dm4", "movie.mrc", "movie.tif"):
        sbd.write(movie, folder / name)
    write_eer(folder / "movie.eer", seen(20))
    tifffile.imwrite(folder / "camera.gain", rng.normal(1, 0.1, SHAPE).astype(np.float32))
    scan = frame.replace(data=15850 + 99.0 * frame.data, gain=None, offset=0.0)
    sbd.write(scan, folder / "haadf.mrc")
    stem = sbd.simulate(
        "crystal_edge", size=96, pixel_size=0.03, dose=500, modality="stem", material="SrTiO3"
    )
    sbd.write(stem.noisy, folder / "haadf.dm4")
    sbd.write(one, folder / "raw.mrc")
    for name, mean in {"dark": 0, "gain": 1}.items():
        values = rng.normal(mean, 0.01, (64, 64)).astype(np.float32)
        sbd.write(one.replace(data=values), folder / f"{name}.mrc")
    source = sbd.read(folder / "frame.dm4")
    for name in ("denoised.ome.tif", "best.ome.tif", "result.ome.tif"):
        sbd.write(sbd.denoise(source, model="hrtem"), folder / name)
    for name in ("raw", "archive", "run"):
        (folder / name).mkdir()
    shutil.copy(folder / "frame.dm4", folder / "archive")
    sbd.write(one, folder / "raw" / "a.mrc")
    sbd.write(one, folder / "raw" / "b.dm4")
    return folder


def _library(folder):
    write_library(folder / "FOLDER", "sbd-ptceo2", images=21)


def _weights(folder):
    """Models of several names."""
    weights = find_model("hrtem").path
    for name in ("one", "other", "run/laalo3"):
        shutil.copy(weights, folder / f"{name}.safetensors")
        shutil.copy(weights.with_suffix(".json"), folder / f"{name}.json")


def _stacks(folder):
    """Decays with and without noise, as NIfTI and TIFF."""
    rng = np.random.default_rng(0)
    decay = np.exp(-np.linspace(0, 2, 12))[:, None, None, None] * rng.uniform(1, 2, (4, 32, 32))
    noisy = rng.normal(decay, 0.1)
    for name, values in {"low_noise.nii.gz": decay, "noisy.nii.gz": noisy}.items():
        sbd.write_series(sbd.Series(values.astype(np.float32)), folder / name)
    for name, values in {"long_exposure.tif": decay, "short.tif": noisy}.items():
        flat = values.reshape(12, 64, 64).astype(np.float32)
        sbd.write(sbd.Micrograph(flat, 0.05), folder / name)
    film, short = sbd.read(folder / "long_exposure.tif"), sbd.read(folder / "short.tif")
    sbd.train_series(film, target=short, steps=2).save(folder / "film.safetensors")
    decay, noisy = (sbd.read_series(folder / f"{n}.nii.gz") for n in ("low_noise", "noisy"))
    sbd.train_series(decay, target=noisy, steps=2).save(folder / "protocol.safetensors")


MORE = {
    "README": _stacks,
    "series": _stacks,
    "simulate": _library,
    "training-log": _weights,
    "tutorial-fine-tune": _weights,
}


@pytest.fixture
def quick(monkeypatch):
    """Functions of many steps take few; what trains for hours is only read and called."""
    monkeypatch.setattr(sbd, "gain_tune", partial(sbd.gain_tune, steps=2))
    monkeypatch.setattr(sbd, "train_series", partial(sbd.train_series, steps=2))
    monkeypatch.setattr(sbd, "candidates", partial(sbd.candidates, gain_tuning=False))
    monkeypatch.setattr(quality, "candidates", partial(quality.candidates, gain_tuning=False))
    denoise = sbd.denoise

    def denoise_quickly(image, **settings):
        if settings.get("gain_tuning") is True:
            settings["gain_tuning"] = TuningRequest(steps=2)
        return denoise(image, **settings)

    monkeypatch.setattr(sbd, "denoise", denoise_quickly)
    known = inspect.signature(sbd.train)

    def train(*given, **options):
        called = known.bind(*given, **options).arguments
        assert read_recipe(Path(called["recipe"])).name
        assert find_model(called["start"])

    monkeypatch.setattr(sbd, "train", train)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_does_what_it_says(page, samples, tmp_path, monkeypatch, quick):
    """Blocks run in their order, in a folder with the files that they name."""
    folder = tmp_path / "here"
    shutil.copytree(samples, folder)
    MORE.get(page.stem, lambda folder: None)(folder)
    monkeypatch.chdir(folder)
    names = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of images as small as these
        for block in blocks(page):
            _do(block, page, names)


def _do(block, page, names):
    assert block.language in LANGUAGES
    if block.language == "python":
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
        needed = set(re.findall(r"import (\w+)", block.text)) & OTHERS
        if all(find_spec(name) for name in needed):
            exec(code, names)
    elif block.language == "bash":
        for words in commands(block):
            _follow(words)
    elif block.language == "yaml":
        Path("laalo3.yaml").write_text(block.text, "utf-8")
    elif block.text.startswith("data_LaAlO3"):
        Path("LaAlO3.cif").write_text(block.text, "utf-8")
    elif block.language == "console":
        _parse(block.text.splitlines()[0].split()[2:])


def _follow(words):
    """Run a command, or see that there is what it names."""
    if "--glob" not in words:
        words = [word for pattern in words for word in sorted(glob.glob(pattern)) or [pattern]]
    if words[0] == "napari-sbd":
        _parse(words[1:])
        if not " ".join(words[1:]).startswith(LONG) and "--scheduler" not in words:
            words += ["--tune-steps", "2"] if "--gain-tuning" in words else []
            done = CliRunner().invoke(app, words[1:])
            assert done.exit_code == 0, f"{words}: {done.output}{done.exception!r}"
        return
    for name in (word for word in words if word.startswith(("benchmarks/", "scripts/", "docs/m"))):
        source = (ROOT / name).read_text("utf-8")
        for option in (word for word in words[words.index(name) :] if word.startswith("--")):
            assert option in source, f"{name} knows no {option}"
    if words[:2] == ["pip", "install"]:
        told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for extra in re.findall(r"\[(\w+)\]", words[2]):
            assert extra in told["optional-dependencies"]


command_line = cache(lambda: get_command(app))  # hundreds of signatures are read for it


def _parse(words):
    """Refuse commands and options that there are not."""
    command = command_line()
    while hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    if "--help" not in words:
        command.make_context(command.name, list(words))
