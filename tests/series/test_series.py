"""Train on one series, denoise another."""

from functools import partial

import dask.array as da
import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.series import Gradients, Series, SeriesModel
from napari_sbd.series.model import load_series_model
from napari_sbd.series.noises import Noise

from .conftest import LENGTH, decays, table


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def noisy_of(clean, kind="gaussian", level=0.1, seed=0):
    return Noise(kind, level).draw(clean, np.random.default_rng(seed))


def test_another_stack_comes_closer_to_its_truth(gaussian_model, clean):
    noisy = noisy_of(clean)
    result = sbd.denoise_series(noisy, gaussian_model)
    assert result.shape == clean.shape and result.dtype == np.float32
    assert rms(result - clean) < 0.35 * rms(noisy - clean)
    assert gaussian_model.card.figures["held-out voxels, error in units of the noise"] < 0.4


def test_the_floor_of_magnitudes_goes_away():
    """Rician noise lifts weak signals; the mean of what they can come from is not lifted."""
    clean = decays(1) * np.float32(0.3)
    noisy = noisy_of(clean, "rician")
    model = sbd.train_series(decays(2) * 0.3, target=noisy, noise="rician", steps=40)
    result = sbd.denoise_series(noisy, model)
    weak = clean < 0.05
    floor = (noisy - clean)[weak].mean()
    assert floor > 0.08
    assert abs((result - clean)[weak].mean()) < floor / 5
    assert model.card.level == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(("kind", "steps"), [("paper", 200), ("any-length", 30)])
def test_the_other_networks_denoise_too(kind, steps, clean):
    model = sbd.train_series(decays(2), level=0.1, noise="gaussian", architecture=kind, steps=steps)
    noisy = noisy_of(clean)
    result = sbd.denoise_series(noisy, model)
    assert rms(result - clean) < 0.8 * rms(noisy - clean)
    assert (model.card.length is None) == (kind == "any-length")


def test_a_network_that_makes_things_worse_says_so():
    with pytest.warns(UserWarning, match="makes them worse"):
        sbd.train_series(decays(2), level=0.01, noise="gaussian", architecture="paper", steps=2)


def test_counts_of_a_dose_series():
    """A reference of twenty times the dose is brought to the target's counts."""
    clean = decays(1) * 4
    rng = np.random.default_rng(0)
    target, reference = rng.poisson(clean), rng.poisson(decays(2) * 80)
    model = sbd.train_series(reference, target=target, steps=40)
    assert model.card.noise == "poisson"
    assert model.card.level == pytest.approx(1.0, rel=0.1)
    assert model.card.training["reference_scale"] == pytest.approx(1 / 20, rel=0.15)
    result = sbd.denoise_series(target, model)
    assert rms(result - clean) < 0.4 * rms(target - clean)
    assert result.mean() == pytest.approx(target.mean(), rel=0.02)


def test_the_noise_of_the_reference_is_not_learnt():
    """At a third of the target's noise, a ninth of what a voxel holds would be kept as signal."""
    flat = np.broadcast_to(np.linspace(2, 1, LENGTH)[:, None, None], (LENGTH, 32, 32))
    model = sbd.train_series(noisy_of(flat, level=0.033), level=0.1, noise="gaussian", steps=40)
    noisy = noisy_of(flat, seed=9)
    assert 0.01 < rms(sbd.denoise_series(noisy, model) - flat) / rms(noisy - flat) < 0.08


def test_pairs_of_two_acquisitions(clean):
    """The result is in the units of the noisy one, whatever the other's."""
    reference = decays(2)
    noisy = noisy_of(reference, seed=4)
    model = sbd.train_series(10 * reference, noisy, noise="gaussian", steps=40)
    noisy = noisy_of(clean)
    assert rms(sbd.denoise_series(noisy, model) - clean) < 0.5 * rms(noisy - clean)


def test_without_bias_a_network_scales_with_its_input():
    """Twice the signal and twice the noise level give twice the estimate."""
    import torch

    from napari_sbd.series.networks import AnyLength

    torch.manual_seed(0)
    network = AnyLength(bias=False)
    torch.nn.init.normal_(network.exit.weight, std=0.1)
    x = torch.randn(4, 50)
    torch.testing.assert_close(network(2 * x), 2 * network(x), rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_model():
    kept = [
        sbd.train_series(decays(2), level=0.1, noise="gaussian", steps=3, seed=s).network
        for s in (1, 1, 2)
    ]
    weights = [network.linear.weight for network in kept]
    assert (weights[0] == weights[1]).all() and (weights[0] != weights[2]).any()


def test_masked_voxels_stay_as_they_are(gaussian_model, clean):
    noisy = noisy_of(clean)
    mask = np.zeros(clean.shape[1:], bool)
    mask[:, :25] = True
    noisy[:, ~mask] = np.nan
    result = sbd.denoise_series(noisy, gaussian_model, mask)
    assert np.isnan(result[:, ~mask]).all()
    assert rms((result - clean)[:, mask]) < 0.04


def test_slabs_do_not_show(gaussian_model, clean, monkeypatch):
    """Blocks are joined without a seam, and a lazy stack gives what an array gives."""
    noisy = noisy_of(clean)
    whole = sbd.denoise_series(noisy, gaussian_model)
    monkeypatch.setattr("napari_sbd.series.stack._BLOCK_VALUES", 3 * 4 * LENGTH * 40)
    lazy = da.from_array(noisy, chunks=(1, 40, 40))
    series = sbd.denoise_series(Series(lazy), gaussian_model)
    np.testing.assert_allclose(series.data, whole, atol=1e-5)


def test_volumes_and_records_keep_their_kind(gaussian_model):
    noisy = noisy_of(decays(5, (6, 20, 20)))
    gradients = table()
    series = sbd.denoise_series(Series(noisy, gradients, name="brain"), gaussian_model)
    assert series.gradients is gradients and series.name == "brain"
    step = series.metadata["napari_sbd"]["history"][-1]
    assert step["operation"] == "denoise_series" and step["settings"]["model"] == "series"
    plain = sbd.denoise_series(noisy[:, 0], gaussian_model)
    movie = sbd.Micrograph(noisy[:, 0] + 7, pixel_size=0.1, offset=7.0)
    result = sbd.denoise_series(movie, gaussian_model)
    assert isinstance(result, sbd.Micrograph) and result.pixel_size == 0.1
    np.testing.assert_allclose(result.data - 7, plain, atol=1e-4)


@pytest.mark.parametrize("kind", [lambda a: da.from_array(a, chunks=8), np.ndarray.tolist])
def test_what_is_like_an_array_is_one(gaussian_model, clean, kind):
    """Lazy arrays and lists ended in a traceback after all the work was done."""
    noisy = noisy_of(clean)
    for method in (partial(sbd.denoise_series, model=gaussian_model), sbd.pca_series):
        np.testing.assert_array_equal(method(kind(noisy)), method(noisy))


def test_a_saved_model_does_the_same(gaussian_model, clean, tmp_path):
    path = gaussian_model.save(tmp_path / "mine.safetensors")
    loaded = load_series_model(path)
    assert loaded.card.name == "mine" and loaded.card.level == gaussian_model.card.level
    noisy = noisy_of(clean)
    np.testing.assert_array_equal(
        sbd.denoise_series(noisy, path), sbd.denoise_series(noisy, gaussian_model)
    )
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(sbd.SBDError, match="SHA-256"):
        load_series_model(path)


def test_other_noise_than_in_training_is_told(gaussian_model, clean):
    with pytest.warns(UserWarning, match=r"stack is 0\.\d+, that of training was 0\.1"):
        sbd.denoise_series(noisy_of(clean, level=0.3), gaussian_model)


@pytest.mark.parametrize("kind", ["gaussian", "rician", "poisson"])
def test_volumes_have_the_mean_of_the_data(kind):
    """An answer too high is brought to what was measured; one that errs by chance stays."""
    from napari_sbd.series.balance import Balance

    noise, rng = Noise(kind, 0.1), np.random.default_rng(0)
    clean = decays(1).reshape(LENGTH, -1).T
    noisy = noise.draw(clean, rng)
    chance = np.sqrt(noise.variance(noise.expected(clean)).mean() / len(clean))
    balance = Balance(noise, LENGTH)
    balance.add(clean, noisy)
    error = (balance.apply(clean) - clean).mean(0)
    assert rms(error) < 1.2 * chance
    assert (error == 0).mean() > 0.4
    biased = clean + np.float32(0.03)
    balance = Balance(noise, LENGTH)
    balance.add(biased, noisy)
    left = (noisy - noise.expected(balance.apply(biased))).mean(0)
    assert rms(left) < 0.5 * chance
    assert np.abs((noisy - noise.expected(biased)).mean(0)).mean() > 4 * chance


def test_progress_and_cancel(gaussian_model, clean):
    heard = []
    sbd.denoise_series(
        noisy_of(clean), gaussian_model, progress=lambda done, total: heard.append(done / total)
    )
    assert heard[-1] == 1
    with pytest.raises(sbd.Cancelled):
        sbd.denoise_series(noisy_of(clean), gaussian_model, should_stop=lambda: True)
    with pytest.raises(sbd.Cancelled):
        sbd.train_series(clean, level=0.1, noise="gaussian", should_stop=lambda: True)


def turned(gradients: Gradients, degrees: float) -> Gradients:
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return Gradients(gradients.bvals, gradients.bvecs @ turn.T)


def test_another_protocol_is_refused(gaussian_model, clean):
    with pytest.raises(sbd.SBDError, match="20 volumes, the model was trained with 24"):
        sbd.denoise_series(clean[:20], gaussian_model)
    card = gaussian_model.card.model_copy(
        update={"bvals": table().bvals.tolist(), "bvecs": table().bvecs.tolist()}
    )
    model = SeriesModel(card, gaussian_model.network)
    noisy = noisy_of(clean)
    flipped = Gradients(table().bvals, -table().bvecs)
    sbd.denoise_series(Series(noisy, flipped), model)
    sbd.denoise_series(Series(noisy, turned(table(), 3)), model)
    with pytest.raises(sbd.SBDError, match="direction of volume"):
        sbd.denoise_series(Series(noisy, turned(table(), 40)), model)
    with pytest.raises(sbd.SBDError, match="b = 2000"):
        sbd.denoise_series(Series(noisy, Gradients(2 * table().bvals, table().bvecs)), model)


def test_a_network_of_any_length_takes_any():
    model = sbd.train_series(
        decays(2), level=0.1, noise="gaussian", architecture="any-length", steps=10
    )
    assert sbd.denoise_series(noisy_of(decays(1))[:17], model).shape == (17, 40, 40)


CLEAN = decays(2)
NAN = CLEAN.copy()
NAN[3, 4, 5] = np.nan


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({}, "level itself"),
        ({"low_noise": noisy_of(CLEAN, level=0.2), "target": noisy_of(CLEAN)}, "noisier"),
        ({"low_noise": noisy_of(CLEAN, level=0.2), "noisy": noisy_of(CLEAN)}, "noisier"),
        ({"low_noise": noisy_of(CLEAN, level=0.2), "level": 0.1}, "noisier"),
        ({"noisy": noisy_of(CLEAN)[:, :30]}, "voxel on voxel"),
        ({"target": noisy_of(CLEAN)[:20]}, "20"),
        ({"mask": np.ones((5, 5)), "level": 0.1}, "shape"),
        ({"mask": np.zeros((40, 40)), "level": 0.1}, "empty"),
        ({"mask": np.eye(40), "level": 0.1}, "voxels to learn from"),
        ({"low_noise": NAN, "level": 0.1}, "NaN"),
        ({"low_noise": CLEAN[0], "level": 0.1}, r"\(N, Y, X\)"),
        ({"low_noise": CLEAN.astype(complex), "level": 0.1}, "real numbers"),
        ({"level": -1.0}, "above 0"),
        ({"level": 0.0, "target": noisy_of(CLEAN)}, "above 0"),
        ({"level": 0.1, "architecture": "giant"}, "architecture"),
        ({"level": 0.1, "steps": 0}, "steps"),
        ({"level": 0.1, "device": "abacus"}, "device"),
    ],
)
def test_what_cannot_teach_is_refused(arguments, word):
    with pytest.raises(sbd.SBDError, match=word):
        sbd.train_series(**{"low_noise": CLEAN, "noise": "gaussian", **arguments})


def test_the_noisier_reference_is_named_with_both_levels():
    with pytest.raises(sbd.SBDError, match=r"level is 0\.20\d+, the target's 0\.\d+"):
        sbd.train_series(
            noisy_of(CLEAN, level=0.205), target=noisy_of(CLEAN, level=0.1), noise="gaussian"
        )


def test_nan_in_a_stack_is_refused(gaussian_model):
    with pytest.raises(sbd.SBDError, match="1 voxels of the stack hold NaN"):
        sbd.denoise_series(NAN, gaussian_model)
    with pytest.raises(sbd.SBDError, match="mask has shape"):
        sbd.denoise_series(CLEAN, gaussian_model, np.ones((3, 3)))


@pytest.mark.parametrize(
    "order", [("energy", "y", "x"), ("y", "x", "energy"), ("x", "energy", "y")]
)
def test_named_axes_say_which_one_is_the_signal(order):
    xarray = pytest.importorskip("xarray")
    noisy = decays(5, (24, 20)) + np.random.default_rng(1).normal(0, 0.1, (24, 24, 20))
    plain = sbd.pca_series(noisy, level=0.1, noise="gaussian")
    places = {"energy": ("energy", np.arange(24) * 0.5 + 100.0, {"units": "eV"})}
    array = xarray.DataArray(noisy, dims=("energy", "y", "x"), coords=places, attrs={"kept": 1})
    found = sbd.pca_series(array.transpose(*order), level=0.1, noise="gaussian")
    assert found.dims == order and found.attrs["kept"] == 1
    assert "pca_series" in found.attrs["napari_sbd"]
    np.testing.assert_array_equal(found.transpose("energy", "y", "x").values, plain)
    np.testing.assert_array_equal(found.coords["energy"], array.coords["energy"])
