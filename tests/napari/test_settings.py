"""Settings that stick: napari's preferences, and what the widgets make of them."""

import pytest
from npe2 import PluginManifest

from napari_sbd._napari.denoise_widget import DenoiseWidget
from napari_sbd._napari.model_box import ModelBox, own_models
from napari_sbd._napari.settings import limit_threads, prefer, preference


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
    import torch

    before = torch.get_num_threads()
    settings.work.threads = before + 1
    try:
        limit_threads()
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


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
        "napari_sbd._napari.model_box.QFileDialog.getOpenFileName", lambda *_: next(answers)
    )
    for expected in (str(path), "auto"):
        box.setCurrentText("your own…")
        box.activated.emit(box.currentIndex())
        assert box.chosen == expected
    assert own_models().paths == [str(path)]
