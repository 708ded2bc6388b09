"""Geometric phase analysis: strain from the phases of two reflections.

Hytch, Snoeck & Kilaas, Ultramicroscopy 74 (1998) 131. An independent check of the strain that
columns show: it needs no columns, and blurs over the size of its mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..columns.strain import stretch_and_rotation
from ..errors import SBDError
from ..micrograph.frames import mean_filled

_DARK = 0.15  # of the brightest amplitude: no lattice there
_LEAST = 0.5  # of the longer period, of the resolution: finer ones mix reflections
_MARGIN = 3.0  # resolutions from the frame, where the mask reaches beyond the image


@dataclass(frozen=True, eq=False)
class PhaseStrain:
    """Maps (Y, X), NaN where the reflections are faint and near the frame.

    Parameters
    ----------
    yy, xx, xy
        Strain against the reference.
    rotation
        rad, positive from +x to +y.
    resolution
        Standard deviation of the Gaussian over which the maps are blurred [px].
    """

    yy: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    rotation: np.ndarray
    resolution: float


def phase_strain(
    image: np.ndarray,
    reflections: np.ndarray,
    *,
    reference: np.ndarray | None = None,
    pixel_size_yx: tuple[float, float] = (1.0, 1.0),
    resolution: float | None = None,
) -> PhaseStrain:
    """Strain from two reflections.

    With H the image filtered around g, the gradient of its phase is Im(H* grad H) / |H|^2, without
    unwrapping; less that of the reference it is -2 pi grad(g.u). Two reflections give grad(u) with
    respect to the strained specimen, and (1 - grad u)^-1 the deformation of the reference, as
    columns have it; strain is what it holds beside a rotation, as of columns.

    Parameters
    ----------
    image
        (Y, X); pixels that are not finite hold no data.
    reflections
        (2, 2) rows g as (y, x) [cycles per px].
    reference
        (Y, X) bool: where strain is zero on the average; None takes all that is bright.
    pixel_size_yx
        In any unit; matters where pixels are not square.
    resolution
        Of the Gaussian mask in the image [px]; by default the longer period.

    Raises
    ------
    SBDError
        If the reflections lie on one line or are too slow for the image, or nothing is bright in
        the reference.
    """
    g = np.asarray(reflections, float)
    lengths = np.linalg.norm(g, axis=1)
    if lengths.min() == 0 or abs(np.linalg.det(g)) < 0.1 * lengths.prod():
        raise SBDError("Geometric phase analysis needs two reflections that lie on no one line.")
    width = float(resolution or 1 / lengths.min())
    if width < _LEAST / lengths.min() or 8 * width > min(image.shape):
        raise SBDError(
            f"The resolution of {width:.3g} px is too fine for the lattice or too coarse for the "
            f"image; take {_LEAST / lengths.min():.3g} to {min(image.shape) / 8:.3g} px."
        )
    values = mean_filled(np.where(np.isfinite(image), image, np.nan).astype(float))
    values = values - values.mean()
    gradients, bright = [], np.ones(values.shape, bool)
    for one in g:
        amplitude, gradient = _phase_gradient(values, one, width)
        gradients.append(gradient)
        bright &= amplitude > _DARK * np.percentile(amplitude, 99)
    margin = int(np.ceil(_MARGIN * width))
    bright[:margin], bright[-margin:] = False, False
    bright[:, :margin], bright[:, -margin:] = False, False
    base = bright if reference is None else bright & reference
    if not base.any():
        raise SBDError("The reflections are not seen in the reference region; choose another one.")
    # frequencies of the reference, then of each pixel: rows g, columns y and x [1/unit]
    size = np.asarray(pixel_size_yx, float)
    local = np.stack([np.stack(p, -1) for p in gradients], -2) / (2 * np.pi) + g
    local = local / size
    mean = local[base].mean(0)
    # g_local = g_mean (1 - grad u)
    inverse_of_f = np.einsum("ij,yxjk->yxik", np.linalg.inv(mean), local)
    f = np.full(inverse_of_f.shape, np.nan)
    f[bright] = np.linalg.inv(inverse_of_f[bright])
    yy, xx, xy, rotation = np.moveaxis(stretch_and_rotation(f), -1, 0)
    return PhaseStrain(yy, xx, xy, rotation, width)


def reflections_of(cell: np.ndarray) -> np.ndarray:
    """(2, 2) rows a*, b* [cycles per px] of a cell with rows a, b as (y, x) [px]."""
    result: np.ndarray = np.linalg.inv(np.asarray(cell, float)).T
    return result


def _phase_gradient(
    values: np.ndarray, g: np.ndarray, width: float
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Amplitude around a reflection, and the gradient of its phase less that of g [rad/px]."""
    from scipy.ndimage import gaussian_filter

    y, x = (np.arange(n) for n in values.shape)
    carrier = np.exp(-2j * np.pi * g[0] * y)[:, None] * np.exp(-2j * np.pi * g[1] * x)
    wave = values * carrier

    def blurred(order: tuple[int, int]) -> np.ndarray:
        real, imaginary = (
            gaussian_filter(part, width, order=order, mode="reflect", truncate=5.0)
            for part in (wave.real, wave.imag)
        )
        result: np.ndarray = real + 1j * imaginary
        return result

    h = blurred((0, 0))
    power = np.abs(h) ** 2 + 1e-300
    along_y, along_x = ((h.conj() * blurred(o)).imag / power for o in ((1, 0), (0, 1)))
    return np.abs(h), (along_y, along_x)
