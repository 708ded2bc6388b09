"""Settings that stick: napari's preferences, and what the widgets make of them."""

import contextlib

import numpy as np
import pytest
import torch
from npe2 import PluginManifest

from napari_sbd._napari.denoise.widget import DenoiseWidget
from napari_sbd._napari.forms.model_box import ModelBox, own_models
from napari_sbd._napari.jobs.preferences import obey_limits, prefer, preference
from napari_sbd.networks import tiling
from napari_sbd.networks.tile_size import set_tile_size
from napari_sbd.networks.unet import UNet


@pytest.fixture
def settings(plugin_settings, npe2pm):
    """The plugin's settings, in a file of this test."""
    from napari.settings import get_plugin_settings

    npe2pm.register(PluginManifest.from_distribution("napari-sbd"))
    return get_plugin_settings("napari-sbd")


def test_without_preferences_the_defaults_of_the_manifest_hold(settings):
    assert preference("device") == "auto"
    assert preference("quality") == "fast"
    assert preference("threads") == 0
    assert preference("tile") == 0


def test_widgets_begin_with_what_was_preferred(settings, viewer):
    settings.work.quality = "best"
    settings.work.device = "cpu"
    settings.work.model = "hrtem"
    widget = DenoiseWidget(viewer)
    assert widget.quality.currentText() == "best"
    assert widget.device.currentText() == "cpu"
    assert widget.model.chosen == "hrtem"
    widget.deleteLater()


def test_a_preference_is_kept_in_a_file(settings):
    prefer("threads", 3)
    assert preference("threads") == 3
    assert "threads: 3" in settings.config_path.read_text()


def test_impossible_devices_are_refused(settings):
    with pytest.raises(ValueError, match="enum"):
        settings.work.device = "abacus"


def test_a_thread_limit_is_obeyed(settings):
    before = torch.get_num_threads()
    settings.work.threads = before + 1
    try:
        obey_limits()
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def seen(monkeypatch):
    """Sides of what the network is given in a pass [working pixels]; in full precision."""
    monkeypatch.setattr(tiling, "autocast", lambda device: contextlib.nullcontext())
    sides: list[int] = []

    def look(module, arguments):
        if isinstance(module, UNet):
            sides.append(max(arguments[0].shape))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(look)
    yield sides
    handle.remove()
    set_tile_size(0)


def test_a_tile_size_is_obeyed_and_does_not_change_the_result(
    settings, add, denoise_widget, until, seen, model, viewer
):
    add(np.random.default_rng(0).poisson(2.0, (1500, 1400)).astype(np.float32), name="large")
    denoise_widget.model.choose(str(model))
    denoise_widget.device.setCurrentText("cpu")
    denoise_widget.keep.setChecked(True)
    largest = []
    for tile in (0, 64, 0):
        seen.clear()
        settings.work.tile = tile
        denoise_widget.start.click()
        until(lambda: not denoise_widget.running)
        largest.append(max(seen))
    untiled, tiled, again = (np.asarray(layer.data) for layer in viewer.layers[1:])
    assert largest[0] == largest[2] >= 1500 // 5
    assert largest[1] < largest[0]
    assert untiled.std() > 1e-3
    assert np.abs(tiled - untiled).max() < 1e-5  # of noise whose standard deviation is 1.4
    np.testing.assert_array_equal(again, untiled)


def test_the_preview_obeys_a_tile_size_that_was_changed_meanwhile(
    settings, add, denoise_widget, until, seen
):
    add(np.random.default_rng(0).poisson(2.0, (900, 900)).astype(np.float32))
    largest = []
    for tile in (0, 64):
        seen.clear()
        settings.work.tile = tile
        denoise_widget.live.setChecked(True)
        until(lambda: bool(seen) and not denoise_widget.preview.busy)
        denoise_widget.live.setChecked(False)
        largest.append(max(seen))
    assert largest[1] < largest[0]


@pytest.mark.parametrize("tile", [1, 63])
def test_a_silly_tile_size_is_refused_in_one_sentence(
    settings, tile, add, denoise_widget, until, noisy, viewer
):
    add(noisy)
    settings.work.tile = tile
    denoise_widget.start.click()
    until(lambda: not denoise_widget.running)
    assert f"64 to 8192 working pixels wide, or 0 for automatic, not {tile}" in (
        denoise_widget.message.text()
    )
    assert len(viewer.layers) == 1


@pytest.mark.parametrize("tile", [-64, 100_000])
def test_the_preferences_take_no_impossible_tile_size(settings, tile):
    with pytest.raises(ValueError, match="tile"):
        settings.work.tile = tile


def test_a_model_of_ones_own_appears_in_every_open_box_and_later_ones(settings, qtbot, tmp_path):
    path = tmp_path / "mine.safetensors"
    path.touch()
    early = ModelBox()
    qtbot.addWidget(early)
    own_models().add(str(path))
    late = ModelBox()
    qtbot.addWidget(late)
    for box in (early, late):
        box.choose(str(path))
        assert box.currentText() == "mine"
        assert box.chosen == str(path)
    path.unlink()
    assert own_models().paths == []


def test_a_model_that_is_browsed_for_is_remembered(settings, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "mine.safetensors"
    path.touch()
    box = ModelBox()
    qtbot.addWidget(box)
    answers = iter([(str(path), ""), ("", "")])
    monkeypatch.setattr(
        "napari_sbd._napari.forms.model_box.QFileDialog.getOpenFileName", lambda *_: next(answers)
    )
    for expected in (str(path), "auto"):
        box.setCurrentText("your own…")
        box.activated.emit(box.currentIndex())
        assert box.chosen == expected
    assert own_models().paths == [str(path)]


def test_the_modality_is_remembered_for_a_folder(settings, viewer, denoise_widget, add, noisy):
    box = denoise_widget.modality
    add(noisy, source="/data/stem/one.dm4", name="one")
    assert box.currentText() == "auto"
    box.setCurrentText("dark field")
    box.activated.emit(box.currentIndex())
    assert denoise_widget.settings.modality == "dark field"
    add(noisy, source="/data/hrtem/two.dm4", name="two")
    assert box.currentText() == "auto"
    add(noisy, source="/data/stem/three.dm4", name="three")
    assert box.currentText() == "dark field"
    assert "dark field" in settings.config_path.read_text()
    box.setCurrentText("auto")
    box.activated.emit(box.currentIndex())
    denoise_widget.layer.choose(viewer.layers["one"])
    assert box.currentText() == "auto"


def test_what_a_hand_wrote_into_the_modalities_does_no_harm(settings, denoise_widget, add, noisy):
    settings.work.modalities = "[nonsense"
    add(noisy, source="/data/stem/one.dm4")
    assert denoise_widget.modality.currentText() == "auto"
