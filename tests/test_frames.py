import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice


@pytest.mark.parametrize(
    ("factor", "dtype"),
    [(1e-100, "f8"), (1e-42, "f4"), (1e-42, "f8"), (1e37, "f4"), (1e37, "f8"), (1e100, "f8")],
)
def test_values_that_single_precision_cannot_compute_with_are_refused(factor, dtype):
    counts = np.random.default_rng(0).poisson(lattice((64, 64))) * factor
    with pytest.raises(sbd.SBDError, match=r"single precision.*divide the values by"):
        sbd.denoise(counts.astype(dtype), pixel_size=0.0061, model="hrtem")


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_unit_of_the_values_does_not_matter(factor):
    counts = np.random.default_rng(0).poisson(lattice((64, 64))).astype(float)
    expected = sbd.denoise(counts, pixel_size=0.0061, model="hrtem")
    denoised = sbd.denoise(counts * factor, pixel_size=0.0061, model="hrtem")
    np.testing.assert_allclose(denoised / factor, expected, rtol=1e-4)
