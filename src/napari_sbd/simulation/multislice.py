"""Exit waves by FFT multislice in torch (Cowley & Moodie 1957; Kirkland, ch. 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import stop_if_asked
from . import memory
from .crystals import Atoms
from .scattering import interaction, projected_potential, vibration, wavelength

GRID_SAMPLING = 0.12  # Å, of the multislice grid
STORED_BANDLIMIT = 1.4  # 1/Å: beyond any aperture that we simulate
_BYTES_PER_POINT = 120  # of the multislice grid and model, measured


def exit_wave(
    atoms: Atoms,
    box: float,
    kilovolt: float = 300.0,
    slice_thickness: float = 5.0,
    device: str = "cpu",
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
    device
        Torch device to compute on.

    Returns
    -------
    (n, n) complex64 array, rows along y, incident intensity 1, sampled so that it holds the
    spatial frequencies below ``STORED_BANDLIMIT``; focused on the exit surface.

    Raises
    ------
    SBDError
        If the box needs more memory than the machine has, or an element is unknown.
    """
    result: np.ndarray = exit_waves([atoms], box, kilovolt, slice_thickness, device)[0]
    return result


def exit_waves(
    models: Sequence[Atoms],
    box: float,
    kilovolt: float = 300.0,
    slice_thickness: float = 5.0,
    device: str = "cpu",
) -> np.ndarray:
    """Propagate a plane wave through several models of one box at once.

    The parameters are those of ``exit_wave``, and so is each wave, whatever its companions.

    Returns
    -------
    (models, n, n) complex64 array.

    Raises
    ------
    SBDError
        If the box needs more memory than the machine has, or an element is unknown.
    """
    import torch

    n = _fft_size(box / GRID_SAMPLING)
    memory.require(
        _BYTES_PER_POINT * n * n * len(models),
        f"A simulated field of {box / 10:.1f} nm",
        "make the field smaller",
    )
    k = torch.fft.fftfreq(n, box / n)
    k2 = k[:, None] ** 2 + k[None] ** 2
    bandlimit = (k2 < (n / box / 3) ** 2).float()
    forms = {
        element: (_form(element, k2[:, : n // 2 + 1].numpy(), box, n)).to(device)
        for element in sorted({str(e) for atoms in models for e in np.unique(atoms.elements)})
    }
    depths = [atoms.positions[:, 2] - atoms.positions[:, 2].min(initial=0) for atoms in models]
    thickness = np.array([max(z.max(initial=0), 1e-9) for z in depths])
    counts = np.maximum(1, np.ceil(thickness / slice_thickness)).astype(int)
    layers = [
        np.minimum((z / t * count).astype(int), count - 1)
        for z, t, count in zip(depths, thickness, counts, strict=True)
    ]
    path = torch.from_numpy(thickness / counts)[:, None, None] * wavelength(kilovolt) * math.pi
    turn = path.float() * k2
    propagator = torch.polar(bandlimit.expand_as(turn), -turn).to(device)
    sigma = interaction(kilovolt)
    wave = torch.ones(len(models), n, n, dtype=torch.complex64, device=device)
    for layer in range(counts.max()):
        stop_if_asked()
        active = np.flatnonzero(counts > layer).tolist()
        here = [models[i].select(layers[i] == layer) for i in active]
        moving, spectrum = wave[active], None
        for element, form in forms.items():
            positions = [a.positions[a.elements == element] for a in here]
            if any(len(p) for p in positions):
                density = torch.stack([deposit(p, n, box) for p in positions])
                part = torch.fft.rfft2(density.to(device)) * form
                spectrum = part if spectrum is None else spectrum + part
        if spectrum is not None:
            phase = sigma * torch.fft.irfft2(spectrum, s=(n, n))
            moving = moving * torch.polar(torch.ones_like(phase), phase)
        wave[active] = torch.fft.ifft2(torch.fft.fft2(moving) * propagator[active])
    half = math.ceil(STORED_BANDLIMIT * box)
    keep = torch.cat([torch.arange(half), torch.arange(n - half, n)])
    small = torch.fft.fft2(wave).cpu()[:, keep[:, None], keep]
    # the last slice's atoms sit in its middle: go back by half a slice to the exit surface
    back = turn[:, keep[:, None], keep] / 2
    small = small * torch.polar(torch.full_like(back, (2 * half / n) ** 2), back)
    result: np.ndarray = torch.fft.ifft2(small).to(torch.complex64).numpy()
    return result


def _form(element: str, k2: np.ndarray, box: float, n: int) -> Any:
    """Projected potential of a vibrating atom on the grid, less the spreading of ``deposit``."""
    import torch

    radius = np.sqrt(k2)
    fine = np.linspace(0, radius.max(), 4096)
    damped = projected_potential(element, fine) * np.exp(
        -2 * math.pi**2 * vibration(element) ** 2 * fine**2
    )
    form = np.where(radius < n / box / 3, np.interp(radius, fine, damped), 0) * (n / box) ** 2
    return torch.from_numpy(form / spreading(n)).float()


def deposit(positions: np.ndarray, n: int, box: float, weight: np.ndarray | None = None) -> Any:
    """Bilinear density of atoms on a periodic grid.

    Parameters
    ----------
    positions
        (N, >= 2) x, y [Å].
    n
        Points along a side.
    box
        Side of the field [Å].
    weight
        (N,) of each atom; 1 by default.

    Returns
    -------
    (n, n) float32 torch tensor, rows along y.
    """
    import torch

    grid = torch.from_numpy(np.ascontiguousarray(positions[:, 1::-1] / (box / n))).float()
    base = grid.floor().long()
    frac = grid - base
    scale = 1.0 if weight is None else torch.from_numpy(np.ascontiguousarray(weight)).float()
    density = torch.zeros(n * n)
    for dy in (0, 1):
        for dx in (0, 1):
            wy = frac[:, 0] if dy else 1 - frac[:, 0]
            wx = frac[:, 1] if dx else 1 - frac[:, 1]
            where = ((base[:, 0] + dy) % n) * n + (base[:, 1] + dx) % n
            density.index_add_(0, where, wy * wx * scale)
    return density.view(n, n)


def spreading(n: int) -> np.ndarray:
    """Transfer of ``deposit`` on the half spectrum (n, n // 2 + 1): sinc^2 along y and x."""
    ky, kx = np.sinc(np.fft.fftfreq(n)) ** 2, np.sinc(np.fft.rfftfreq(n)) ** 2
    result: np.ndarray = ky[:, None] * kx[None]
    return result


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
