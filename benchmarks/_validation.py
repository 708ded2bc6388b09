"""Noisy images with known truth, for the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

VACUUM_DOSE = 0.45  # electrons per pixel


def load(folder: Path, most: int = 12) -> list[tuple[str, np.ndarray, float]]:
    """(name, clean image in electrons per pixel, pixel size in nm) of every image of a folder.

    The folder holds .npz with .json, or is a dataset of ``napari-sbd simulate sbd-ptceo2``: then at
    most ``most`` bright and intermediate images of the test split are taken, spread evenly.
    """
    if (folder / "metadata.csv").exists():
        return _of_dataset(folder, most)
    cases = []
    for path in sorted(folder.glob("*.npz")):
        facts = json.loads(path.with_suffix(".json").read_text())
        clean = np.load(path)["image"].astype(np.float32) * VACUUM_DOSE
        cases.append((path.stem, clean, float(facts["pixel_nm"])))
    if not cases:
        raise SystemExit(f"No .npz images with .json facts in {folder}.")
    return cases


def _of_dataset(folder: Path, most: int) -> list[tuple[str, np.ndarray, float]]:
    from napari_sbd.simulation.library import Library

    library = Library(folder)
    rows = [
        i
        for i, row in enumerate(library.rows)
        if row["split"] == "test" and row["contrast"] in ("white", "intermediate")
    ]
    chosen = np.unique(np.linspace(0, len(rows) - 1, most).astype(int))
    return [
        (
            f"{library.rows[rows[k]]['model']} {library.rows[rows[k]]['defocus_nm']:g} nm",
            library.read_image(rows[k], dose=VACUUM_DOSE).astype(np.float32),
            library.rows[rows[k]]["pixel_nm"],
        )
        for k in chosen
    ]


def noisy(clean: np.ndarray, seed: int) -> np.ndarray:
    """Poisson counts of a clean image."""
    return np.random.default_rng(seed).poisson(clean).astype(np.float32)


def psnr(estimate: np.ndarray, clean: np.ndarray, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio [dB], not clipped."""
    return float(10 * np.log10(peak**2 / np.mean((estimate - clean) ** 2)))
