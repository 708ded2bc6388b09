"""Image formation: aberrations, partial coherence, aperture, and the incoherent ADF-STEM route.

Positive defocus is overfocus. chi = pi lambda C1 k^2 + pi/2 C3 lambda^3 k^4 + pi/3 C5 lambda^5 k^6
plus A1, A2 and B2 in the notation of Haider et al. (Ultramicroscopy 81 (2000) 163), where axial
coma is 2 pi lambda^2 k^3 B2 cos(phi); the transfer function is exp(-i chi).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .multislice import deposit, spreading
from .scattering import wavelength


@dataclass(frozen=True)
class Optics:
    """Settings of a TEM.

    Parameters
    ----------
    kilovolt
        Accelerating voltage [kV].
    defocus
        C1 [nm], positive = overfocus.
    cs
        C3 [um].
    c5
        C5 [mm].
    astigmatism, astigmatism_angle
        A1 [nm] and its direction [rad].
    coma, coma_angle
        B2 [nm] and its direction [rad].
    threefold, threefold_angle
        A2 [nm] and its direction [rad].
    focal_spread
        Standard deviation [nm], summed incoherently.
    convergence
        Semi-angle of the illumination [mrad].
    image_spread
        Standard deviation [pm] of an isotropic Gaussian blur of the image.
    aperture
        Cut-off [1/nm].
    """

    kilovolt: float = 300.0
    defocus: float = 8.0
    cs: float = -13.0
    c5: float = 0.0
    astigmatism: float = 0.0
    astigmatism_angle: float = 0.0
    coma: float = 0.0
    coma_angle: float = 0.0
    threefold: float = 0.0
    threefold_angle: float = 0.0
    focal_spread: float = 4.0
    convergence: float = 0.2
    image_spread: float = 40.0
    aperture: float = 12.5


def image(wave: np.ndarray, box: float, optics: Optics, focal_points: int = 3) -> Any:
    """Form the image of an exit wave.

    Parameters
    ----------
    wave
        (n, n) complex exit wave, incident intensity 1.
    box
        Side of the field [Å].
    optics
        Microscope settings.
    focal_points
        Gauss-Hermite points over the focal spread; three err by less than 1 %.

    Returns
    -------
    (2n, 2n) float32 torch tensor: intensity with vacuum = 1 (the intensity has twice the wave's
    bandwidth).
    """
    import torch

    n = wave.shape[0]
    lam = wavelength(optics.kilovolt)
    k = torch.fft.fftfreq(n, box / n)
    ky, kx = k[:, None], k[None]
    k2 = ky**2 + kx**2
    radius, phi = torch.sqrt(k2), torch.atan2(ky.expand(n, n), kx.expand(n, n))
    c3, c5 = optics.cs * 1e4, optics.c5 * 1e7  # Å
    fixed = math.pi / 2 * c3 * lam**3 * k2**2 + math.pi / 3 * c5 * lam**5 * k2**3
    a1, b2, a2 = (10 * v for v in (optics.astigmatism, optics.coma, optics.threefold))
    fixed = fixed + math.pi * lam * a1 * k2 * torch.cos(2 * (phi - optics.astigmatism_angle))
    k3 = 2 * math.pi * k2 * radius * lam**2
    fixed = fixed + b2 * k3 * torch.cos(phi - optics.coma_angle)
    fixed = fixed + a2 / 3 * k3 * torch.cos(3 * (phi - optics.threefold_angle))
    aperture = torch.sigmoid((optics.aperture / 10 - radius) / 0.02)
    spectrum = torch.fft.fft2(torch.from_numpy(np.ascontiguousarray(wave)).to(torch.complex64))
    slope = 2 * math.pi * (c3 * (lam * radius) ** 3 + c5 * (lam * radius) ** 5)
    points, weights = np.polynomial.hermite_e.hermegauss(focal_points)
    total: Any = 0
    for point, weight in zip(points, weights / weights.sum(), strict=True):
        c1 = 10 * (optics.defocus + point * optics.focal_spread)
        gradient = slope + 2 * math.pi * c1 * lam * radius
        damping = torch.exp(-((optics.convergence * 1e-3 / lam * gradient) ** 2) / 4)
        transfer = torch.polar(aperture * damping, -(fixed + math.pi * lam * c1 * k2))
        psi = torch.fft.ifft2(_pad_spectrum(spectrum * transfer)) * 4
        total = total + float(weight) * (psi.real**2 + psi.imag**2)
    return blur(total, box, optics.image_spread / 100).float()


def adf_image(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, box: float, width: float, size: int
) -> Any:
    """Incoherent ADF-STEM image of atomic columns.

    Parameters
    ----------
    x, y
        Column positions [Å].
    weight
        Scattering power of each column, such as ``atoms**0.8 * Z**1.7``.
    box
        Side of the field [Å].
    width
        Standard deviation of a column's image [Å].
    size
        Pixels along a side.

    Returns
    -------
    (size, size) float32 torch tensor, zero in vacuum.
    """
    import torch

    density = deposit(np.stack([x, y], 1), size, box, weight)
    spectrum = torch.fft.rfft2(density) / torch.from_numpy(spreading(size)).float()
    return blur(torch.fft.irfft2(spectrum, s=(size, size)), box, width).float()


def integrate(image: Any, size: int) -> Any:
    """Mean of a periodic image over each of (size, size) detector pixels.

    Point (0, 0) of the image becomes the centre of pixel (0, 0). The mean is taken in Fourier
    space, and the result sampled from points fine enough to hold the whole image.
    """
    import torch

    n = image.shape[0]
    points = math.ceil(n / size)
    wide, half = size * points, n // 2
    ky, kx = torch.fft.fftfreq(n, 1 / n)[:, None], torch.fft.rfftfreq(n, 1 / n)[None]
    spectrum = torch.fft.rfft2(image) * torch.sinc(ky / size) * torch.sinc(kx / size)
    padded = torch.zeros(wide, wide // 2 + 1, dtype=spectrum.dtype)
    padded[:half, :half] = spectrum[:half, :half]
    padded[-half:, :half] = spectrum[-half:, :half]
    fine = torch.fft.irfft2(padded, s=(wide, wide)) * (wide / n) ** 2
    return fine[::points, ::points]


def _pad_spectrum(spectrum: Any) -> Any:
    import torch

    n = spectrum.shape[0]
    wide = torch.zeros(2 * n, 2 * n, dtype=spectrum.dtype)
    half = n // 2
    wide[:half, :half] = spectrum[:half, :half]
    wide[:half, -half:] = spectrum[:half, -half:]
    wide[-half:, :half] = spectrum[-half:, :half]
    wide[-half:, -half:] = spectrum[-half:, -half:]
    return wide


def blur(image: Any, box: float, sigma: float) -> Any:
    """Convolve with a periodic Gaussian of standard deviation sigma [Å]."""
    import torch

    n = image.shape[0]
    q = torch.fft.fftfreq(n, box / n)
    qx = torch.fft.rfftfreq(n, box / n)
    gauss = torch.exp(-2 * math.pi**2 * sigma**2 * (q[:, None] ** 2 + qx[None] ** 2))
    return torch.fft.irfft2(torch.fft.rfft2(image) * gauss, s=(n, n))
