"""Ours against abTEM, which has a theory and an implementation of its own.

``abtem.npz`` is what abTEM 1.0.11 computes; ``benchmarks/abtem_reference.py`` makes it.
"""

from pathlib import Path

import numpy as np
import pytest

from napari_sbd.simulation import multislice, optics, scattering
from napari_sbd.simulation.crystals import Atoms

with np.load(Path(__file__).with_name("abtem.npz")) as _file:
    ABTEM = dict(_file)
BOX = float(ABTEM["box"])
PLAIN = optics.Optics(
    defocus=0, cs=0, c5=0, focal_spread=0, convergence=0, image_spread=0, aperture=100
)
SETTINGS = {
    "defocus": {"defocus": 8},
    "cs": {"cs": -13},
    "c5": {"c5": 5},
    "astigmatism": {"astigmatism": 5, "astigmatism_angle": 0.4},
    "coma": {"coma": 60, "coma_angle": 0.7},
    "threefold": {"threefold": 60, "threefold_angle": 0.2},
    "focal_spread": {"focal_spread": 4},
    "convergence, defocus": {"convergence": 0.5, "defocus": -20},
    "convergence, cs": {"convergence": 0.5, "cs": 300},
    "convergence, c5": {"convergence": 0.5, "c5": 100},
}


def transfer(settings, kx, ky, focal_points):
    """Of one spatial frequency [periods in the box]: how a faint plane wave beats with the beam."""
    n, faint = 64, 1e-2
    y, x = np.mgrid[:n, :n] / n
    wave = 1 + faint * np.exp(2j * np.pi * (kx * x + ky * y))
    picture = optics.image(wave.astype(np.complex64), BOX, settings, focal_points).numpy()
    return np.fft.fft2(picture.astype(float))[ky, kx] / picture.size / faint


@pytest.mark.parametrize("name", SETTINGS)
def test_each_aberration_and_envelope(name):
    settings = optics.Optics(**{**vars(PLAIN), **SETTINGS[name]})
    points = 25 if "spread" in name else 1
    ours = [transfer(settings, kx, ky, points) for kx, ky in ABTEM["k"]]
    theirs = ABTEM["transfers"][list(ABTEM["transfer_names"]).index(name)]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_wavelength_and_interaction_constant():
    for kilovolt, wavelength, interaction in zip(
        ABTEM["kilovolts"], ABTEM["wavelengths"], ABTEM["interactions"], strict=True
    ):
        assert scattering.wavelength(kilovolt) == pytest.approx(wavelength, rel=1e-6)
        assert scattering.interaction(kilovolt) == pytest.approx(interaction, rel=1e-6)


def test_scattering_factors_of_every_element():
    ours = [scattering.scattering_factor(e, ABTEM["factor_k"]) for e in ABTEM["factor_elements"]]
    np.testing.assert_allclose(ours, ABTEM["factors"], rtol=1e-4)
    assert len(ours) == len(scattering.ATOMIC_NUMBER)


def spectrum(wave):
    """Its lowest Fourier coefficients, as many as the reference holds."""
    keep = len(ABTEM["wave"]) // 2
    lowest = np.r_[0:keep, -keep:0]
    return np.fft.fft2(wave)[np.ix_(lowest, lowest)] / wave.size


@pytest.mark.parametrize(
    ("grid", "slices", "most"),
    [(0.03, 1.0, 0.04), (multislice.GRID_SAMPLING, 5.0, 0.22)],
    ids=["fine grid", "grid of the training"],
)
def test_exit_wave_of_a_crystal(grid, slices, most, monkeypatch):
    """Scattered by columns of ten platinum atoms, the heaviest that there are in the training."""
    monkeypatch.setattr(multislice, "GRID_SAMPLING", grid)
    elements, positions = ABTEM["elements"], ABTEM["positions"]
    atoms = Atoms(positions, elements, np.zeros(len(elements), int))
    ours, theirs = spectrum(multislice.exit_wave(atoms, BOX, slice_thickness=slices)), ABTEM["wave"]
    assert ours[0, 0] == pytest.approx(theirs[0, 0], abs=0.002)
    scattered = np.linalg.norm(theirs) ** 2 - np.abs(theirs[0, 0]) ** 2
    assert np.linalg.norm(ours - theirs) < most * scattered**0.5
