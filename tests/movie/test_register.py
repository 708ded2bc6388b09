import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from known import lattice
from napari_sbd.movie.register import moved, register
from napari_sbd.movie.tracker import Tracker, agreement


def texture(seed=0, side=120):
    return gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 2.5) * 10


def cut(image, shift, side=80):
    return moved(image, -np.asarray(shift, float))[20 : 20 + side, 20 : 20 + side]


def place(image, template, predicted, jitter, reach):
    return register(image, image, 0.1, template, predicted, jitter, reach)


def test_a_known_shift_comes_back():
    scene = texture()
    shift, _ = place(cut(scene, (3.3, -2.7)), cut(scene, (0, 0)), np.zeros(2), 2.0, 8)
    np.testing.assert_allclose(shift, (3.3, -2.7), atol=0.02)


def test_missing_pixels_do_not_matter():
    scene = texture()
    image = cut(scene, (3.3, -2.7))
    image[10:25, 40:70] = np.nan
    shift, _ = place(image, cut(scene, (0, 0)), np.zeros(2), 2.0, 8)
    np.testing.assert_allclose(shift, (3.3, -2.7), atol=0.02)


def test_the_information_of_a_lattice_is_that_of_its_slopes():
    image = lattice((80, 80), period=16.0)
    _, information = place(image, image, np.zeros(2), 1.5, 4)
    expected = image.size * (0.3 * 2 * np.pi / 16) ** 2 / 4
    np.testing.assert_allclose(information, np.eye(2) * expected, rtol=0.06, atol=0.01 * expected)


def test_standard_errors_hold_for_counts():
    scene, pulls = cut(texture(), (0, 0)), []
    for seed in range(40):
        rng, tracker = np.random.default_rng(seed), Tracker(1.5, 4)
        for _ in range(2):
            counts = scene + rng.normal(0, 4, scene.shape)
            place = tracker(gaussian_filter(counts, 1.2), counts, 4.0)
        pulls.append(place.shift / np.sqrt(np.diag(place.covariance)))
    assert 0.5 < np.std(pulls) < 2


@pytest.mark.parametrize("level", [2.0, 4.0])
def test_errors_of_the_agreement_are_those_of_its_noise(level):
    """Of one scene, in its second and its fourth frame; interpolation takes off half a one."""
    scene, pulls = cut(texture(), (0, 0)), []
    for seed in range(60):
        rng, tracker = np.random.default_rng(seed), Tracker(1.5, 4)
        frames = [scene + rng.normal(0, level, scene.shape) for _ in range(4)]
        places = [tracker(gaussian_filter(frame, 1.2), frame, level) for frame in frames]
        pulls.append([(p.agreement - 1) / p.agreement_err for p in (places[1], places[3])])
    spread, mean = np.std(pulls, 0), np.mean(pulls, 0)
    assert ((spread > 0.75) & (spread < 1.3)).all()
    assert ((mean > -0.9) & (mean < 0.3)).all()


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_errors_of_the_agreement_of_scenes_that_differ(share):
    """Two scenes that have a known part in common, in place; their correlation is that part."""
    one, two = (texture(seed, 104) for seed in (0, 1))
    other = share * one + np.sqrt(1 - share**2) * two
    level, found = 3.0, []
    for seed in range(80):
        noise = np.random.default_rng([seed, 7]).normal(0, level, (2, 104, 104))
        smooth = [gaussian_filter(i, 1.5) for i in (one + noise[0], other + noise[1])]
        found.append(agreement(*smooth, level**2 / (4 * np.pi * 1.5**2), 1.0))
    values, errors = np.transpose(found)
    assert values.mean() == pytest.approx(share, abs=0.12)  # two textures are a little alike
    assert 0.75 < values.std() / errors.mean() < 1.3


def test_a_lattice_alone_follows_the_prediction():
    image = lattice((80, 80), period=8.0)
    for predicted in ((0.5, 0.0), (8.3, 0.2)):
        shift, _ = place(image, image, np.array(predicted), 1.5, 6)
        assert np.hypot(*(shift - predicted)) < 1


def test_an_outline_overrules_the_prediction():
    y, x = np.indices((120, 120)) - 60
    scene = lattice((120, 120), period=8.0) * (np.hypot(y, x) < 30)
    shift, _ = place(cut(scene, (8.0, 0.0)), cut(scene, (0, 0)), np.zeros(2), 1.5, 12)
    np.testing.assert_allclose(shift, (8, 0), atol=0.1)


def test_errors_of_a_template_do_not_move_a_lattice_by_a_period():
    """They make some of the places that the lattice makes alike likelier by chance."""
    scene = 4 * lattice((80, 80), period=8.0)
    moved = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        errors = gaussian_filter(rng.normal(0, 2.5, (2, *scene.shape)), (0, 2, 2))
        counts = scene + rng.normal(0, 2, scene.shape)
        shift, _ = register(scene + errors[0], counts, 2.0, scene + errors[1], np.zeros(2), 1.6, 12)
        moved += np.hypot(*shift) > 2
    assert moved <= 3


def test_a_flat_image_claims_no_accuracy():
    flat, tracker = np.zeros((40, 40)), Tracker(1.5, 4)
    tracker(flat, flat, 1.0)
    assert np.isinf(np.diag(tracker(flat, flat, 1.0).covariance)).all()


@pytest.mark.parametrize(("other", "same"), [(0, True), (1, False)])
def test_agreement_tells_another_scene(other, same):
    rng, tracker = np.random.default_rng(3), Tracker(1.5, 6)
    for t in range(4):
        scene = cut(texture(0 if t < 3 else other), (0, 0))
        place = tracker(scene, scene + rng.normal(0, 1, scene.shape), 1.0)
    if same:
        assert abs(place.agreement - 1) < 4 * place.agreement_err < 0.5
    else:
        assert place.agreement + 4 * place.agreement_err < 0.8


def test_a_long_way_is_followed_beyond_the_first_field():
    scene, tracker = texture(side=400), Tracker(1.0, 4)
    for t in range(60):
        image = scene[2 * t : 2 * t + 80, t : t + 80]
        place = tracker(image, image, 1e-3)
    np.testing.assert_allclose(place.shift, (-118, -59), atol=0.5)


def crystal(shift, left, top, right, fade=0.0):
    """Columns between three borders; their contrast fades towards the left one."""
    y, x = np.indices((100, 100))
    image = np.full(y.shape, 11.0)
    for i in range(-3, 14):
        for j in range(-3, 16):
            at = 9 * i + 4.5 * (j % 2), 8 * j
            if at[0] < top or not left <= at[1] <= right:
                continue
            height = 5 * (1 - fade * max(0, 1 - (at[1] - max(left, 0)) / 24))
            py, px = at[0] + shift[0], at[1] + shift[1]
            image += height * np.exp(-((y - py) ** 2 + (x - px) ** 2) / 8)
    return image


@pytest.mark.parametrize(
    ("borders", "fade"), [((-24, -99, 60), 1.0), ((28, 38, 99), 0.6)], ids=["cut off", "in view"]
)
def test_a_template_that_errs_at_its_border_is_not_moved_by_a_period(borders, fade):
    """Whether the border leaves the frame with the shift, or is seen."""
    level, template = np.sqrt(12.0), crystal((0, 0), *borders, fade)
    image, truth = crystal((1, -1), *borders, fade), crystal((1, -1), *borders)
    for seed in range(20):
        counts = np.random.default_rng(seed).poisson(truth).astype(float)
        shift, _ = register(image, counts, level, template, np.zeros(2), 2.0, 20)
        np.testing.assert_allclose(shift, (1, -1), atol=0.5)
