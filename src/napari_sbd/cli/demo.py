"""The first minute: simulate a noisy micrograph, denoise it, show it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..denoise import denoise
from ..errors import SBDError
from ..figures.panel import panel
from ..files import writing
from ..io import write
from ..micrograph import Micrograph

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
    from ..simulation.phantom import simulate

    phantom = simulate(seed=DEMO_SEED)
    denoised = denoise(phantom.noisy, device=device)
    if window or (window is None and has_screen() and find_spec("napari")):
        from .._napari.tools.show import show

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
    all_axes = np.atleast_1d(figure.subplots(1, len(panels)))
    for axes, (title, micrograph) in zip(all_axes, panels.items(), strict=True):
        panel(axes, micrograph, title)
    with writing(path, "picture") as draft:
        figure.savefig(draft, dpi=110, format="png")
