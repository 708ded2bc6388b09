import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.simulation import dataset, structures, wave_cache
from napari_sbd.simulation.microscope import Microscope

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
    from napari_sbd.simulation.materials import block

    atoms = block("Pt", (1, 0, 0), (0, 0, 1), (8, 8, 19.7))
    columns = dataset.columns_of(atoms)
    assert columns[:, 3].sum() == len(atoms)
    assert set(np.unique(columns[:, 3])) <= {9, 10, 11}
    assert (columns[:, 2] == 78).all()


def test_waves_do_not_depend_on_workers_and_resume(tmp_path):
    wave_cache.make_waves(tmp_path / "a", 3, MIXTURE, seed=1, workers=1)
    wave_cache.make_waves(tmp_path / "b", 2, MIXTURE, seed=1, workers=2)
    first = (tmp_path / "b" / "wave000000.npz").stat().st_mtime_ns
    wave_cache.make_waves(tmp_path / "b", 3, MIXTURE, seed=1, workers=2)
    assert (tmp_path / "b" / "wave000000.npz").stat().st_mtime_ns == first
    for one, two in zip(*(wave_cache.load_waves(tmp_path / f) for f in "ab"), strict=True):
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
        wave_cache.load_waves(tmp_path)
    (tmp_path / "wave000000.npz").write_bytes(b"broken")
    with pytest.raises(sbd.SBDError, match=r"wave000000.npz is damaged"):
        wave_cache.load_waves(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damaged_waves_are_made_again(tmp_path, damage):
    wave_cache.make_waves(tmp_path, 2, MIXTURE, seed=3)
    path = tmp_path / "wave000001.npz"
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 1
    path.write_bytes(whole[: len(whole) // 2] if damage == "truncated" else broken)
    with pytest.warns(UserWarning, match="1 damaged"):
        wave_cache.make_waves(tmp_path, 2, MIXTURE, seed=3)
    assert path.read_bytes() == whole


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(file, **arrays):
        file.write(b"some")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        wave_cache.save_arrays(tmp_path / "wave000000.npz", psi=np.ones(3))
    assert not list(tmp_path.iterdir())


def test_waves_can_be_stopped(tmp_path):
    with pytest.raises(sbd.Cancelled, match="Stopped"):
        wave_cache.make_waves(tmp_path, 9, MIXTURE, should_stop=lambda: True)


def test_images_keep_to_the_ranges_of_a_microscope():
    """Weak blur and strong blur give more and less contrast at the finest spacings."""
    wave = dataset.simulate_wave("free_particle", 5, microscope=Microscope(kilovolt=80))
    assert wave.kilovolt == 80
    power = []
    for spread in (5, 90):
        microscope = Microscope(image_spread_pm=spread, defocus_nm=5)
        drawn = microscope.draw(np.random.default_rng(0), 80.0)
        assert (drawn.image_spread, drawn.defocus, drawn.kilovolt) == (spread, 5, 80)
        pictures = list(dataset.draw_images([wave], 4, 64, 0, 0.0, microscope, (0.03, 0.03)))
        power.append(np.var(pictures))
    assert power[0] > 1.5 * power[1]


def test_the_pixel_size_sets_the_magnification():
    """The same wave at half the pixel size shows a lattice of twice the period."""
    wave = dataset.simulate_wave("crystal_edge", 5)
    still = Microscope(defocus_nm=5, cs_um=-10, c5_mm=0, astigmatism_nm=0, coma_nm=0)
    peaks = []
    for pixel in (0.02, 0.04):
        pictures = np.stack(
            list(dataset.draw_images([wave], 12, 96, 0, 0.0, still, (pixel, pixel)))
        )
        spectrum = np.abs(np.fft.fft2(pictures - pictures.mean((1, 2), keepdims=True))) ** 2
        k = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(96))
        fine = (k > 0.03) * spectrum.mean(0)
        peaks.append((k * fine).sum() / fine.sum())
    assert 1.5 < peaks[1] / peaks[0] < 2.5


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
