"""Images whose gain nobody told: what needs no electrons works, and one click brings the rest."""

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

import napari_sbd as sbd
from known import lattice
from napari_sbd._napari.jobs.gain import gain_of, short
from napari_sbd._napari.jobs.summary import understand
from napari_sbd._napari.layers.calibrating import gain_errors
from napari_sbd._napari.layers.micrographs import micrograph_of
from napari_sbd._napari.layers.reader import get_reader
from napari_sbd.micrograph import Micrograph

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PATIENCE = 120_000
# the network here was never trained: it loses lattices, and says so from several threads
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
GAIN, OFFSET, PIXEL = 37.3, 120.0, 0.0061


def averaged(path, gain=GAIN, offset=OFFSET):
    """A calibrated float TIFF of electrons in units of a camera, which tells no gain."""
    mean = 4 * lattice((256, 256), contrast=0.5) * np.linspace(0.5, 1.5, 256)
    counts = np.random.default_rng(3).poisson(mean)
    return sbd.write(Micrograph((gain * counts + offset).astype(np.float32), PIXEL), path) or path


@pytest.fixture
def flow(make_napari_viewer, qtbot):
    """Open a file in a window with the SBD widget, and click its steps."""
    opened = []

    class Flow:
        def __init__(self, path, part=slice(None)):
            self.viewer = make_napari_viewer(show=True)
            for data, attributes, kind in get_reader(str(path))(str(path)):
                data = data[part, part]
                self.layer = self.viewer._add_layer_from_data(data, attributes, kind)[0]
            _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
            opened.append(self)

        def click(self, button):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

        def take(self, step):
            """Click a step; returns its page when it has ended."""
            self.click(self.widget.buttons[step])
            page = self.widget.page(step)
            qtbot.waitUntil(lambda: not page.running, timeout=PATIENCE)
            return page

        def understood(self):
            page = self.widget.page(0)
            qtbot.waitUntil(lambda: page.dose.text() != "", timeout=PATIENCE)
            return page

    yield Flow
    for one in opened:
        for page in one.widget.findChildren(QPushButton, "cancel"):
            page.click()


def test_one_click_on_the_estimate_lets_electrons_judge(flow, qtbot, tmp_path):
    window = flow(averaged(tmp_path / "camera.tif"))
    window.take(0)
    page = window.take(2)
    assert "gain=" not in page.message.text()
    assert "estimate_detector" not in page.message.text()
    assert page.message.text().startswith("Not judged")
    assert page.use.isVisible()
    assert page.use.text().startswith("Use the estimate 3")
    window.click(page.use)
    qtbot.waitUntil(lambda: not page.running, timeout=PATIENCE)
    m = micrograph_of(window.layer)
    assert m.gain == pytest.approx(GAIN, rel=0.15)
    assert m.offset == pytest.approx(OFFSET, abs=40)
    assert "Not judged" not in page.message.text()
    assert any("agreement z" in layer.name for layer in window.viewer.layers)
    assert not page.use.isVisible()
    # one calibration: the form shows it, and the dose is that of the electrons
    form = window.widget.page(0)
    qtbot.waitUntil(lambda: "e⁻" in form.dose.text(), timeout=PATIENCE)
    assert float(form.gain.text()) == pytest.approx(m.gain, rel=1e-5)
    assert "estimated" not in form.dose.text()
    assert float(form.dose.text().split(" ")[0]) == pytest.approx(4, rel=0.2)


def test_the_error_of_an_estimated_gain_goes_with_it(flow, qtbot, tmp_path):
    window = flow(averaged(tmp_path / "camera.tif"))
    form = window.understood()
    error = form.dose.text().partition(" ± ")[2].removesuffix(" (estimated)")
    assert 1 < float(error.removesuffix(" %")) < 40
    window.click(form.use)
    qtbot.waitUntil(lambda: "e⁻" in form.dose.text() and not form.use.isVisible(), timeout=PATIENCE)
    assert form.dose.text().endswith(f"± {error}")
    assert form.gain_error.isVisible()
    assert form.gain_error.text() == f"± {short(gain_errors(window.layer)[0])}"
    window.take(0)
    page = window.take(2)
    assert f"numbers of electrons are known to ± {error}" in page.message.text()
    # a pixel size that is typed leaves it; a gain that is typed is known
    for field, text in ((form.pixel_size, "0.0062"), (form.gain, "37.3")):
        assert gain_errors(window.layer)[0] > 0
        field.setFocus()
        field.selectAll()
        qtbot.keyClicks(field, text)
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert gain_errors(window.layer) == (0, 0)
    assert not form.gain_error.isVisible()


def test_electrons_by_an_estimated_gain_are_as_sure_as_is_said():
    """Of twelve images: their electrons lie within the error that is told, and that is no excuse
    for any number."""
    off = []
    for seed in range(12):
        mean = 8 * lattice((256, 256), contrast=0.5) * np.linspace(0.5, 1.5, 256)
        counts = np.random.default_rng(seed).poisson(mean)
        m = Micrograph((GAIN * counts + OFFSET).astype(np.float32), PIXEL)
        gain, level = gain_of(m, (5, 5)), float(m.data.mean())
        assert gain.uncertainty(level) < 0.3
        off.append((gain.electrons(level) / counts.mean() - 1) / gain.uncertainty(level))
    assert np.abs(off).max() < 2


def test_the_form_offers_the_same_estimate(flow, tmp_path):
    window = flow(averaged(tmp_path / "camera.tif"))
    form = window.understood()
    assert form.use.isVisible()
    assert "(estimated)" in form.dose.text()
    window.click(form.use)
    m = micrograph_of(window.layer)
    assert m.gain == pytest.approx(GAIN, rel=0.15)
    assert m.gain == pytest.approx(gain_of(m.replace(gain=None, offset=0.0), (5, 5)).gain)


def test_columns_need_no_gain(flow, tmp_path):
    window = flow(averaged(tmp_path / "camera.tif"))
    window.take(0)
    page = window.take(3)
    assert "gain=" not in page.message.text()
    points = [layer for layer in window.viewer.layers if layer.name.endswith("columns")]
    if not points:  # a network that was not trained makes none
        assert "No atomic columns" in page.message.text()
        return
    found = points[0].features
    assert np.isfinite(found["y_err"]).all()
    apart = "only their places have errors" not in page.message.text()
    assert np.isfinite(found["intensity_err"]).all() == apart


def test_a_gain_told_by_another_tool_is_shown_and_kept(flow, qtbot, tmp_path):
    from napari_sbd._napari.layers.calibrating import calibrate

    window = flow(averaged(tmp_path / "camera.tif"))
    form = window.understood()
    calibrate(window.layer, None, 40.0, 100.0, window.viewer.layers)
    qtbot.waitUntil(lambda: form.gain.text() == "40", timeout=PATIENCE)
    form.pixel_size.setText("0.007")
    form.pixel_size.setModified(True)
    form.pixel_size.editingFinished.emit()
    m = micrograph_of(window.layer)
    assert (m.gain, m.offset, m.pixel_size) == (40.0, 100.0, 0.007)


def test_whole_numbers_are_taken_for_electrons_by_their_noise_only():
    rng = np.random.default_rng(0)
    counts = rng.poisson(lattice((256, 256), mean=4)).astype(np.uint16)
    assert gain_of(Micrograph(counts, PIXEL), (5, 5)).how == "counted"
    movie = np.round(11.3 * rng.poisson(4 * lattice((3, 256, 256)[1:]), (3, 256, 256)))
    found = gain_of(Micrograph(movie.astype(np.uint16), PIXEL), (5, 5))
    assert found.how != "counted"
    assert found.gain == pytest.approx(11.3, rel=0.2)


def test_whole_numbers_that_are_no_electrons_are_not_judged_as_such(flow, tmp_path):
    mean = 4 * lattice((256, 256), contrast=0.5) * np.linspace(0.5, 1.5, 256)
    counts = np.round(11.3 * np.random.default_rng(4).poisson(mean)).astype(np.uint16)
    sbd.write(Micrograph(counts, PIXEL), tmp_path / "whole.tif")
    window = flow(tmp_path / "whole.tif")
    window.take(0)
    page = window.take(2)
    assert page.message.text().startswith("Not judged")
    assert page.use.text().startswith("Use the estimate 1")
    assert not any("agreement" in layer.name for layer in window.viewer.layers)


@pytest.mark.parametrize("size", [PIXEL, None])
def test_an_impossible_dose_is_not_shown_as_a_fact(size):
    values = np.random.default_rng(0).poisson(lattice((128, 128), mean=1e5)) * 1.0
    m = Micrograph(values, size, gain=1e-3)
    found = understand(m)
    assert "e⁻/Å²" not in found.dose
    assert "e⁻ per pixel" not in found.dose
    assert "hardly possible" in found.dose
    assert found.electrons is None


def test_an_image_without_noise_has_no_dose():
    smooth = 2e5 * lattice((200, 200))
    assert understand(Micrograph(smooth, PIXEL)).dose == "cannot be told from this image"


@pytest.mark.parametrize(
    ("value", "text"), [(1.04e4, "1.04e4"), (283.6, "284"), (3.9e-6, "3.9e-6"), (11.3, "11.3")]
)
def test_numbers_are_short(value, text):
    assert short(value) == text


REAL = ["dm4_BaTiO3_stem.dm4", "ser_SrTiO3_haadf.ser", "mrc_MoS2_prismatic.mrc"]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs files of other people")
@pytest.mark.parametrize("name", REAL)
def test_on_files_of_others_all_steps_speak_the_language_of_the_window(flow, name):
    window = flow(DATA / name, slice(16, 272))  # of all they would say the same
    dose = window.understood().dose.text()
    assert "hardly possible" in dose or "cannot be told" in dose or "(estimated)" in dose
    for step in (0, 2, 3):
        words = window.take(step).message.text()
        assert "=..." not in words
        assert "estimate_detector" not in words
    m = micrograph_of(window.layer)
    assert m.gain is None
    assert isinstance(sbd.read(DATA / name).gain, type(None))


@pytest.mark.skipif(not DATA.is_dir(), reason="needs files of other people")
@pytest.mark.parametrize("name", REAL[:2])
def test_what_was_not_typed_stays_as_the_file_tells_it(flow, qtbot, name):
    """The form shows six digits of the pixel size, and the file has more."""
    window = flow(DATA / name)
    form = window.understood()
    form.gain.setFocus()
    qtbot.keyClicks(form.gain, "100")
    qtbot.keyClick(form.gain, Qt.Key.Key_Return)
    m, own = micrograph_of(window.layer), sbd.read(DATA / name)
    assert (m.gain, m.offset, m.pixel_size) == (100.0, own.offset, own.pixel_size)
