"""What abTEM computes for a few cases, kept for the tests: tests/simulation/abtem.npz.

    pip install abtem && python benchmarks/abtem_reference.py

abTEM (Madsen and Susi, Open Research Europe 1 (2021) 24) has a theory and an implementation of its
own. It counts in Å and eV, its arrays are [x, y], its defocus is minus our C1, its C21 three times
our B2, and its focal spread is where the defoci have fallen to 1/e, the square root of two standard
deviations. No file of this package is imported here, so that the reference stands on its own.
"""

from __future__ import annotations

from pathlib import Path

import abtem
import ase
import numpy as np

TARGET = Path(__file__).parents[1] / "tests" / "simulation" / "abtem.npz"
KILOVOLT = 300.0
BOX = 20.0  # Å
K = np.array([(12, 5), (0, 16), (-9, 14), (20, -3), (7, 0)])  # periods x, y in the box
VIBRATION = {"Pt": 0.06845, "O": 0.075}  # Å rms along one direction
NM, UM, MM = 10.0, 1e4, 1e7  # in Å
TRANSFERS = {
    "defocus": {"C10": 8 * NM},
    "cs": {"C30": -13 * UM},
    "c5": {"C50": 5 * MM},
    "astigmatism": {"C12": 5 * NM, "phi12": 0.4},
    "coma": {"C21": 3 * 60 * NM, "phi21": 0.7},
    "threefold": {"C23": 60 * NM, "phi23": 0.2},
    "focal_spread": {"focal_spread": 4 * NM * 2**0.5},
    "convergence, defocus": {"angular_spread": 0.5, "C10": -20 * NM},
    "convergence, cs": {"angular_spread": 0.5, "C30": 300 * UM},
    "convergence, c5": {"angular_spread": 0.5, "C50": 100 * MM},
}


def transfer(**settings: float) -> np.ndarray:
    """(len(K),) complex transfer function."""
    points = 96
    impulse = np.zeros((points, points), np.complex64)
    impulse[0, 0] = 1
    wave = abtem.Waves(impulse, energy=KILOVOLT * 1e3, sampling=BOX / points)
    made = wave.apply_ctf(abtem.CTF(energy=KILOVOLT * 1e3, **settings))
    spectrum = np.fft.fft2(np.asarray(made.compute().array))
    return spectrum[K[:, 0], K[:, 1]].astype(np.complex64)


def crystal() -> tuple[np.ndarray, np.ndarray]:
    """Elements, and x, y, z [Å]: four columns of platinum, one of oxygen, and one lone atom."""
    z = np.arange(0, 40, 3.92)
    columns = [(5.0, 6.0), (8.92, 6.0), (5.0, 9.92), (8.92, 9.92)]
    positions = [(x, y, h) for x, y in columns for h in z] + [(14.5, 9.0, h + 1.96) for h in z[:-1]]
    elements = ["Pt"] * (4 * len(z)) + ["O"] * (len(z) - 1) + ["Pt"]
    return np.array(elements), np.array([*positions, (14.0, 15.3, 0.0)])


def exit_wave(elements: np.ndarray, positions: np.ndarray, keep: int) -> np.ndarray:
    """(2 keep, 2 keep) lowest Fourier coefficients [y, x] of the wave, incident intensity 1."""
    points, slice_thickness = 960, 0.49  # converged to 4 %
    cell = (BOX, BOX, positions[:, 2].max() + 1e-3)
    potential = abtem.Potential(
        ase.Atoms(list(elements), positions=positions, cell=cell),
        gpts=points,
        slice_thickness=slice_thickness,
        parametrization=abtem.parametrizations.LobatoParametrization(sigmas=VIBRATION),
    )
    plane = abtem.PlaneWave(energy=KILOVOLT * 1e3, normalize=False)
    wave = np.asarray(plane.multislice(potential, lazy=False).array).T
    lowest = np.r_[0:keep, -keep:0]
    return (np.fft.fft2(wave)[np.ix_(lowest, lowest)] / wave.size).astype(np.complex64)


def main() -> None:
    table = abtem.parametrizations.LobatoParametrization()
    k = np.array([0.0, 0.3, 0.8, 1.5, 3.0])
    symbols = [s for s in ase.data.chemical_symbols[1:] if s in table.parameters]
    elements, positions = crystal()
    kilovolts = np.array([60.0, 80.0, 200.0, 300.0])
    np.savez_compressed(
        TARGET,
        version=abtem.__version__,
        box=BOX,
        k=K,
        transfer_names=list(TRANSFERS),
        transfers=[transfer(**settings) for settings in TRANSFERS.values()],
        kilovolts=kilovolts,
        wavelengths=[abtem.core.energy.energy2wavelength(v * 1e3) for v in kilovolts],
        interactions=[abtem.core.energy.energy2sigma(v * 1e3) for v in kilovolts],
        factor_k=k,
        factor_elements=symbols,
        factors=np.array([table.scattering_factor(s)(k**2) for s in symbols], np.float32),
        elements=elements,
        positions=positions,
        wave=exit_wave(elements, positions, 18),
    )


if __name__ == "__main__":
    with abtem.config.set({"diagnostics.progress_bar": False}):
        main()
