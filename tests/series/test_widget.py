"""Layers > Filter > Along the stack, driven by its button."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sbd import Micrograph
from napari_sbd._napari.layers.micrographs import micrograph_of, to_layer
from napari_sbd._napari.layers.series import get_reader
from napari_sbd._napari.tools.series_widget import SeriesWidget
from napari_sbd.series import read_series

from .conftest import decays, table

PATIENCE = 120_000  # ms, for busy machines


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def widget(viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_sbd._napari.tools.series_widget._STEPS", 30)
    opened = SeriesWidget(viewer)
    yield opened
    opened.cancel.click()
    qtbot.waitUntil(lambda: not opened.running, timeout=PATIENCE)
    opened.deleteLater()


def test_a_click_learns_and_denoises(viewer, widget, qtbot, tmp_path):
    clean = decays(1)
    noisy = (clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)).astype(np.float32)
    low = viewer.add_image(decays(2), name="low")
    raw = viewer.add_image(noisy, name="raw", scale=(1, 0.5, 0.5))
    widget.stack.choose(raw)
    widget.reference.choose(low)
    widget.file.setText(str(tmp_path / "mine.safetensors"))
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    result = viewer.layers["raw denoised"]
    assert np.std(result.data - clean) < 0.5 * np.std(noisy - clean)
    assert tuple(result.scale) == tuple(raw.scale)
    assert result.metadata["napari_sbd"]["history"][0]["settings"]["model"] == "mine"
    assert "level 0.09" in widget.message.text() or "level 0.1" in widget.message.text()
    viewer.layers.remove(low)
    widget.start.click()  # now the saved model is enough
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    np.testing.assert_array_equal(viewer.layers[-1].data, result.data)


def test_gain_and_offset_of_a_movie_count(viewer, widget, qtbot):
    """As from Python: an offset on the stack is on the result, and changes nothing else."""
    clean = decays(1)
    noisy = (clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)).astype(np.float32)
    low = viewer.add_image(decays(2), name="low")
    widget.reference.choose(low)
    for offset in (0.0, 500.0):
        m = Micrograph(noisy + np.float32(offset), gain=7.0, offset=offset, name=f"raw {offset:g}")
        data, attributes, _ = to_layer(m)
        widget.stack.choose(viewer.add_image(data, **attributes))
        widget.start.click()
        qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    plain, shifted = (viewer.layers[f"raw {offset} denoised"] for offset in (0, 500))
    np.testing.assert_allclose(shifted.data, plain.data + 500, atol=0.05)
    assert micrograph_of(shifted).offset == 500


def test_one_stack_cannot_teach_itself(viewer, widget):
    viewer.add_image(decays(1), name="only")
    widget.start.click()
    assert "same layer" in widget.message.text()


def test_without_a_stack_the_widget_says_what_to_do(viewer, widget):
    viewer.add_image(np.ones((20, 20)))
    widget.start.click()
    assert "There is no stack" in widget.message.text()


def test_a_nifti_layer_knows_its_gradient_table(viewer, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    path = tmp_path / "dwi.nii.gz"
    nibabel.save(nibabel.Nifti1Image(decays(1, (3, 12, 14)).T, np.eye(4)), path)
    gradients = table()
    np.savetxt(tmp_path / "dwi.bval", gradients.bvals[None])
    np.savetxt(tmp_path / "dwi.bvec", gradients.bvecs.T)
    ((data, attributes, _),) = get_reader(str(path))(str(path))
    layer = viewer.add_image(data, **attributes)
    from napari_sbd._napari.layers.series import series_of

    series = series_of(layer)
    series.gradients.check_same(gradients)
    assert series.header == read_series(path).header


def test_without_a_reference_and_with_a_map_of_doubts(viewer, widget, qtbot, tmp_path):
    """Local PCA needs one layer only; what the network gets wrong is marked on its voxel."""
    reference, clean = decays(2), decays(1)
    clean[:, :14, :14] = 1.5 * np.abs(np.sin(np.arange(len(clean))))[:, None, None]
    noisy = (clean + np.random.default_rng(0).normal(0, 0.05, clean.shape)).astype(np.float32)
    raw = viewer.add_image(noisy, name="raw", scale=(1, 0.5, 0.5))
    widget.stack.choose(raw)
    widget.noise.setCurrentText("gaussian")
    widget.method.setCurrentText("local-pca")
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    step = viewer.layers["raw denoised"].metadata["napari_sbd"]["history"][0]
    assert step["operation"] == "pca_series" and "level 0.05" in widget.message.text()
    widget.reference.choose(viewer.add_image(reference, name="low"))
    widget.stack.choose(raw)
    widget.method.setCurrentText("network")
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    doubted = viewer.layers["raw doubted"]
    assert doubted.data[:14, :14].mean() > 0.9 and doubted.data[20:, 20:].mean() < 0.05
    assert tuple(doubted.scale) == (0.5, 0.5)
    widget.method.setCurrentText("best")
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    words = widget.message.text()
    assert "network 0." in words and "local-pca 0." in words
    chosen = min(("network", "local-pca"), key=lambda name: float(words.split(f"{name} ")[1][:5]))
    operation = {"network": "denoise_series", "local-pca": "pca_series"}[chosen]
    step = viewer.layers[-1].metadata.get("napari_sbd")
    step = step or viewer.layers[-2].metadata["napari_sbd"]  # below a map of doubts
    assert step["history"][0]["operation"] == operation


def test_a_map_of_volumes_lies_where_they_lie(viewer):
    from napari_sbd._napari.layers.micrographs import labels_over

    place = {"scale": (1, 3, 2, 2), "translate": (0, 9, 8, 7)}
    raw = viewer.add_image(np.zeros((4, 3, 5, 6)), name="raw", **place)
    layer = viewer.add_layer(labels_over(raw, np.ones((3, 5, 6), bool), "doubted"))
    assert layer.data.shape == (3, 5, 6)
    assert tuple(layer.scale) == (3, 2, 2) and tuple(layer.translate) == (9, 8, 7)
