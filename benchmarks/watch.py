"""A simulated camera writes a growing stack, and a watch denoises it meanwhile.

    python benchmarks/watch.py [--seconds 60] [--rate 10] [--size 1024]
                               [--skip] [--preview] [--kill]

prints how many frames came through and how often, whether each result is that of its own frame,
the delay of the frames that were the newest when they were taken, and memory at the beginning and
at the end. With ``--kill`` the watch is killed in the middle and begun again.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import napari_sbd as sbd

PIXEL = 0.006


def scene(size: int) -> np.ndarray:
    y, x = np.indices((size, size)) * 2 * np.pi * PIXEL / 0.25
    return 0.45 * (1 + 0.4 * np.cos(y) * np.cos(x))


def camera(path: Path, count: int, rate: float, size: int) -> None:
    """Write frames of which the first pixel tells the number."""
    rng = np.random.default_rng(0)
    drawn = [rng.poisson(scene(size)).astype(np.int16) for _ in range(3)]
    first = path.with_suffix(".first.mrc")
    sbd.write(sbd.Micrograph(np.stack(drawn[:2]), PIXEL), first)
    head = first.read_bytes()[: -2 * drawn[0].nbytes]
    first.unlink()
    began = time.monotonic()
    with path.open("wb") as file:
        file.write(head)
        for k in range(count):
            frame = drawn[k % len(drawn)].copy()
            frame[0, :2] = k & 255, k >> 8
            half = frame.nbytes // 2
            file.write(frame.tobytes()[:half])
            file.flush()
            time.sleep(max(0.0, began + (k + 1) / rate - time.monotonic()))
            file.write(frame.tobytes()[half:])
            file.flush()


def resident_mb(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--skip", action="store_true")
    parser.add_argument("--preview", action="store_true")
    parser.add_argument("--kill", action="store_true")
    wanted = parser.parse_args()
    count = int(wanted.seconds * wanted.rate)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "movie.mrc"), Path(folder, "out")
        writer = get_context("spawn").Process(
            target=camera, args=(path, count, wanted.rate, wanted.size)
        )
        words = [sys.executable, "-c", "from napari_sbd.cli import main; main()", "watch"]
        words += [str(path), "-o", str(out), "--gain", "1", "--idle", "60"]
        words += ["--skip"] * wanted.skip + ["--preview"] * wanted.preview
        watch = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        time.sleep(5)  # the program starts before the camera does
        writer.start()
        memory, began = [], time.monotonic()
        while watch.poll() is None:
            memory.append(resident_mb(watch.pid))
            time.sleep(1)
            if wanted.kill and time.monotonic() - began > wanted.seconds / 2:
                wanted.kill = False
                watch.kill()
                watch.wait()
                watch = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        writer.join()
        with (out / "watch.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    numbers = [int(row["frame"]) for row in rows]
    fates = [row["fate"] for row in rows]
    delays = np.array([float(row["delay_s"]) for row in rows if row["output"]])
    order = np.array([int(row["frame"]) for row in rows if row["output"]])
    live = delays[order == np.maximum.accumulate(order)]  # newer than all before
    print(f"{count} frames of {wanted.size} x {wanted.size} at {wanted.rate:g} per second")
    print(
        f"in the journal {len(rows)}, missing {count - len(set(numbers))}, "
        f"twice {len(numbers) - len(set(numbers))}"
    )
    print({fate: fates.count(fate) for fate in sorted(set(fates))})
    print(
        f"delay of the {len(live)} frames that were the newest: "
        f"median {np.median(live):.2f} s, 95 % {np.quantile(live, 0.95):.2f} s"
    )
    print(
        f"memory {memory[len(memory) // 4]:.0f} MB after a quarter of the time, "
        f"{memory[-2]:.0f} MB at the end, at most {max(memory):.0f} MB"
    )


if __name__ == "__main__":
    main()
