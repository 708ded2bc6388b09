"""Cost of the datasets: images per hour and core, and what all of a preset would take.

    python benchmarks/simulate.py [--preset sbd-ptceo2] [--images 1000] [--out TABLE.md]
    python benchmarks/simulate.py --images 17955 --workers 2 --folder FOLDER

makes a dataset, in a temporary folder unless another is named, and prints wall time, processor time
of all processes, peak memory and size on disk. What a larger number of images takes is extrapolated
from the processor time. Wall times count only on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from _machine import processor
from napari_sbd.simulation.library_writer import Summary, write_library

WHOLE = {"sbd-ptceo2": 17955, "hrtem": 2000, "stem": 2000}


def processor_seconds() -> float:
    """Time that this process and its ended children have computed."""
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(folder: Path, options: argparse.Namespace) -> str:
    """Make the dataset and describe its cost as rows of a table."""
    wall, computed = time.perf_counter(), processor_seconds()
    done: Summary = write_library(
        folder,
        options.preset,
        images=options.images,
        workers=options.workers,
        progress=lambda i, n: print(f"\r{i} of {n} exit waves", end="", file=sys.stderr),
    )
    wall, computed = time.perf_counter() - wall, processor_seconds() - computed
    if done.made < done.waves:
        raise SystemExit(f"{folder} held images already; give an empty folder")
    size = sum(path.stat().st_size for path in folder.rglob("*.*"))
    peak = max(
        resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    whole = WHOLE[options.preset] / done.images
    made = f"{done.images} images of {done.waves} exit waves"
    rows = [
        ("preset", f"{options.preset}, {made}, {options.workers} worker(s)"),
        ("processor", f"{processor()}, {os.cpu_count()} cores"),
        ("wall time", f"{wall:.0f} s"),
        ("processor time", f"{computed:.0f} s, {computed / done.images * 1e3:.0f} ms an image"),
        ("images per hour and core", f"{3600 * done.images / computed:,.0f}"),
        ("size on disk", f"{size / 1e6:.0f} MB"),
        ("peak memory of one process", f"{peak / 1024:.0f} MB"),
        (
            f"all {WHOLE[options.preset]:,} images" + ("" if whole == 1 else ", extrapolated"),
            f"{computed * whole / 60:.0f} minutes of one core, {size * whole / 1e9:.2f} GB",
        ),
    ]
    return "\n".join(f"| {name} | {value} |" for name, value in rows)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=list(WHOLE), default="sbd-ptceo2")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the dataset here")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        table = "| | |\n|---|---|\n" + measure(options.folder or Path(temporary), options)
    print("\n" + table)
    if options.out:
        options.out.write_text(table + "\n")


if __name__ == "__main__":
    main()
