import numpy as np
import pytest

from napari_sbd import SBDError
from napari_sbd.simulation import scattering

BOHR = 0.529177  # Å
# International Tables C, table 4.3.2.2 (Peng et al. 1996): five amplitudes [Å], five widths [Å^2]
PENG = {
    "C": ((0.0893, 0.2563, 0.757, 1.0487, 0.3575), (0.2465, 1.71, 6.4094, 18.6113, 50.2523)),
    "O": ((0.0974, 0.2921, 0.691, 0.699, 0.2039), (0.2067, 1.3815, 4.6943, 12.7105, 32.4726)),
    "Si": ((0.2519, 0.6372, 1.3795, 2.5082, 1.05), (0.3075, 2.0174, 9.6746, 29.3744, 80.4732)),
    "Mo": ((0.6773, 1.4798, 3.1788, 3.0824, 1.8384), (0.292, 2.0606, 8.1129, 30.5336, 100.0658)),
    "Ce": ((0.8551, 2.3915, 4.5772, 5.0278, 4.5118), (0.2805, 2.12, 10.1808, 42.0633, 130.9893)),
    "Pt": ((0.9148, 1.8096, 3.2134, 3.2953, 1.5754), (0.2263, 1.3813, 5.3243, 17.5987, 60.0171)),
    "Au": ((0.9674, 1.8916, 3.3993, 3.0524, 1.2607), (0.2358, 1.4712, 5.6758, 18.7119, 61.5286)),
}


def electrons_seen_by_xrays(element, k):
    """X-ray form factor by the Mott-Bethe relation f_x = Z - 2 pi^2 a0 k^2 f_e."""
    factor = scattering.scattering_factor(element, k)
    return scattering.ATOMIC_NUMBER[element] - 2 * np.pi**2 * BOHR * k**2 * factor


@pytest.mark.parametrize("element", PENG)
def test_scattering_factors_agree_with_an_independent_table(element):
    k = np.linspace(0.3, 2, 30)
    amplitudes, widths = np.array(PENG[element])[..., None]
    peng = (amplitudes * np.exp(-widths * k**2 / 4)).sum(0)
    assert scattering.scattering_factor(element, k) == pytest.approx(peng, rel=0.04)


@pytest.mark.parametrize("element", scattering.ATOMIC_NUMBER)
def test_the_electron_cloud_is_that_of_the_element(element):
    """Mott-Bethe: all Z electrons scatter at k = 0, hardly any at large k, never a negative one."""
    number = scattering.ATOMIC_NUMBER[element]
    cloud = electrons_seen_by_xrays(element, np.array([1e-3, 0.5, 1.0, 2.0, 4.0, 20.0]))
    assert cloud[0] == pytest.approx(number, abs=0.01)
    assert (np.diff(cloud) < 0).all()
    assert 0 <= cloud[-1] < 0.035 * number


def test_elements_have_their_numbers():
    numbers = {"H": 1, "C": 6, "Ce": 58, "Pt": 78, "U": 92, "Lr": 103}
    assert {e: scattering.ATOMIC_NUMBER[e] for e in numbers} == numbers


def test_heavier_metals_vibrate_as_measured():
    """4 to 10 pm rms at room temperature, soft gold more than tungsten."""
    assert scattering.vibration("Pt") == pytest.approx(0.068, abs=0.002)
    assert scattering.vibration("W") < scattering.vibration("Ni") < scattering.vibration("Au")
    assert all(0.04 < scattering.vibration(e) < 0.11 for e in scattering.ATOMIC_NUMBER)


def test_unknown_elements_are_refused():
    with pytest.raises(SBDError, match="Xx"):
        scattering.projected_potential("Xx", np.zeros(1))
