"""The Denoise dock widget, driven by its buttons and fields."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog
from scipy.ndimage import gaussian_filter

from napari_sbd._napari.denoise.widget import DenoiseWidget
from napari_sbd._napari.layers.micrographs import micrograph_of, to_layer
from napari_sbd.micrograph import Micrograph
from napari_sbd.noise.whitening import NoiseSpectrum

PATIENCE = 20_000  # ms, for busy machines


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def widget(viewer, qtbot):
    """The widget beside a viewer without a window."""
    # not qtbot.addWidget, which would delete the widget before its run is over
    widget = DenoiseWidget(viewer)
    yield widget
    widget.cancel.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)
    widget.deleteLater()
    notification_manager.records.clear()


@pytest.fixture
def until(qtbot):
    return lambda done: qtbot.waitUntil(done, timeout=PATIENCE)


def add(viewer, data, pixel_size=0.0061, **fields):
    data, attributes, _ = to_layer(Micrograph(data, pixel_size, **{"gain": 1.0, **fields}))
    layer = viewer.add_image(data, **attributes)
    viewer.dims.set_current_step(0, 0)  # napari opens a movie at its middle
    return layer


def told():
    return [record.message for record in notification_manager.records]


def type_into(field, text):
    field.setText(text)
    field.setModified(True)
    field.editingFinished.emit()


def test_an_image_is_denoised_into_a_layer_that_lies_on_it(viewer, widget, until, noisy):
    source = add(viewer, noisy, name="raw", metadata={"kV": 300})
    source.translate = (1, 2)
    widget.start.click()
    assert widget.running
    assert widget.cancel.isEnabled()
    until(lambda: not widget.running)
    assert widget.message.text().startswith("Denoised in ")
    raw, result = viewer.layers
    assert result.name == "raw denoised"
    assert result.data.shape == noisy.shape
    assert np.isfinite(result.data).all()
    assert result.data.std() < 0.8 * noisy.std()
    assert result.data.mean() == pytest.approx(noisy.mean(), rel=0.05)
    np.testing.assert_allclose(result.extent.world, raw.extent.world)
    assert (result.units, result.axis_labels) == (raw.units, raw.axis_labels)
    assert result.metadata["kV"] == 300
    [step] = result.metadata["napari_sbd"]["history"]
    assert step["operation"] == "denoise"
    assert step["settings"]["pixel_size"] == 0.0061
    assert widget.start.isEnabled()


def test_a_readable_sources_contrast_limits_are_kept(viewer, widget, denoiser, until, noisy):
    source = add(viewer, noisy)
    source.contrast_limits = 99, 104
    widget.start.click()
    until(lambda: not widget.running)
    assert tuple(viewer.layers[-1].contrast_limits) == (99, 104)


def test_what_is_understood_is_shown(viewer, widget, until, noisy):
    add(viewer, noisy)
    until(lambda: "e⁻" in widget.dose.text())
    assert widget.pixel_size.text() == "0.0061"
    assert widget.gain.text() == "1"
    assert "hrtem" in widget.about.text()
    assert "5 x 5" in widget.about.text()
    assert widget.warning.isHidden()


def test_an_unknown_pixel_size_can_be_typed(viewer, widget, denoiser, until, noisy):
    viewer.add_image(noisy)
    until(lambda: not widget.warning.isHidden())
    assert widget.pixel_size.text() == ""
    assert widget.pixel_size.placeholderText() == "unknown"
    assert "(single electrons)" in widget.dose.text()
    type_into(widget.pixel_size, "0,0061")
    until(lambda: "to 0.031 nm" in widget.about.text())
    widget.start.click()
    until(lambda: not widget.running)
    result = viewer.layers[-1]
    assert result.metadata["napari_sbd_calibration"]["pixel_size"] == 0.0061
    assert tuple(result.scale) == (0.0061, 0.0061)
    assert {str(unit) for unit in result.units} == {"nanometer"}


def test_what_changes_on_the_image_meanwhile_holds_for_its_result(
    viewer, widget, denoiser, until, noisy
):
    """A pixel size that was corrected while the network worked left the result on another scale."""
    source = add(viewer, noisy, name="raw")
    denoiser.go.clear()
    widget.start.click()
    until(lambda: denoiser.busy)
    type_into(widget.pixel_size, "0.02")
    type_into(widget.gain, "3")
    source.name, source.translate = "renamed", (1, 2)
    denoiser.go.set()
    until(lambda: not widget.running)
    result = viewer.layers[-1]
    assert result.name == "renamed denoised"
    np.testing.assert_allclose(result.extent.world, source.extent.world)
    now = micrograph_of(result)
    assert (now.pixel_size, now.gain) == (0.02, 3.0)
    assert widget.message.text().startswith("Before the latest change")


def test_values_outside_the_models_range_are_warned_of(viewer, widget, until, noisy):
    add(viewer, noisy)
    type_into(widget.pixel_size, "0.2")
    until(lambda: "per working pixel; model 'hrtem' was trained at" in widget.warning.text())


def test_nonsense_in_a_field_is_answered_and_stops_the_start(viewer, widget, noisy):
    add(viewer, noisy)
    type_into(widget.pixel_size, "small")
    assert '"small" is no number' in widget.message.text()
    widget.pixel_size.setModified(True)
    widget.start.click()
    assert not widget.running
    assert '"small" is no number' in widget.message.text()


def test_the_frame_looked_at_comes_first_and_the_rest_is_nan(
    viewer, widget, denoiser, until, noisy_movie
):
    add(viewer, noisy_movie, frame_time=0.5)
    viewer.dims.set_current_step(0, 3)
    widget.start.click()
    until(lambda: len(viewer.layers) == 2 or not widget.running)
    until(lambda: not widget.running)
    assert denoiser.levels[0] == 4
    np.testing.assert_allclose(viewer.layers[-1].data, noisy_movie + 100)
    assert "5 of 5 frames" in widget.message.text()


def test_a_movies_layer_appears_with_its_first_frame(viewer, widget, denoiser, until, noisy_movie):
    denoiser.fails_at = lambda frame: denoiser.levels and denoiser.go.clear()
    add(viewer, noisy_movie)
    widget.start.click()
    until(lambda: len(viewer.layers) == 2)
    result = viewer.layers[-1]
    assert np.isfinite(result.data[0]).all()
    assert np.isnan(result.data[4]).all()
    viewer.dims.set_current_step(0, 4)
    denoiser.go.set()


def test_cancel_keeps_the_finished_frames(viewer, widget, denoiser, until, noisy_movie):
    denoiser.fails_at = lambda frame: frame.mean() > 2.5 and denoiser.go.clear()
    add(viewer, noisy_movie)
    widget.start.click()
    until(lambda: len(denoiser.levels) == 2)
    widget.cancel.click()
    until(lambda: not widget.running)
    assert widget.message.text() == "Cancelled; 2 of 5 frames denoised."
    result = viewer.layers[-1]
    assert np.isfinite(result.data).all((1, 2)).tolist() == [True, True, False, False, False]
    assert result.metadata["napari_sbd"]["history"][-1]["settings"]["frames"] == [0, 1]


def test_a_cancelled_image_adds_no_layer(viewer, widget, denoiser, until, noisy):
    denoiser.go.clear()
    add(viewer, noisy)
    widget.start.click()
    widget.cancel.click()
    until(lambda: not widget.running)
    assert len(viewer.layers) == 1
    assert widget.message.text() == "Cancelled."


@pytest.mark.parametrize("victim", [0, 1])
def test_a_layer_removed_meanwhile_ends_the_work(
    viewer, widget, denoiser, until, noisy_movie, victim
):
    denoiser.fails_at = lambda frame: denoiser.levels and denoiser.go.clear()
    add(viewer, noisy_movie)
    widget.start.click()
    until(lambda: len(viewer.layers) == 2)
    viewer.layers.pop(victim)
    until(lambda: not widget.running)
    assert len(viewer.layers) == 1
    named = "image: " if victim == 0 else ""  # where its result is what is chosen now
    assert widget.message.text().startswith(f"{named}Cancelled")


def test_a_layer_removed_before_its_first_result(viewer, widget, denoiser, until, noisy):
    denoiser.go.clear()
    add(viewer, noisy)
    widget.start.click()
    viewer.layers.clear()
    until(lambda: not widget.running)
    assert len(viewer.layers) == 0


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (np.zeros((40, 40, 3), np.uint8), {"rgb": True}, "colour"),
        (np.ones((64, 64)), {}, "constant"),
        (np.full((64, 64), np.nan), {"contrast_limits": (0, 1)}, "no finite pixel"),
        (np.eye(20), {}, "at least 32 x 32"),
        (np.eye(64)[None, None].repeat(2, 0), {}, "4 axes"),
    ],
)
@pytest.mark.parametrize("pixel_size", ["", "0.0061"])
def test_bad_images_are_answered_in_one_sentence(
    viewer, widget, until, data, options, sentence, pixel_size
):
    viewer.add_image(data, **options)
    type_into(widget.pixel_size, pixel_size)
    widget.start.click()
    until(lambda: not widget.running)
    assert sentence in widget.message.text()
    assert "\n" not in widget.message.text()
    assert "unforeseen" not in widget.message.text()
    assert any(sentence in text for text in told())
    assert len(viewer.layers) == 1


def test_without_an_image_the_widget_says_what_to_do(viewer, widget):
    viewer.add_labels(np.zeros((40, 40), int))
    assert widget.layer.count() == 0
    widget.start.click()
    assert "Open Sample" in widget.message.text()
    assert not widget.running


def test_a_failing_computation_is_told(viewer, widget, denoiser, until, noisy):
    denoiser.error, denoiser.fails_at = RuntimeError("out of memory\nat 0x7f"), lambda frame: True
    add(viewer, noisy)
    widget.start.click()
    until(lambda: not widget.running)
    assert widget.message.text() == "The computation failed: out of memory"


def test_the_list_follows_the_layers(viewer, widget, noisy):
    add(viewer, noisy, name="a")
    add(viewer, noisy, name="b")
    names = lambda: [widget.layer.itemText(i) for i in range(widget.layer.count())]  # noqa: E731
    assert (names(), widget.layer.currentText()) == (["a", "b"], "b")
    viewer.layers["a"].name = "c"
    assert names() == ["c", "b"]
    viewer.layers.remove("b")
    assert (names(), widget.layer.currentText()) == (["c"], "c")


def test_an_image_whose_pixel_size_is_typed_stays_in_view(viewer, denoise_widget, noisy):
    layer = viewer.add_image(noisy)
    field = denoise_widget.pixel_size
    field.setText("0.0061")
    field.setModified(True)
    field.editingFinished.emit()
    np.testing.assert_allclose(layer.scale, 0.0061)
    middle = (63 / 2 * 0.0061,) * 2
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], middle, rtol=0.02)
    assert viewer.scene.camera.zoom * 64 * 0.0061 > 50  # pixels of the canvas


def test_the_pixels_left_out_are_shown_on_request(viewer, widget, until):
    movie = np.random.default_rng(0).poisson(9.0, (3, 64, 64)).astype(np.float32)
    movie[:, 20, 30] = 900
    movie[1, 40, 50] = 5000
    source = add(viewer, movie, pixel_size=0.0165)
    source.translate = (0, 1, 2)
    widget.start.click()
    assert widget.outliers.isHidden()
    until(lambda: not widget.running)
    assert not widget.outliers.isHidden()
    widget.outliers.click()
    labels = viewer.layers[-1]
    assert labels.name.endswith("denoised left out")
    assert np.argwhere(labels.data).tolist() == [[0, 20, 30], [1, 20, 30], [1, 40, 50], [2, 20, 30]]
    np.testing.assert_allclose(labels.extent.world, source.extent.world)
    [step] = viewer.layers[1].metadata["napari_sbd"]["history"]
    assert step["settings"]["outlier_filled_frames"] == {"0": 1, "1": 2, "2": 1}


def test_without_outliers_none_are_offered(viewer, widget, until, noisy):
    add(viewer, noisy)
    widget.start.click()
    until(lambda: not widget.running)
    assert widget.outliers.isHidden()


def test_noise_is_measured_in_a_drawn_rectangle_and_kept(viewer, widget, until, tmp_path, choose):
    rng = np.random.default_rng(0)
    image = gaussian_filter(rng.poisson(9.0, (192, 192)).astype(float), 1.0)
    image[:, 100:] += 1000 * rng.random((192, 92))
    add(viewer, image, pixel_size=0.033)
    draw(viewer, 191, 96)
    choose(tmp_path / "camera.json")
    widget.measure.click()
    until(lambda: widget.message.text() != "")
    assert "scintillator-like" in widget.message.text()
    assert widget.settings.noise == str(tmp_path / "camera.json")
    over = NoiseSpectrum.load(tmp_path / "camera.json").correlated_over
    assert over == pytest.approx(2 * np.sqrt(np.pi), rel=0.15)


def test_a_rectangle_that_is_too_small_is_told(viewer, widget, until, choose, tmp_path):
    add(viewer, np.random.default_rng(0).poisson(9.0, (128, 128)), pixel_size=0.033)
    draw(viewer, 9, 9)
    choose(tmp_path / "camera.json")
    widget.measure.click()
    until(lambda: widget.message.text() != "")
    assert widget.message.text().startswith("Too little")
    assert widget.settings.noise == "auto"
    assert not (tmp_path / "camera.json").exists()


def draw(viewer, height, width):
    """A rectangle from the corner of the image [px], as napari's own button draws it."""
    image = viewer.layers[0]
    corners = [[0, 0], [0, width], [height, width], [height, 0]]
    viewer.add_shapes([corners], shape_type="rectangle", scale=image.scale, units=image.units)


@pytest.fixture
def choose(monkeypatch):
    """Answers the dialog for a file."""

    def answer(path):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))

    return answer
