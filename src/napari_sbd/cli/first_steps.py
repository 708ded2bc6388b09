"""Commands that help to start: the models, a check of the installation, a demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ._console import Device, err, out


def models() -> None:
    """List the bundled models."""
    from ..networks import models as cards

    table = Table(box=None, pad_edge=False)
    for title in ("model", "version", "working pixel [nm]", "e/working pixel", "what for"):
        table.add_column(title)
    for card in cards():
        pixel = "{:g}-{:g}".format(*card.working_pixel_nm)
        dose = "{:g}-{:g}".format(*card.dose_range)
        table.add_row(card.name, card.version, pixel, dose, card.description)
    out.print(table)


def doctor() -> None:
    """Check the installation: versions, devices, models, a short self-test."""
    from .doctor import examine

    sound = True
    for finding in examine():
        mark = {True: "ok ", False: "BAD", None: "   "}[finding.ok]
        out.print(f"{mark} {finding.subject:14} {finding.text}", markup=False)
        sound &= finding.ok is not False
    if not sound:
        raise typer.Exit(1)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for pictures.")] = Path(
        "napari-sbd-demo"
    ),
    window: Annotated[
        bool | None, typer.Option("--window/--no-window", help="Open napari, or write files.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Simulate a noisy image of Pt on CeO2, denoise it, and show it."""
    from .demo import run_demo

    err.print("Simulating and denoising a micrograph; this takes some seconds.")
    for path in run_demo(output, window, device):
        out.print(f"wrote {path.resolve()}", markup=False)
