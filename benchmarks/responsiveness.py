"""How soon napari is ready, how soon a click is answered, how long the window ever stands still.

    xvfb-run -a -s "-screen 0 1600x1200x24" python benchmarks/responsiveness.py [--out TABLE.md]

The start is measured in a process of its own, from its beginning to a widget that can be clicked. A
timer of 10 ms then runs in the event loop while the widgets work; the longest gap between two of
its ticks is the longest time for which the window did not answer. The 1024 x 1024 sample is used.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _machine import processor

TICK = 10  # ms
PATIENCE = 600  # s


def main() -> None:
    """Measure in fresh processes; print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--part", choices=list(PARTS), help="internal: one part, in this process")
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part]()))
        return
    rows = {}
    for part in PARTS:
        rows |= _in_a_process(part)
    lines = ["| | measured |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    lines += ["", f"{os.cpu_count()} cores of {processor()}, load {os.getloadavg()[0]:.1f}."]
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


def _in_a_process(part: str) -> dict[str, str]:
    started = time.time()
    run = subprocess.run(
        [sys.executable, __file__, "--part", part],
        env={**os.environ, "NAPARI_CONFIG": "", "SBD_STARTED": str(started)},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def start() -> dict[str, str]:
    """From nothing to the SBD widget in a shown window, then to the first denoised layer."""
    viewer = _viewer()
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    _settle(0.0)
    ready = time.time() - float(os.environ["SBD_STARTED"])
    viewer.open_sample("napari-sbd", "image")
    first = _click(viewer, flow)
    second = _click(viewer, flow)
    return {
        "start of the process to a usable SBD widget": f"{ready:.1f} s",
        "click to denoised layer, first time (loads PyTorch and the models)": f"{first:.2f} s",
        "click to denoised layer, later": f"{second:.2f} s",
    }


def work() -> dict[str, str]:
    """Gaps while denoising, in live mode, and tuning."""
    viewer = _viewer()
    viewer.open_sample("napari-sbd", "image")
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    page = flow.page(0)
    _wait(lambda: "e⁻" in page.dose.text())
    gaps = {"first denoising": _gap(page.start.click, lambda: not page.running)}
    gaps["denoising"] = _gap(page.start.click, lambda: not page.running)
    page.quality.setCurrentText("best")
    gaps["denoising, best"] = _gap(page.start.click, lambda: not page.running)
    page.quality.setCurrentText("fast")
    gaps["live mode"] = _gap(page.live.click, lambda: not page.preview.busy)
    page.live.click()
    tune = flow.page(1)
    gaps["tuning"] = _gap(tune.start.click, lambda: not tune.running)
    return {f"longest gap, {name}": f"{1000 * gap:.0f} ms" for name, gap in gaps.items()}


def training() -> dict[str, str]:
    """Gaps while simulating and training, with the curve shown."""
    viewer = _viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Train")
    with tempfile.TemporaryDirectory() as folder:
        for field, words in {
            widget.folder: folder,
            widget.waves: "24",
            widget.minutes: "0.5",
        }.items():
            field.setText(words)
        simulating = _gap(widget.start.click, lambda: bool(widget.curve.isVisible()))
        gap = _gap(lambda: None, lambda: not widget.running)
    if "ready" not in widget.message.text():
        raise SystemExit(widget.message.text())
    return {
        "longest gap, simulating for a training": f"{1000 * simulating:.0f} ms",
        "longest gap, training": f"{1000 * gap:.0f} ms",
    }


PARTS: dict[str, Callable[[], dict[str, str]]] = {"start": start, "work": work, "train": training}


def _viewer():
    import napari

    viewer = napari.Viewer(show=True)
    _settle(0.2)
    return viewer


def _click(viewer, flow) -> float:
    count, begun = len(viewer.layers), time.monotonic()
    flow.take(0)
    _wait(lambda: len(viewer.layers) > count)
    took = time.monotonic() - begun
    _wait(lambda: not flow.page(0).running)
    return took


def _gap(begin: Callable[[], None], done: Callable[[], bool]) -> float:
    """The longest time between two ticks while something runs [s]."""
    from qtpy.QtCore import QTimer

    ticks = [time.monotonic()]
    timer = QTimer()
    timer.setInterval(TICK)
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start()
    begin()
    _wait(done)
    _settle(0.2)
    timer.stop()
    return max(after - before for before, after in itertools.pairwise(ticks))


def _wait(done: Callable[[], bool]) -> None:
    from qtpy.QtCore import QEventLoop
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise SystemExit("it did not end")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)


def _settle(seconds: float) -> None:
    end = time.monotonic() + seconds
    _wait(lambda: time.monotonic() >= end)


if __name__ == "__main__":
    main()
