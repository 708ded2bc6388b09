"""Lines that a read-out or a scan sets off against each other, which the spread of z tells."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

import napari_sbd as sbd
from known import lattice
from napari_sbd.noise.line_offsets import line_excess

SHAPE = 240, 256
TRUTH = 2 * lattice(SHAPE, 23.0, 0.4)
PIXEL = 0.011


def judged(added, seed=0):
    """z of the truth [of 20 units per electron, offset 100], and what is said."""
    rng = np.random.default_rng(seed)
    frame = 20 * rng.poisson(TRUTH) + 100 + added(rng)
    noisy, truth = (
        sbd.Micrograph(i, PIXEL, gain=20.0, offset=100.0) for i in (frame, 20 * TRUTH + 100)
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        z = sbd.agreement(noisy, truth, denoiser=False).z
    return float(np.nanstd(z)), [str(w.message) for w in said if "Lines along" in str(w.message)]


@pytest.mark.parametrize("axis", ["x", "y"])
def test_lines_set_off_by_less_than_an_electron_are_told(axis):
    shape = (SHAPE[0], 1) if axis == "x" else (1, SHAPE[1])
    spread, said = judged(lambda rng: rng.normal(0, 14, shape))
    assert spread > 2
    assert len(said) == 1
    assert said[0].startswith(f"Lines along {axis} hang together")


def test_a_level_that_drifts_along_the_lines_is_told():
    drift = lambda rng: gaussian_filter1d(rng.normal(0, 100, TRUTH.size), 12).reshape(SHAPE)  # noqa: E731
    spread, said = judged(drift)
    assert spread > 2
    assert [s[:12] for s in said] == ["Lines along "]


@pytest.mark.parametrize(
    "added",
    [
        lambda rng: 0,
        lambda rng: rng.normal(0, 20, SHAPE),  # white read-out noise, which is told elsewhere
        lambda rng: 2 * (-1.0) ** np.arange(SHAPE[1]),  # two amplifiers, in turn
        lambda rng: rng.normal(0, 2, (SHAPE[0], 1)),  # a tenth of an electron
    ],
    ids=["counts", "read-out noise", "odd and even columns", "a tenth"],
)
def test_what_leaves_z_as_it_is_is_not_told(added):
    assert judged(added)[1] == []


def test_the_excess_is_that_of_the_lines():
    rng = np.random.default_rng(1)
    white = rng.normal(0, 1, (400, 480))
    assert line_excess(white, None) == (None, None)
    lines = white + rng.normal(0, 0.5, (400, 1))
    along_x, along_y = line_excess(lines, None)
    # sums over 48 pixels: 48 and 48^2 / 4 of the lines, over 48 times the variance of pixels
    assert along_x == pytest.approx((48 + 48**2 / 4) / 48 / 1.25, rel=0.15)
    assert along_y is None
    assert line_excess(lines.T, None)[0] is None
    assert line_excess(gaussian_filter(white, 1.0)[:10, :10], None) == (None, None)
    assert line_excess(np.zeros((100, 100)), None) == (None, None)


def test_columns_tell_it():
    rng = np.random.default_rng(2)
    frame = 20 * rng.poisson(4 * TRUTH) + 100 + rng.normal(0, 30, (SHAPE[0], 1))
    noisy, truth = (
        sbd.Micrograph(i, PIXEL, gain=20.0, offset=100.0) for i in (frame, 80 * TRUTH + 100)
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sbd.find_columns(noisy, truth, polarity="bright")
    assert sum("Lines along x hang together" in str(w.message) for w in said) == 1
