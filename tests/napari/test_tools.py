"""The single-purpose dock widgets, driven by their buttons."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points
from napari.utils.notifications import notification_manager

from known import lattice
from napari_sbd._napari.agreement_widget import AgreementWidget
from napari_sbd._napari.gaintune_widget import GainTuneWidget
from napari_sbd._napari.layers import to_layer
from napari_sbd._napari.phantom_widget import PhantomWidget
from napari_sbd.micrograph import Micrograph
from napari_sbd.provenance import recipe, with_recipe

PATIENCE = 60_000  # ms, for busy machines


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def open_tool(viewer, qtbot):
    """Open a widget beside a viewer without a window; wait for its task at the end."""
    opened = []

    def open_one(kind):
        opened.append(kind(viewer))
        return opened[-1]

    yield open_one
    for widget in opened:
        widget.cancel.click()
        qtbot.waitUntil(lambda w=widget: not w.running, timeout=PATIENCE)
        widget.deleteLater()
    notification_manager.records.clear()


@pytest.fixture
def finish(qtbot):
    """Click a widget's button and wait for the end."""

    def click(widget):
        widget.start.click()
        qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)

    return click


def add(viewer, m):
    data, attributes, _ = to_layer(m)
    return viewer.add_image(data, **attributes)


@pytest.fixture
def pair(viewer):
    """Raw counts of a lattice and the lattice itself, as if it had been denoised."""
    truth = lattice((128, 128))
    counts = np.random.default_rng(0).poisson(truth).astype(np.uint16)
    raw = Micrograph(counts, 0.0061, gain=1.0, name="raw")
    add(viewer, raw)
    denoised = raw.replace(data=truth.astype(np.float32), name="raw denoised")
    step = recipe("denoise", model="hrtem", quality="fast")
    return raw, add(viewer, with_recipe(denoised, step))


@pytest.mark.parametrize("kind", [AgreementWidget, GainTuneWidget])
def test_without_an_image_a_tool_says_what_to_do(open_tool, kind):
    widget = open_tool(kind)
    widget.start.click()
    assert "open one" in widget.message.text()
    assert not widget.running


def test_a_phantom_comes_with_its_truth(viewer, open_tool, finish):
    widget = open_tool(PhantomWidget)
    widget.side.setText("128")
    widget.pixel_size.setText("0.02")
    finish(widget)
    noisy, clean, columns = viewer.layers
    assert noisy.data.shape == clean.data.shape == (128, 128)
    assert noisy.data.mean() == pytest.approx(0.45, rel=0.2)
    assert isinstance(columns, Points)
    assert columns.units == noisy.units
    assert (columns.data < 128).all()
    assert "78" in {f"{z:.0f}" for z in columns.features["atomic_number"]}


@pytest.mark.parametrize(("field", "wrong"), [("side", "8"), ("side", "64.5"), ("dose", "-1")])
def test_a_phantom_that_cannot_be_is_refused(viewer, open_tool, finish, field, wrong):
    widget = open_tool(PhantomWidget)
    getattr(widget, field).setText(wrong)
    finish(widget)
    assert widget.message.text()
    assert not viewer.layers


def test_gaintune_adds_its_result_beside_the_raw_image_and_says_what_it_did(
    viewer, open_tool, finish, noisy
):
    source = add(viewer, Micrograph(noisy.astype(np.uint16), 0.0061, gain=1.0, name="raw"))
    widget = open_tool(GainTuneWidget)
    finish(widget)
    assert viewer.layers[0].name == "raw"
    result = viewer.layers[-1]
    assert result.name in ("raw GainTuned", "raw denoised (untuned)")
    assert result.data.shape == source.data.shape
    np.testing.assert_allclose(result.extent.world, source.extent.world)
    assert "held-out" in widget.message.text().lower() or "put aside" in widget.message.text()
    assert result.metadata["napari_sbd"]["history"][-1]["settings"]["gain_tuning"]


def test_gaintune_cancelled_at_once_still_gives_the_image(viewer, open_tool, qtbot, noisy):
    add(viewer, Micrograph(noisy.astype(np.uint16), 0.0061, gain=1.0, name="raw"))
    widget = open_tool(GainTuneWidget)
    widget.start.click()
    widget.cancel.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    assert viewer.layers[-1].name == "raw denoised (untuned)"


def test_the_truth_agrees_with_its_counts(viewer, open_tool, finish, pair):
    widget = open_tool(AgreementWidget)
    finish(widget)
    heat = next(layer for layer in viewer.layers if layer.name == "raw agreement z")
    assert tuple(heat.contrast_limits) == (-5, 5)
    assert heat.colorbar.visible
    assert np.nanstd(heat.data) == pytest.approx(1, abs=0.15)
    assert "support" in widget.message.text()


def test_a_column_that_is_not_in_the_data_is_marked(viewer, open_tool, finish, pair):
    _, denoised = pair
    y, x = np.indices(denoised.data.shape)
    invented = 6 * np.exp(-((y - 60) ** 2 + (x - 60) ** 2) / (2 * 8**2))
    denoised.data = (denoised.data + invented).astype(np.float32)
    widget = open_tool(AgreementWidget)
    finish(widget)
    heat = next(layer for layer in viewer.layers if layer.name == "raw agreement z")
    assert abs(heat.data[60, 60]) > 5


def test_layers_of_different_images_are_refused(viewer, open_tool, finish, pair):
    _, denoised = pair
    denoised.data = denoised.data[:64]
    widget = open_tool(AgreementWidget)
    finish(widget)
    assert "shape" in widget.message.text()
