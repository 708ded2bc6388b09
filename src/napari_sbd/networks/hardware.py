"""Where a network runs, and in which precision."""

from __future__ import annotations

import contextlib
import platform
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path

import torch

from ..errors import SBDError


def resolve_device(name: str = "auto") -> torch.device:
    """Choose a device.

    Parameters
    ----------
    name
        ``"auto"`` (CUDA, then MPS, then CPU), or a torch device such as ``"cuda:1"``.

    Raises
    ------
    SBDError
        If there is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise SBDError(f"Unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps.") from None
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if (device.index or 0) >= counts.get(device.type, 0):
        found = ", ".join(kind for kind, n in counts.items() if n)
        raise SBDError(f"The device {name!r} is not there; this machine has: {found}.")
    return device


@lru_cache
def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself (elsewhere it is slower than float32)."""
    return bool({"amx_bf16", "avx512_bf16"} & _cpu_flags())


@lru_cache
def minimal_filtering_pays() -> bool:
    """Whether products are so dear on the processor that sums in their place save time.

    So it is with the vector units of x86; matrix units (AMX) are fed too slowly by the sums.
    """
    return platform.machine() in ("x86_64", "AMD64") and "amx_bf16" not in _cpu_flags()


@lru_cache
def fused_attention_pays() -> bool:
    """Whether PyTorch's fused attention is faster on the processor than products in parts.

    So it is with matrix units (AMX), threefold at bfloat16; elsewhere it takes twice as long.
    """
    return "amx_bf16" in _cpu_flags()


@lru_cache
def _cpu_flags() -> frozenset[str]:
    try:
        return frozenset(Path("/proc/cpuinfo").read_text("utf-8").split())
    except (OSError, ValueError):
        return frozenset()  # not Linux


def precision(device: torch.device) -> torch.dtype:
    """The fastest precision that the device really supports."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device)[0] >= 8  # older GPUs emulate bfloat16
        return torch.bfloat16 if native else torch.float16
    if device.type == "cpu" and cpu_has_bf16():
        return torch.bfloat16
    return torch.float32


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Context in which a network runs in ``precision(device)``."""
    dtype = precision(device)
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)
