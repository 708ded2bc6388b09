import numpy as np
import pytest

import napari_sbd as sbd
from moving import PIXEL, counts, crystal, decibel
from napari_sbd.denoising.settings import Settings
from napari_sbd.movie import choice
from napari_sbd.networks import find_model, load_network, save_model
from napari_sbd.networks.unet import UNet, widened
from napari_sbd.session import Session

OPTIONS = {"pixel_size": PIXEL, "gain": 1.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A movie network that knows no motion: the model for images, shown a weighted sum."""
    card = find_model("hrtem")
    network = UNet(**card.architecture)
    network.load_state_dict(load_network(card, "cpu").state_dict())
    wide = widened(network, 5, 0.4, 0.15)
    changes = {
        "name": "summing",
        "architecture": wide.architecture,
        "training": {"fine_tuned_from": "hrtem"},
    }
    return str(save_model(wide, card.model_copy(update=changes), tmp_path_factory.mktemp("m")))


def noisy(scenes, seed=0):
    return np.stack([counts(s, 100 * seed + t) for t, s in enumerate(scenes)])


def gains(scenes, model):
    """dB that the frames around bring to each one."""
    movie = noisy(scenes)
    alone = sbd.denoise(movie, model="hrtem", **OPTIONS)
    seen = sbd.denoise(movie, model=model, **OPTIONS)
    pairs = zip(alone, seen, scenes, strict=True)
    return np.array([decibel(b, s) - decibel(a, s) for a, b, s in pairs])


def blobs(seed):
    """A scene that has nothing in common with others."""
    from scipy.ndimage import gaussian_filter

    image = gaussian_filter(np.random.default_rng([seed, 1]).normal(size=(192, 256)), 8)
    return np.clip(3 + 0.8 * image / image.std(), 0.5, None)


def fates(movie, model):
    session = Session(sbd.Micrograph(movie, PIXEL, gain=1.0), Settings.of(model=model))
    return [frame.fate for frame in session.frames()]


def test_a_still_scene_gains(model):
    found = gains([crystal()] * 6, model)
    assert found.min() > 0.5 and found.mean() > 2


def test_a_scene_that_drifts_by_whole_blocks_gains_as_well(model):
    """Twelve pixels are more than two blocks a frame, which no sum of frames would bear."""
    assert gains([crystal(shift=(12 * t - 30, 3 * t)) for t in range(6)], model).mean() > 1.5


def test_another_scene_in_each_frame_costs_nothing(model):
    assert gains([blobs(t) for t in range(6)], model).min() > -0.05


def test_frames_beyond_a_cut_are_left_out(model):
    scenes = [blobs(0)] * 4 + [blobs(1)] * 4
    found = gains(scenes, model)
    assert found.min() > 0 and found.mean() > 1


def test_a_frame_that_was_written_twice_does_not_help_itself(model):
    """It holds the noise that is to be predicted, and nothing new."""
    movie = np.repeat(noisy([blobs(0), blobs(1), blobs(2)]), 2, axis=0)
    assert fates(movie, model) == ["alone"] * 6


def test_brightness_may_flicker(model):
    scenes = [crystal(mean=m) for m in (1.0, 1.4, 0.8, 1.2, 0.9, 1.1)]
    found = gains(scenes, model)
    assert found.mean() > 2


def test_frames_do_not_depend_on_their_order(model):
    movie = noisy([crystal(shift=(t, 0)) for t in range(7)])
    source = sbd.Micrograph(movie, PIXEL, gain=1.0)
    there, back = (Session(source, Settings.of(model=model)) for _ in range(2))
    first = {f.index: f.values for f in there.frames()}
    second = {f.index: f.values for f in back.frames([6, 0, 3])}
    for index, values in second.items():
        np.testing.assert_array_equal(values, first[index])


def test_an_interrupted_file_is_resumed_to_the_same_result(model, tmp_path):
    movie = noisy([crystal()] * 3 + [0 * crystal()] + [crystal()] * 3)
    sbd.write(sbd.Micrograph(movie, PIXEL, gain=1.0), tmp_path / "movie.mrc")
    told = {"model": model, "gain": 1.0}
    with pytest.warns(UserWarning, match=r"Frames \[3\] are blank"):
        sbd.denoise_file(tmp_path / "movie.mrc", tmp_path / "whole.mrc", **told)
    done = []
    with pytest.raises(sbd.Cancelled):
        sbd.denoise_file(
            tmp_path / "movie.mrc",
            tmp_path / "out.mrc",
            progress=lambda n, total: done.append(n),
            should_stop=lambda: len(done) >= 3,
            **told,
        )
    assert (tmp_path / "out.mrc.partial").exists()
    with pytest.warns(UserWarning, match=r"Frames \[3\] are blank"):
        sbd.denoise_file(tmp_path / "movie.mrc", tmp_path / "out.mrc", resume=True, **told)
    one, two = (np.asarray(sbd.read(tmp_path / n).data) for n in ("whole.mrc", "out.mrc"))
    np.testing.assert_array_equal(one, two)


def test_blank_frames_and_those_without_beam_are_left_out(model):
    movie = noisy([crystal()] * 5)
    movie[1] = 0
    movie[3] = np.random.default_rng(9).normal(0, 0.3, movie.shape[1:])
    with pytest.warns(UserWarning, match="blank"):
        seen = sbd.denoise(movie, model=model, **OPTIONS)
    np.testing.assert_array_equal(seen[1], movie[1])
    truth = crystal()
    alone = sbd.denoise(movie[[0, 2, 4]], model="hrtem", **OPTIONS)
    better = [decibel(a, truth) - decibel(b, truth) for a, b in zip(seen[::2], alone, strict=True)]
    assert np.mean(better) > 0.5


@pytest.mark.parametrize("length", [1, 2, 3])
def test_movies_shorter_than_the_window(model, length):
    movie = noisy([crystal()] * length)
    seen = sbd.denoise(movie, model=model, **OPTIONS)
    assert seen.shape == movie.shape and np.isfinite(seen).all()
    if length == 1:
        np.testing.assert_allclose(seen, sbd.denoise(movie, model="hrtem", **OPTIONS), atol=1e-3)
        assert fates(movie, model) == ["alone"]


def test_the_recipe_counts_frames_that_were_denoised_alone(model):
    movie = noisy([blobs(t) for t in range(4)])
    result = sbd.denoise(sbd.Micrograph(movie, PIXEL, gain=1.0), model=model)
    entry = result.metadata["napari_sbd"]["history"][-1]
    assert entry["settings"]["alone_frames"] == [0, 1, 2, 3]


def test_gain_and_offset_do_not_matter(model):
    movie = noisy([crystal()] * 4)
    seen = sbd.denoise(movie, model=model, **OPTIONS)
    options = {**OPTIONS, "gain": 3.0, "offset": 100.0}
    other = sbd.denoise(movie * 3 + 100, model=model, **options)
    np.testing.assert_allclose((other - 100) / 3, seen, atol=0.03)


def by_choice(scenes, model):
    movie = sbd.Micrograph(noisy(scenes), PIXEL, gain=1.0)
    result = sbd.denoise_movie(movie, model=model)
    return movie, result.data, result.metadata["napari_sbd"]["history"][-1]["settings"]


def test_rules_lead_where_they_predict_better(model):
    """A still scene of nine frames, of which the network sees five."""
    scenes = [crystal()] * 9
    movie, found, settings = by_choice(scenes, model)
    assert settings["movie_share"] < 0.3
    rules = sbd.denoise_movie(movie, model="hrtem").data
    gained = [decibel(a, s) - decibel(b, s) for a, b, s in zip(found, rules, scenes, strict=True)]
    assert np.mean(gained) > -0.05


@pytest.fixture
def way(monkeypatch):
    """Held-out electrons that ask for a share of the movie network."""

    def ask(share):
        chosen = choice.Way(share, "as the test says")
        monkeypatch.setattr(choice, "choose_way", lambda *_: chosen)

    return ask


def test_the_network_alone_where_it_predicts_better(model, way):
    way(1.0)
    movie, found, settings = by_choice([crystal()] * 6, model)
    assert (settings["movie_choice"], settings["movie_share"]) == ("as the test says", 1)
    np.testing.assert_array_equal(found, sbd.denoise(movie, model=model).data)


def test_a_mean_of_both_where_that_predicts_better(model, way):
    way(0.3)
    movie, found, settings = by_choice([crystal()] * 6, model)
    assert settings["movie_share"] == 0.3
    rules = sbd.denoise_movie(movie, model="hrtem").data
    seen = sbd.denoise(movie, model=model).data
    np.testing.assert_allclose(found, 0.7 * rules + 0.3 * seen, rtol=1e-5)


@pytest.mark.parametrize(
    ("rules", "network", "least", "most"),
    [
        (1.0, 1.0, 0.4, 0.6),
        (1.0, 2.0, 0.1, 0.3),
        (1.0, 6.0, 0, 0.06),
        (6.0, 1.0, 0.94, 1),
        (0, 1, 0, 0),
    ],
)
def test_the_share_is_what_least_squares_ask_for(rules, network, least, most):
    """Of estimates with independent errors of variances a and b, a / (a + b) is the network's."""
    rng = np.random.default_rng(0)
    truth, noise = np.zeros((256, 256)), rng.normal(0, 3, (256, 256))
    one, two = (truth + rng.normal(0, 1, truth.shape) * s for s in (rules, network))
    look = np.array([(two - one, truth + sign * noise - one) for sign in (1, -1)])
    way = choice._weighed([look])
    assert least <= way.share <= most


@pytest.fixture
def bundled(model, tmp_path, monkeypatch):
    """The movie network among the bundled models."""
    for name in ("hrtem", "summing"):
        card = find_model(name if name == "hrtem" else model)
        for path in (card.path, card.path.with_suffix(".json")):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.setattr("napari_sbd.networks._BUNDLED", tmp_path)


def test_a_bundled_movie_network_is_used_where_it_helps(bundled, way):
    way(1.0)
    movie, found, settings = by_choice([crystal()] * 6, "auto")
    assert (settings["model"], settings["movie_share"]) == ("summing", 1)
    assert settings["model_choice"] == "as the test says"
    np.testing.assert_array_equal(found, sbd.denoise(movie, model="summing").data)


def test_a_bundled_movie_network_is_left_out_where_rules_do_better(bundled, way):
    way(0.0)
    movie, found, settings = by_choice([crystal()] * 9, "auto")
    assert (settings["model"], settings["movie_share"]) == ("hrtem", 0)
    np.testing.assert_array_equal(found, sbd.denoise_movie(movie, model="hrtem").data)


def test_single_images_and_single_frames_never_see_it(bundled):
    movie = noisy([crystal()] * 2)
    for image in (movie[0], movie):
        result = sbd.denoise(sbd.Micrograph(image, PIXEL, gain=1.0))
        assert result.metadata["napari_sbd"]["history"][-1]["settings"]["model"] == "hrtem"


def test_what_a_movie_network_cannot_do_is_refused(model):
    movie = noisy([crystal()] * 3)
    with pytest.raises(sbd.SBDError, match="single image"):
        sbd.denoise(movie[0], model=model, **OPTIONS)
    with pytest.raises(sbd.SBDError, match="for models of images"):
        sbd.denoise(movie, model=model, gain_tuning=True, **OPTIONS)
