"""Which axis of an array counts frames, which is y and which is x, by what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .units import pixel_size_nm, to_seconds

_X = {"x", "rx", "qx", "kx", "dx", "width", "column", "columns"}
_Y = {"y", "ry", "qy", "ky", "dy", "height", "row", "rows"}
_TIME = {"t", "time", "frame", "frames"}
_SPECTRAL = ("energy", "wavelength", "wavenumber", "frequency", "raman", "spectrum")
_SPECTRAL_UNITS = {"ev", "kev", "mev", "hz", "khz", "mhz", "ghz", "thz", "1/cm", "cm^-1"}


@dataclass(frozen=True)
class Axis:
    """An axis as a file describes it.

    Attributes
    ----------
    name, unit
        As far as the file has them.
    step
        Between two pixels, in ``unit``.
    navigate
        HyperSpy's word for axes over which signals, here images, are repeated; None if not known.
    """

    name: Any = None
    unit: Any = None
    step: Any = None
    navigate: bool | None = None

    @property
    def kind(self) -> str | None:
        """``x``, ``y``, ``t`` or ``spectral``; None where nothing tells."""
        name = _text(self.name).replace("_", "").replace(" ", "")
        unit = _text(self.unit).strip("[]").replace("_", "").replace(" ", "")
        if name.startswith(_SPECTRAL) or unit in _SPECTRAL_UNITS:
            return "spectral"
        if name in _X:
            return "x"
        if name in _Y:
            return "y"
        if name in _TIME or to_seconds(1, self.unit) is not None:
            return "t"
        return None


def is_image(axes: Sequence[Axis]) -> bool:
    """Whether an array with these axes is an image or a stack of images, not of spectra."""
    signal = [axis for axis in axes if axis.navigate is False]
    spectra = len(signal) == 1 and len(axes) > 1
    return len(axes) in (2, 3) and not spectra and all(a.kind != "spectral" for a in axes)


def frames_first(axes: Sequence[Axis], reverse: bool = False) -> tuple[int, ...]:
    """The order in which axes become (frames, y, x) or (y, x).

    Parameters
    ----------
    axes
        In the order of the array.
    reverse
        Whether axes without telling names are stored last first.
    """
    stored = list(range(len(axes)))[:: -1 if reverse else 1]
    kinds = [axis.kind for axis in axes]
    if len(axes) == 3:
        first = _frames(axes, kinds, stored[0])
        stored.remove(first)
    else:
        first = None
    if len(stored) == 2:
        left, right = (kinds[i] for i in stored)
        if (left == "x" and right != "x") or (right == "y" and left != "y"):
            stored.reverse()
    return tuple(stored if first is None else [first, *stored])


def stack_first(axes: Sequence[Axis]) -> tuple[int, ...]:
    """The order in which axes become (signal, ..., y, x), whose signals are denoised.

    Energies and the like are signals, and so is the one axis that HyperSpy calls so; else the
    frames are.
    """
    told = [i for i, axis in enumerate(axes) if axis.kind == "spectral"]
    signal = [i for i, axis in enumerate(axes) if axis.navigate is False]
    times = [i for i, axis in enumerate(axes) if axis.kind == "t"]
    if len(told) != 1:
        told = signal if len(signal) == 1 else times
    if len(told) != 1:
        return frames_first(axes) if len(axes) == 3 else tuple(range(len(axes)))
    rest = [i for i in range(len(axes)) if i != told[0]]
    if len(rest) == 2:
        turned = frames_first([axes[i] for i in rest])
        rest = [rest[i] for i in turned]
    return (told[0], *rest)


def calibration(axes: Sequence[Axis], order: Sequence[int]) -> dict[str, Any]:
    """Pixel size [nm] and frame time [s] of axes taken in an order; None where not told."""
    *rest, y, x = (axes[i] for i in order)
    return {
        "pixel_size": pixel_size_nm(y.step, y.unit, x.step, x.unit),
        "frame_time": to_seconds(rest[0].step, rest[0].unit) if rest else None,
    }


def _frames(axes: Sequence[Axis], kinds: Sequence[str | None], otherwise: int) -> int:
    """Of three axes the one that counts frames."""
    navigating = [i for i, axis in enumerate(axes) if axis.navigate]
    others = [i for i, kind in enumerate(kinds) if kind not in ("x", "y")]
    times = [i for i, kind in enumerate(kinds) if kind == "t"]
    for found in (navigating, others, times):
        if len(found) == 1:
            return found[0]
    return otherwise


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip("\0 ").casefold() if isinstance(value, str) else ""
