"""The Watch dock beside a camera that writes: shown, held, kept, stopped; the window answers."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer

import napari_sbd as sbd
from known import lattice

PIXEL, SIDE, PERIOD = 0.03, 128, 9
REAL = Path(__file__).parents[3] / "shared" / "data" / "mrc_stack_3x128x128.mrc"
SCAN = REAL.with_name("ser_SrTiO3_haadf.ser")


class Camera(threading.Thread):
    """Writes a drifting lattice into a folder, a file at a time, each complete at once."""

    def __init__(self, folder, seconds=0.15):
        super().__init__(daemon=True)
        self.folder, self.seconds, self.off = folder, seconds, threading.Event()
        self.count, self.rng = 0, np.random.default_rng(0)
        self.truth = lattice((SIDE + PERIOD, SIDE), PERIOD, 0.6, 20.0)

    def run(self):
        while not self.off.is_set():
            k = self.count // 3 % PERIOD  # a whole period is where it began
            frame = self.rng.poisson(self.truth[k : k + SIDE, :SIDE]).astype(np.float32)
            draft = self.folder / f".draft{self.count}"
            sbd.write(sbd.Micrograph(frame, PIXEL, gain=1.0), f"{draft}.mrc")
            Path(f"{draft}.mrc").rename(self.folder / f"frame{self.count:04}.mrc")
            self.count += 1
            self.off.wait(self.seconds)


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / "camera"
    folder.mkdir()
    camera = Camera(folder)
    yield camera
    camera.off.set()
    if camera.is_alive():
        camera.join(5)


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.usefixtures("bundled")
def test_frames_are_shown_while_they_come(make_napari_viewer, qtbot, camera):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    click(qtbot, widget.start)
    assert "Choose the folder" in widget.message.text()
    widget.source.setText(str(camera.folder))
    widget.frames.setValue(4)
    click(qtbot, widget.start)
    camera.start()
    until = {"timeout": 60_000}
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, **until)
    live, mean = viewer.layers
    assert live.metadata["napari_sbd_aid"]  # no step takes it for an image
    assert tuple(live.scale) == pytest.approx((PIXEL, PIXEL))
    assert mean.translate[1] > SIDE * PIXEL  # beside it
    live.contrast_limits = held = (3.0, 30.0)
    first, beats, last = np.array(live.data), [], time.monotonic()

    def beat():
        nonlocal last
        now = time.monotonic()
        beats.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(beat)
    timer.start(10)
    before = widget._watching.seen
    qtbot.waitUntil(lambda: widget._watching.seen >= before + 5, **until)
    timer.stop()
    # the median answers at once; single gaps are napari's own when a picture is sent to the card
    assert np.median(beats) < 0.05
    assert max(beats) < 1.5
    assert not np.array_equal(first, live.data)
    assert tuple(live.contrast_limits) == held
    assert "Fine contrast" in widget.numbers.text() and "mean of 4" in widget.numbers.text()
    # the mean of four frames has a quarter of the noise of one
    raw = np.asarray(widget._shown.running.raw.data)
    assert not widget.spectrum.pixmap().isNull()
    assert widget._shown.running.finest == pytest.approx(PERIOD * PIXEL / 2**0.5, rel=0.03)
    quiet = np.nanstd(np.diff(mean.data, 2, axis=1)) / np.std(np.diff(raw, 2, axis=1))
    assert quiet < 0.75

    click(qtbot, widget.keep_this)
    kept, denoised = viewer.layers[2:]
    assert kept.name.startswith("frame")
    assert denoised.metadata["napari_sbd"]["history"][-1]["operation"] == "denoise"
    still = np.array(kept.data)
    seen = widget._watching.seen
    qtbot.waitUntil(lambda: widget._watching.seen > seen + 2, **until)
    assert np.array_equal(kept.data, still)

    click(qtbot, widget.cancel)
    qtbot.waitUntil(lambda: not widget.running, **until)
    assert "denoised" in widget.message.text()
    assert len(viewer.layers) == 4


@pytest.mark.skipif(not REAL.is_file(), reason="shared/data is not there")
@pytest.mark.filterwarnings("ignore::UserWarning")  # what is said of the file is not at issue
def test_a_recorded_stack_that_grows(make_napari_viewer, qtbot, tmp_path):
    """A stack of other people comes in parts; the results are written, and none is lost."""
    whole = REAL.read_bytes()
    path, out = tmp_path / "stack.mrc", tmp_path / "out"
    path.write_bytes(whole[: len(whole) // 2])
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    widget.source.setText(str(path))
    widget.output.setText(str(out))
    click(qtbot, widget.start)
    qtbot.waitUntil(lambda: widget._watching.seen >= 1, timeout=60_000)
    path.write_bytes(whole)
    qtbot.waitUntil(lambda: widget._watching.seen >= 3, timeout=60_000)
    click(qtbot, widget.cancel)
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    assert "3 denoised" in widget.message.text()
    assert sbd.read(next(out.glob("*.zarr"))).shape == (3, 128, 128)


@pytest.mark.usefixtures("bundled")
def test_frames_are_added_as_the_command_line_does(make_napari_viewer, qtbot, tmp_path):
    """Three sums of two frames of a complete movie, with the counts of both."""
    rng, truth = np.random.default_rng(0), lattice((SIDE, SIDE), PERIOD, 0.6, 5.0)
    movie = rng.poisson(truth, (6, SIDE, SIDE)).astype(np.float32)
    sbd.write(sbd.Micrograph(movie, PIXEL, frame_time=0.1, gain=1.0), tmp_path / "movie.mrc")
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    widget.source.setText(str(tmp_path / "movie.mrc"))
    out = tmp_path / "out"
    widget.output.setText(str(out))
    assert widget.reading.chosen == {"sum_frames": 1, "super_resolution": 1}
    widget.reading.sum.selectAll()
    qtbot.keyClicks(widget.reading.sum, "2")
    click(qtbot, widget.start)
    qtbot.waitUntil(lambda: widget._watching.seen >= 3, timeout=60_000)
    click(qtbot, widget.cancel)
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    assert "3 denoised" in widget.message.text()
    made = sbd.read(next(out.glob("*.zarr")))
    assert made.shape == (3, SIDE, SIDE)
    sums = movie[::2] + movie[1::2]
    assert np.allclose(made.data.mean((1, 2)), sums.mean((1, 2)), rtol=0.01)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_super_resolution_is_of_electron_events(make_napari_viewer, qtbot, tmp_path):
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    sbd.write(sbd.Micrograph(np.ones((2, 64, 64), np.float32), PIXEL), tmp_path / "movie.mrc")
    widget.source.setText(str(tmp_path / "movie.mrc"))
    qtbot.keyClicks(widget.reading.finer, "4")
    click(qtbot, widget.start)
    qtbot.waitUntil(lambda: "super-resolution" in widget.bar.format(), timeout=20_000)
    click(qtbot, widget.cancel)
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)


def test_a_folder_that_is_not_there_yet_is_waited_for(make_napari_viewer, qtbot, tmp_path):
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    widget.source.setText(str(tmp_path / "later"))
    click(qtbot, widget.start)
    qtbot.waitUntil(lambda: "waiting for it" in widget.bar.format(), timeout=20_000)
    click(qtbot, widget.cancel)
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    assert "no frame came" in widget.message.text()


def test_a_file_that_cannot_be_read_is_named_on_the_way_and_at_the_end(
    make_napari_viewer, qtbot, tmp_path, monkeypatch
):
    from napari_sbd.watch import arrivals

    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    widget.source.setText(str(tmp_path))
    (tmp_path / "bad.tif").write_bytes(b"no image at all")
    click(qtbot, widget.start)
    qtbot.wait(1000)
    click(qtbot, widget.cancel)  # sooner than a file is given up
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    assert "no frame came" in widget.message.text()
    assert "bad.tif" in widget.message.text()

    monkeypatch.setattr(arrivals, "PATIENCE", 0.5)
    click(qtbot, widget.start)
    qtbot.waitUntil(lambda: "bad.tif cannot be read" in widget.message.text(), timeout=20_000)
    assert widget.running
    click(qtbot, widget.cancel)
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    assert "bad.tif cannot be read" in widget.message.text()


@pytest.mark.usefixtures("bundled")
@pytest.mark.skipif(not SCAN.is_file(), reason="needs files of other people")
def test_another_magnification_of_a_real_scan_has_its_own_scale(
    make_napari_viewer, qtbot, tmp_path
):
    """Frames of one shape, as a microscope writes them before and after it zooms."""
    scan = sbd.read(SCAN)
    part = scan.replace(data=np.asarray(scan.data)[300:428, 300:428], metadata={})
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    widget.source.setText(str(tmp_path))
    click(qtbot, widget.start)
    for number, size in enumerate((part.pixel_size, 2 * part.pixel_size)):
        sbd.write(part.replace(pixel_size=size), tmp_path / f"draft{number}.mrc")
        (tmp_path / f"draft{number}.mrc").rename(tmp_path / f"frame{number}.mrc")
        qtbot.waitUntil(
            lambda size=size: (
                len(viewer.layers) == 2
                and all(layer.scale[0] == pytest.approx(size) for layer in viewer.layers)
            ),
            timeout=60_000,
        )
    click(qtbot, widget.cancel)
    qtbot.waitUntil(lambda: not widget.running, timeout=10_000)
