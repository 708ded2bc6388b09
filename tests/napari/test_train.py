"""Train your own: fields become a recipe; the run is watched, stopped, resumed and used."""

import dataclasses
import itertools
import os
import time

import numpy as np
import pytest
import torch

from known import lattice
from napari_sbd import SBDError
from napari_sbd._napari.forms.model_box import ModelBox
from napari_sbd._napari.tools.train_form import Wishes, recipe_of, zones_of
from napari_sbd._napari.tools.train_widget import TrainWidget, listener
from napari_sbd.errors import Cancelled
from napari_sbd.networks import find_model, load_network, save_model
from napari_sbd.training.specialist import IMAGES_PER_WAVE, keep_recipe

WISHES = Wishes(
    name="mine",
    material="SrTiO3",
    zones="1 0 0, 1 1 0",
    kilovolt="300",
    cs_um="-15 to -11",
    defocus_nm="2 to 12",
    pixel_nm="0.0065",
    dose="0.2 to 2",
    waves="30",
    minutes="5",
)


def test_the_fields_become_a_recipe_in_working_pixels():
    recipe = recipe_of(WISHES)
    assert (recipe.name, recipe.materials) == ("mine", ("SrTiO3",))
    assert recipe.zones == ((1, 0, 0), (1, 1, 0))
    assert recipe.microscope.kilovolt == (300, 300)
    assert recipe.microscope.cs_um == (-15, -11)
    assert recipe.microscope.defocus_nm == (2, 12)
    assert recipe.pixel_nm[0] < 5 * 0.0065 < recipe.pixel_nm[1]  # five pixels are summed
    assert recipe.dose == pytest.approx((0.2 * 25, 2 * 25))
    assert (recipe.waves, recipe.minutes) == (30, 5)


def test_the_plan_says_how_long_it_takes_before_it_starts(viewer):
    widget = TrainWidget(viewer)
    widget.waves.setText("720")  # a quarter of a second each and core, and images besides
    widget.minutes.setText("30")
    words = widget.plan.text()
    assert "720 exit waves" in words
    assert "for 30 min" in words
    total = float(words.rpartition("about ")[2].split()[0])
    simulated = (720 * 0.25 + IMAGES_PER_WAVE * 720 * 0.032) / 60 / os.cpu_count()
    assert total == pytest.approx(30 + simulated, abs=1)
    widget.dose.setText("much")
    assert '"much" is no dose' in widget.plan.text()
    widget.deleteLater()


def test_empty_fields_leave_the_microscope_open():
    vague = dataclasses.replace(WISHES, zones="", kilovolt="", cs_um=" ", defocus_nm="")
    recipe = recipe_of(vague)
    assert recipe.microscope is None
    assert recipe.zones == ()


@pytest.mark.parametrize(
    ("words", "zones"),
    [("", []), ("1 0 0", [(1, 0, 0)]), ("[1-10] [0 0 1]", [(1, -1, 0), (0, 0, 1)])],
)
def test_directions_are_read_as_they_are_written(words, zones):
    assert zones_of(words) == zones


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("zones", "1 0"),
        ("zones", "along c"),
        ("kilovolt", "high"),
        ("kilovolt", "3"),
        ("dose", "1 to 2 to 3"),
        ("dose", "-1"),
        ("pixel_nm", ""),
        ("material", "kryptonite"),
        ("minutes", "0"),
        ("waves", "1"),
        ("waves", "nan"),
        ("minutes", "inf"),
        ("dose", "nan to 2"),
        ("name", "a/b"),
        ("name", "hrtem"),
        ("name", "x" * 300),
        ("pixel_nm", "6.1e-12"),
        ("cs_um", "1.2e6"),
        ("defocus_nm", "-1e5 to 0"),
    ],
)
def test_impossible_fields_are_answered_in_one_sentence(field, wrong):
    with pytest.raises(SBDError) as refused:
        recipe_of(dataclasses.replace(WISHES, **{field: wrong}))
    assert "\n" not in str(refused.value)
    assert "^" not in str(refused.value)  # of a pattern


def test_the_home_folder_is_known_by_its_sign(viewer, tmp_path, monkeypatch):
    """A folder named ~ was made beside the program, and the run was looked for in vain."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    widget = TrainWidget(viewer)
    widget.folder.setText("~/run")
    keep_recipe(recipe_of(WISHES), tmp_path / "run")
    widget.resume.click()
    assert "Goes on with mine" in widget.plan.text()
    widget.folder.setText("~nobody-of-that-name/run")
    assert "home folder of nobody" in widget.plan.text()
    widget.deleteLater()


def test_the_curve_is_that_of_a_real_training(small_network, tmp_path):
    from napari_sbd.training import loop
    from napari_sbd.training.recipe import Recipe

    images = np.stack([lattice((64, 64), 8.0, 0.5)] * 4).astype(np.float16)
    recipe = Recipe(
        name="tiny", description="a test", image_size=64, crops=[32], batch=2, steps=4, dose=(9, 9)
    )
    small_network.requires_grad_(True)
    points, status, shares = [], [], []
    hear = listener(1.0, points, status, lambda done, total: shares.append(done / total))
    loop.train(
        recipe, 0.01, small_network.train(), images, images, tmp_path, device="cpu", status=hear
    )
    assert len(points) == 4
    assert all(loss > 0 for _, loss in points)
    assert shares == sorted(shares)
    assert "step 4" in status[-1]
    torch.set_grad_enabled(True)


@pytest.fixture
def session(monkeypatch):
    """In place of the engine: leaves a checkpoint when stopped, a model when let through."""
    calls = []

    def train(recipe, folder, *, minutes, start, resume, status, should_stop):
        calls.append((recipe.name, minutes, start, resume))
        folder.mkdir(parents=True, exist_ok=True)
        for step in range(1, 4) if resume else itertools.count(1):
            time.sleep(0.005)
            status(f"0.1 of 1 min  0.1 s/step  loss {1 / step:.4f}  30.0 dB")
            if should_stop():
                (folder / "checkpoint.pt").touch()
                raise Cancelled(f"Stopped at step {step}.")
        card = find_model("hrtem")
        network = load_network(card, "cpu")
        return save_model(network, card.model_copy(update={"name": recipe.name}), folder)

    monkeypatch.setattr("napari_sbd.training.session.train", train)
    monkeypatch.setattr(
        "napari_sbd._napari.tools.train_widget.apart", lambda task, hear, stop: task(hear, stop)
    )
    return calls


@pytest.fixture
def widget(viewer, until, tmp_path):
    widget = TrainWidget(viewer)
    widget.name.setText("mine")
    widget.material.setCurrentText("SrTiO3")
    widget.folder.setText(str(tmp_path / "run"))
    yield widget
    widget.cancel.click()
    until(lambda: not widget.running)
    widget.deleteLater()


def test_a_run_that_is_cancelled_keeps_its_checkpoint_and_is_resumed(
    widget, session, until, tmp_path, qtbot
):
    box = ModelBox()
    qtbot.addWidget(box)
    widget.start.click()
    until(lambda: widget.curve.isVisibleTo(widget) and "loss" in widget.now.text())
    widget.cancel.click()
    until(lambda: not widget.running)
    assert (tmp_path / "run/checkpoint.pt").exists()
    assert "Cancelled" in widget.message.text()

    widget.start.click()
    until(lambda: not widget.running)
    assert "holds a run already" in widget.message.text()

    widget.name.setText("forgotten")  # the run knows its own name
    widget.resume.setChecked(True)
    widget.start.click()
    until(lambda: not widget.running)
    assert session == [("mine", None, "hrtem", False), ("mine", 15, None, True)]
    box.choose(str(tmp_path / "run/mine.safetensors"))
    assert box.currentText() == "mine"
    assert find_model(box.chosen).name == "mine"


def test_there_is_nothing_to_resume_in_an_empty_folder(widget, session):
    widget.resume.setChecked(True)
    widget.start.click()
    assert "holds no run" in widget.message.text()
    assert not session


def test_a_field_that_makes_no_sense_stops_the_start(widget, session):
    widget.zones.setText("down")
    widget.start.click()
    assert "no directions" in widget.message.text()
    assert not widget.running


def test_denoising_does_not_wait_for_a_training(
    widget, session, until, viewer, add, noisy, denoise_widget, denoiser
):
    widget.start.click()
    until(lambda: bool(session))
    add(noisy)
    denoise_widget.start.click()
    until(lambda: not denoise_widget.running)
    assert widget.running
    assert len(viewer.layers) == 2
