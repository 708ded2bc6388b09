"""After Denoise, the window says how far two halves of the electrons agree."""

import numpy as np
import pytest

from known import lattice
from napari_sbd._napari.jobs.queue import queue


@pytest.fixture
def leaves_all(monkeypatch):
    """What leaves all noise, in the place of the denoiser that the recipe names."""
    from napari_sbd._napari.denoise import two_halves

    monkeypatch.setattr(two_halves, "denoiser_of", lambda *_args, **_options: lambda image: image)


@pytest.fixture
def denoised(add, denoise_widget, until):
    """The widget after a lattice of a dose was denoised."""

    def click(dose):
        clean = lattice((96, 96))
        counts = np.random.default_rng(0).poisson(clean / clean.mean() * dose).astype(np.float32)
        add(counts)
        denoise_widget.start.click()
        until(lambda: not denoise_widget.running)
        return denoise_widget

    return click


@pytest.mark.parametrize(("dose", "words"), [(1e5, "data agree ("), (0.1, "disagree (")])
def test_the_halves_agree_as_far_as_the_dose_allows(denoised, leaves_all, until, dose, words):
    widget = denoised(dose)
    assert widget.message.text().startswith("Denoised in ")  # at once; the halves come later
    until(lambda: bool(widget.halves.words.text()))
    assert words in widget.halves.words.text()


def test_the_denoiser_is_that_of_the_recipe_which_then_holds_what_was_found(
    denoised, viewer, until
):
    import napari_sbd as sbd

    widget = denoised(2.0)
    until(lambda: bool(widget.halves.words.text()))
    assert widget.halves.words.text().startswith("The images made from two halves")
    recipe = viewer.layers[-1].metadata["napari_sbd"]
    assert f"correlation {recipe['halves']['correlation']:.2f}" in widget.halves.words.text()
    assert "two halves of the data" in sbd.cite(recipe)


def test_map_and_curve_come_at_a_click(denoised, leaves_all, viewer, until):
    widget = denoised(1e5)
    until(lambda: bool(widget.halves.words.text()))
    assert widget.halves.curve.isHidden()
    widget.halves.more.click()
    assert not widget.halves.curve.isHidden()
    raw, result, where = viewer.layers
    assert where.data.shape == raw.data.shape
    np.testing.assert_allclose(where.extent.world, result.extent.world)
    assert where.data.mean() > 0.9
    widget.halves.more.click()  # the same again
    assert len(viewer.layers) == 3


def test_the_map_lies_on_an_image_that_was_turned_in_its_units(
    denoised, leaves_all, viewer, until, monkeypatch
):
    from napari_sbd._napari.denoise import two_halves

    monkeypatch.setattr(two_halves, "_SIDE", 64)  # the middle of the 96 pixels
    widget = denoised(1e5)
    until(lambda: bool(widget.halves.words.text()))
    result = viewer.layers[-1]
    result.rotate, result.translate = 30, (1, 2)
    widget.halves.more.click()
    where = viewer.layers[-1]
    assert where.data.shape == (64, 64)
    assert where.units == result.units
    for pixel in ((0, 0), (5, 60)):
        inside = result.data_to_world(np.add(pixel, 16))
        np.testing.assert_allclose(where.data_to_world(pixel), inside)


def test_of_a_movie_the_frame_that_is_shown(add, denoise_widget, leaves_all, viewer, until):
    scene = lattice((96, 96))
    frames = np.stack([np.full_like(scene, scene.mean()), scene]) * 1e5
    add(np.random.default_rng(0).poisson(frames).astype(np.float32))
    viewer.dims.set_current_step(0, 1)
    denoise_widget.start.click()
    until(lambda: bool(denoise_widget.halves.words.text()))
    assert "data agree (" in denoise_widget.halves.words.text()


def test_what_cannot_be_compared_is_told(denoised, until, monkeypatch):
    from napari_sbd import SBDError
    from napari_sbd._napari.denoise import two_halves

    def refuse(*_args, **_options):
        raise SBDError("the model is gone.")

    monkeypatch.setattr(two_halves, "denoiser_of", refuse)
    widget = denoised(2.0)
    until(lambda: bool(widget.halves.words.text()))
    assert widget.halves.words.text() == "Two halves were not compared: the model is gone."
    assert widget.halves.more.isHidden()


def test_of_several_images_it_is_said_whose_halves_these_are_and_they_go_with_it(
    denoised, leaves_all, add, viewer, until, noisy
):
    """Of an image that could not be denoised, those of the one before were shown."""
    add(noisy, name="other")
    widget = denoised(1e5)
    until(lambda: bool(widget.halves.words.text()))
    result = next(layer for layer in viewer.layers if layer.name.endswith("denoised"))
    assert widget.halves.words.text().startswith(f"{result.name}: The images")
    viewer.layers.remove(result)
    assert widget.halves.words.text() == ""
    assert widget.halves.more.isHidden()


def test_halves_of_an_image_are_named_once_another_is_chosen(
    denoised, leaves_all, add, viewer, until, noisy
):
    widget = denoised(1e5)
    until(lambda: bool(widget.halves.words.text()))
    result, words = viewer.layers[-1], widget.halves.words.text()
    add(noisy, name="other")
    assert widget.halves.words.text() == f"{result.name}: {words}"
    viewer.layers.remove("other")
    widget.layer.choose(viewer.layers[0])
    assert widget.halves.words.text() == words


def test_halves_that_come_after_the_pixel_size_was_changed_are_not_told(
    denoised, monkeypatch, viewer, until
):
    from threading import Event

    from napari_sbd._napari.denoise import two_halves

    go = Event()
    monkeypatch.setattr(two_halves, "denoiser_of", lambda *_, **__: go.wait(20) and (lambda m: m))
    widget = denoised(1e5)
    widget.pixel_size.setText("0.01")
    widget.pixel_size.setModified(True)
    widget.pixel_size.editingFinished.emit()
    go.set()
    until(lambda: not queue().jobs)
    assert widget.halves.words.text() == ""


def test_nothing_is_told_in_nm_of_an_earlier_pixel_size(denoised, leaves_all, viewer, until):
    widget = denoised(1e5)
    until(lambda: bool(widget.halves.words.text()))
    widget.pixel_size.setText("0.01")
    widget.pixel_size.setModified(True)
    widget.pixel_size.editingFinished.emit()
    assert widget.halves.words.text() == ""


def test_without_a_pixel_size_the_curve_is_in_pixels(
    add, denoise_widget, leaves_all, viewer, until
):
    add(np.random.default_rng(0).poisson(1e5 * lattice((96, 96))).astype(np.float32))
    denoise_widget.pixel_size.setText("")
    denoise_widget.pixel_size.setModified(True)
    denoise_widget.start.click()
    until(lambda: bool(denoise_widget.halves.words.text()))
    denoise_widget.halves.more.click()
    assert "[1/px]" in denoise_widget.halves.curve.x_label
