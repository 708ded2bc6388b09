"""Wall time and peak memory of denoising one frame of 6 pm pixels.

    python benchmarks/speed.py [--threads 2] [--repeats 5] [--out TABLE.md]
    python benchmarks/speed.py --size 8192 --case "napari-sbd, fast" --repeats 1
    python benchmarks/speed.py --against ../other-checkout [--threads 2]

Every method runs in a process of its own, once to warm up, then several times, each on another
frame; the median wall time and the peak memory of the whole process are printed. With ``--against``
this version and another one take turns frame by frame, which other work on the machine disturbs
alike.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from _machine import processor

PIXEL_SIZE, FRAMES = 0.006, 12


def frame(size: int, seed: int = 0) -> np.ndarray:
    """Poisson counts of a lattice at 0.45 electrons per pixel."""
    y, x = np.ogrid[:size, :size]
    y, x = (a * (2 * np.pi * PIXEL_SIZE / 0.25) for a in (y, x))
    return (
        np.random.default_rng(seed)
        .poisson(0.45 * (1 + 0.3 * np.cos(y) * np.cos(x)))
        .astype(np.float32)
    )


def ours(quality: str) -> Callable[[np.ndarray], object]:
    """``sbd.denoise`` with the default model."""
    import napari_sbd as sbd

    return lambda image: sbd.denoise(image, pixel_size=PIXEL_SIZE, quality=quality)  # type: ignore


def movie(neighbours: bool) -> Callable[[np.ndarray], object]:
    """A movie of that size, each frame alone or with its neighbours."""
    import napari_sbd as sbd

    way = sbd.denoise_movie if neighbours else sbd.denoise
    return lambda image: way(_frames(len(image)), pixel_size=PIXEL_SIZE)


def streamed() -> Callable[[np.ndarray], object]:
    """The same movie from MRC to Zarr; writing the MRC file is a part of the time."""
    import napari_sbd as sbd

    def run(image: np.ndarray) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "movie.mrc"
            sbd.write(sbd.Micrograph(_frames(len(image)), PIXEL_SIZE), source)
            sbd.denoise_file(source, Path(folder) / "movie.zarr")

    return run


@cache
def _frames(size: int) -> np.ndarray:
    return np.stack([frame(size, i) for i in range(FRAMES)])


def tuned() -> Callable[[np.ndarray], object]:
    """GainTuning of the default model."""
    import napari_sbd as sbd

    return lambda image: sbd.gain_tune(image, pixel_size=PIXEL_SIZE, model="hrtem")


def bm3d() -> Callable[[np.ndarray], object]:
    """Anscombe and BM3D on sums over 8 x 8 pixels."""
    import _peers

    return lambda image: _peers.binned(_peers.bm3d, image, 8)


def large_unet() -> Callable[[np.ndarray], object]:
    """A plain U-Net of the size of the SBD paper's: 6 scales, 128 channels, random weights."""
    import torch
    from torch import nn

    channels = [128, 128, 128, 256, 512, 1024]

    def double(a: int, b: int) -> nn.Sequential:
        first, second = (nn.Conv2d(c, b, 3, padding=1, bias=False) for c in (a, b))
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

    down = nn.ModuleList(double(a, b) for a, b in zip([1, *channels], channels, strict=False))
    up = nn.ModuleList(
        double(channels[i] + channels[i - 1], channels[i - 1])
        for i in range(len(channels) - 1, 0, -1)
    )
    last = nn.Conv2d(128, 1, 1, bias=False)

    def run(image: np.ndarray) -> object:
        with torch.inference_mode():
            h, skips = torch.from_numpy(image).float()[None, None], []
            for i, stage in enumerate(down):
                h = stage(h if i == 0 else nn.functional.max_pool2d(h, 2))
                skips.append(h)
            for stage, skip in zip(up, reversed(skips[:-1]), strict=True):
                wide = nn.functional.interpolate(h, scale_factor=2, mode="bilinear")
                h = stage(torch.cat([wide, skip], 1))
            return last(h)

    return run


CASES: dict[str, Callable[[], Callable[[np.ndarray], object]]] = {
    "napari-sbd, fast": lambda: ours("fast"),
    "napari-sbd, best": lambda: ours("best"),
    f"movie of {FRAMES} frames": lambda: movie(neighbours=False),
    f"movie of {FRAMES} frames, MRC to Zarr": streamed,
    f"movie of {FRAMES} frames, neighbours": lambda: movie(neighbours=True),
    "GainTuning": tuned,
    "Anscombe + BM3D, 8 x 8 binned": bm3d,
    "plain U-Net, 6 scales, 128 channels": large_unet,
}


def measure(case: str, size: int, threads: int, repeats: int) -> None:
    """Run one case in this process and print its figures as JSON."""
    import torch

    torch.set_num_threads(threads)
    run, times = CASES[case](), []
    for i in range(repeats + 1):
        image = frame(size, i)
        times.append(_seconds(run, image)[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": statistics.median(times[1:]), "gigabytes": peak}))


def serve(case: str, size: int, threads: int) -> None:
    """Denoise a frame for every line of the input; print wall and processor time and the peak."""
    import torch

    torch.set_num_threads(threads)
    run = CASES[case]()
    for i, _ in enumerate(sys.stdin):
        spent = _seconds(run, frame(size, i))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(json.dumps([*spent, peak]), flush=True)


def _seconds(run: Callable[[np.ndarray], object], image: np.ndarray) -> tuple[float, float]:
    wall, processor_time = time.perf_counter(), time.process_time()
    run(image)
    return time.perf_counter() - wall, time.process_time() - processor_time


def compare(other: Path, options: argparse.Namespace) -> str:
    """A table of both versions, from frames denoised in turns."""
    here = Path(__file__).resolve().parents[1]
    lines = [
        f"{options.size} x {options.size} pixels, {options.threads} threads, {processor()}; "
        f"median of {options.repeats} frames each, taken in turns:",
        "",
        "| method | wall time [s] | before | ratio | processor time [s] | before | ratio | "
        "peak [GB] | before |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    ours = [c for c in CASES if "BM3D" not in c and "U-Net" not in c]
    for case in [options.case] if options.case else ours:
        workers = [_start(folder, case, options) for folder in (here, other.resolve())]
        rounds = [[_ask(worker) for worker in workers] for _ in range(options.repeats + 1)][1:]
        for worker in workers:
            worker.communicate()
        new, old = np.median(rounds, 0)
        cells = [f"{v:.3f}" for n, o in zip(new[:2], old[:2], strict=True) for v in (n, o, o / n)]
        lines.append(f"| {case} | {' | '.join(cells)} | {new[2]:.2f} | {old[2]:.2f} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def _start(folder: Path, case: str, options: argparse.Namespace) -> subprocess.Popen[str]:
    numbers = ["--size", str(options.size), "--threads", str(options.threads)]
    return subprocess.Popen(
        [sys.executable, __file__, "--case", case, "--serve", *numbers],
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _ask(worker: subprocess.Popen[str]) -> list[float]:
    assert worker.stdin and worker.stdout
    print("next", file=worker.stdin, flush=True)
    answer: list[float] = json.loads(worker.stdout.readline())
    return answer


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="pixels along a side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--case", choices=list(CASES), help="one method, in this process")
    parser.add_argument("--against", type=Path, help="folder of another version's checkout")
    parser.add_argument("--serve", action="store_true", help="a frame for every line of the input")
    options = parser.parse_args()
    if options.serve:
        serve(options.case, options.size, options.threads)
        return
    if options.against:
        text = compare(options.against, options)
        print("\n" + text)
        if options.out:
            options.out.write_text(text + "\n")
        return
    if options.case:
        measure(options.case, options.size, options.threads, options.repeats)
        return
    cases = [c for c in CASES if "BM3D" not in c or find_spec("bm3d")]
    rows = []
    for case in cases:
        repeats = 1 if "U-Net" in case else options.repeats
        numbers = ["--size", str(options.size), "--threads", str(options.threads)]
        numbers += ["--repeats", str(repeats)]
        command = [sys.executable, __file__, "--case", case, *numbers]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        rows.append(f"| {case} | {figures['seconds']:.3f} | {figures['gigabytes']:.2f} |")
        print(rows[-1], flush=True)
    head = f"{options.size} x {options.size} pixels, {options.threads} threads, {processor()}:\n\n"
    text = head + "| method | wall time [s] | peak memory [GB] |\n|---|---|---|\n" + "\n".join(rows)
    print("\n" + text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
