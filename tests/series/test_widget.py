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
