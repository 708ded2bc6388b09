"""Frames per second, shares of the time, and memory of ``denoise_file`` from MRC to Zarr.

    python benchmarks/streaming.py speed [--frames 72] [--folder FOLDER]
    python benchmarks/streaming.py memory [--frames 100 5000] [--folder FOLDER]

``speed`` denoises a movie of 1024 x 1024 frames of 6 pm pixels with the bundled model; processor
time is counted in each step. ``memory`` passes sparse movies through a network that is all but
free, each in a process of its own, and prints peak memory and open files.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from _machine import processor

SIZE, PIXEL_SIZE = 1024, 0.006


def movie(path: Path, frames: int) -> None:
    """Poisson counts of a lattice at 0.45 electrons per pixel."""
    import napari_sbd as sbd

    y, x = (a * (2 * np.pi * PIXEL_SIZE / 0.25) for a in np.ogrid[:SIZE, :SIZE])
    truth = 0.45 * (1 + 0.3 * np.cos(y) * np.cos(x))
    rng = np.random.default_rng(0)
    data = np.stack([rng.poisson(truth).astype(np.float32) for _ in range(frames)])
    sbd.write(sbd.Micrograph(data, PIXEL_SIZE, 0.0025, gain=1.0), path)


def sparse_movie(path: Path, frames: int) -> None:
    """A few counts in each frame and holes of the file between them."""
    import napari_sbd as sbd

    template = sbd.Micrograph(np.zeros((1, SIZE, SIZE), np.float32), PIXEL_SIZE)
    sbd.write(template, path)
    counts = np.random.default_rng(0).poisson(1, (16, SIZE)).astype(np.float32)
    with path.open("rb+") as file:
        file.seek(8)
        file.write(np.int32(frames).tobytes())
        start = path.stat().st_size - 4 * SIZE**2
        for i in range(frames):
            file.seek(start + i * 4 * SIZE**2)
            file.write(counts.tobytes())
        file.truncate(start + frames * 4 * SIZE**2)


def free_model(folder: Path) -> Path:
    """A network of few weights that gives the mean."""
    import torch

    from napari_sbd.networks import find_model, save_model
    from napari_sbd.networks.unet import UNet

    network = UNet(widths=(8,), depths=(1,), non_local=0)
    torch.nn.init.zeros_(network.exit.weight)
    card = find_model("hrtem").model_copy(
        update={"name": "free", "architecture": {**network.architecture}}
    )
    return save_model(network, card, folder)


class Clock:
    """Processor time of functions, each thread's own."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def watch(self, owner: Any, name: str, label: str) -> None:
        """Count the time in a function of a module or class."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                with self._lock:
                    self.seconds[label] += time.thread_time() - began

        setattr(owner, name, timed)


def speed(folder: Path, frames: int) -> None:
    """Print frames per second and where the processor time goes."""
    import torch

    from napari_sbd import denoise_file, sampling
    from napari_sbd.networks import tiling
    from napari_sbd.streaming.steps import Steps

    source, target = folder / "movie.mrc", folder / "out.zarr"
    movie(source, frames)
    denoise_file(source, target, frames=slice(0, 2))  # libraries are loaded, weights as well
    clock, marks = Clock(), []
    clock.watch(Steps, "read", "reading")
    clock.watch(Steps, "compute", "denoising")
    clock.watch(Steps, "write", "writing")
    clock.watch(tiling, "run", "  of it the network")
    clock.watch(sampling, "bin_counts", "  of it summing blocks")
    clock.watch(sampling, "upsample", "  of it upsampling")
    began, used = time.perf_counter(), time.process_time()
    marks.append(began)
    denoise_file(source, target, progress=lambda *_: marks.append(time.perf_counter()))
    wall, used = time.perf_counter() - began, time.process_time() - used
    # the network chooses the model before the first frame: a part of each run, not of each frame
    steady = (len(marks) - 5) / (marks[-1] - marks[4])
    print(f"{frames} frames, {torch.get_num_threads()} threads, {processor()}")
    print(f"{frames / wall:.2f} frames/s in all ({wall:.1f} s), {steady:.2f} once it runs")
    print(f"{used / wall:.2f} cores busy, {1000 * used / frames:.0f} ms of a processor for a frame")
    steps = sum(clock.seconds[step] for step in ("reading", "denoising", "writing"))
    clock.seconds["Zarr's own threads, and the beginning"] = used - steps
    for label, seconds in clock.seconds.items():
        print(f"| {label} | {1000 * seconds / frames:.1f} ms | {100 * seconds / used:.0f} % |")


def memory_of_one(folder: Path, frames: int) -> None:
    """Denoise a sparse movie in this process and print its figures as JSON."""
    from napari_sbd import denoise_file

    source, files = folder / f"{frames}.mrc", []
    sparse_movie(source, frames)
    model = free_model(folder)
    began = time.perf_counter()
    denoise_file(
        source,
        folder / f"{frames}.zarr",
        model=model,
        progress=lambda *_: files.append(len(os.listdir("/proc/self/fd"))),
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fps = frames / (time.perf_counter() - began)
    print(json.dumps({"peak": peak, "files": [max(files[:50]), max(files)], "fps": fps}))


def memory(folder: Path, counts: list[int]) -> None:
    """Print peak memory and open files for movies of several lengths."""
    print("| frames | peak memory [MB] | open files, first 50 frames and all | frames/s |")
    for frames in counts:
        command = [sys.executable, __file__, "one", "--frames", str(frames), "--folder", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
        first, all_ = told["files"]
        print(
            f"| {frames} | {told['peak']:.0f} | {first}, {all_} | {told['fps']:.1f} |", flush=True
        )
        shutil.rmtree(folder / f"{frames}.zarr")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["speed", "memory", "one"])
    parser.add_argument("--frames", type=int, nargs="+")
    parser.add_argument(
        "--folder", type=Path, help="where the movies go; a temporary one if absent"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        if options.what == "speed":
            speed(folder, (options.frames or [72])[0])
        elif options.what == "memory":
            memory(folder, options.frames or [100, 5000])
        else:
            memory_of_one(options.folder, options.frames[0])


if __name__ == "__main__":
    main()
