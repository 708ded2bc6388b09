"""One reference is enough for tissue that lies otherwise, and what it lacks is noticed."""

import warnings

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.series import Gradients, Series
from napari_sbd.series.compartments import any_turn, can_fit, compartments
from napari_sbd.series.doubt import settle
from napari_sbd.series.local_pca import local_pca
from napari_sbd.series.noises import Noise

from .conftest import decays

ALL = np.ones((4, 8, 8), bool)


def table(directions=20):
    """3 volumes without weighting, then directions at b = 1000 and 2500."""
    i = np.arange(2 * directions)
    z, angle = (i + 0.5) / len(i), np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    points = np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)
    bvecs = np.concatenate([np.zeros((3, 3)), points[::2], points[1::2]])
    return Gradients(np.repeat([0.0, 1000.0, 2500.0], [3, directions, directions]), bvecs)


def fibre(gradients, axis, shape=ALL.shape):
    """(N, ...) of two compartments along an axis, with shares that change along the last axis."""
    along = (gradients.bvecs @ axis)[:, None] ** 2
    b = gradients.bvals[:, None]
    share = np.linspace(0.3, 0.8, shape[-1])
    signal = share * np.exp(-b * 1.8e-3 * along)
    signal = signal + (1 - share) * np.exp(-b * (0.6e-3 + 1.1e-3 * along))
    return np.broadcast_to(signal[:, None, None], (len(b), *shape)).astype(np.float32)


def flat(stack):
    return stack.reshape(len(stack), -1)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def test_compartments_turn_as_the_tissue_would():
    """The signal of a turned fibre is known; only a free fit of all orientations can give it."""
    gradients, axis = table(), np.array([0.6, 0.0, 0.8])
    turn = any_turn(np.random.default_rng(3))
    fitted = compartments(fibre(gradients, axis), ALL, gradients)
    truth = fibre(gradients, turn @ axis)
    assert rms(truth - fibre(gradients, axis)) > 0.1
    assert rms(fitted.measured(gradients, turn) - flat(truth)) < 0.015
    assert rms(fitted.measured(gradients) - flat(fibre(gradients, axis))) < 0.015


def test_compartments_are_measured_at_another_table():
    gradients, axis = table(), np.array([0.0, 1.0, 0.0])
    other = Gradients(table(13).bvals * 1.05, table(13).bvecs)
    fitted = compartments(fibre(gradients, axis), ALL, gradients)
    assert rms(fitted.measured(other) - flat(fibre(other, axis))) < 0.015


def test_the_length_of_a_direction_does_not_matter():
    gradients = table()
    longer = Gradients(gradients.bvals, 2 * gradients.bvecs)
    seen = fibre(gradients, np.array([0.6, 0.0, 0.8]))
    expected, found = (compartments(seen, ALL, g).misfit for g in (gradients, longer))
    assert found == pytest.approx(expected, rel=1e-3)
    assert can_fit(longer)


def test_turns_are_rotations_of_every_kind():
    rng = np.random.default_rng(0)
    turns = np.stack([any_turn(rng) for _ in range(400)])
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.eye(3)[None].repeat(400, 0), atol=1e-9
    )
    assert (np.linalg.det(turns) > 0).all()
    assert np.abs(turns.mean(0)).max() < 0.15


def test_a_table_without_orientations_is_not_fitted():
    few = Gradients([0, 1000, 1000, 1000], np.eye(4, 3, -1))
    assert can_fit(table()) and not can_fit(few)


@pytest.mark.parametrize("kind", ["gaussian", "rician", "poisson"])
def test_local_pca_finds_the_means_without_a_reference(kind):
    """Of pure noise a patch keeps nothing but its mean; of signals it loses nothing that shows."""
    noise = Noise(kind, 0.1)
    clean = decays(3, (6, 18, 18)) + np.float32(kind == "poisson")
    mean = noise.expected(clean)
    noisy = noise.draw(clean, np.random.default_rng(1))
    mask = np.ones(clean.shape[1:], bool)
    mask[:, :3] = False
    noisy[:, ~mask] = np.nan
    found = local_pca(noisy, mask, noise)
    error = rms((found - mean)[:, mask]) / rms((noisy - mean)[:, mask])
    assert 0.1 < error < 0.4
    assert (found[:, ~mask] == 0).all()


def test_local_pca_knows_no_axis_from_another():
    """Patches are gathered along one axis, around holes and past the last stride, as along any."""
    rng = np.random.default_rng(4)
    shape = (9, 13, 12)
    mask = rng.random(shape) < 0.2
    mask[4:] &= np.arange(13)[:, None] > 7  # patches without a voxel between others
    decay = np.exp(-np.outer(np.linspace(0, 1, 14), rng.uniform(0.5, 3, mask.size)))
    noisy = decay.reshape(14, *shape) + 0.1 * rng.standard_normal((14, *shape))
    found = local_pca(noisy, mask, Noise("gaussian", 0.1))
    assert np.all(found[:, ~mask] == 0) and np.isfinite(found).all()
    for axes in ((2, 0, 1), (1, 2, 0), (0, 2, 1)):
        turned = local_pca(
            noisy.transpose(0, *(a + 1 for a in axes)), mask.transpose(axes), Noise("gaussian", 0.1)
        )
        expected = found.transpose(0, *(a + 1 for a in axes))
        np.testing.assert_allclose(turned, expected, atol=2e-3)


def test_local_pca_keeps_patches_of_many_components():
    """More components than are looked for at first."""
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((60, 5, 5, 5)).astype(np.float32) * 10
    found = local_pca(clean, np.ones((5, 5, 5), bool), Noise("gaussian", 0.1))
    assert rms(found - clean) < 0.1


def test_what_the_network_gets_wrong_is_settled_by_the_data():
    """Right answers are kept, wrong ones replaced, and nothing is worse than the raw data."""
    rng, noise = np.random.default_rng(0), Noise("rician", 0.1)
    clean = np.full((900, 80), 0.5, np.float32)
    clean[600:, ::2] = 1.0  # what the local PCA has not seen either
    noisy = noise.draw(clean, rng)
    around = noise.expected(np.full_like(clean, 0.5))
    said = np.full_like(clean, 0.5) + rng.normal(0, 0.01, clean.shape).astype(np.float32)
    said[300:600] += 0.08
    result, doubted = settle(said, noisy, around, noise)
    parts = [slice(0, 300), slice(300, 600), slice(600, 900)]
    shares = [doubted[part].mean() for part in parts]
    assert shares[0] < 0.01 and shares[1] > 0.99 and shares[2] == 1
    errors = [rms(result[part] - clean[part]) for part in parts]
    assert errors[0] < 0.015 and errors[1] < 0.015
    assert errors[2] < 1.02 * rms((noisy - clean)[600:])


def test_without_local_pca_chi_square_alone_tells():
    rng, noise = np.random.default_rng(0), Noise("gaussian", 0.1)
    clean = np.zeros((400, 50), np.float32)
    noisy = noise.draw(clean, rng)
    said = clean.copy()
    said[200:] += 0.3
    result, doubted = settle(said, noisy, None, noise)
    assert not doubted[:200].any() and doubted[200:].all()
    assert rms(result[200:]) < 1.02 * rms(noisy[200:])


def test_one_reference_serves_other_orientations():
    """Trained on one orientation, applied to another: closer than local PCA, not doubted."""
    gradients, sd = table(), 1 / 30
    shape = (5, 14, 14)
    reference = fibre(gradients, np.array([1.0, 0, 0]), shape)
    clean = fibre(gradients, np.array([0.3, 0.9, 0.3]) / np.sqrt(0.99), shape)
    noise = Noise("rician", sd)
    noisy = noise.draw(clean, np.random.default_rng(0))
    model = sbd.train_series(Series(reference, gradients), level=sd, steps=60)
    doubted = np.ones(shape, bool)
    result = sbd.denoise_series(Series(noisy, gradients), model, doubted=doubted).data
    pca = noise.without_floor(local_pca(noisy, np.ones(shape, bool), noise))
    assert rms(result - clean) < 1.25 * rms(pca - clean)  # which 60 steps hardly improve
    assert doubted.mean() < 0.05


def test_what_the_reference_lacks_is_told_and_mapped():
    """Spectra of another kind in one corner: named, mapped, and no worse than the raw data."""
    reference, clean = decays(2, (40, 40)), decays(1, (40, 40))
    clean[:, :14, :14] = 1.5 * np.abs(np.sin(np.arange(len(clean))))[:, None, None]
    noisy = Noise("gaussian", 0.05).draw(clean, np.random.default_rng(0))
    model = sbd.train_series(reference, level=0.05, noise="gaussian", steps=60)
    doubted = np.zeros((40, 40), bool)
    with pytest.warns(UserWarning, match=r"In \d+ of 1600 voxels .* contradict the network"):
        result = sbd.denoise_series(noisy, model, doubted=doubted)
    corner = np.zeros((40, 40), bool)
    corner[:14, :14] = True
    assert doubted[corner].mean() > 0.9
    assert doubted[20:, 20:].mean() < 0.02
    assert rms((result - clean)[:, corner]) < rms((noisy - clean)[:, corner])
    clean[:, :, 16:] = noisy[:, :, 16:] = 0  # as around what was cut out: no part of the share
    with pytest.warns(UserWarning, match=r"In \d+ of 640 voxels"):
        sbd.denoise_series(noisy, model)
    with pytest.raises(sbd.SBDError, match="map of doubts"):
        sbd.denoise_series(noisy, model, doubted=np.zeros((3, 3), bool))


def reordered(stack, order):
    gradients = stack.gradients
    return Series(stack.data[order], Gradients(gradients.bvals[order], gradients.bvecs[order]))


@pytest.fixture(scope="module")
def fibre_model():
    """Of one fibre, and a noisy target of another orientation."""
    gradients = table()
    reference = fibre(gradients, np.array([1.0, 0, 0]), (5, 14, 14))
    clean = fibre(gradients, np.array([0.0, 0.6, 0.8]), (5, 14, 14))
    noisy = Noise("rician", 0.05).draw(clean, np.random.default_rng(0))
    model = sbd.train_series(Series(reference, gradients), level=0.05, steps=20)
    return model, Series(noisy, gradients), clean, reference


def test_volumes_in_another_order_are_put_in_order(fibre_model):
    """And come back as they came; other b-values are not taken for a matter of order."""
    model, noisy, _, _ = fibre_model
    order = np.random.default_rng(1).permutation(noisy.length)
    mixed = sbd.denoise_series(reordered(noisy, order), model)
    np.testing.assert_allclose(mixed.data, sbd.denoise_series(noisy, model).data[order], atol=1e-4)
    gradients = reordered(noisy, order).gradients
    other = Series(noisy.data[order], Gradients(1.5 * gradients.bvals, gradients.bvecs))
    with pytest.raises(sbd.SBDError, match="tables differ"):
        sbd.denoise_series(other, model)


def test_volumes_of_a_file_without_a_table_are_taken_as_they_come_and_that_is_said(
    fibre_model, tmp_path
):
    model, noisy, _, _ = fibre_model
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(noisy.data.T, np.eye(4)), tmp_path / "noisy.nii.gz")
    with pytest.warns(UserWarning, match="no gradient table"):
        found = sbd.denoise_series(sbd.read_series(tmp_path / "noisy.nii.gz"), model)
    np.testing.assert_allclose(found.data, sbd.denoise_series(noisy, model).data, atol=1e-4)


def test_a_reference_with_another_table_is_measured_anew(fibre_model):
    """The target lacks volumes, has one twice, another order, and b-values 5 % lower."""
    _, noisy, clean, _ = fibre_model
    order = np.r_[0, 1, np.random.default_rng(2).permutation(np.arange(2, 40)), 5]
    target = reordered(noisy, order)
    low_noise = Gradients(target.gradients.bvals * 1.05, target.gradients.bvecs)
    low_noise = Gradients(np.r_[low_noise.bvals, 0.0], np.r_[low_noise.bvecs, np.zeros((1, 3))])
    data = fibre(low_noise, np.array([1.0, 0, 0]), (5, 14, 14))
    with pytest.warns(UserWarning, match=r"table is not the reference's.*leave \d\.\d% of its"):
        model = sbd.train_series(Series(data, low_noise), target=target, steps=20)
    assert model.card.length == len(order)
    result = sbd.denoise_series(target, model).data
    assert rms(result - clean[order]) < 0.35 * rms(target.data - clean[order])


@pytest.mark.parametrize("method", ["local-pca", "dipy-mp-pca", "dipy-local-pca"])
def test_classic_denoisers_take_the_floor_off(method):
    if method != "local-pca":
        pytest.importorskip("dipy")
    clean = decays(1, (6, 14, 14)) * np.float32(0.3)
    noise = Noise("rician", 0.1)
    noisy = noise.draw(clean, np.random.default_rng(0))
    mask = np.ones(clean.shape[1:], bool)
    mask[:, :3] = False
    result = sbd.pca_series(noisy, mask, method=method, noise="rician", level=0.1)
    weak = (clean < 0.05) & mask
    assert (noisy - clean)[weak].mean() > 0.08
    assert -0.03 < (result - clean)[weak].mean() < 0.04
    assert rms((result - clean)[:, mask]) < 0.6 * rms((noisy - clean)[:, mask])
    np.testing.assert_array_equal(result[:, ~mask], noisy[:, ~mask])


def test_volumes_put_aside_rank_denoisers():
    """The order, and the error, are those that the truth gives."""
    clean = decays(1, (40, 40))
    noisy = Noise("gaussian", 0.1).draw(clean, np.random.default_rng(0))

    def biased(stack):
        result = sbd.pca_series(stack, noise="gaussian", level=0.1)
        return result.replace(data=result.data + np.float32(0.05))

    methods = {"biased": biased, "right": lambda s: s.replace(data=clean)}
    found = sbd.compare_series(noisy, {**methods, "pca": "local-pca"}, noise="gaussian", level=0.1)
    assert list(found)[:1] == ["right"] and list(found).index("pca") < list(found).index("biased")
    assert found["right"] < 0.1
    assert 0.5 < found["biased"] < 0.65  # half the noise, and what the local PCA errs by
    with pytest.raises(sbd.SBDError, match="put some aside"):
        sbd.compare_series(noisy[:7], methods)


@pytest.mark.parametrize("factor", [0.1, 0.5, 2, 10])
def test_a_level_that_is_not_the_stacks_is_told(factor):
    """A result may be worse than the raw data then; the order of a comparison does not hang on it.

    Errors of which no noise was left were all told as 0, and stood in the order of their names.
    """
    noisy = Noise("gaussian", 0.1).draw(decays(1, (40, 40)), np.random.default_rng(0))
    of = {"noise": "gaussian", "level": 0.1 * factor}
    words = rf"given is {0.1 * factor:.4g},.* one of about 0\.(1|09)"
    told = pytest.warns(UserWarning, match=words)
    with told:
        sbd.pca_series(noisy, **of)
    with told:
        sbd.halves_series(noisy, "local-pca", **of)
    for given in ({"target": noisy}, {"noisy": noisy}) if factor < 10 else ():
        with told:
            sbd.train_series(decays(1, (40, 40)), steps=1, **given, **of)
    ways = {"nothing": lambda s: s, "far off": lambda s: s.replace(data=s.data + 1)}
    ways = dict(sorted({**ways, "truth": lambda s: s.replace(data=decays(1, (40, 40)))}.items()))
    with told:
        found = sbd.compare_series(noisy, ways, **of)
    assert [name for name in found if name != "regression"] == ["truth", "nothing", "far off"]


def test_a_hot_pixel_outshines_a_patch_and_changes_no_other():
    """Its component is so strong that single precision hardly sees the others."""
    clean = decays(1, (40, 40))
    noisy = Noise("gaussian", 0.1).draw(clean, np.random.default_rng(0))
    usual = sbd.pca_series(noisy, noise="gaussian", level=0.1)
    noisy[:, 10, 10] = 1e4
    found = sbd.pca_series(noisy, noise="gaussian", level=0.1)
    near = np.zeros((40, 40), bool)
    near[5:16, 5:16] = True
    near[10, 10] = False
    assert rms((found - clean)[:, near]) < 1.1 * rms((usual - clean)[:, near])


def test_a_comparison_tells_of_a_model_once():
    noisy = Noise("gaussian", 0.3).draw(decays(1, (40, 40)), np.random.default_rng(0))
    model = sbd.train_series(decays(2), level=0.1, noise="gaussian", steps=1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sbd.compare_series(noisy, {"model": model}, noise="gaussian")
    assert len(said) == 1 and "that of training was 0.1" in str(said[0].message)


def test_a_volume_that_stands_twice_does_not_tell_its_own_noise():
    """Put aside alone, it was found in its copy."""
    clean = decays(1, (40, 40))[[*range(12), 11, *range(12, 23)]]
    noisy = Noise("gaussian", 0.1).draw(clean, np.random.default_rng(0))
    of = {"noise": "gaussian", "level": 0.1}
    once = sbd.compare_series(noisy, {"pca": "local-pca"}, **of)
    error = sbd.halves_series(noisy, "local-pca", **of)
    noisy[12] = noisy[11]
    twice = sbd.compare_series(noisy, {"pca": "local-pca"}, **of)
    assert twice == pytest.approx(once, rel=0.1)
    halves = sbd.halves_series(noisy, "local-pca", **of)
    assert np.median(halves) == pytest.approx(np.median(error), rel=0.1)


@pytest.mark.parametrize("kind", ["gaussian", "rician", "poisson"])
def test_halves_tell_the_error_that_chance_makes(kind):
    """As large as the error is, within a third; and larger where there is more to be known."""
    noise = Noise(kind, 0.1)
    clean = decays(1, (36, 36)) + np.float32(0.2)
    clean[:, :18] *= 1 + 0.3 * np.sin(np.arange(36) * 1.3).astype(np.float32)
    noisy = noise.draw(clean, np.random.default_rng(0))
    mask = np.ones((36, 36), bool)
    mask[-2:] = False
    of = {"noise": kind, "level": 0.1}
    said = sbd.halves_series(noisy, "local-pca", mask, **of)
    error = sbd.pca_series(noisy, mask, **of) - clean
    true = np.sqrt(np.mean(error**2 / noise.variance(noise.expected(clean)), 0))
    assert 0.6 < rms(said[mask]) / rms(true[mask]) < 1.35
    assert np.isnan(said[~mask]).all()


def test_regression_fills_volumes_with_what_it_has_not_seen():
    """Else its figure would be better than the truth allows: here nothing can be predicted."""
    noisy = np.random.default_rng(0).normal(5, 1, (60, 20, 20)).astype(np.float32)
    found = sbd.compare_series(noisy, {}, noise="gaussian", level=1.0)
    assert 0.2 < found["regression"] < 0.8  # chance in 53 slopes of 300 voxels


def test_a_method_that_does_not_exist_is_named():
    with pytest.raises(sbd.SBDError, match="local-pca, dipy-mp-pca"):
        sbd.pca_series(decays(1), method="magic")
    for grid in ((40, 40), (4, 12, 12)):
        with pytest.raises(sbd.SBDError, match=f"needs volumes.*{grid[0]} x {grid[1]}"):
            sbd.pca_series(decays(1, grid), method="dipy-mp-pca", noise="gaussian", level=0.1)
    with pytest.raises(sbd.SBDError, match="one of local-pca"):
        sbd.compare_series(decays(1), {"x": "magic"}, level=0.1)
