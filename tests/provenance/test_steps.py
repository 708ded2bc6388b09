"""Kinds of steps: one class is all that a recipe needs to know of one."""

from pathlib import Path

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.denoising.settings import Repeated
from napari_sbd.provenance.steps import KINDS, steps
from napari_sbd.provenance.steps.operation import Operation
from napari_sbd.recipe import recipe

PIXEL = 0.0061
ORIGIN = {"path": "/a/b.mrc", "sha256": "0" * 64}
FOUND = {"model": "hrtem", "model_sha256": "12" * 32, "model_choice": "as asked", "device": "cpu"}
FOUND |= {"block": [5, 5], "pixel_size": PIXEL, "gain": 1.0, "offset": 0.0}


def entry(operation, **settings):
    return {"history": [recipe(operation, ORIGIN, **settings)]}


def denoised(**settings):
    return entry("denoise", **{**FOUND, **Repeated().model_dump(), **settings})


class Inverted(Operation):
    """A step that exists nowhere else."""

    operation = "invert"

    level: float

    def python(self, script):
        script.assign("inverted", f"{self.level} - {script.newest}.data")

    def command(self, commands):
        return ["invert", commands.newest, "-o", commands.target("_inverted.tif")]

    def do(self, follower):
        follower.newest = follower.newest.replace(data=self.level - follower.newest.data)
        return follower.newest

    def cite(self, text):
        text.say(f"The image was inverted with {text.program}.")

    def contradictions(self, result):
        return ["Its level is negative."] if self.level < 0 else []


def test_a_new_kind_of_step_is_one_class(monkeypatch, counts):
    monkeypatch.setitem(KINDS, "invert", Inverted)
    kept = entry("invert", level=9.0)
    assert "inverted = 9.0 - image.data" in sbd.as_python(kept)
    assert sbd.as_command(kept) == "napari-sbd invert /a/b.mrc -o b_inverted.tif"
    assert sbd.cite(kept).startswith("The image was inverted with napari-sbd")
    again = sbd.apply(kept, sbd.Micrograph(counts, PIXEL))
    np.testing.assert_array_equal(again.data, 9 - counts)
    with pytest.raises(sbd.SBDError, match=r"edited.*level is negative"):
        sbd.cite(entry("invert", level=-1.0))


def test_no_module_of_recipes_names_an_option_that_is_repeated_as_it_stands():
    """What is named there is what has consequences of its own: text, checks, old recipes."""
    folder = Path(sbd.__file__).parent / "provenance"
    text = "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    assert not [name for name in ("dark", "gain_reference", "sharpen") if f"{name}=" in text]


def test_what_a_movie_network_notes_is_understood():
    kept = denoised(alone_frames=[0, 3], movie_choice="rules predict better", shape=[9, 64, 64])
    [step] = steps(kept)
    assert step.settings.alone_frames == [0, 3]
    assert "sbd.denoise(" in sbd.as_python(kept)


def test_a_script_leaves_out_what_the_file_says_and_the_result_was_made_without():
    """The file may state a gain; taken by the script, levels and noise would be others."""
    assert "image.replace" not in sbd.as_python(denoised())
    script = sbd.as_python(denoised(gain=None, dose=None))
    assert "image = image.replace(gain=None)\ndenoised = sbd.denoise(image, " in script


@pytest.mark.parametrize(("gain", "judge"), [(20.0, "raw counts"), (None, "raw image")])
def test_columns_of_data_that_are_no_counts_were_not_tested_against_counts(gain, judge):
    asked = {"polarity": "auto", "sensitivity": 0.5, "spacing": None, "alpha": None}
    kept = entry("find_columns", **asked, noisy=ORIGIN, gain=gain)
    assert f"each column was tested against the {judge} at" in sbd.cite(kept)
