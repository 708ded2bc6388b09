import warnings

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd import networks
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.gaintuning import layer
from napari_sbd.gaintuning.judge import CLEAR, Frame, Judge
from napari_sbd.gaintuning.noises import Counted

SIZE = 0.0061
QUICK = {"pixel_size": SIZE, "gain": 1.0, "steps": 24}


def error(image):
    return float(np.mean((np.asarray(image) - lattice((192, 256))) ** 2))


@pytest.mark.parametrize("loss", ["auto", "thinning", "sure", "blind-spot", "resampling"])
def test_a_poor_network_is_tuned_to_be_better_or_left_alone(model, counts, loss):
    tuned = sbd.gain_tune(counts, model=model, loss=loss, **QUICK)
    before = sbd.denoise(counts, pixel_size=SIZE, gain=1.0, model=model)
    after = sbd.denoise(counts, pixel_size=SIZE, gain=1.0, gain_tuning=tuned)
    report = tuned.report
    if report.kept:
        assert error(after) < error(before)
        assert report.gain > report.gain_error
        assert report.tuned < report.untuned
    else:
        np.testing.assert_array_equal(after, before)
    assert report.kept or loss == "resampling"
    assert report.loss == ("thinning" if loss == "auto" else loss)
    assert report.curve[0] == (0, pytest.approx(report.curve[0][1]))
    assert 0 < report.best_step <= report.steps <= 24 or not report.kept


def test_all_weights_can_be_tuned_under_the_same_guard(model, counts):
    worker = Denoiser(sbd.Micrograph(counts, SIZE, gain=1.0), model=model)
    before = {k: v.clone() for k, v in worker.network.state_dict().items()}
    tuned = sbd.gain_tune(counts, model=model, tune="all", **QUICK)
    assert tuned.gains == {}
    assert tuned.report.kept == (tuned.report.gain > CLEAR * tuned.report.gain_error)
    for name, value in worker.network.state_dict().items():
        assert (value == before[name]).all()


def test_without_a_gain_the_noise_is_gaussian(model, counts):
    tuned = sbd.gain_tune(0.37 * counts - 3, pixel_size=SIZE, model=model, steps=24)
    assert tuned.report.noise == "white Gaussian noise"
    assert tuned.report.loss == "sure"
    assert tuned.report.kept


def test_a_trained_network_is_not_made_worse(counts):
    before = sbd.denoise(counts, pixel_size=SIZE, gain=1.0, model="hrtem")
    tuned = sbd.gain_tune(counts, pixel_size=SIZE, gain=1.0, model="hrtem", steps=6)
    after = sbd.denoise(counts, pixel_size=SIZE, gain=1.0, gain_tuning=tuned)
    assert error(after) <= error(before) * 10**0.005


def test_what_was_put_aside_knows_the_better_network(small_network):
    """In both directions, and with no opinion on a network compared with itself."""
    trained = networks.load_network(networks.find_model("hrtem"), "cpu")
    rng = np.random.default_rng(0)
    image = rng.poisson(lattice((64, 64), period=8, mean=20)).astype(np.float32)
    frames = [Frame(image, np.ones(image.shape, bool), Counted(), rng)]
    device = next(trained.parameters()).device
    for part in ("stop", "decide"):
        assert Judge(frames, part, small_network, device)(trained).clear
        assert not Judge(frames, part, trained, device)(small_network).clear
        assert not Judge(frames, part, trained, device)(trained).clear


def test_a_perfect_prediction_scores_one():
    """The score of a network that is right is 1 within four standard errors."""
    rng = np.random.default_rng(0)
    image = rng.poisson(np.full((96, 96), 20.0)).astype(np.float32)
    frames = [Frame(image, np.ones(image.shape, bool), Counted(), rng)]
    trained = networks.load_network(networks.find_model("hrtem"), "cpu")
    nothing = {name: -c.new_ones(c.shape) for name, c in layer.over(trained, "gains")[1].items()}
    flat = layer.apply(trained, nothing, "gains")  # estimates the mean, which is right
    verdict = Judge(frames, "decide", flat, next(trained.parameters()).device)(flat)
    assert verdict.tuned == pytest.approx(1, abs=4 * verdict.tuned_error)


def test_the_same_seed_gives_the_same_gains(model, counts):
    one, again, other = (sbd.gain_tune(counts, model=model, seed=s, **QUICK) for s in (3, 3, 4))
    assert one.sha256 == again.sha256 != other.sha256


def test_gains_survive_a_file(model, counts, tmp_path):
    tuned = sbd.gain_tune(counts, model=model, **QUICK)
    path = tuned.save(tmp_path / "gains.safetensors")
    loaded = sbd.Tuned.load(path)
    assert loaded.sha256 == tuned.sha256
    assert loaded.report == tuned.report
    for name, gain in tuned.gains.items():
        np.testing.assert_array_equal(loaded.gains[name], gain)
    one = sbd.denoise(counts, pixel_size=SIZE, gain_tuning=tuned)
    np.testing.assert_array_equal(sbd.denoise(counts, pixel_size=SIZE, gain_tuning=path), one)


def test_gains_of_the_bundled_model_are_small(counts, tmp_path):
    tuned = sbd.gain_tune(counts, pixel_size=SIZE, gain=1.0, model="hrtem", steps=1)
    assert tuned.save(tmp_path / "g.safetensors").stat().st_size < 30_000
    assert tuned.model == "hrtem"


def test_gains_of_another_model_are_refused(model, counts):
    tuned = sbd.gain_tune(counts, model=model, **QUICK)
    with pytest.raises(sbd.SBDError, match="belong to the model"):
        sbd.denoise(counts, pixel_size=SIZE, model="hrtem", gain_tuning=tuned)


def test_a_file_without_gains_is_refused(model, counts, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"nothing")
    for path, word in ((model, "holds no gains"), (damaged, "damaged"), ("no.x", "no gains")):
        with pytest.raises(sbd.SBDError, match=word):
            sbd.denoise(counts, pixel_size=SIZE, gain_tuning=path)


def test_the_recipe_tells_of_the_tuning(model, counts):
    noisy = sbd.Micrograph(counts, SIZE, gain=1.0)
    tuned = sbd.gain_tune(noisy, model=model, steps=4)
    history = sbd.denoise(noisy, gain_tuning=tuned).metadata["napari_sbd"]["history"]
    settings = history[-1]["settings"]
    tuning = settings["gain_tuning"]
    assert tuning["gains_sha256"] == tuned.sha256
    assert (tuning["loss"], tuning["seed"], tuning["kept"]) == ("thinning", 0, tuned.report.kept)
    plain = sbd.denoise(noisy, model=model).metadata["napari_sbd"]["history"][-1]["settings"]
    assert plain["gain_tuning"] is None


def test_denoise_tunes_first_when_asked(model, counts):
    heard = []
    result = sbd.denoise(
        counts,
        pixel_size=SIZE,
        gain=1.0,
        model=model,
        gain_tuning=True,
        progress=lambda *x: heard.append(x),
    )
    assert error(result) < error(sbd.denoise(counts, pixel_size=SIZE, gain=1.0, model=model))
    assert heard[-1] == (2, 2)
    assert heard == sorted(heard)


@pytest.fixture
def movie(counts):
    rng = np.random.default_rng(5)
    second = rng.poisson(lattice((192, 256), period=37)).astype(np.float32)
    return np.stack([np.full_like(counts, 2), counts, second])


@pytest.mark.parametrize(("frames", "sets"), [("reference", 1), ("all", 1), (2, 1), ("each", 3)])
def test_frames_of_a_movie(model, movie, frames, sets):
    """One set of gains for all frames unless each is asked for; blank frames stay as they are."""
    tuned = sbd.gain_tune(movie, pixel_size=SIZE, gain=1.0, model=model, steps=12, frames=frames)
    assert {len(g) for g in tuned.gains.values()} == {sets}
    with pytest.warns(UserWarning, match="blank"):
        result = sbd.denoise(movie, pixel_size=SIZE, gain_tuning=tuned)
    np.testing.assert_array_equal(result[0], movie[0])
    assert error(result[1]) < error(movie[1])


def test_gains_for_each_frame_need_as_many_frames(model, movie):
    tuned = sbd.gain_tune(movie, pixel_size=SIZE, gain=1.0, model=model, steps=2, frames="each")
    with pytest.raises(sbd.SBDError, match="3 frames one by one"):
        sbd.denoise(movie[:2], pixel_size=SIZE, gain_tuning=tuned)


def test_cancelled_before_the_first_step_is_untuned(model, counts):
    tuned = sbd.gain_tune(counts, model=model, should_stop=lambda: True, **QUICK)
    assert tuned.report.cancelled
    assert not tuned.report.kept
    before = sbd.denoise(counts, pixel_size=SIZE, model=model)
    np.testing.assert_array_equal(sbd.denoise(counts, pixel_size=SIZE, gain_tuning=tuned), before)
    with pytest.raises(sbd.Cancelled):
        sbd.denoise(
            counts, pixel_size=SIZE, model=model, gain_tuning=True, should_stop=lambda: True
        )


def test_cancelled_in_the_middle_keeps_the_best_so_far(model, counts):
    done = []
    tuned = sbd.gain_tune(
        counts,
        model=model,
        progress=lambda *x: done.append(x),
        should_stop=lambda: len(done) >= 16,
        **QUICK,
    )
    report = tuned.report
    assert report.cancelled
    assert report.steps == 16
    assert report.kept
    assert "Stopped after 16 steps" in report.reason


def test_the_score_is_told_while_tuning(model, counts):
    heard = []
    tuned = sbd.gain_tune(counts, model=model, on_step=lambda *x: heard.append(x), **QUICK)
    assert tuple(heard) == tuned.report.curve
    assert min(score for _, score in heard) < heard[0][1]


def test_no_steps_is_the_untuned_network(model, counts):
    tuned = sbd.gain_tune(counts, pixel_size=SIZE, gain=1.0, model=model, steps=0)
    assert not tuned.report.kept
    assert all((g == 1).all() for g in tuned.gains.values())


def test_pixels_without_data_do_not_matter(model, counts):
    holed = counts.copy()
    holed[40:60, 30:90] = np.nan
    tuned = sbd.gain_tune(holed, model=model, **QUICK)
    assert tuned.report.kept
    assert np.isnan(sbd.denoise(holed, pixel_size=SIZE, gain_tuning=tuned)).any()


def test_an_image_smaller_than_the_receptive_field(model):
    small = np.random.default_rng(0).poisson(lattice((33, 47), period=12)).astype(np.float32)
    tuned = sbd.gain_tune(small, pixel_size=0.03, gain=1.0, model=model, steps=4)
    assert sbd.denoise(small, pixel_size=0.03, gain_tuning=tuned).shape == small.shape


@pytest.mark.filterwarnings("ignore:The contrast")
def test_the_noise_of_filtered_images_is_made_white_first(model):
    from scipy.ndimage import gaussian_filter

    noisy = np.random.default_rng(0).poisson(lattice((96, 96), period=8, mean=20))
    tuned = sbd.gain_tune(
        gaussian_filter(noisy.astype(float), 1), pixel_size=0.033, model=model, steps=4
    )
    assert tuned.report.noise == "white Gaussian noise"
    assert tuned.report.loss == "sure"


@pytest.mark.parametrize(
    ("image", "options", "word"),
    [
        (np.full((64, 64), 3.0), {}, "constant"),
        (np.zeros((64, 64), int), {}, "constant"),
        (np.full((64, 64), np.nan), {}, "no finite"),
        (np.eye(16), {}, "at least 32"),
        (np.eye(64), {"loss": "guess"}, "loss"),
        (np.eye(64), {"tune": "some"}, "tuned"),
        (np.eye(64), {"steps": -1}, "steps"),
        (np.eye(64), {"steps": 1.5}, "steps"),
        (np.eye(64), {"seed": -1}, "seed"),
        (np.eye(64), {"frames": 4}, "no frame 4"),
        (np.eye(64), {"frames": "some"}, "reference"),
        (0.3 * np.eye(64) - 1, {"loss": "thinning"}, "gain"),
    ],
)
def test_bad_input_is_one_sentence(model, image, options, word):
    with warnings.catch_warnings(), pytest.raises(sbd.SBDError, match=word) as caught:
        warnings.simplefilter("ignore")
        sbd.gain_tune(image, pixel_size=0.033, model=model, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # what is said of noise alone is not at issue
def test_what_the_image_is_decides_among_the_models():
    counts = np.random.default_rng(0).poisson(20.0, (64, 64)).astype(np.float32)
    tuned = sbd.gain_tune(
        counts, pixel_size=0.03, gain=1.0, modality="dark field", steps=1, device="cpu"
    )
    assert tuned.model == "stem"


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a filtered image
def test_a_filter_that_leaves_nothing_in_the_corners_does_not_make_the_noise_nothing():
    """Errors are in variances of the noise: thousands of them would be no error of a network."""
    from scipy.ndimage import gaussian_filter

    truth = 100 * lattice((960, 960), contrast=0.5)[::5, ::5]
    noisy = truth + np.random.default_rng(0).normal(0, 25, truth.shape)
    for sigma in (1.5, 2.5):
        report = sbd.gain_tune(
            gaussian_filter(noisy, sigma), pixel_size=0.03, model="hrtem", steps=2
        ).report
        # what was put aside has its own noise, and a network errs little beside it
        assert 0.9 < report.untuned < 1.2
    # where too little is left to tell the noise by, nothing is judged, and nothing kept
    report = sbd.gain_tune(
        gaussian_filter(noisy, 5.0), pixel_size=0.03, model="hrtem", steps=2
    ).report
    assert report.untuned is None
    assert not report.kept
    assert "nothing could be put aside" in report.reason
