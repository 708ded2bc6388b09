"""Acquisitions as they come: the right result or one clear sentence, and never worse than raw."""

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.series import Gradients, Series
from napari_sbd.series.noises import Noise

from .conftest import decays
from .test_one_reference import fibre, reordered, rms
from .test_one_reference import table as gradient_table

SD = 1 / 20
GRID = (5, 16, 16)
TABLE = gradient_table(14)
RICIAN = Noise("rician", SD)


def tissue(grid=GRID, table=TABLE, scale=1.0):
    """Two bundles side by side, in an orientation that the reference lacks."""
    first = fibre(table, np.array([0.0, 0.6, 0.8]), grid)
    second = fibre(table, np.array([0.6, 0.8, 0.0]), grid)
    left = (np.arange(grid[1]) < 8 * scale)[:, None]
    return np.where(left, first, 0.8 * second).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """Of one bundle along x, at the target's level."""
    reference = fibre(TABLE, np.array([1.0, 0, 0]), GRID)
    return sbd.train_series(Series(reference, TABLE), level=SD, steps=40)


def moved(clean):
    """The second half of the volumes after a motion by a voxel."""
    half = len(clean) // 2
    return np.concatenate([clean[:half], np.roll(clean[half:], 1, 2)])


def shaded(clean):
    """As a surface coil sees it: near it three times as bright as far from it."""
    return clean * np.linspace(0.5, 1.5, clean.shape[-1], dtype=np.float32)


def dropped(clean):
    """One slice of one volume without signal, as after a jerk."""
    lost = clean.copy()
    lost[20, 2] = 0
    return lost


def stripped(clean):
    """Exactly 0 around the brain, as after skull stripping; the noise stays away as well."""
    cut = clean.copy()
    cut[..., :5] = 0
    return cut


CONDITIONS = {
    "as trained": (lambda clean: clean, TABLE),
    "motion of a voxel": (moved, TABLE),
    "shading of the coil": (shaded, TABLE),
    "a slice that dropped out": (dropped, TABLE),
    "stripped to zero": (stripped, TABLE),
    "b-values 5 % off": (lambda clean: clean, Gradients(TABLE.bvals * 1.05, TABLE.bvecs)),
}


@pytest.mark.filterwarnings("ignore:In .* voxels")
@pytest.mark.parametrize("name", CONDITIONS)
def test_never_worse_than_raw(model, name):
    """Over all, in the worst volume, and in the worst quarter of the voxels; nor too good."""
    change, table = CONDITIONS[name]
    clean = change(tissue(table=table))
    noisy = RICIAN.draw(clean, np.random.default_rng(1))
    noisy[:, (clean == 0).all(0)] = 0
    result = sbd.denoise_series(Series(noisy, table), model).data
    error, raw = result - clean, noisy - clean
    assert 0.08 < rms(error) / rms(raw) < 0.7
    assert max(rms(e) / rms(r) for e, r in zip(error, raw, strict=True)) < 1.02
    worst = np.argsort(np.square(error).mean(0).ravel())[-(error[0].size // 4) :]
    parts = [values.reshape(len(values), -1)[:, worst] for values in (error, raw)]
    assert rms(parts[0]) < 1.02 * rms(parts[1])


def test_zeros_around_a_brain_are_left_out(model):
    """They stay 0 and change nothing of the rest, as if a mask had left them out."""
    clean = stripped(tissue())
    noisy = RICIAN.draw(clean, np.random.default_rng(1))
    inside = clean.any(0)
    noisy[:, ~inside] = 0
    series = Series(noisy, TABLE)
    for method in (lambda s, m: sbd.denoise_series(s, model, m), sbd.pca_series):
        found, masked = method(series, None).data, method(series, inside).data
        np.testing.assert_allclose(found, masked, atol=1e-4)
        assert (found[:, ~inside] == 0).all()


def test_finer_voxels_serve_as_well(model):
    """A target of half the voxel size, in which everything is twice as many voxels wide."""
    clean = tissue((5, 32, 32), scale=2.0)
    noisy = RICIAN.draw(clean, np.random.default_rng(2))
    result = sbd.denoise_series(Series(noisy, TABLE), model).data
    coarse = tissue()
    other = RICIAN.draw(coarse, np.random.default_rng(2))
    ratio = rms(sbd.denoise_series(Series(other, TABLE), model).data - coarse) / rms(other - coarse)
    assert rms(result - clean) / rms(noisy - clean) < 1.15 * ratio


def test_integers_with_a_scale_mean_what_they_say(model, tmp_path):
    """int16 with slope and intercept, as scanners store magnitudes."""
    nibabel = pytest.importorskip("nibabel")
    noisy = RICIAN.draw(tissue(), np.random.default_rng(1))
    image = nibabel.Nifti1Image(noisy.T, np.eye(4))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "scan.nii.gz")
    np.savetxt(tmp_path / "scan.bval", TABLE.bvals[None])
    np.savetxt(tmp_path / "scan.bvec", TABLE.bvecs.T)
    stored = nibabel.load(tmp_path / "scan.nii.gz")
    assert stored.get_data_dtype() == np.int16 and stored.dataobj.slope != 1
    result = sbd.denoise_series(sbd.read_series(tmp_path / "scan.nii.gz"), model)
    expected = sbd.denoise_series(Series(noisy, TABLE), model).data
    np.testing.assert_allclose(result.data, expected, atol=SD / 20)
    sbd.write_series(result, tmp_path / "out.nii.gz")  # no scale of the source clings to it
    np.testing.assert_array_equal(sbd.read_series(tmp_path / "out.nii.gz").data, result.data)


def test_a_volume_too_few_or_too_many_is_told(model):
    noisy = Series(RICIAN.draw(tissue(), np.random.default_rng(1)), TABLE)
    for order in (np.arange(1, noisy.length), np.r_[np.arange(noisy.length), 4]):
        sentence = f"has {len(order)} volumes, the model was trained with {noisy.length}"
        with pytest.raises(sbd.SBDError, match=sentence):
            sbd.denoise_series(reordered(noisy, order), model)


def test_one_volume_is_no_stack(model, tmp_path):
    with pytest.raises(sbd.SBDError, match="N of 2 or more"):
        sbd.denoise_series(np.ones((1, 5, 16, 16)), model)
    with pytest.raises(sbd.SBDError, match="N of 2 or more"):
        sbd.pca_series(np.ones((1, 16, 16)))
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(np.ones((16, 16, 5), "f4"), np.eye(4)), tmp_path / "b0.nii")
    with pytest.raises(sbd.SBDError, match="3 axes; a stack of volumes has 4"):
        sbd.read_series(tmp_path / "b0.nii")


@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_spectra_are_never_worse_than_raw(noise):
    """Of counts and of Gaussian noise, with a corner that the reference lacks; nor too good."""
    kind = Noise(noise, 0.1)
    reference, clean = decays(2, (28, 28)), decays(5, (28, 28))
    clean[:, :9, :9] = 1.2 * np.abs(np.sin(np.arange(len(clean))))[:, None, None] + 0.2
    noisy = kind.draw(clean, np.random.default_rng(0))
    model = sbd.train_series(reference, level=0.1, noise=noise, steps=40)
    with pytest.warns(UserWarning, match="contradict the network"):
        result = sbd.denoise_series(noisy, model)
    corner = np.zeros((28, 28), bool)
    corner[:9, :9] = True
    for part in (corner, ~corner):
        ratio = rms((result - clean)[:, part]) / rms((noisy - clean)[:, part])
        assert 0.1 < ratio < (1.02 if part is corner else 0.6)
