"""Drift, Compare's choice, figures, films and the view side by side, clicked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

import napari_sbd as sbd
import napari_sbd.networks as networks
from columns.scenes import grid, picture
from napari_sbd._napari.layers.calibrating import calibrate
from napari_sbd._napari.layers.micrographs import to_layer
from napari_sbd._napari.layers.pairs import is_raw

PIXEL = 0.03
REAL = Path(__file__).parents[3] / "shared" / "data" / "mrc_stack_3x128x128.mrc"
pytestmark = pytest.mark.usefixtures("bundled")


@pytest.fixture
def scene():
    """A crystal that ends in vacuum, (Y, X) expected counts."""
    image = picture(grid(9, 9, 9.0), 9.0, 1.9, 12.0, 4.0)
    return np.pad(image, 20, mode="edge")


@pytest.fixture
def movie(scene):
    """Four frames of which each lies a pixel and a half lower."""
    rng = np.random.default_rng(0)
    shifts = [0, 2, 3, 5]
    frames = [rng.poisson(np.roll(scene, s, 0)) for s in shifts]
    m = sbd.Micrograph(np.stack(frames).astype(np.float32), PIXEL, gain=1.0, frame_time=0.1)
    return m.replace(name="movie"), shifts


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def done(qtbot, widget):
    qtbot.waitUntil(lambda: not widget.running, timeout=120_000)


def opened(viewer, m):
    data, attributes, _ = to_layer(m)
    return viewer.add_image(data, **attributes)


def saving(monkeypatch, path):
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName", lambda *_a: (str(path), "")
    )


def test_drift_is_estimated_drawn_and_taken_out(
    make_napari_viewer, qtbot, movie, tmp_path, monkeypatch
):
    viewer, (m, shifts) = make_napari_viewer(), movie
    opened(viewer, m)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Drift")
    click(qtbot, widget.start)
    done(qtbot, widget)
    assert "The scene moves by up to 0.1" in widget.message.text()
    assert widget.found.shifts[:, 0] == pytest.approx(shifts, abs=0.15)
    click(qtbot, widget.correct)
    still = viewer.layers[-1]
    rows = slice(10, -10)  # what all frames hold
    for t, shift in enumerate(shifts):
        assert np.array_equal(still.data[t, rows], np.roll(m.data[t], -shift, 0)[rows])
    assert still.metadata["napari_sbd"]["history"][-1]["operation"] == "correct_drift"
    assert is_raw(still)  # to be denoised, tuned on, compared and judged by
    saving(monkeypatch, tmp_path / "drift.csv")
    click(qtbot, widget.save)
    assert (tmp_path / "drift.csv").read_text().startswith("frame,y_px")
    # in nm of a pixel size that is another one now
    calibrate(viewer.layers[0], 2 * m.pixel_size, m.gain, m.offset, viewer.layers)
    saving(monkeypatch, tmp_path / "old.csv")
    for button in (widget.save, widget.correct):
        click(qtbot, button)
        assert "click Estimate drift again" in widget.message.text()
    assert not (tmp_path / "old.csv").exists()
    assert len(viewer.layers) == 2


@pytest.mark.skipif(not REAL.is_file(), reason="shared/data is not there")
@pytest.mark.filterwarnings("ignore::UserWarning")  # what is said of the file is not at issue
def test_drift_of_a_recorded_stack(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    layer = opened(viewer, sbd.read(REAL))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Drift")
    click(qtbot, widget.start)
    done(qtbot, widget)
    assert widget.found is not None, widget.message.text()
    click(qtbot, widget.correct)
    assert viewer.layers[-1].data.shape == layer.data.shape


@pytest.mark.filterwarnings("ignore::UserWarning")  # of what this network loses of bright field
def test_what_was_said_of_an_image_holds_for_drift_compare_and_the_weights(
    make_napari_viewer, qtbot, movie
):
    viewer, (m, _) = make_napari_viewer(), movie
    m = m.replace(data=m.data[:, :72, :72])  # with the edges that tell the drift
    layer = opened(viewer, m)
    _, form = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    form.modality.setCurrentText("dark field")
    form.modality.activated.emit(form.modality.currentIndex())
    _, drift = viewer.window.add_plugin_dock_widget("napari-sbd", "Drift")
    click(qtbot, drift.start)
    done(qtbot, drift)
    assert drift.found.estimated["model"] == "stem"
    viewer.dims.set_current_step(0, 1)
    _, compare = viewer.window.add_plugin_dock_widget("napari-sbd", "Compare")
    compare.tuned.setChecked(False)
    click(qtbot, compare.start)
    done(qtbot, compare)
    network = sbd.denoise(m.frame(1), modality="dark field").data
    shown = compare._pictures["network"]
    np.testing.assert_allclose(shown, network, atol=0.02 * network.std())
    name = "What the network looked at"
    _, looked_at = viewer.window.add_plugin_dock_widget("napari-sbd", name)
    looked_at.look_at((1 * layer.scale[0], 50 * PIXEL, 50 * PIXEL))
    done(qtbot, looked_at)
    told = float(looked_at.message.text().split("says ")[1].split(",")[0])
    assert told == pytest.approx(network[50, 50], rel=0.03)


def test_batch_and_watch_take_what_was_said_of_the_folder(make_napari_viewer, qtbot, tmp_path):
    viewer = make_napari_viewer()
    data = np.random.default_rng(0).poisson(3.0, (64, 64)).astype(np.float32)
    opened(viewer, sbd.Micrograph(data, PIXEL, gain=1.0, source=tmp_path / "one.tif"))
    _, form = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    form.modality.setCurrentText("dark field")
    form.modality.activated.emit(form.modality.currentIndex())
    for name in ("Batch", "Watch"):
        _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
        assert widget.modality.currentText() == "auto"
        qtbot.keyClicks(widget.source, f"{tmp_path}/")
        assert widget.modality.currentText() == "dark field"


def test_a_single_image_has_no_drift(make_napari_viewer, qtbot, scene):
    viewer = make_napari_viewer()
    opened(viewer, sbd.Micrograph(scene, PIXEL))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Drift")
    click(qtbot, widget.start)
    assert "needs a movie" in widget.message.text()


@pytest.mark.filterwarnings(
    "ignore:The image shows a period",
    "ignore:The result of model",
    "ignore:A period of:UserWarning",
)
def test_compare_shows_pictures_and_ends_with_use_this(
    make_napari_viewer, qtbot, scene, tiny_folder, monkeypatch
):
    monkeypatch.setattr(networks, "_BUNDLED", tiny_folder)  # which scores cost time
    viewer = make_napari_viewer()
    counts = np.random.default_rng(1).poisson(scene[20:84, 20:84]).astype(np.float32)
    m = sbd.Micrograph(counts, PIXEL, gain=1.0, name="scene")
    layer = opened(viewer, m)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Compare")
    widget.tuned.setChecked(False)
    click(qtbot, widget.start)
    done(qtbot, widget)
    names = [widget.table.item(row, 0).text() for row in range(widget.table.rowCount())]
    assert len(names) >= 5
    assert "scene compared" in viewer.layers
    layer.name = "renamed"  # and its picture is the one that is there
    for name in ("Gaussian", "network"):
        place = widget.table.visualItemRect(widget.table.item(names.index(name), 0)).center()
        qtbot.mouseClick(widget.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        expected = sbd.denoisers(pixel_size=PIXEL)["Gaussian"](counts)
        if name == "network":
            expected = sbd.denoise(m, model="auto").data
        (preview,) = (one for one in viewer.layers if one.name.endswith(" compared"))
        shown = preview.data
        np.testing.assert_allclose(shown, expected, atol=0.02 * expected.std())
        click(qtbot, widget.take)
        done(qtbot, widget)
        result = viewer.layers[-1]
        assert result.name == f"renamed {name}"
        assert preview not in viewer.layers
        np.testing.assert_allclose(result.data, expected, atol=0.02 * expected.std())
    # both are taken for denoised images of this raw one
    _, judge = viewer.window.add_plugin_dock_widget("napari-sbd", "Agreement")
    listed = [judge.denoised.itemText(i) for i in range(judge.denoised.count())]
    assert listed == ["renamed Gaussian", "renamed network"]
    assert judge.raw.layer is layer


def test_of_a_movie_the_frame_that_is_compared_is_named_and_shown(
    make_napari_viewer, qtbot, noisy_movie, monkeypatch
):
    """Compared once more, the picture was that of the frame before."""

    def compared(_m, number, *_):
        row = {"umse": 1.0, "upsnr": 9.0, "low": 8.0, "high": 10.0, "verdict": "reference"}
        table = pd.DataFrame([row], index=["network"])
        table.attrs.update(unit="electrons", peak=5.0)
        return table, {"network": np.full((64, 64), float(number))}

    monkeypatch.setattr("napari_sbd._napari.tools.compare_widget.compare_denoisers", compared)
    viewer = make_napari_viewer()
    opened(viewer, sbd.Micrograph(noisy_movie, PIXEL, gain=1.0, name="scene"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Compare")
    for frame in (2, 0):
        viewer.dims.set_current_step(0, frame)
        click(qtbot, widget.start)
        done(qtbot, widget)
        assert f"That is of frame {frame} alone." in widget.message.text()
        (preview,) = (one for one in viewer.layers if " compared" in one.name)
        assert preview.name == f"scene compared, frame {frame}"
        assert preview.data[0, 0] == frame


def test_a_result_whose_raw_image_was_closed_says_that(make_napari_viewer, qtbot, scene):
    """And not that there is no image."""
    viewer = make_napari_viewer()
    counts = np.random.default_rng(1).poisson(scene).astype(np.float32)
    m = sbd.Micrograph(counts, PIXEL, gain=1.0, name="scene")
    raw = opened(viewer, m)
    opened(viewer, sbd.denoise(m, model="hrtem").replace(name="scene denoised"))
    viewer.layers.remove(raw)
    for name in ("Agreement", "Residual", "Report", "Figure"):
        _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name, tabify=True)
        click(qtbot, widget.start)
        assert "not here any more; open it again" in widget.message.text()
    click(qtbot, widget.side)
    assert not widget.side.isChecked()


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure_in_one_click(make_napari_viewer, qtbot, scene, tmp_path, monkeypatch, ending):
    viewer = make_napari_viewer()
    counts = np.random.default_rng(1).poisson(scene).astype(np.float32)
    m = sbd.Micrograph(counts, PIXEL, gain=1.0, name="scene")
    opened(viewer, m)
    result = sbd.denoise(m, model="hrtem")
    opened(viewer, result.replace(name="scene denoised"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Figure")
    saving(monkeypatch, tmp_path / f"figure.{ending}")
    click(qtbot, widget.start)
    done(qtbot, widget)
    assert "Wrote" in widget.message.text()
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert (tmp_path / f"figure.{ending}").read_bytes().startswith(begins)


# imageio-ffmpeg leaves pipes to its ffmpeg to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_mp4_in_one_click_plays(make_napari_viewer, qtbot, movie, tmp_path, monkeypatch):
    read_frames = pytest.importorskip("imageio_ffmpeg").read_frames
    viewer, (m, _) = make_napari_viewer(), movie
    opened(viewer, m)
    opened(viewer, sbd.denoise(m, model="hrtem").replace(name="movie denoised"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Figure")
    widget.rate.setValue(4)
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName",
        lambda *_a: (str(tmp_path / "talk"), "MP4 (*.mp4)"),
    )
    click(qtbot, widget.film)
    done(qtbot, widget)
    facts, *frames = read_frames(str(tmp_path / "talk.mp4"))
    assert facts["fps"] == 4
    height, width = (n + n % 2 for n in (m.shape[-2], 2 * m.shape[-1]))
    assert facts["size"] == (width, height)
    pictures = [np.frombuffer(f, np.uint8).reshape(height, width, 3) for f in frames]
    assert len(pictures) == 4
    raw, denoised = (np.stack([np.hsplit(p, 2)[k] for p in pictures]).astype(float) for k in (0, 1))
    assert (
        np.abs(np.diff(denoised[:, 40:], axis=2)).mean()
        < np.abs(np.diff(raw[:, 40:], axis=2)).mean()
    )
    assert np.abs(denoised[3] - denoised[0]).mean() > 4  # the scene moves


def test_a_film_in_one_click_and_the_view_side_by_side(
    make_napari_viewer, qtbot, movie, tmp_path, monkeypatch
):
    from PIL import Image

    viewer, (m, _) = make_napari_viewer(), movie
    raw = opened(viewer, m)
    result = opened(viewer, sbd.denoise(m, model="hrtem").replace(name="movie denoised"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Figure")
    saving(monkeypatch, tmp_path / "film.gif")
    click(qtbot, widget.film)
    done(qtbot, widget)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 4
        assert film.width == 2 * m.shape[-1]
    width = m.shape[-1] * PIXEL
    click(qtbot, widget.side)
    assert result.translate[-1] > width
    assert raw.translate[-1] == 0
    assert result.translate[0] == 0
    click(qtbot, widget.side)
    assert result.translate[-1] == 0


def test_what_is_denoised_anew_takes_its_place_beside_the_raw_image(
    make_napari_viewer, qtbot, denoiser, noisy
):
    """It lay on the raw one, apart from its columns, and the button said the opposite."""
    viewer = make_napari_viewer()
    opened(viewer, sbd.Micrograph(noisy, PIXEL, gain=1.0, name="scene"))
    _, denoise = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    click(qtbot, denoise.start)
    done(qtbot, denoise)
    _, figure = viewer.window.add_plugin_dock_widget("napari-sbd", "Figure")
    click(qtbot, figure.side)
    place = tuple(viewer.layers["scene denoised"].translate)
    assert place[1] == pytest.approx(1.04 * 64 * PIXEL)
    denoise.layer.choose(viewer.layers["scene"])
    click(qtbot, denoise.start)
    done(qtbot, denoise)
    qtbot.waitUntil(lambda: tuple(viewer.layers["scene denoised"].translate) == place)
    assert figure.side.isChecked()
    # another pair lies as it lies
    opened(viewer, sbd.Micrograph(noisy, PIXEL, gain=1.0, name="other"))
    click(qtbot, figure.side)
    assert tuple(viewer.layers["scene denoised"].translate) == (0, 0)
    viewer.layers["scene denoised"].translate = place
    figure.denoised.choose(None)
    figure.denoised.choose(viewer.layers["scene denoised"])
    qtbot.waitUntil(figure.side.isChecked)
