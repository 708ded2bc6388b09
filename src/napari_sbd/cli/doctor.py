"""Whether this installation works: versions, devices, models, a short self-test."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from ..errors import SBDError

_PACKAGES = ("napari-sbd", "torch", "numpy", "scipy", "napari", "pyqt6", "pyside6", "rosettasciio")


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``ok`` is None where nothing can be wrong."""

    subject: str
    text: str
    ok: bool | None = None


def examine() -> Iterator[Finding]:
    """Yield the findings one by one, since loading torch takes a moment."""
    yield Finding("Python", f"{platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        try:
            yield Finding(package, version(package))
        except PackageNotFoundError:
            yield Finding(package, "not installed")
    yield from _devices()
    yield from _models()
    yield _self_test()


def _devices() -> Iterator[Finding]:
    import torch

    from ..networks.hardware import precision, resolve_device

    if torch.version.cuda is None:
        yield Finding("CUDA", "this build of torch is for the CPU only")
    elif not torch.cuda.is_available():
        yield Finding("CUDA", f"torch is built for CUDA {torch.version.cuda}, but no GPU is usable")
    else:
        for i in range(torch.cuda.device_count()):
            yield Finding(f"cuda:{i}", torch.cuda.get_device_name(i), True)
    used = resolve_device("auto")
    kind = str(precision(used)).removeprefix("torch.")
    try:
        torch.ones(8, 8, device=used, dtype=precision(used)).square().sum().item()
    except RuntimeError as error:
        yield Finding("device", f"{used} does not compute: {str(error).splitlines()[0]}", False)
    else:
        yield Finding("device", f"{used} in {kind}, {torch.get_num_threads()} CPU threads", True)


def _models() -> Iterator[Finding]:
    from ..networks import load_network, models

    cards = models()
    if not cards:
        yield Finding("models", "no model is bundled; install the package again", False)
    for card in cards:
        try:
            load_network(card, "cpu")
        except SBDError as error:
            yield Finding(f"model {card.name}", str(error), False)
        else:
            yield Finding(f"model {card.name}", f"version {card.version}, checksum right", True)


def _self_test() -> Finding:
    """Denoise a lattice of known truth; the result must be nearer to it than the noisy image."""
    from ..denoise import denoise

    y, x = np.mgrid[:256, :256] / 40
    truth = 4 * (1 + 0.3 * np.cos(2 * np.pi * y) * np.cos(2 * np.pi * x))
    counts = np.random.default_rng(0).poisson(truth)
    try:
        denoise(counts, pixel_size=0.0061)  # the first run also loads what is needed
        start = time.perf_counter()
        result = denoise(counts, pixel_size=0.0061)
    except SBDError as error:
        return Finding("self-test", str(error), False)
    seconds = time.perf_counter() - start
    gain = 10 * np.log10(np.mean((counts - truth) ** 2) / np.mean((result - truth) ** 2))
    text = f"256 x 256 pixels in {seconds:.2f} s, {gain:.1f} dB better than the raw image"
    return Finding("self-test", text, bool(gain > 10))
