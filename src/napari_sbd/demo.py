"""The first minute: simulate a noisy micrograph, denoise it, show it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .denoise import denoise
from .errors import SBDError
from .io import write
from .micrograph import Micrograph

DEMO_SEED = 3


def run_demo(folder: Path, window: bool | None = None, device: str = "auto") -> list[Path]:
    """Simulate Pt on CeO2 at 0.45 electrons per pixel, denoise it, and open napari or write files.

    Parameters
    ----------
    folder
        Receives the pictures when there is no window.
    window
        Whether to open napari; None opens it where there are a screen and napari.
    device
        As in ``denoise``.

    Returns
    -------
    The files written; empty when a window was opened.
    """
    from .simulation.phantom import simulate

    phantom = simulate(seed=DEMO_SEED)
    denoised = denoise(phantom.noisy, device=device)
    if window or (window is None and has_screen() and find_spec("napari")):
        from ._napari.show import show

        show([phantom.noisy, denoised, phantom.clean], "napari-sbd demo")
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SBDError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    panels = {"raw": phantom.noisy, "denoised": denoised, "truth": phantom.clean}
    files = []
    for name, micrograph in panels.items():
        files.append(folder / f"{name}.ome.tif")
        write(micrograph, files[-1])
    files.append(folder / "demo.png")
    draw(panels, files[-1])
    return files


def has_screen() -> bool:
    """Whether a window could be opened."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def draw(panels: dict[str, Micrograph], path: Path) -> None:
    """Draw calibrated images side by side, each with a scale bar, in one file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(panels), 5.3), layout="constrained")
    for axes, (title, micrograph) in zip(
        np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True
    ):
        image = np.asarray(micrograph.data if micrograph.data.ndim == 2 else micrograph.data[0])
        low, high = np.nanpercentile(image, (0.2, 99.8))
        axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        axes.set_title(title)
        axes.set_axis_off()
        if isinstance(micrograph.pixel_size, float):
            length = scale_bar_length(image.shape[1] * micrograph.pixel_size)
            start = 0.05 * image.shape[1]
            y, width = 0.94 * image.shape[0], length / micrograph.pixel_size
            axes.plot([start, start + width], [y, y], color="yellow", linewidth=3)
            axes.text(start, 0.98 * y, f"{length:g} nm", color="yellow", va="bottom")
    figure.savefig(path, dpi=110)


def scale_bar_length(width: float) -> float:
    """A round length of about a quarter of a field [nm]."""
    power = 10.0 ** np.floor(np.log10(width / 4))
    return float(power * max(step for step in (1, 2, 5) if step * power <= width / 4))
