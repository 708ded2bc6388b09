"""Our multislice against abTEM, which has a theory and an implementation of its own."""

import warnings

import numpy as np
import pytest
from scipy.signal import resample

from napari_sbd.simulation import optics, scattering, structures
from napari_sbd.simulation.crystals import Atoms
from napari_sbd.simulation.multislice import exit_wave

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    abtem = pytest.importorskip("abtem", reason="the oracle is the optional package abTEM")
    ase = pytest.importorskip("ase")

pytestmark = pytest.mark.filterwarnings("ignore")
BOX = 32.0


@pytest.fixture(autouse=True, scope="module")
def quiet():
    settings = {"diagnostics.progress_bar": False, "fftw.planning_effort": "FFTW_ESTIMATE"}
    with abtem.config.set(settings):
        yield


def parametrization(elements):
    return abtem.parametrizations.LobatoParametrization(
        sigmas={element: scattering.vibration(element) for element in elements}
    )


def oracle_wave(atoms: Atoms, points: int, slice_thickness: float):
    """Exit wave at 300 kV; abTEM counts in Å and eV, and its arrays are [x, y]."""
    elements = [str(e) for e in atoms.elements]
    depth = atoms.positions[:, 2] - atoms.positions[:, 2].min()
    positions = np.column_stack([atoms.positions[:, :2], depth])
    cell = (BOX, BOX, max(depth.max(), 1.0) + 1e-3)
    potential = abtem.Potential(
        ase.Atoms(elements, positions=positions, cell=cell),
        gpts=points,
        slice_thickness=slice_thickness,
        parametrization=parametrization(set(elements)),
    )
    return abtem.PlaneWave(energy=300e3, normalize=False).multislice(potential, lazy=False)


def oracle_image(wave, defocus: float, cs: float, aperture: float) -> np.ndarray:
    """Coherent image; abTEM's defocus is minus our C1, and its cut-off an angle in mrad."""
    ctf = abtem.CTF(
        energy=300e3,
        defocus=-10 * defocus,
        Cs=cs * 1e4,
        semiangle_cutoff=1e3 * scattering.wavelength(300) * aperture / 10,
    )
    return np.asarray(wave.apply_ctf(ctf).intensity().array).T


def test_scattering_factors_of_every_element_are_the_published_ones():
    k = np.linspace(0, 4, 60)
    table = abtem.parametrizations.LobatoParametrization()
    for element in scattering.ATOMIC_NUMBER:
        expected = table.scattering_factor(element)(k**2)
        np.testing.assert_allclose(scattering.scattering_factor(element, k), expected, rtol=1e-4)


@pytest.fixture(scope="module")
def waves():
    """Ours and abTEM's exit wave of the same atoms."""
    atoms = structures.draw("pt_ceo2_ideal", np.random.default_rng(3), BOX)
    return exit_wave(atoms, BOX), oracle_wave(atoms, 320, 1.0)


@pytest.mark.parametrize("defocus", [8.0, 2.0])  # bright columns, intermediate contrast
def test_images_of_platinum_on_ceria_agree(waves, defocus):
    settings = optics.Optics(
        defocus=defocus, cs=-13.0, focal_spread=0, convergence=0, image_spread=0, aperture=12.5
    )
    ours = optics.image(waves[0], BOX, settings).numpy()
    theirs = oracle_image(waves[1], defocus, settings.cs, settings.aperture)
    for axis in (0, 1):
        ours = resample(ours, len(theirs), axis=axis)
    rim = len(theirs) // 10
    ours, theirs = (image[rim:-rim, rim:-rim] for image in (ours, theirs))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.97
    assert ours.std() == pytest.approx(theirs.std(), rel=0.1)
