"""Numbers below zero that were written without a sign, and the like."""

import warnings

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd.noise.wrapped import find_wrapped

LIGHT = lattice((192, 192), 15, 0.4)


def recorded(dose, gain, read, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(rng.poisson(dose * LIGHT) * gain + rng.normal(0, read, LIGHT.shape))


@pytest.mark.parametrize(("dose", "gain", "read"), [(0.1, 20, 6), (4, 2, 3), (0.5, 200, 60)])
@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("floating", [False, True])
def test_numbers_below_zero(dose, gain, read, bits, floating):
    values = recorded(dose, gain, read)
    written = values.astype(np.int64).astype(f"uint{bits}")
    found = find_wrapped(written.astype(float) if floating else written)
    assert found.by == 2**bits
    assert found.share == (values < 0).mean()


def test_numbers_too_large_for_a_sign():
    values = recorded(20, 1100, 300)
    found = find_wrapped(values.astype(np.int64).astype(np.int16))
    assert found.by == -65536
    assert found.share == (values > 32767).mean() > 0.01


def test_what_is_none():
    rng = np.random.default_rng(1)
    counts = rng.poisson(4 * LIGHT).astype(np.uint16)
    assert find_wrapped(counts) is None
    for high in (
        np.full(40, 65535),
        65535 - rng.integers(50, 150, 40),  # less a dark image
        65535 - rng.exponential(400, 40),
        rng.integers(30000, 65535, 40),
    ):
        hit = counts.copy()
        hit[tuple(rng.integers(0, 192, (2, 40)))] = high
        assert find_wrapped(hit) is None
    assert find_wrapped(rng.integers(0, 65536, (64, 64)).astype(np.uint16)) is None
    assert find_wrapped(np.where(rng.random((64, 64)) < 0.5, 0, 65535)) is None
    assert find_wrapped(rng.normal(0, 9000, (64, 64)).astype(np.int16)) is None
    assert find_wrapped(np.full((64, 64), np.nan)) is None


def test_the_result_is_warned_of(tiny_model):
    written = recorded(0.5, 20, 6).astype(np.int64).astype(np.uint16)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sbd.denoise(written, pixel_size=0.033, model="hrtem")
    told = [str(w.message) for w in said]
    assert any("28.2% of the values are wrong by 65,536: they were below zero" in s for s in told)
