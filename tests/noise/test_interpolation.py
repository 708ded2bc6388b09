"""Noise of frames that were turned, moved or scaled, against the noise that it is."""

import numpy as np
import pytest
from scipy.ndimage import fourier_gaussian, gaussian_filter, rotate, shift

from napari_sbd import sampling
from napari_sbd.noise.interpolation import interpolated_noise
from napari_sbd.noise.spectrum_estimate import estimate_spectrum
from napari_sbd.noise.tile_spectra import tile_grid
from napari_sbd.noise.whitening import NoiseSpectrum, whiten

BLOCK = (3, 3)


def texture(seed, strength):
    """Of a specimen, over distances that noise is correlated over only after point spreads."""
    slow = gaussian_filter(np.random.default_rng([seed, 7]).normal(size=(480, 480)), 6)
    return strength * slow / slow.std()


WAYS = {
    "turned by 7": lambda i: rotate(i, 7, reshape=False, order=1, mode="mirror"),
    "turned by 30": lambda i: rotate(i, 30, reshape=False, order=1, mode="mirror"),
    "turned by 7, splines": lambda i: rotate(i, 7, reshape=False, order=3, mode="mirror"),
    "moved": lambda i: shift(i, (0.3, 0.1), order=1, mode="mirror"),
}


@pytest.mark.parametrize("way", WAYS)
def test_noise_of_an_interpolated_frame_is_made_white_below_texture(way):
    counts = np.random.default_rng(1).poisson(4 + texture(1, 0.4)).astype(float)
    frame = WAYS[way](counts)[60:-60, 60:-60]
    found = estimate_spectrum([sampling.bin_counts(frame, BLOCK)], BLOCK, fine=frame)
    assert found.interpolated
    # noise alone, drawn in the same way: its power must not depend on frequency
    alone = [
        WAYS[way](np.random.default_rng(seed).normal(size=counts.shape))[60:-60, 60:-60]
        for seed in range(6)
    ]
    power = np.mean(
        [np.abs(np.fft.fft2(whiten(sampling.bin_counts(n, BLOCK), found))) ** 2 for n in alone], 0
    )
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(120), np.fft.fftfreq(120), indexing="ij"))
    rings = [power[(f > low) & (f < low + 0.1)].mean() for low in (0.02, 0.12, 0.22, 0.32, 0.42)]
    assert np.divide(rings, np.mean(rings)) == pytest.approx(np.ones(5), abs=0.1)


@pytest.mark.parametrize("sigma", [0.4, 0.6, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("read_noise", [0.02, 0.3])
def test_a_point_spread_is_no_interpolation(sigma, read_noise):
    rng = np.random.default_rng(2)
    counts = rng.poisson(4 + texture(2, 0.4)).astype(float)
    frame = np.fft.ifft2(fourier_gaussian(np.fft.fft2(counts), sigma)).real
    frame = frame + rng.normal(0, read_noise, frame.shape)
    found = estimate_spectrum([sampling.bin_counts(frame, BLOCK)], BLOCK, fine=frame, force=True)
    assert not found.interpolated


@pytest.mark.parametrize("length", [0.4, 0.9, 1.8])
def test_a_streak_is_no_interpolation(length):
    counts = np.random.default_rng(3).poisson(4 + texture(3, 0.4)).astype(float)
    tail = np.exp(-np.arange(480) / length)
    transfer = np.fft.fft(tail / tail.sum())
    frame = np.fft.ifft(np.fft.fft(counts, axis=1) * transfer, axis=1).real
    found = estimate_spectrum([sampling.bin_counts(frame, BLOCK)], BLOCK, fine=frame, force=True)
    assert not found.interpolated


def test_it_says_that_a_frame_was_interpolated_and_comes_back_from_its_file(tmp_path):
    counts = np.random.default_rng(4).poisson(4.0, (400, 400)).astype(float)
    frame = WAYS["turned by 30"](counts)[60:-60, 60:-60]
    found = estimate_spectrum([sampling.bin_counts(frame, BLOCK)], BLOCK, fine=frame)
    assert "interpolated" in str(found)
    again = NoiseSpectrum.load(found.save(tmp_path / "noise.json"))
    assert again.to_dict() == found.to_dict() and str(again) == str(found)


@pytest.mark.parametrize("side", [2, 64])
def test_blocks_of_any_size_have_a_verdict(side):
    """Of large ones no slow noise is left that could differ."""
    white = np.random.default_rng(0).exponential(1.0, (20, len(tile_grid().fy)))
    assert interpolated_noise(white, (side, side)) is None
