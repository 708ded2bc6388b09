"""Make the pictures of the user guide from the real viewer.

Run from the repository's root, under Linux without a screen, as

    NAPARI_CONFIG= xvfb-run -a -s "-screen 0 1600x1200x24" python docs/make_screenshots.py [GROUP]

where the groups are steps, image, judging, movie, live, tools, region, watch, share, train, tour.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

import napari
import napari_sbd as sbd
from napari_sbd._napari.layers.micrographs import to_layer
from napari_sbd._napari.layers.shapes import box_on
from napari_sbd.columns import lattice_vectors
from napari_sbd.measure.spectrum import strongest

FOLDER = Path(__file__).parent / "images"
WINDOW = 1400, 900
SMALL = 1089, 630  # napari's own
TOUR = 900, 520  # pixels of the animation
TOUR_COLOURS = 64
LARGEST = 400_000  # bytes of a PNG
PATIENCE = 900  # s
PARTICLE = 2.5, 2.4  # nm, the middle of what the pair of pictures enlarges


def main() -> None:
    """Make the groups of pictures that were named, or all."""
    FOLDER.mkdir(exist_ok=True)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="which; all by default")
    for group in parser.parse_args().groups or GROUPS:
        GROUPS[group]()


def steps() -> None:
    """Walk through all steps of the SBD widget."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "image")
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    for index, name in ((0, None), (1, "tune.png"), (2, "judge.png"), (3, "columns.png")):
        take(viewer, flow, index)
        if name:
            save(viewer, name)
    _, residual = viewer.window.add_plugin_dock_widget("napari-sbd", "Residual", tabify=True)
    residual.start.click()
    wait(lambda: not residual.running)
    settle()
    save(viewer, "residual.png")
    viewer.close()


def image() -> None:
    """Open and denoise the image."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "image")
    widget = dock(viewer)
    save(viewer, "denoise-ready.png")
    widget.start.click()
    wait(lambda: not widget.running)
    viewer.layers.selection.active = viewer.layers[-1]
    save_pair(viewer, "before-after.png")
    viewer.close()


def judging() -> None:
    """Calibrate the detector, compare denoisers, see what the network looked at."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "image")
    for name, picture in (("Detector", "detector.png"), ("Compare", "compare.png")):
        area, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
        widget.start.click()
        wait(lambda w=widget: not w.running)
        settle()
        save(viewer, picture)
        area.close()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "What the network looked at")
    widget.look_at(PARTICLE)
    wait(lambda: not widget.running)
    settle()
    save(viewer, "looked-at.png")
    viewer.close()


def movie() -> None:
    """Denoise the movie frame by frame."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "movie")
    widget = dock(viewer)
    viewer.dims.set_current_step(0, 4)
    widget.start.click()
    wait(lambda: len(viewer.layers) == 2)
    save(viewer, "movie.png")
    wait(lambda: not widget.running)
    viewer.close()


def live() -> None:
    """Live mode with the swipe line in a movie, while another job waits; in a light theme too."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "movie")
    widget = dock(viewer)
    widget.live.click()
    viewer.dims.set_current_step(0, 3)
    wait(lambda: len(viewer.layers) == 2 and not widget.preview.busy)
    widget.swipe.click()
    settle()
    save(viewer, "live.png")
    widget.live.click()
    for quality in ("fast", "best"):
        widget.quality.setCurrentText(quality)
        widget.start.click()
    settle()
    save(viewer, "queue.png")
    viewer.theme = "light"
    viewer.window.resize(*SMALL)
    settle()
    save(viewer, "light.png")
    while widget.running:
        widget.cancel.click()
        settle(0.1)
    viewer.close()


def tools() -> None:
    """The everyday tools on a crystal."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    sample = sbd.simulate(
        "crystal_edge", size=512, pixel_size=0.012, dose=200, seed=2, modality="stem",
        material="SrTiO3", zone=(1, 0, 0),
    ).noisy  # fmt: skip
    data, attributes, _ = to_layer(sample.replace(name="SrTiO3", gain=None))
    layer = viewer.add_image(data, **attributes)
    viewer.canvas.overlays.scale_bar.visible = True

    area, fft = viewer.window.add_plugin_dock_widget("napari-sbd", "FFT")
    fft.box.click()
    fft.material.setCurrentText("SrTiO3")
    fft.shapes.data = [np.array([(260, 20), (260, 260), (500, 260), (500, 20)], float)]
    settle()
    viewer.reset_view(margin=0.02)
    _, spots = strongest(data, sample.pixel_size_yx, box_on(layer, fft.shapes))
    for spot in spots[:2]:
        fft.plot.picked.emit(spot.y, spot.x)
    settle()
    save(viewer, "tools-fft.png")
    area.close()

    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    fft.shapes.visible = False
    for index in (0, 3):
        take(viewer, flow, index)
    for name, picture in (("Line profile", "profile"), ("Histogram", "histogram")):
        area, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name, tabify=True)
        if picture == "profile":
            widget.line.click()
            points = next(one for one in viewer.layers if one.name.endswith("columns")).data
            start = points[np.argmin(np.hypot(*(points - (420, 20)).T))]
            along = lattice_vectors(points)[0]
            widget.shapes.data = [np.array([start - along / 2, start + 6.5 * along])]
            widget.peaks_too.click()
            wait(lambda shown=widget: shown.settled)
        else:
            widget.suggest.click()
            widget.keep.click()
        settle(1.5)  # texts that have become longer get their room
        save(viewer, f"tools-{picture}.png")
        area.close()
    _, strain = viewer.window.add_plugin_dock_widget("napari-sbd", "Strain", tabify=True)
    strain.start.click()
    wait(lambda: not strain.running)
    settle()
    save(viewer, "tools-strain.png")
    viewer.close()


def region() -> None:
    """A drawn region, denoised and measured."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "image")
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    page = flow.page(0)
    wait(lambda: "e⁻" in page.dose.text())
    page.region.draw.click()
    page.region.layer.data = [np.array([(180, 180), (180, 760), (620, 760), (620, 180)], float)]
    for index in (0, 3):
        take(viewer, flow, index)
    save(viewer, "region.png")
    viewer.close()


def watch() -> None:
    """A camera that is watched, in both themes and sizes."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Watch")
    scene = sbd.simulate(size=512, pixel_size=0.0122, dose=4, seed=3).clean.data
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        widget.source.setText(folder)
        widget.start.click()
        for k in range(8):
            frame = np.roll(scene, (k, -k // 2), (0, 1))
            m = sbd.Micrograph(rng.poisson(frame).astype(np.float32), 0.0122, gain=1.0)
            sbd.write(m, Path(folder) / f"frame{k}.mrc")
            wait(lambda n=k: widget._watching.seen > n)
        settle(1)
        viewer.reset_view(margin=0.02)
        settle()
        save(viewer, "watch.png")
        widget.cancel.click()
        wait(lambda: not widget.running)
    viewer.close()


def share() -> None:
    """Drift of a movie, its kymograph, and the denoised image beside the raw one."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "movie")
    area, drift = viewer.window.add_plugin_dock_widget("napari-sbd", "Drift")
    drift.start.click()
    wait(lambda: not drift.running)
    settle()
    save(viewer, "drift.png")
    area.close()
    widget = dock(viewer)
    widget.start.click()
    wait(lambda: not widget.running)
    _, figure = viewer.window.add_plugin_dock_widget("napari-sbd", "Figure", tabify=True)
    figure.side.click()
    settle()
    save(viewer, "side-by-side.png")
    viewer.close()


def train() -> None:
    """The Train widget with a material chosen."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Train")
    widget.material.setCurrentText("SrTiO3")
    settle()
    save(viewer, "train.png")
    viewer.close()


def tour() -> None:
    """From the raw image to its columns, as an animation for the README."""
    viewer = napari.Viewer(show=True)
    prepare(viewer, "image", SMALL)
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    wait(lambda: "e⁻" in flow.page(0).dose.text())
    settle()
    viewer.reset_view(margin=0.02)
    frames = [(shot(viewer), 1500)]
    take(viewer, flow, 0)
    frames.append((shot(viewer), 1500))
    page = flow.page(0)
    page.swipe.click()
    for column in range(900, 99, -100):
        page.divider.move(column)
        settle(0.1)
        frames.append((shot(viewer), 1500 if column == 100 else 150))
    page.swipe.click()
    for index in (2, 3):
        take(viewer, flow, index)
        frames.append((shot(viewer), 2500))
        viewer.layers.selection.active.visible = False  # the map would hide what comes next
    viewer.close()
    pictures = [picture.quantize(TOUR_COLOURS) for picture, _ in frames]
    pictures[0].save(
        FOLDER / "tour.gif",
        save_all=True,
        append_images=pictures[1:],
        duration=[duration for _, duration in frames],
        loop=0,
        optimize=True,
    )
    print(f"tour.gif: {(FOLDER / 'tour.gif').stat().st_size // 1000} kB")


def take(viewer: napari.Viewer, flow, index: int) -> None:
    """Click a step and wait for its result."""
    flow.take(index)
    wait(lambda: not flow.page(index).running)
    settle()
    viewer.reset_view(margin=0.02)


def shot(viewer: napari.Viewer) -> Image.Image:
    """The whole window, small enough for an animation."""
    settle(0.1)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    return picture.resize(TOUR, Image.Resampling.LANCZOS)


def prepare(viewer: napari.Viewer, sample: str, size: tuple[int, int] = WINDOW) -> None:
    """Open a sample in a window, with a scale bar."""
    viewer.window.resize(*size)
    viewer.open_sample("napari-sbd", sample)
    bar = viewer.canvas.overlays.scale_bar
    bar.visible = True
    bar.box = True
    bar.font_size = 16
    settle()
    viewer.reset_view(margin=0.02)


def dock(viewer: napari.Viewer):
    """Open the Denoise widget and wait until it has looked at the image."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    wait(lambda: "e⁻" in widget.dose.text())
    settle()
    viewer.reset_view(margin=0.02)
    return widget


def wait(done: Callable[[], bool]) -> None:
    """Let the window live until something is true."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("the viewer did not get there")
        QApplication.processEvents()
        time.sleep(0.01)


def settle(seconds: float = 0.5) -> None:
    """Let the window draw itself."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def save(viewer: napari.Viewer, name: str) -> None:
    """Photograph the whole window."""
    QApplication.processEvents()
    write(Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)), name)


def save_pair(viewer: napari.Viewer, name: str) -> None:
    """Photograph the canvas with the raw image and the denoised one side by side, enlarged."""
    viewer.scene.camera.zoom *= 1.7
    viewer.scene.camera.center = PARTICLE
    halves = []
    for visible in (False, True):
        viewer.layers[-1].visible = visible
        settle()
        picture = Image.fromarray(viewer.screenshot(canvas_only=True, flash=False))
        side = min(picture.size)
        left = (picture.width - side) // 2
        halves.append(picture.crop((left, 0, left + side, side)).resize((600, 600)))
    pair = Image.new("RGB", (1212, 600), "white")
    pair.paste(halves[0], (0, 0))
    pair.paste(halves[1], (612, 0))
    write(pair, name)


def write(picture: Image.Image, name: str) -> None:
    """Save a PNG with as many colours as its size allows."""
    for colours in (256, 128, 64, 32, 16):
        data = io.BytesIO()
        picture.convert("RGB").quantize(colours).save(data, "PNG", optimize=True)
        if len(data.getvalue()) < LARGEST:
            break
    (FOLDER / name).write_bytes(data.getvalue())
    print(f"{name}: {len(data.getvalue()) // 1000} kB, {colours} colours")


GROUPS: dict[str, Callable[[], None]] = {
    "steps": steps,
    "image": image,
    "judging": judging,
    "movie": movie,
    "live": live,
    "tools": tools,
    "region": region,
    "watch": watch,
    "share": share,
    "train": train,
    "tour": tour,
}


if __name__ == "__main__":
    main()
