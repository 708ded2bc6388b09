import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.simulation import dataset, structures

MIXTURE = {"free_particle": 0.5, "sheet": 0.5}


@pytest.mark.parametrize("kind", structures.KINDS)
def test_structures_fill_their_field_and_repeat(kind):
    for seed in range(3):
        atoms = structures.draw(kind, np.random.default_rng(seed), 60.0)
        again = structures.draw(kind, np.random.default_rng(seed), 60.0)
        np.testing.assert_array_equal(atoms.positions, again.positions)
        assert len(atoms) > 50
        assert np.isfinite(atoms.positions).all()
        assert (atoms.positions[:, :2].max(0) < 66).all()
        assert (atoms.positions[:, :2].min(0) > -6).all()


def test_pt_sits_on_ceria_without_touching():
    atoms = structures.pt_ceo2(np.random.default_rng(3), 64.0)
    particle = atoms.positions[atoms.elements == "Pt"]
    support = atoms.positions[atoms.elements != "Pt"]
    above = support[np.abs(support[:, 0] - particle[:, 0].mean()) < 10]
    assert particle[:, 1].mean() < above[:, 1].mean()
    from scipy.spatial import cKDTree

    assert cKDTree(support).query(particle)[0].min() > 1.0


def test_columns_count_their_atoms():
    from napari_sbd.simulation.crystals import block

    atoms = block("Pt", (1, 0, 0), (0, 0, 1), (8, 8, 19.7))
    columns = dataset.columns_of(atoms)
    assert columns[:, 3].sum() == len(atoms)
    assert set(np.unique(columns[:, 3])) <= {9, 10, 11}
    assert (columns[:, 2] == 78).all()


def test_waves_do_not_depend_on_workers_and_resume(tmp_path):
    dataset.make_waves(tmp_path / "a", 3, MIXTURE, seed=1, workers=1)
    dataset.make_waves(tmp_path / "b", 2, MIXTURE, seed=1, workers=2)
    first = (tmp_path / "b" / "wave000000.npz").stat().st_mtime_ns
    dataset.make_waves(tmp_path / "b", 3, MIXTURE, seed=1, workers=2)
    assert (tmp_path / "b" / "wave000000.npz").stat().st_mtime_ns == first
    for one, two in zip(*(dataset.load_waves(tmp_path / f) for f in "ab"), strict=True):
        np.testing.assert_array_equal(one.psi, two.psi)
    assert not list(tmp_path.rglob("*.part"))


def test_images_are_positive_and_repeat():
    wave = dataset.simulate_wave("free_particle", 5)
    images = [list(dataset.draw_images([wave], 4, 64, seed=2)) for _ in range(2)]
    np.testing.assert_array_equal(*images)
    assert np.min(images[0]) > 0
    assert np.mean(images[0]) == pytest.approx(1, abs=0.2)


def test_damaged_caches_are_named(tmp_path):
    with pytest.raises(sbd.SBDError, match="No exit waves"):
        dataset.load_waves(tmp_path)
    (tmp_path / "wave000000.npz").write_bytes(b"broken")
    with pytest.raises(sbd.SBDError, match=r"wave000000.npz is damaged"):
        dataset.load_waves(tmp_path)


def test_a_phantom_is_poisson_around_its_truth():
    phantom = sbd.simulate(size=128, pixel_size=0.02, dose=3.0, frames=60, seed=1)
    clean = phantom.clean.data
    assert phantom.noisy.shape == (60, 128, 128)
    assert np.quantile(clean, 0.98) > 3
    z = (phantom.noisy.data.mean(0) - clean) / np.sqrt(clean / 60)
    assert z.std() == pytest.approx(1, abs=0.02)
    assert abs(z.mean()) < 0.03


def test_a_bright_phantom_does_not_wrap_around():
    phantom = sbd.simulate(size=64, dose=5e4)
    assert phantom.noisy.data.mean() == pytest.approx(phantom.clean.data.mean(), rel=1e-3)


def test_a_phantom_knows_its_columns():
    """Bright columns of platinum stand above vacuum in the clean image."""
    phantom = sbd.simulate(size=512, pixel_size=0.0085, seed=3)
    y, x = np.round(phantom.columns[phantom.columns[:, 2] == 78, :2]).astype(int).T
    assert np.median(phantom.clean.data[y, x]) > 0.45 * 1.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cheese"},
        {"size": 8},
        {"dose": 0},
        {"pixel_size": -1},
        {"size": 9000},
        {"frames": 0},
        {"seed": -1},
        {"size": 64.5},
        {"dose": np.inf},
    ],
)
def test_impossible_phantoms_are_refused(wrong):
    with pytest.raises(sbd.SBDError):
        sbd.simulate(**wrong)
