"""One result for each step and image, and one colour bar."""

import numpy as np
import pytest
from napari.layers import Image, Points
from qtpy.QtCore import Qt

from known import lattice
from napari_sbd._napari.denoise.widget import DenoiseWidget
from napari_sbd._napari.jobs.queue import queue
from napari_sbd._napari.layers.micrographs import to_layer
from napari_sbd._napari.tools.agreement_widget import AgreementWidget
from napari_sbd._napari.tools.columns_widget import ColumnsWidget
from napari_sbd._napari.tools.gaintune_widget import GainTuneWidget
from napari_sbd.micrograph import Micrograph
from napari_sbd.recipe import recipe, with_recipe

PATIENCE = 60_000


@pytest.fixture
def click(qtbot):
    """Click a button of a tool with the mouse; wait for the end of its task."""

    def do(widget, button=None):
        widget.show()
        qtbot.mouseClick(button or widget.start, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)

    return do


@pytest.fixture
def tool(viewer):
    opened = []

    def open_one(kind):
        opened.append(kind(viewer))
        return opened[-1]

    yield open_one
    for widget in opened:
        widget.deleteLater()


def names(viewer):
    return [layer.name for layer in viewer.layers]


def bars(viewer):
    """Layers that show a colour bar."""
    shown = []
    for layer in viewer.layers:
        if isinstance(layer, Image) and layer.colorbar.visible:
            shown.append(layer.name)
        if isinstance(layer, Points) and layer.border_colorbar.visible:
            shown.append(layer.name)
    return shown


@pytest.fixture
def pair(viewer):
    """Raw counts of a lattice and the lattice itself, as if it had been denoised."""
    truth = lattice((128, 128), mean=4)
    counts = np.random.default_rng(0).poisson(truth).astype(np.uint16)
    raw = Micrograph(counts, 0.0061, gain=1.0, name="raw")
    step = recipe("denoise", model="hrtem", quality="fast")
    clean = with_recipe(raw.replace(data=truth.astype(np.float32), name="raw denoised"), step)
    layers = []
    for m in (raw, clean):
        data, attributes, _ = to_layer(m)
        layers.append(viewer.add_image(data, **attributes))
    return layers


def test_denoising_again_replaces_the_result_where_it_lies(
    viewer, tool, click, denoiser, add, noisy
):
    add(noisy, name="raw")
    widget = tool(DenoiseWidget)
    click(widget)
    first = viewer.layers["raw denoised"]
    viewer.add_points([[1.0, 1.0]], name="mine")
    click(widget)
    assert names(viewer) == ["raw", "raw denoised", "mine"]
    assert viewer.layers["raw denoised"] is not first
    click(widget, widget.keep)
    assert widget.keep.isChecked()
    click(widget)
    assert names(viewer) == ["raw", "raw denoised", "mine", "raw denoised [1]"]


def test_a_copy_that_a_person_made_of_a_result_stays(viewer, tool, click, denoiser, add, noisy):
    """Denoising again took the copy away as well, in which the earlier result was to be kept."""
    from napari.layers._layer_actions import _duplicate_layer

    add(noisy, name="raw")
    widget = tool(DenoiseWidget)
    click(widget)
    viewer.layers.selection = {viewer.layers["raw denoised"]}
    _duplicate_layer(viewer.layers)
    copy = viewer.layers["raw denoised copy"]
    assert widget.layer.layer is viewer.layers["raw"]  # or the next click denoised the result
    click(widget)
    assert copy in viewer.layers
    assert sorted(names(viewer)) == ["raw", "raw denoised", "raw denoised copy"]


def test_pixel_sizes_of_raw_and_result_that_differ_are_told(tool, click, pair):
    """Places were told by that of the result, whose scale was doubled by hand, without a word."""
    _, denoised = pair
    denoised.scale = tuple(2 * denoised.scale)
    widget = tool(ColumnsWidget)
    click(widget)
    assert "0.0061 nm, those of the denoised one 0.0122 nm" in widget.message.text()


def test_the_scale_bar_comes_with_the_first_result_and_stays_hidden_once_it_was(
    viewer, tool, click, denoiser, add, noisy
):
    add(noisy, name="raw")
    bar = viewer.canvas.overlays.scale_bar
    widget = tool(DenoiseWidget)
    assert not bar.visible
    click(widget)
    assert bar.visible
    bar.visible = False
    click(widget)
    assert not bar.visible


def test_without_nm_there_is_no_scale_bar(viewer, tool, click, denoiser, noisy):
    data, attributes, _ = to_layer(Micrograph(noisy))
    viewer.add_image(data, **attributes)
    click(tool(DenoiseWidget))
    assert not viewer.canvas.overlays.scale_bar.visible


def test_results_of_other_images_stay(viewer, tool, click, denoiser, add, noisy):
    widget = tool(DenoiseWidget)
    for name in ("one", "two"):
        widget.layer.choose(add(noisy, name=name))
        click(widget)
    assert {"one denoised", "two denoised"} <= set(names(viewer))


def test_judging_again_replaces_map_and_rings(viewer, tool, click, pair):
    _, denoised = pair
    y, x = np.indices(denoised.data.shape)
    invented = 20 * np.exp(-((y - 60) ** 2 + (x - 60) ** 2) / (2 * 6**2))
    denoised.data = (denoised.data + invented).astype(np.float32)
    widget = tool(AgreementWidget)
    widget.how.setCurrentText("by all electrons")
    click(widget)
    before = names(viewer)
    assert "raw doubtful columns" in before
    widget.map.setCurrentIndex(1)
    click(widget)
    assert sum("agreement" in n or "likelihood" in n for n in names(viewer)) == 1
    assert sum("doubtful" in n for n in names(viewer)) <= 1
    assert bars(viewer) == ["raw log-likelihood ratio"]


def test_a_map_is_dimmed_under_columns_and_one_colour_bar_is_left(viewer, tool, click, pair):
    click(tool(AgreementWidget))
    assert bars(viewer) == ["raw agreement z"]
    columns = tool(ColumnsWidget)
    columns.polarity.setCurrentText("bright")
    click(columns)
    points = next(layer for layer in viewer.layers if layer.name.endswith("columns"))
    assert viewer.layers["raw agreement z"].opacity < 0.3
    assert bars(viewer) == [points.name]
    click(columns)
    assert sum(layer.name.endswith("columns") for layer in viewer.layers) == 1


def test_columns_edited_by_hand_are_not_replaced(viewer, tool, click, qtbot, pair):
    columns = tool(ColumnsWidget)
    columns.polarity.setCurrentText("bright")
    click(columns)
    points = next(layer for layer in viewer.layers if layer.name.endswith("columns"))
    points.selected_data = {0}
    points.remove_selected()
    qtbot.waitUntil(lambda: not columns.busy, timeout=PATIENCE)
    click(columns)
    assert points in viewer.layers
    assert sum(isinstance(layer, Points) for layer in viewer.layers) == 2


def test_columns_of_an_image_that_was_replaced_say_so_and_are_replaced_next(
    viewer, tool, click, denoiser, add
):
    truth = lattice((128, 128), mean=4)
    add(np.random.default_rng(0).poisson(truth).astype(np.float32), name="raw")
    widget = tool(DenoiseWidget)
    click(widget)
    viewer.layers["raw denoised"].data = truth.astype(np.float32)
    columns = tool(ColumnsWidget)
    columns.polarity.setCurrentText("bright")
    columns.raw.setCurrentIndex(-1)
    columns.raw.clear()
    click(columns)
    [points] = [layer for layer in viewer.layers if isinstance(layer, Points)]
    click(widget)
    assert points.name.endswith("(of the earlier image)")
    viewer.layers["raw denoised"].data = truth.astype(np.float32)
    click(columns)
    assert points not in viewer.layers


def test_a_tuning_that_did_not_help_adds_no_copy(viewer, tool, click, until, add, noisy):
    add(noisy.astype(np.uint16), name="raw")
    click(tool(DenoiseWidget))
    until(lambda: not queue().jobs)
    before = names(viewer)
    tuning = tool(GainTuneWidget)
    tuning.start.click()
    tuning.cancel.click()  # before a step: the gains stay as they were
    until(lambda: not tuning.running)
    assert names(viewer) == before
    assert "stays as it is" in tuning.message.text()
