"""One answer to whether these are electron counts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from known import lattice
from napari_sbd.noise.model import Counted, Gaussian, Unknown, noise_model

EXPECTED = lattice((160, 160), period=9, mean=12)
COUNTS = np.random.default_rng(0).poisson(EXPECTED).astype(float)


@pytest.mark.parametrize(
    ("image", "told", "answer"),
    [
        (COUNTS, (None, 0.0), Counted(1.0)),
        (20 * COUNTS + 500, (20.0, 500.0), Counted(20.0)),
        (20 * COUNTS + 500, (18.0, 500.0), Counted(18.0)),  # a little off
        (20 * COUNTS + 500, (10.0, 500.0), Gaussian),
        (20 * COUNTS, (None, 0.0), Gaussian),  # whole numbers, and no electrons
        (0.37 * COUNTS - 5, (None, 0.0), Gaussian),
        (gaussian_filter(COUNTS, 1.0), (1.0, 0.0), Unknown),
        (EXPECTED, (1.0, 0.0), Unknown),
        (np.zeros((40, 40)), (None, 0.0), Unknown),
        (np.full((40, 40), np.nan), (1.0, 0.0), Unknown),
    ],
)
def test_the_noise_decides(image, told, answer):
    found = noise_model(image, *told)
    assert isinstance(found, answer) if isinstance(answer, type) else found == answer
    assert found.evidence.endswith(".")


def test_the_level_of_white_noise_is_told():
    image = EXPECTED + np.random.default_rng(1).normal(0, 3, EXPECTED.shape) - 20
    assert noise_model(image).sd == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("shape", [(24, 24), (400, 400)])
def test_counts_are_recognised_at_any_size(shape):
    rng = np.random.default_rng(2)
    answers = [noise_model(rng.poisson(5.0, shape).astype(float)) for _ in range(40)]
    assert all(isinstance(a, Counted) for a in answers)


def test_missing_pixels_do_not_make_counts_another_noise():
    image = COUNTS.copy()
    image[:60] = np.nan
    assert noise_model(image) == Counted(1.0)
