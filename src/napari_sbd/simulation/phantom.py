"""Noisy micrographs of known truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from ..recipe import recipe, with_recipe
from . import memory, optics, structures
from .atomic_columns import columns_of
from .crystals import AMORPHOUS, Direction
from .detector import Detector, detect, detector_named
from .multislice import exit_wave

MODALITIES = ("hrtem", "stem")
_MARGIN = 8.0  # Å around the field, where the periodic grid wraps around
_LARGEST_FIELD = 400.0  # Å; the multislice grid then holds 3,500 x 3,500 points
_LARGEST_DOSE = 1e8  # electrons per pixel, so that counts fit 32 bits
# Scattering power of a column is atoms^0.8 Z^1.7: fit to multislice images of Pt on CeO2.
_ADF_POWERS = (0.8, 1.7)
_PROBE = 0.55  # Å, standard deviation of an ADF column


@dataclass(frozen=True)
class Phantom:
    """A simulated micrograph with its truth.

    Parameters
    ----------
    noisy
        What the detector wrote, with its gain and offset.
    clean
        Expected electrons per pixel, before the detector.
    columns
        (N, 5) y [px], x [px], atomic number, number of atoms, 1 at the surface (see
        ``atomic_columns``) of the atomic columns in the field. Amorphous parts have none.
    """

    noisy: Micrograph
    clean: Micrograph
    columns: np.ndarray = field(repr=False)


def simulate(
    kind: str = "pt_ceo2",
    *,
    size: int = 1024,
    pixel_size: float = 0.0061,
    dose: float = 0.45,
    frames: int = 1,
    settings: optics.Optics | None = None,
    seed: int = 0,
    material: str | Path | None = None,
    zone: Direction | None = None,
    defocus: float | None = None,
    modality: str = "hrtem",
    detector: Detector | str | None = None,
) -> Phantom:
    """Simulate an image, or a movie of a scene that does not change.

    Parameters
    ----------
    kind
        A key of ``structures.KINDS``.
    size
        Pixels along a side.
    pixel_size
        nm.
    dose
        Electrons per pixel and frame: in vacuum for ``hrtem``, on average for ``stem``.
    frames
        1 gives an image (Y, X), more a movie (T, Y, X) with fresh noise in every frame.
    settings
        Microscope of ``hrtem``; by default an aberration-corrected one, atoms bright.
    seed
        Of structure and noise.
    material
        Name or CIF file, for kinds that let one choose (``structures.OF_ONE_MATERIAL``); drawn
        at random when None.
    zone
        Lattice direction [uvw] along the beam, for ``structures.OF_ONE_CRYSTAL``.
    defocus
        nm, positive = overfocus; replaces that of ``settings``.
    modality
        ``"hrtem"``, phase contrast by multislice, or ``"stem"``, incoherent annular dark field.
    detector
        By default one that counts every electron; or a key of ``detector.DETECTORS``.

    Raises
    ------
    SBDError
        If kind, material, zone, modality or detector are unknown, a number makes no sense, or
        the image does not fit into memory.

    Examples
    --------
    >>> phantom = sbd.simulate(size=96, pixel_size=0.03, dose=10, seed=1)
    >>> phantom.noisy.shape, phantom.clean.shape, phantom.columns.shape[1]
    ((96, 96), (96, 96), 5)
    """
    _check(kind, size, pixel_size, dose, frames, seed, modality, defocus)
    detector = detector_named(detector) if isinstance(detector, str) else detector
    margin = round(_MARGIN / (pixel_size * 10))
    box = (size + 2 * margin) * pixel_size * 10
    memory.require(
        9e3 * box**2 + 30 * (size + 2 * margin) ** 2 + 20 * frames * size**2,
        f"A phantom of {frames} x {size} x {size} pixels and {box / 10:.1f} nm",
        "lower the size, the pixel size or the frames",
    )
    rng = np.random.default_rng([seed, 4])
    atoms = structures.draw(kind, rng, box, None if material is None else str(material), zone)
    columns = columns_of(atoms)
    microscope = settings or optics.Optics()
    if defocus is not None:
        microscope = replace(microscope, defocus=defocus)
    if modality == "hrtem":
        wave = exit_wave(atoms, box, microscope.kilovolt)
        picture = optics.integrate(optics.image(wave, box, microscope), size + 2 * margin).numpy()
    else:
        picture = _dark_field(columns, box, size + 2 * margin)
    picture = np.clip(picture[margin : margin + size, margin : margin + size], 0, None)
    if modality == "stem":
        picture = picture / max(picture.mean(), 1e-12)
    clean = picture.astype(np.float32) * dose
    record = detector or Detector()
    data = detect(np.broadcast_to(clean, (frames, size, size)[frames == 1 :]), record, rng)
    if record.counts:
        data = data.astype(np.uint16 if data.max() < 2**16 else np.uint32)

    facts = {"kind": kind, "seed": seed, "dose": dose, "modality": modality}
    facts |= {"detector": vars(record)}
    facts |= {} if material is None else {"material": str(material)}
    facts |= {} if zone is None else {"zone": list(zone)}
    facts |= vars(microscope) if modality == "hrtem" else {}
    name, metadata = f"{kind} seed {seed}", {"simulation": facts}
    gain, offset = record.gain, record.offset
    noisy = Micrograph(data, pixel_size, gain=gain, offset=offset, name=name, metadata=metadata)
    true = Micrograph(clean, pixel_size, gain=1.0, name=f"{name} clean", metadata=metadata)
    arguments: dict[str, Any] = {"kind": kind, "size": size, "pixel_size": pixel_size, "dose": dose}
    arguments |= {"frames": frames, "seed": seed, "modality": modality, "defocus": defocus}
    arguments |= {"material": None if material is None else str(material)}
    arguments |= {"zone": None if zone is None else list(zone)}
    arguments |= {"settings": settings and vars(settings), "detector": detector and vars(detector)}
    return Phantom(
        with_recipe(noisy, recipe("simulate", **arguments, part="noisy")),
        with_recipe(true, recipe("simulate", **arguments, part="clean")),
        _in_pixels(columns, pixel_size, margin, size),
    )


def _check(
    kind: str,
    size: int,
    pixel_size: float | None,
    dose: float,
    frames: int,
    seed: int,
    modality: str,
    defocus: float | None,
) -> None:
    if kind not in structures.KINDS:
        raise SBDError(f"Unknown structure {kind!r}; known: {', '.join(structures.KINDS)}.")
    if modality not in MODALITIES:
        raise SBDError(f"Unknown modality {modality!r}; known: {', '.join(MODALITIES)}.")
    whole = all(isinstance(n, int | np.integer) for n in (size, frames, seed))
    if not whole or size < 32 or frames < 1 or seed < 0:
        raise SBDError("A phantom needs whole numbers: size >= 32, frames >= 1 and seed >= 0.")
    if pixel_size is None or not 0 < pixel_size < np.inf or not 0 < dose < _LARGEST_DOSE:
        raise SBDError(
            f"A phantom needs a positive pixel size and a dose between 0 and {_LARGEST_DOSE:g}."
        )
    if defocus is not None and not np.isfinite(defocus):
        raise SBDError(f"The defocus of a phantom is a number in nm, not {defocus}.")
    field = size * pixel_size * 10
    if field > _LARGEST_FIELD:
        raise SBDError(
            f"A field of {field / 10:.1f} nm is larger than the {_LARGEST_FIELD / 10:.0f} nm that "
            "can be simulated; lower the size or the pixel size."
        )


def _dark_field(columns: np.ndarray, box: float, size: int) -> np.ndarray:
    x, y, number, atoms = columns.T[:4]
    weight = atoms ** _ADF_POWERS[0] * number ** _ADF_POWERS[1]
    result: np.ndarray = optics.adf_image(x, y, weight, box, _PROBE, size).numpy()
    return result


def _in_pixels(columns: np.ndarray, pixel_size: float, margin: int, size: int) -> np.ndarray:
    """The crystalline columns inside the field, in the order of ``Phantom.columns``."""
    shown = columns[columns[:, 5] != AMORPHOUS][:, [1, 0, 2, 3, 4]]
    shown[:, :2] = shown[:, :2] / (pixel_size * 10) - margin
    result: np.ndarray = shown[((shown[:, :2] > 0) & (shown[:, :2] < size - 1)).all(1)]
    return result
