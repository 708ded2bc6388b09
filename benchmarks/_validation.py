"""Noisy images with known truth, for the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

VACUUM_DOSE = 0.45  # electrons per pixel


def load(folder: Path) -> list[tuple[str, np.ndarray, float]]:
    """(name, clean image in electrons per pixel, pixel size in nm) of every .npz with its .json."""
    cases = []
    for path in sorted(folder.glob("*.npz")):
        facts = json.loads(path.with_suffix(".json").read_text())
        clean = np.load(path)["image"].astype(np.float32) * VACUUM_DOSE
        cases.append((path.stem, clean, float(facts["pixel_nm"])))
    if not cases:
        raise SystemExit(f"No .npz images with .json facts in {folder}.")
    return cases


def noisy(clean: np.ndarray, seed: int) -> np.ndarray:
    """Poisson counts of a clean image."""
    return np.random.default_rng(seed).poisson(clean).astype(np.float32)


def psnr(estimate: np.ndarray, clean: np.ndarray, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio [dB], not clipped."""
    return float(10 * np.log10(peak**2 / np.mean((estimate - clean) ** 2)))
