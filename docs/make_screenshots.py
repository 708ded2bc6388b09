"""Make the pictures of the user guide from the real viewer.

Run from the repository's root, under Linux without a screen, as

    NAPARI_CONFIG= xvfb-run -a -s "-screen 0 1600x1200x24" python docs/make_screenshots.py
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from qtpy.QtWidgets import QApplication

import napari

FOLDER = Path(__file__).parent / "images"
WINDOW = 1400, 900
LARGEST = 400_000  # bytes of a PNG
PATIENCE = 300  # s
PARTICLE = 2.5, 2.4  # nm, the middle of what the pair of pictures enlarges


def main() -> None:
    """Open, denoise and photograph the two samples; walk through all steps."""
    FOLDER.mkdir(exist_ok=True)
    steps = napari.Viewer(show=True)
    prepare(steps, "image")
    _, flow = steps.window.add_plugin_dock_widget("napari-sbd", "SBD")
    for index, name in ((0, None), (1, "tune.png"), (2, "judge.png"), (3, "columns.png")):
        flow.take(index)
        page = flow.page(index)
        wait(lambda page=page: not page.running)
        settle()
        steps.reset_view(margin=0.02)
        if name:
            save(steps, name)
    _, residual = steps.window.add_plugin_dock_widget("napari-sbd", "Residual", tabify=True)
    residual.start.click()
    wait(lambda: not residual.running)
    settle()
    save(steps, "residual.png")
    steps.close()

    image = napari.Viewer(show=True)
    prepare(image, "image")
    save(image, "sample.png")

    widget = dock(image)
    save(image, "denoise-ready.png")
    widget.denoise.click()
    wait(lambda: not widget.running)
    image.layers.selection.active = image.layers[-1]
    save(image, "denoised.png")
    save_pair(image, "before-after.png")
    image.close()

    movie = napari.Viewer(show=True)
    prepare(movie, "movie")
    widget = dock(movie)
    movie.dims.set_current_step(0, 4)
    widget.denoise.click()
    wait(lambda: len(movie.layers) == 2)
    save(movie, "movie.png")
    wait(lambda: not widget.running)
    movie.close()


def prepare(viewer: napari.Viewer, sample: str) -> None:
    """Open a sample in a window of the usual size, with a scale bar."""
    viewer.window.resize(*WINDOW)
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


if __name__ == "__main__":
    main()
