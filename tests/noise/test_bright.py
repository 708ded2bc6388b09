"""Images of so many electrons that their lattice stands far above the noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.measure.image_noise import image_noise
from napari_sbd.noise.camera import look_at

PIXEL = 0.012  # nm
BLOCK = (3, 3)


def expected(electrons):
    """Sharp columns of two kinds, in a specimen whose edge lies in the field."""
    y, x = np.indices((320, 320))

    def rows(v):
        return np.exp(-(((v + 16) % 32 - 16) ** 2) / (2 * 4.5**2))

    columns = rows(y) * rows(x) + 0.4 * rows(y + 16) * rows(x + 16)
    return electrons * (0.02 + columns) * np.clip((x + y) / 260, 0.02, 1)


@pytest.mark.parametrize(("unit", "offset"), [(1.0, 0.0), (1.7, 30.0)])
@pytest.mark.parametrize("gain_known", [True, False])
@pytest.mark.parametrize("electrons", [300, 30_000])
def test_a_lattice_of_many_electrons_is_not_noise(electrons, unit, offset, gain_known):
    """Its power falls as that of correlated noise does, and is a million times what electrons do;
    that they are counted shows where the lattice has no power."""
    mean = expected(electrons)
    image = np.random.default_rng(1).poisson(mean) * unit + offset
    told = {"gain": unit, "offset": offset} if gain_known else {}
    assert look_at(sbd.Micrograph(image, PIXEL, **told), BLOCK)[0].noise is None
    found = image_noise(image, pixel_size_yx=(PIXEL, PIXEL), **told)
    assert found.kernel is None
    total = found.variance.mean() / (unit**2 * mean.mean())
    assert 0.95 < total < 1.05


def beside_their_places(image, spread, seed):
    """Each line moved along itself by chance [px, standard deviation], as a scan jitters."""
    moved = np.random.default_rng(seed).normal(0, spread, (len(image), 1))
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(image.shape[1]) * moved)
    return np.fft.irfft(np.fft.rfft(image, axis=1) * phase, image.shape[1], axis=1)


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize(
    ("electrons", "spread"), [(300, 1.0), (1000, 0.3), (3000, 0.6), (30_000, 0.1)]
)
def test_the_jitter_of_a_scan_is_not_noise(electrons, spread, axis):
    """Lines beside their places scatter the power of a lattice over all frequencies across them,
    which made a result five times as noisy as the image."""
    mean = np.clip(beside_their_places(expected(electrons), spread, 3), 0, None)
    image = np.random.default_rng(4).poisson(mean if axis == "x" else mean.T) * 3.3 + 50
    assert look_at(sbd.Micrograph(image, PIXEL, gain=3.3, offset=50.0), BLOCK)[0].noise is None


@pytest.mark.parametrize("gain_known", [True, False])
def test_noise_that_hangs_together_is_seen_where_a_scan_jitters(gain_known):
    mean, rng = (
        np.clip(beside_their_places(expected(30), 0.3, 3), 0, None),
        np.random.default_rng(5),
    )
    image = 17 * gaussian_filter(rng.poisson(mean).astype(float), 1.2) + 100
    told = {"gain": 17.0, "offset": 100.0} if gain_known else {}
    noise = look_at(sbd.Micrograph(image, PIXEL, **told), BLOCK)[0].noise
    assert noise is not None and 3.4 < noise.correlated_over < 10.0


@pytest.mark.parametrize("electrons", [3, 300])
def test_noise_of_a_point_spread_is_seen_under_the_same_lattice(electrons):
    mean, rng = expected(electrons), np.random.default_rng(2)
    image = 17 * gaussian_filter(rng.poisson(mean).astype(float), 1.2) + 100
    m = sbd.Micrograph(image, PIXEL, gain=17.0, offset=100.0)
    noise = look_at(m, BLOCK)[0].noise
    # a Gaussian of 1.2 px is as wide as 2 sqrt(pi) 1.2 px = 4.3 px; a lattice adds some
    assert noise is not None and 3.4 < noise.correlated_over < 7.0
