"""Damaged files: never a hang, never much memory, never another error than ours.

    python benchmarks/fuzz.py FOLDER [--cases 2000] [--seed 0] [--out TABLE.md]

FOLDER holds microscope files. Of every format there, that many damaged copies are made and read,
first and last frame included: bytes and whole numbers overwritten (most of them in the header or
at the end, where formats keep their tables), parts cut out, doubled or cut off. Reading happens in
another process under a limit of 2 GB of memory and 10 s; one that dies is counted.
"""

from __future__ import annotations

import argparse
import resource
import signal
import struct
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np

MEMORY, SECONDS = 2 * 10**9, 10
LARGEST = 6 * 10**6  # bytes of a file that is worth copying thousands of times
EXTREMES = (0, 1, -1, 2**15, 2**30, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**62))
COMPRESSED = (".gz", ".bz2")
END = 4096  # bytes at both ends where most of the damage is done


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A copy with one to four injuries, drawn at random."""
    result = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not result:
            break
        place = _place(len(result), rng)
        kind = rng.integers(12)
        if kind <= 4:
            result[place] = int(rng.integers(256))
        elif kind <= 8:
            part = _extreme(rng)
            result[place : place + len(part)] = part
        elif kind == 9:
            result[place : place + int(rng.integers(1, 64))] = rng.bytes(int(rng.integers(1, 64)))
        elif kind == 10:
            length = int(rng.integers(1, 64))
            del result[place : place + length]
        else:
            del result[int(rng.integers(len(result))) :]
    return bytes(result)


def _extreme(rng: np.random.Generator) -> bytes:
    """A whole number at a limit of its type, in either byte order."""
    code, size = (("h", 2), ("i", 4), ("q", 8))[int(rng.integers(3))]
    top = 2 ** (8 * size - 1)
    number = int(np.clip(EXTREMES[int(rng.integers(len(EXTREMES)))], -top, top - 1))
    return struct.pack("<>"[int(rng.integers(2))] + code, number)


def _place(size: int, rng: np.random.Generator) -> int:
    where = rng.random()
    if where < 0.6:
        return int(rng.integers(min(END, size)))
    if where < 0.8:
        return size - 1 - int(rng.integers(min(END, size)))
    return int(rng.integers(size))


def look(path: str) -> tuple[str, float]:
    """Read a file and its outer frames; what came of it, and seconds."""
    from napari_sbd.errors import SBDError, in_words
    from napari_sbd.io import read
    from napari_sbd.micrograph.frames import finite_or_nan

    signal.signal(signal.SIGALRM, _late)
    signal.alarm(SECONDS)
    began = time.perf_counter()
    try:
        with in_words():
            m = read(path)
            for frame in (m.data[0], m.data[-1]) if m.is_movie else (m.data,):
                finite_or_nan(frame)
        what = "read"
    except SBDError:
        what = "refused"
    except _Hung:
        what = "HUNG"
    except Exception as error:  # noqa: BLE001 - whatever else a reader may raise is the finding
        what = f"OTHER: {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return what, time.perf_counter() - began


def worker() -> ProcessPoolExecutor:
    """One process under the limits."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=limit)


def limit() -> None:
    """Bound the memory of this process; what takes long to import counts against no file."""
    import dask.array  # noqa: F401

    import napari_sbd.io  # noqa: F401

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class _Hung(BaseException):
    """Not an error that a reader could catch and put in words."""


def _late(*_: object) -> None:
    raise _Hung


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=2000, help="of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="suffixes, such as .emd")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    files: dict[str, list[Path]] = {}
    for path in sorted(options.folder.iterdir()):
        if path.suffix in (".md", ".txt") or path.stat().st_size > LARGEST or path.is_dir():
            continue
        suffix = path.suffix.lower()
        if suffix in COMPRESSED:
            suffix = Path(path.stem).suffix.lower() + suffix
        if options.only and suffix not in options.only:
            continue
        files.setdefault(suffix, []).append(path)
    lines = ["| format | cases | read | refused | hung | died | other | slowest [s] |"]
    lines.append("|" + "---|" * 8)
    for suffix, paths in files.items():
        count, slowest = _fuzz(suffix, paths, options.cases, options.seed)
        cells = [count[k] for k in ("read", "refused", "HUNG", "DIED", "OTHER")]
        row = [suffix, options.cases, *cells, f"{slowest:.2f}"]
        lines.append("| " + " | ".join(map(str, row)) + " |")
        print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


def _fuzz(suffix: str, paths: list[Path], cases: int, seed: int) -> tuple[Counter[str], float]:
    contents = [path.read_bytes() for path in paths]
    count: Counter[str] = Counter()
    slowest = 0.0
    pool = worker()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, f"damaged_000{suffix}")  # as TVIPS names its first part
        for case in range(cases):
            rng = np.random.default_rng([seed, case])
            target.write_bytes(damaged(contents[case % len(contents)], rng))
            try:
                what, seconds = pool.submit(look, str(target)).result(2 * SECONDS)
            except BrokenProcessPool:
                what, seconds, pool = "DIED", 0.0, worker()
            except FutureTimeout:
                # in the code of a library, which no signal interrupts
                for process in list(pool._processes.values()):
                    process.kill()
                what, seconds, pool = "HUNG", 2.0 * SECONDS, worker()
            slowest = max(slowest, seconds)
            count[what.split(":")[0]] += 1
            if what.isupper() or what.startswith("OTHER"):
                print(f"  {paths[case % len(paths)].name}, case {case}: {what}", flush=True)
    pool.shutdown()
    return count, slowest


if __name__ == "__main__":
    main()
