"""Noisy micrographs of known truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from . import optics, structures
from .dataset import columns_of
from .multislice import exit_wave

_MARGIN = 8.0  # Å around the field, where the periodic grid wraps around
_LARGEST_FIELD = 400.0  # Å; the multislice grid then holds 3,500 x 3,500 points
_LARGEST_DOSE = 1e8  # electrons per pixel, so that counts fit 32 bits


@dataclass(frozen=True)
class Phantom:
    """A simulated micrograph with its truth.

    Parameters
    ----------
    noisy
        Poisson counts, gain 1.
    clean
        Expected electrons per pixel.
    columns
        (N, 4) y [px], x [px], atomic number, number of atoms of the atomic columns in the field.
    """

    noisy: Micrograph
    clean: Micrograph
    columns: np.ndarray


def simulate(
    kind: str = "pt_ceo2",
    *,
    size: int = 1024,
    pixel_size: float = 0.0061,
    dose: float = 0.45,
    frames: int = 1,
    settings: optics.Optics | None = None,
    seed: int = 0,
) -> Phantom:
    """Simulate a TEM image, or a movie of a scene that does not change.

    Parameters
    ----------
    kind
        A key of ``structures.KINDS``.
    size
        Pixels along a side.
    pixel_size
        nm.
    dose
        Electrons per pixel in vacuum and frame.
    frames
        1 gives an image (Y, X), more a movie (T, Y, X) with fresh noise in every frame.
    settings
        Microscope; by default an aberration-corrected one, atoms bright.
    seed
        Of structure and noise.

    Raises
    ------
    SBDError
        If the kind is unknown, or a number makes no sense.
    """
    if kind not in structures.KINDS:
        raise SBDError(f"Unknown structure {kind!r}; known: {', '.join(structures.KINDS)}.")
    whole = all(isinstance(n, int | np.integer) for n in (size, frames, seed))
    if not whole or size < 32 or frames < 1 or seed < 0:
        raise SBDError("A phantom needs whole numbers: size >= 32, frames >= 1 and seed >= 0.")
    if not 0 < pixel_size < np.inf or not 0 < dose < _LARGEST_DOSE:
        raise SBDError(
            f"A phantom needs a positive pixel size and a dose between 0 and {_LARGEST_DOSE:g}."
        )
    field = size * pixel_size * 10
    if field > _LARGEST_FIELD:
        raise SBDError(
            f"A field of {field / 10:.1f} nm is larger than the {_LARGEST_FIELD / 10:.0f} nm that "
            "can be simulated; lower the size or the pixel size."
        )
    rng = np.random.default_rng([seed, 4])
    margin = round(_MARGIN / (pixel_size * 10))
    box = (size + 2 * margin) * pixel_size * 10
    atoms = structures.draw(kind, rng, box)
    microscope = settings or optics.Optics()
    wave = exit_wave(atoms, box, microscope.kilovolt)
    picture = optics.integrate(optics.image(wave, box, microscope), size + 2 * margin).numpy()
    clean = np.clip(picture[margin:-margin, margin:-margin], 0, None).astype(np.float32) * dose
    shape = (size, size) if frames == 1 else (frames, size, size)
    counts = rng.poisson(np.broadcast_to(clean, shape))
    counts = counts.astype(np.uint16 if counts.max() < 2**16 else np.uint32)
    columns = columns_of(atoms)[:, [1, 0, 2, 3]]
    columns[:, :2] = columns[:, :2] / (pixel_size * 10) - margin
    inside = ((columns[:, :2] > 0) & (columns[:, :2] < size - 1)).all(1)
    name = f"{kind} seed {seed}"
    facts = {"simulation": {"kind": kind, "seed": seed, "dose": dose, **vars(microscope)}}
    noisy = Micrograph(counts, pixel_size, gain=1.0, name=name, metadata=facts)
    truth = Micrograph(clean, pixel_size, gain=1.0, name=f"{name} clean", metadata=facts)
    return Phantom(noisy, truth, columns[inside])
