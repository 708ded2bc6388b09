"""What is chosen in Denoise (dark and gain reference, region) holds for the steps beside it."""

from functools import partial

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_sbd as sbd
import napari_sbd.networks as networks
from columns.scenes import grid, picture
from hands import Hands
from napari_sbd._napari.layers.micrographs import to_layer
from napari_sbd._napari.layers.results import correction_of, region_of
from napari_sbd._napari.tools import gaintune_widget
from napari_sbd.denoising.equivalent_filter import equivalent_filter

PIXEL = 0.03
SHIFTS = [0, 2, 3, 5]
pytestmark = pytest.mark.usefixtures("bundled")


@pytest.fixture
def camera(tmp_path):
    """A movie of a drifting crystal on a camera whose dark pattern is forty times the noise."""
    scene = np.pad(picture(grid(9, 9, 9.0), 9.0, 1.9, 12.0, 4.0), 20, mode="edge")
    rng = np.random.default_rng(0)
    counts = np.stack([rng.poisson(np.roll(scene, s, 0)) for s in SHIFTS]).astype(np.float32)
    dark = rng.integers(0, 200, scene.shape).astype(np.float32)
    sbd.write(sbd.Micrograph(dark), tmp_path / "dark.tif")
    m = sbd.Micrograph(counts + dark, PIXEL, gain=1.0, name="movie")
    return m, counts, str(tmp_path / "dark.tif")


def opened(viewer, m):
    data, attributes, _ = to_layer(m)
    return viewer.add_image(data, **attributes)


def click(qtbot, widget, button=None):
    qtbot.mouseClick(button or widget.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.running, timeout=120_000)


def form_of(viewer, dark=None):
    _, form = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    if dark:
        form.dark.choose(dark)
    return form


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a small image
def test_drift_is_that_of_the_image_as_denoise_corrects_it(make_napari_viewer, qtbot, camera):
    viewer, (m, counts, dark) = make_napari_viewer(show=True), camera
    opened(viewer, m)
    form_of(viewer, dark)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Drift")
    click(qtbot, widget)
    assert widget.found.shifts[:, 0] == pytest.approx(SHIFTS, abs=0.15)
    assert "corrected for its camera" in widget.message.text()
    click(qtbot, widget, widget.correct)
    still = viewer.layers[-1]
    rows = slice(10, -10)  # what all frames hold
    for t, shift in enumerate(SHIFTS):
        want = np.roll(counts[t], -shift, 0)[rows]
        np.testing.assert_allclose(still.data[t, rows], want, atol=1e-4)
    # the reference does not lie on frames that were moved
    form = form_of(viewer)
    form.layer.choose(still)
    form.dark.choose(dark)
    click(qtbot, form)
    assert "were moved" in form.message.text()


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a small image
def test_weights_are_those_of_the_image_as_denoise_corrects_it(make_napari_viewer, qtbot, camera):
    viewer, (m, counts, dark) = make_napari_viewer(show=True), camera
    layer = opened(viewer, m)
    viewer.dims.set_current_step(0, 1)
    form_of(viewer, dark)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "What the network looked at")
    hands = Hands(viewer, qtbot)
    hands.ready()
    click(qtbot, widget)
    hands.click(layer, 60, 60)
    qtbot.waitUntil(
        lambda: not widget.running and "network says" in widget.message.text(), timeout=60_000
    )
    assert "corrected for its camera" in widget.message.text()
    plain = equivalent_filter(m.frame(1).replace(data=counts[1], metadata={}), 60, 60)
    weights = next(one for one in viewer.layers if "weights for" in one.name)
    assert "(60, 60)" in weights.name
    np.testing.assert_allclose(weights.data, plain.weights, atol=1e-4 * np.abs(plain.weights).max())


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a small image
def test_what_is_tuned_is_the_region_drawn_in_denoise(
    make_napari_viewer, qtbot, camera, monkeypatch
):
    few = partial(gaintune_widget.gain_tune, steps=10)
    monkeypatch.setattr(gaintune_widget, "gain_tune", few)
    viewer, (m, _, dark) = make_napari_viewer(show=True), camera
    layer = opened(viewer, m.frame(0))
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    form = flow.page(0)
    form.dark.choose(dark)
    hands = Hands(viewer, qtbot)
    hands.ready()
    qtbot.mouseClick(form.region.draw, Qt.MouseButton.LeftButton)
    hands.drag(layer, (60, 60), (52, 66))
    region = form.region.region()
    for _ in range(2):
        qtbot.mouseClick(flow.buttons[1], Qt.MouseButton.LeftButton)  # Tune, before Denoise
        tune = flow.page(1)
        qtbot.waitUntil(lambda t=tune: not t.running, timeout=120_000)
        assert "the region of Denoise" in tune.message.text()
        assert "corrected for its camera" in tune.message.text()
        *_, made = (one for one in viewer.layers if "napari_sbd" in one.metadata)
        settings = made.metadata["napari_sbd"]["history"][-1]["settings"]
        assert (settings["region"], settings["dark"]) == (region, dark)
        rows, columns = (slice(*map(int, part.split(":"))) for part in region.split(","))
        assert np.isfinite(made.data[rows, columns]).all()
        assert np.isfinite(made.data).sum() == made.data[rows, columns].size
        viewer.layers.selection.active = form.region.layer
        hands.drag(layer, (52, 66), (60, 60))  # a region drawn anew is tuned anew
        assert form.region.region() != region
        region = form.region.region()


def test_the_form_counts_while_it_shows_the_image(make_napari_viewer, qtbot, camera):
    viewer, (m, _, dark) = make_napari_viewer(), camera
    first, second = opened(viewer, m), opened(viewer, m.replace(name="other"))
    assert correction_of(viewer.layers, first) == {}
    form = form_of(viewer, dark)
    form.layer.choose(first)
    qtbot.mouseClick(form.region.draw, Qt.MouseButton.LeftButton)
    assert correction_of(viewer.layers, first) == {"dark": dark}
    assert region_of(viewer.layers, first) == form.region.region() is not None
    assert (correction_of(viewer.layers, second), region_of(viewer.layers, second)) == ({}, None)
    form.layer.choose(second)
    assert correction_of(viewer.layers, first) == {}
    assert correction_of(viewer.layers, second) == {"dark": dark}
    form.deleteLater()
    qtbot.waitUntil(lambda: correction_of(viewer.layers, second) == {}, timeout=5000)
    assert correction_of(viewer.layers, second) == {}


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a small image
def test_compare_says_that_it_takes_all_of_the_image(
    make_napari_viewer, qtbot, camera, tiny_folder, monkeypatch
):
    monkeypatch.setattr(networks, "_BUNDLED", tiny_folder)  # the scores are not asked
    viewer, (m, _, dark) = make_napari_viewer(), camera
    part = np.s_[20:84, 20:84]
    sbd.write(sbd.Micrograph(np.asarray(sbd.read(dark).data)[part]), dark)
    opened(viewer, m.frame(0).replace(data=m.data[0][part]))
    form = form_of(viewer, dark)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Compare")
    widget.tuned.setChecked(False)
    click(qtbot, widget)
    assert "the region of Denoise" not in widget.message.text()
    qtbot.mouseClick(form.region.draw, Qt.MouseButton.LeftButton)
    click(qtbot, widget)
    assert "not only on the region of Denoise" in widget.message.text()
    form.region.layer.data = []  # no region any more, which is no reason to refuse
    click(qtbot, widget)
    assert "Best" in widget.message.text()
    assert "the region of Denoise" not in widget.message.text()
