"""Exit waves by FFT multislice in torch (Cowley & Moodie 1957; Kirkland, ch. 6)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .crystals import Atoms
from .scattering import interaction, projected_potential, wavelength

GRID_SAMPLING = 0.12  # Å, of the multislice grid
STORED_BANDLIMIT = 1.4  # 1/Å: beyond any aperture that we simulate
_VIBRATION = {"Pt": 0.07, "Au": 0.08, "Ce": 0.07, "O": 0.08, "C": 0.08}  # rms displacement [Å]


def exit_wave(
    atoms: Atoms, box: float, kilovolt: float = 300.0, slice_thickness: float = 5.0
) -> np.ndarray:
    """Propagate a plane wave through a model.

    Parameters
    ----------
    atoms
        Positions in Å inside ``[0, box]`` along x and y.
    box
        Side of the periodic field [Å].
    kilovolt
        Accelerating voltage [kV].
    slice_thickness
        Å; 5 Å differs from 1 Å by less than the usual grid error.

    Returns
    -------
    (n, n) complex64 array, rows along y, incident intensity 1, sampled so that it holds the
    spatial frequencies below ``STORED_BANDLIMIT``; focused on the exit surface.
    """
    import torch

    n = _fft_size(box / GRID_SAMPLING)
    k = torch.fft.fftfreq(n, box / n)
    k2 = k[:, None] ** 2 + k[None] ** 2
    bandlimit = (k2 < (n / box / 3) ** 2).float()
    # sinc^2 undoes the bilinear spreading of atoms over grid points
    spread = torch.sinc(k * box / n) ** 2
    spread2 = spread[:, None] * spread[None]
    radius = torch.sqrt(k2)
    forms: dict[str, Any] = {}
    for element in np.unique(atoms.elements):
        form = torch.from_numpy(projected_potential(str(element), radius.numpy())).float()
        u = _VIBRATION.get(str(element), 0.075)
        form = form * torch.exp(-2 * math.pi**2 * u**2 * k2) / spread2 * bandlimit
        forms[str(element)] = form[:, : n // 2 + 1] * (n / box) ** 2

    z = atoms.positions[:, 2] - atoms.positions[:, 2].min()
    count = max(1, math.ceil(z.max() / slice_thickness))
    index = np.minimum((z / max(z.max(), 1e-9) * count).astype(int), count - 1)
    step = max(z.max(), 1e-9) / count
    propagator = torch.exp(-1j * math.pi * wavelength(kilovolt) * step * k2) * bandlimit
    sigma = interaction(kilovolt)
    wave = torch.ones(n, n, dtype=torch.complex64)
    for layer in range(count):
        here = atoms.select(index == layer)
        if len(here):
            spectrum = sum(
                torch.fft.rfft2(_scatter(here.positions[here.elements == e], n, box)) * form
                for e, form in forms.items()
                if (here.elements == e).any()
            )
            phase = sigma * torch.fft.irfft2(spectrum, s=(n, n))
            wave = wave * torch.polar(torch.ones_like(phase), phase)
        wave = torch.fft.ifft2(torch.fft.fft2(wave) * propagator)
    # the last slice's atoms sit in its middle: go back by half a slice to the exit surface
    spectrum = torch.fft.fft2(wave) * torch.exp(1j * math.pi * wavelength(kilovolt) * step / 2 * k2)
    half = math.ceil(STORED_BANDLIMIT * box)
    keep = torch.cat([torch.arange(half), torch.arange(n - half, n)])
    small = spectrum[keep][:, keep] * (2 * half / n) ** 2
    return torch.fft.ifft2(small).to(torch.complex64).numpy()


def _fft_size(least: float) -> int:
    """Smallest even number >= ``least`` with no prime factor above 5."""
    n = math.ceil(least)
    while True:
        rest = n
        for p in (2, 3, 5):
            while rest % p == 0:
                rest //= p
        if rest == 1 and n % 2 == 0:
            return n
        n += 1


def _scatter(positions: np.ndarray, n: int, box: float) -> Any:
    """Bilinear density of atoms on the periodic grid, rows along y."""
    import torch

    grid = torch.from_numpy(np.ascontiguousarray(positions[:, 1::-1] / (box / n))).float()
    base = grid.floor().long()
    frac = grid - base
    density = torch.zeros(n * n)
    for dy in (0, 1):
        for dx in (0, 1):
            wy = frac[:, 0] if dy else 1 - frac[:, 0]
            wx = frac[:, 1] if dx else 1 - frac[:, 1]
            density.index_add_(0, ((base[:, 0] + dy) % n) * n + (base[:, 1] + dx) % n, wy * wx)
    return density.view(n, n)
