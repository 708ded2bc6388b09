"""Copy how a result was made; do the same with another image."""

import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication

from napari_sbd._napari.layers.micrographs import to_layer
from napari_sbd._napari.tools.recipe_widget import RecipeWidget, copy_as_command, copy_as_python
from napari_sbd.denoise import denoise
from napari_sbd.io import read, write
from napari_sbd.micrograph import Micrograph


@pytest.fixture
def result(viewer, noisy, tmp_path):
    """A file's image and its denoised one as layers."""
    path = tmp_path / "my frame.tif"
    write(Micrograph(noisy, 0.0061, gain=1.0, name="my frame"), path)
    raw = read(path)
    for m in (raw, denoise(raw).replace(name="my frame denoised")):
        data, attributes, _ = to_layer(m)
        viewer.add_image(data, **attributes)
    return viewer.layers[-1]


@pytest.fixture
def widget(viewer, result, until):
    widget = RecipeWidget(viewer)
    yield widget
    widget.cancel.click()
    until(lambda: not widget.running)
    widget.deleteLater()


def clipboard():
    return QGuiApplication.clipboard().text()


def test_the_recipe_is_shown_and_copied(widget):
    assert "napari-sbd denoise" in widget.line.text()
    widget.command.click()
    assert clipboard() == widget.line.text()
    assert "'" in clipboard() or '"' in clipboard()  # for the blank in the name
    widget.python.click()
    assert "denoise(" in clipboard()


def test_the_copied_script_makes_the_result_again(widget, result, tmp_path, monkeypatch):
    widget.python.click()
    monkeypatch.chdir(tmp_path)
    exec(compile(clipboard(), "script", "exec"), {})
    [made] = set(tmp_path.iterdir()) - {tmp_path / "my frame.tif"}
    np.testing.assert_array_equal(read(made).data, result.data)


def test_the_menu_copies_the_recipe_of_the_active_layer(viewer, result):
    viewer.layers.selection.active = result
    copy_as_command(viewer)
    assert clipboard().startswith("napari-sbd")
    copy_as_python(viewer)
    assert "import" in clipboard()


def test_a_raw_image_has_no_recipe_to_copy(viewer, result, notifications):
    QGuiApplication.clipboard().setText("before")
    viewer.layers.selection.active = viewer.layers[0]
    copy_as_python(viewer)
    assert clipboard() == "before"
    assert "no recipe" in notifications[-1].message
    notifications.clear()


def test_the_recipe_is_re_run_on_another_layer(viewer, widget, until, add, noisy):
    other = add(np.ascontiguousarray(noisy[:, ::-1]), name="other")
    widget.image.choose(other)
    widget.start.click()
    until(lambda: not widget.running)
    made = viewer.layers["other re-run"]
    np.testing.assert_allclose(made.data, denoise(other.data, pixel_size=0.0061), atol=1e-6)
    [step] = made.metadata["napari_sbd"]["history"]
    assert step["settings"]["model"] == "hrtem"


def test_an_image_that_is_removed_meanwhile_is_told(viewer, widget, until, add, noisy):
    """It said that all was done, and nothing was to be seen."""
    other = add(np.ascontiguousarray(noisy[:, ::-1]), name="other")
    widget.image.choose(other)
    widget.start.click()
    viewer.layers.remove(other)
    until(lambda: not widget.running)
    assert "other was removed meanwhile" in widget.message.text()
    assert len(viewer.layers) == 2
