import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from known import lattice
from napari_sbd import SBDError
from napari_sbd.gaintuning.noises import Counted, Gaussian, recognise
from napari_sbd.noise.level import thin

CLEAN = lattice((200, 200), period=9, mean=12)


@pytest.mark.parametrize("noise", [Counted(), Gaussian(3.0)])
def test_a_part_has_its_share_and_tells_nothing_of_the_rest(noise):
    """Means within five standard errors, correlation of the noise within five of zero."""
    rng = np.random.default_rng(0)
    image = noise.draw(CLEAN, rng)
    part = noise.take(image, 0.3, rng)
    rest = image - part
    assert abs((part - 0.3 * CLEAN).mean()) < 5 * np.sqrt(0.3 * noise.variance(image)) / 200
    assert part.var() - (0.3 * CLEAN).var() == pytest.approx(0.3 * noise.variance(image), rel=0.1)
    correlation = np.corrcoef((part - 0.3 * CLEAN).ravel(), (rest - 0.7 * CLEAN).ravel())[0, 1]
    assert abs(correlation) < 5 / 200


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (37.0, 500.0)])
def test_counts_are_recognised_by_their_gain(gain, offset):
    counts = np.random.default_rng(1).poisson(CLEAN)
    image, noise = recognise(gain * counts + offset, gain, offset, "auto")
    assert noise == Counted()
    np.testing.assert_array_equal(image, counts)


def test_whole_counts_need_no_gain():
    counts = np.random.default_rng(1).poisson(CLEAN)
    assert recognise(counts.astype(float), None, 0.0, "auto")[1] == Counted()


def test_an_unknown_gain_leaves_white_noise_of_one():
    image = 0.37 * np.random.default_rng(1).poisson(CLEAN) - 5
    image, noise = recognise(image, None, 0.0, "auto")
    assert noise == Gaussian(1.0)
    assert (image / 1 - CLEAN / np.sqrt(CLEAN.mean())).std() == pytest.approx(1, rel=0.05)


def test_a_wrong_gain_is_not_believed():
    counts = np.random.default_rng(1).poisson(CLEAN)
    assert recognise(20.0 * counts, 1.0, 0.0, "auto")[1] == Gaussian(1.0)
    with pytest.raises(SBDError, match="times that of counted"):
        recognise(20.0 * counts, 1.0, 0.0, "thinning")


def test_filtered_noise_cannot_be_split():
    counts = np.random.default_rng(1).poisson(CLEAN)
    filtered = gaussian_filter(counts.astype(float), 1.0)
    assert recognise(filtered, 1.0, 0.0, "auto")[1] is None


def test_thinning_asks_for_the_gain():
    image = 0.37 * np.random.default_rng(1).poisson(CLEAN)
    with pytest.raises(SBDError, match="gain"):
        recognise(image, None, 0.0, "thinning")


@pytest.mark.parametrize("image", [[[0.5, 1]], [[-1.0, 2]], [[np.nan, 2]], [[np.inf, 2]]])
def test_only_counts_can_be_thinned(image):
    with pytest.raises(SBDError, match="whole numbers"):
        thin(np.array(image), 0.5, np.random.default_rng(0))


def test_thinning_takes_no_more_than_there_is():
    counts = np.arange(12).reshape(3, 4)
    rng = np.random.default_rng(0)
    part = thin(counts, 0.4, rng)
    assert ((part >= 0) & (part <= counts)).all()
    np.testing.assert_array_equal(thin(counts, 0.0, rng), 0 * counts)
    np.testing.assert_array_equal(thin(counts, 1.0, rng), counts)
    with pytest.raises(SBDError, match="between 0 and 1"):
        thin(counts, 1.5, rng)
