"""Every loss is the true squared error plus a constant, whatever the estimator."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from known import lattice
from napari_sbd.gaintuning.losses import LOSSES
from napari_sbd.gaintuning.noises import Counted, Gaussian

CLEAN = lattice((48, 48), period=9, contrast=0.5, mean=10).astype(np.float32)


class Blur:
    """A mean over 3 x 3 pixels times a factor; remembers what it was shown and what it said."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, images, share):
        self.shown, self.share = images, share
        padded = F.pad(torch.from_numpy(images)[:, None], (1, 1, 1, 1), mode="reflect")
        self.said = self.factor * F.avg_pool2d(padded, 3, 1)[:, 0]
        return self.said


def excess(loss, noise, factor, seed):
    """The loss less the true squared error of the same estimate; and that error."""
    rng = np.random.default_rng(seed)
    image = noise.draw(CLEAN, rng)
    predict = Blur(factor)
    value = float(LOSSES[loss](predict, image, noise, rng, CLEAN))
    error = (predict.said[0].numpy() / predict.share - CLEAN) ** 2
    if loss == "blind-spot":
        error = error[predict.shown[0] != image]
    return value - error.mean(), error.mean()


@pytest.mark.parametrize(
    ("loss", "noise"),
    [
        ("thinning", Counted()),
        ("thinning", Gaussian(3.0)),
        ("blind-spot", Counted()),
        ("blind-spot", Gaussian(3.0)),
        ("sure", Gaussian(3.0)),
        ("resampling", Counted()),
    ],
)
def test_loss_differs_from_the_true_error_by_a_constant(loss, noise):
    """Within four standard errors, which are small beside how far the errors lie apart."""
    seeds = range(200)
    one, other = (
        np.array([excess(loss, noise, factor, seed) for seed in seeds]) for factor in (1.0, 0.8)
    )
    difference = one[:, 0] - other[:, 0]
    error = difference.std() / np.sqrt(len(difference))
    assert abs(difference.mean()) < 4 * error + 1e-4
    assert 8 * error < abs(one[:, 1].mean() - other[:, 1].mean())


def test_blind_spot_does_not_show_what_it_asks_for():
    image = np.random.default_rng(0).poisson(CLEAN).astype(np.float32)
    predict = Blur(1.0)
    LOSSES["blind-spot"](predict, image, Counted(), np.random.default_rng(1), image)
    asked = predict.shown[0] != image
    changed = image.copy()
    changed[asked] += 1000
    again = Blur(1.0)
    LOSSES["blind-spot"](again, changed, Counted(), np.random.default_rng(1), changed)
    assert asked.any()
    np.testing.assert_array_equal(predict.shown, again.shown)
