"""A figure for a paper: raw, denoised and judged image beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from ..files import with_suffix_of, writing
from ..micrograph import Micrograph
from ..micrograph.frames import as_micrograph, mean_filled
from .panel import columns_shown, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..agreement.result import Agreement

SUFFIXES = (".png", ".svg", ".pdf")
_WIDTH = 7.0  # inches, two columns of a journal
_LIMIT = 5.0  # of the z map
_INSET = 0.3  # of a panel's width
_FINEST_NM = 0.08  # period at the edge of a power spectrum
_DPI = 300


def write_figure(
    path: str | Path,
    raw: Any,
    denoised: Any,
    *,
    agreement: Agreement | None = None,
    columns: pd.DataFrame | None = None,
    fft: bool = True,
    box: tuple[slice, slice] | None = None,
) -> Path:
    """Write raw, denoised and judged image side by side, with scale bars.

    Parameters
    ----------
    path
        ``.png``, ``.svg`` or ``.pdf``.
    raw, denoised
        Micrographs or arrays, or movies of which the first frame is drawn; a pixel size that one
        lacks is that of the other.
    agreement
        Of the two, as ``napari_sbd.agreement`` gives it: a third panel.
    columns
        As ``find_columns`` gives them; drawn over the denoised image, those that the counts
        contradict as open rings.
    fft
        Draw the logarithm of the power spectrum into a corner of the first two.
    box
        Rows and columns that are drawn; by default all.

    Returns
    -------
    The path.

    Raises
    ------
    SBDError
        If the suffix is none of these, the images do not belong together, the box holds nothing, or
        the file cannot be written.

    Examples
    --------
    >>> import napari_sbd as sbd
    >>> raw = sbd.simulate(size=128, seed=0).noisy
    >>> sbd.write_figure("figure.png", raw, raw, fft=False).name
    'figure.png'
    """
    path = with_suffix_of(path, "figure", SUFFIXES)
    figure = plate(raw, denoised, agreement=agreement, columns=columns, fft=fft, box=box)
    with writing(path, "figure") as draft:
        figure.savefig(draft, dpi=_DPI, format=path.suffix[1:].lower())
    return path


def plate(
    raw: Any,
    denoised: Any,
    *,
    agreement: Agreement | None = None,
    columns: pd.DataFrame | None = None,
    fft: bool = True,
    box: tuple[slice, slice] | None = None,
) -> Figure:
    """The figure; parameters as in ``write_figure``."""
    from matplotlib.figure import Figure

    raw, denoised = as_micrograph(raw), as_micrograph(denoised)
    raw, denoised = (
        one.replace(pixel_size=one.pixel_size or other.pixel_size)
        for one, other in ((raw, denoised), (denoised, raw))
    )
    if raw.shape[-2:] != denoised.shape[-2:]:
        raise SBDError(f"The images are of different size: {raw.shape} and {denoised.shape}.")
    rows, across = box or (slice(None), slice(None))
    parts = list(zip(raw.shape[-2:], (rows, across), strict=True))
    if any((s.start or 0) < 0 or not len(range(n)[s]) for n, s in parts):
        raise SBDError("The box lies outside of the image.")
    shown = [_part(m, rows, across) for m in (raw, denoised)]
    height, width = shown[0].shape
    tall, wide = raw.pixel_size_yx or (1.0, 1.0)
    count = 2 + (agreement is not None)
    size = _WIDTH, _WIDTH / count * (height * tall) / (width * wide) + 0.35
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, count)
    for axes, m, title in zip(panels, shown, ("raw", "denoised"), strict=False):
        panel(axes, m, title)
        if fft:
            _spectrum(axes, m)
    if columns is not None and len(columns):
        _points(
            panels[1],
            columns_shown(columns, denoised),
            rows.start or 0,
            across.start or 0,
            (height, width),
        )
    if agreement is not None:
        _map(figure, panels[2], np.asarray(agreement.z)[..., rows, across], tall / wide)
    return figure


def _part(m: Micrograph, rows: slice, across: slice) -> Micrograph:
    first = m.frame(0)
    return first.replace(data=first.data[rows, across])


def _spectrum(axes: Any, m: Micrograph) -> None:
    """The logarithm of the power spectrum, as far as lattices go, in a corner."""
    image = np.asarray(m.data, np.float64)
    filled = mean_filled(np.where(np.isfinite(image), image, np.nan))
    window = np.outer(np.hanning(image.shape[0]), np.hanning(image.shape[1]))
    power = np.abs(np.fft.fftshift(np.fft.fft2((filled - filled.mean()) * window))) ** 2
    sides = []  # half of the frequencies shown along y and x
    for axis, size in enumerate(m.pixel_size_yx or (1.0, 1.0)):
        length = power.shape[axis]
        reach = length // 2
        if m.pixel_size_yx is not None:
            reach = min(reach, max(8, round(length * size / _FINEST_NM)))
        power = power.take(range(length // 2 - reach, length // 2 + reach), axis)
        sides.append(reach / (length * size))
    inset = axes.inset_axes((1 - _INSET, 1 - _INSET, _INSET, _INSET), anchor="NE")
    log = np.log10(power + (power.max() or 1.0) * 1e-12)
    low, high = np.percentile(log, (30, 99.95))
    extent = -sides[1], sides[1], sides[0], -sides[0]
    inset.imshow(log, cmap="magma", vmin=low, vmax=high, extent=extent)
    inset.set(xticks=[], yticks=[])


def _points(axes: Any, columns: pd.DataFrame, top: int, left: int, shape: tuple[int, int]) -> None:
    y, x = columns["y"].to_numpy() - top, columns["x"].to_numpy() - left
    inside = (y > -0.5) & (x > -0.5) & (y < shape[0] - 0.5) & (x < shape[1] - 0.5)
    supported = columns["supported"].to_numpy(bool)
    for chosen, style in (
        (inside & supported, {"color": "tab:cyan", "marker": "."}),
        (inside & ~supported, {"edgecolors": "magenta", "facecolors": "none"}),
    ):
        axes.scatter(x[chosen], y[chosen], s=6, linewidths=0.8, **style)


def _map(figure: Any, axes: Any, z: np.ndarray, aspect: float) -> None:
    values = z[0] if z.ndim == 3 else z
    shown = axes.imshow(values, cmap="coolwarm", vmin=-_LIMIT, vmax=_LIMIT, aspect=aspect)
    axes.set_title("agreement")
    axes.set_axis_off()
    figure.colorbar(shown, ax=axes, shrink=0.8, label="z")
