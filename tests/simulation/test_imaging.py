import numpy as np
import pytest
import torch

from napari_sbd import SBDError
from napari_sbd.simulation import memory, optics, scattering
from napari_sbd.simulation.crystals import Atoms
from napari_sbd.simulation.materials import block
from napari_sbd.simulation.multislice import exit_wave, exit_waves

BOX = 30.0


def atoms_at(positions, element="Pt"):
    n = len(positions)
    return Atoms(np.asarray(positions, float), np.full(n, element), np.zeros(n, int))


@pytest.fixture(scope="module")
def single():
    return exit_wave(atoms_at([(15, 15, 0)]), BOX)


def test_wavelength_and_interaction_constant():
    """Textbook values at 300 kV and 200 kV (Kirkland, table 2.1)."""
    assert scattering.wavelength(300) == pytest.approx(0.0196875, rel=1e-4)
    assert scattering.wavelength(200) == pytest.approx(0.0250793, rel=1e-4)
    assert scattering.interaction(300) == pytest.approx(6.526e-4, rel=1e-3)


def test_vacuum_is_one_whatever_the_aberrations(single):
    vacuum = np.ones_like(single)
    settings = optics.Optics(defocus=-50, cs=1000, c5=5, astigmatism=10, coma=100, threefold=50)
    assert optics.image(vacuum, BOX, settings).numpy() == pytest.approx(1, abs=1e-5)
    far = optics.image(single, BOX, optics.Optics()).numpy()[:4, :4]
    assert far == pytest.approx(1, abs=2e-2)


@pytest.mark.parametrize(("defocus", "bright"), [(6, True), (-6, False)])
def test_an_atom_is_bright_in_overfocus_with_negative_cs(single, defocus, bright):
    picture = optics.image(single, BOX, optics.Optics(defocus=defocus)).numpy()
    middle = picture.shape[0] // 2
    assert (picture[middle, middle] > 1.05) == bright
    assert (picture[middle, middle] < 0.98) == (not bright)


def test_an_atom_is_imaged_where_it_is():
    wave = exit_wave(atoms_at([(9, 21, 0)]), BOX)
    picture = optics.image(wave, BOX, optics.Optics()).numpy()
    y, x = np.unravel_index(picture.argmax(), picture.shape)
    assert (x, y) == pytest.approx(np.array([9, 21]) * picture.shape[0] / BOX, abs=1)


def test_electrons_are_not_created(single):
    """An elastic wave keeps its intensity; what is missing has scattered beyond the band limit."""
    crystal = block("Pt", (1, -1, 0), None, (10, 10, 25))
    thick = exit_wave(crystal.moved(crystal.positions + np.array([15, 15, 25])), BOX)
    for wave in (single, thick):
        assert 0.9 < (np.abs(wave) ** 2).mean() <= 1.0001


def test_slices_of_5_and_2_angstrom_agree():
    crystal = block("Pt", (1, -1, 0), None, (10, 10, 20))
    moved = crystal.moved(crystal.positions + np.array([15, 15, 20]))
    pictures = [
        optics.image(exit_wave(moved, BOX, slice_thickness=t), BOX, optics.Optics()).numpy()
        for t in (5, 2)
    ]
    assert np.corrcoef(pictures[0].ravel(), pictures[1].ravel())[0, 1] > 0.97


def test_three_focal_points_are_enough(single):
    few, many = (optics.image(single, BOX, optics.Optics(), focal_points=n).numpy() for n in (3, 9))
    assert np.abs(few - many).max() < 0.01 * np.abs(many - 1).max()


@pytest.mark.parametrize("size", [20, 64, 150])
def test_a_pixel_is_the_mean_over_its_area(size):
    """A wave of k periods is damped by sinc(k / size) and keeps its phase."""
    k, grid = 7, torch.arange(64) / 64
    picture = (1 + torch.cos(2 * torch.pi * k * grid)).expand(64, 64)
    expected = 1 + np.sinc(k / size) * np.cos(2 * np.pi * k * np.arange(size) / size)
    pixels = optics.integrate(picture, size).numpy()
    np.testing.assert_allclose(pixels, np.broadcast_to(expected, (size, size)), atol=1e-5)


def test_adf_intensity_is_the_scattering_power():
    picture = optics.adf_image(
        np.array([10.0, 20.0]), np.array([15.0, 15.0]), np.array([1.0, 3.0]), BOX, 0.6, 300
    )
    left, right = torch.tensor_split(picture, 2, dim=1)
    assert float(right.sum() / left.sum()) == pytest.approx(3, rel=1e-4)


def test_adf_columns_are_where_they_are_between_the_pixels():
    """Gaussian of 0.6 Å around (10.03, 15.07) Å on pixels of 0.3 Å."""
    picture = optics.adf_image(
        np.array([10.03]), np.array([15.07]), np.array([1.0]), BOX, 0.6, 100
    ).numpy()
    y, x = np.mgrid[:100, :100] * 0.3
    assert (picture * x).sum() / picture.sum() == pytest.approx(10.03, abs=1e-3)
    assert (picture * y).sum() / picture.sum() == pytest.approx(15.07, abs=1e-3)
    spot = np.exp(-((x - 10.03) ** 2 + (y - 15.07) ** 2) / (2 * 0.36))
    np.testing.assert_allclose(picture / picture.sum(), spot / spot.sum(), atol=1e-3)


def test_waves_do_not_depend_on_their_companions():
    thin, thick = (
        atoms_at([(15, 15, 0), (12, 18, 3)], "C"),
        atoms_at([(15, 15, 0), (12, 18, 33)], "Au"),
    )
    for one, two in zip((thin, thick), exit_waves([thin, thick], BOX), strict=True):
        np.testing.assert_allclose(exit_wave(one, BOX), two, atol=1e-5)


def test_an_empty_model_is_vacuum():
    assert np.abs(exit_wave(atoms_at(np.zeros((0, 3))), BOX)) == pytest.approx(1, abs=1e-5)


def test_a_box_beyond_the_memory_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(memory, "physical_memory", lambda: 10**6)
    with pytest.raises(SBDError, match=r"3\.0 nm needs about 0\.\d GB .* 0\.0 GB"):
        exit_wave(atoms_at([(15, 15, 0)]), BOX)


@pytest.mark.parametrize("slices", [2.0, 5.0])
def test_light_atoms_scatter_once(slices):
    """Kinematic theory: i sigma v(k) / area, and a phase of -pi lambda k^2 (depth to the exit)."""
    rng, z = np.random.default_rng(0), np.arange(0, 41.0)
    positions = np.column_stack([rng.uniform(2, BOX - 2, (len(z), 2)), z])
    wave = exit_wave(atoms_at(positions, "C"), BOX, slice_thickness=slices)
    periods = np.arange(-24, 25)
    ky, kx = np.meshgrid(periods / BOX, periods / BOX, indexing="ij")
    k2 = kx**2 + ky**2
    potential = scattering.projected_potential("C", np.sqrt(k2)) * np.exp(
        -2 * np.pi**2 * scattering.vibration("C") ** 2 * k2
    )
    along = kx[..., None] * positions[:, 0] + ky[..., None] * positions[:, 1]
    after = np.pi * scattering.wavelength(300) * k2[..., None] * (z.max() - z)
    phases = np.exp(-2j * np.pi * along - 1j * after).sum(-1)
    expected = 1j * scattering.interaction(300) * potential / BOX**2 * phases
    found = (np.fft.fft2(wave) / wave.size)[np.ix_(periods, periods)]
    scattered = k2 > 0
    off = np.linalg.norm((found - expected)[scattered]) / np.linalg.norm(expected[scattered])
    assert off < 0.1
