"""Agreement under the noise of cameras that blur electrons after they have arrived."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import rotate

import napari_sbd as sbd
from known import lattice
from napari_sbd.agreement import judge_columns

PIXEL, DOSE = 0.011, 1.0
SHAPE = (480, 480)
MARGIN = 48
FY, FX = np.fft.fftfreq(SHAPE[0] + 2 * MARGIN)[:, None], np.fft.rfftfreq(SHAPE[1] + 2 * MARGIN)
TRANSFERS = {
    "gauss 0.3": np.exp(-2 * (np.pi * 0.9 * np.hypot(FY, FX)) ** 2),
    "gauss 0.8": np.exp(-2 * (np.pi * 2.4 * np.hypot(FY, FX)) ** 2),
    "gauss 1.5": np.exp(-2 * (np.pi * 4.5 * np.hypot(FY, FX)) ** 2),
    "tails": np.exp(-2 * np.pi * 1.0 * np.hypot(FY, FX)),
    "streak": 0.45 / (1 - 0.55 * np.exp(-2j * np.pi * FX)) * np.ones_like(FY),
}


def passed(image, kind):
    """As a camera sees it, away from the borders."""
    inner = slice(MARGIN, -MARGIN)
    return np.fft.irfft2(np.fft.rfft2(image) * TRANSFERS[kind], image.shape)[inner, inner]


def scene():
    shape = tuple(n + 2 * MARGIN for n in SHAPE)
    truth = lattice(shape, 23.0, 0.2, mean=DOSE)
    truth[:, : shape[1] // 3] = DOSE
    return truth


def recorded(kind, seed):
    """Scintillator light of electrons that scatters by 9 %, blurred, with read-out noise."""
    rng, truth = np.random.default_rng(seed), scene()
    counts = rng.poisson(truth)
    light = counts + rng.normal(0, 0.3, counts.shape) * np.sqrt(counts)
    frame = np.round(20 * passed(light, kind) + rng.normal(100, 3, SHAPE))
    expected = 20 * passed(truth, kind) + 100
    return [sbd.Micrograph(i, PIXEL, gain=20.0, offset=100.0) for i in (frame, expected)]


@pytest.mark.parametrize("kind", TRANSFERS)
def test_z_is_standard_normal_where_the_denoised_image_is_the_truth(kind):
    results = [sbd.agreement(*recorded(kind, s), denoiser=False) for s in range(3)]
    z = np.stack([r.z for r in results])
    assert z.std() == pytest.approx(1, abs=0.05)
    assert abs(z.mean()) < 0.08
    assert np.mean(np.abs(z) > 1.96) < 0.07


def test_z_is_standard_normal_after_interpolation():
    truth = scene()
    cut = (slice(48, -48), slice(48, -48))
    found = []
    for seed in range(3):
        counts = np.random.default_rng(seed).poisson(truth).astype(float)
        turned, expected = (
            rotate(i, 7, reshape=False, order=1, mode="mirror")[cut] for i in (counts, truth)
        )
        images = [sbd.Micrograph(i, PIXEL, gain=1.0) for i in (turned, expected)]
        found.append(sbd.agreement(*images, denoiser=False).z)
    assert np.std(found) == pytest.approx(1, abs=0.06)


def test_an_invented_column_is_found_and_nothing_else():
    frame, expected = recorded("gauss 0.8", 5)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    r2 = ((y - 100) ** 2 + (x - 60) ** 2) / 5.0**2
    shown = expected.replace(data=expected.data + 14 * (1 - r2 / 2) * np.exp(-r2 / 2))
    result = sbd.agreement(frame, shown, denoiser=False)
    assert result.z[100, 60] < -4.5
    far = np.hypot(y - 100, x - 60) > 30
    assert result.rejected[far].mean() < 0.01


def test_columns_are_judged_as_the_map_is():
    frame, expected = recorded("streak", 6)
    result = sbd.agreement(frame, expected, denoiser=False)
    y, x = np.array([100, 200, 300]), np.array([120, 240, 350])
    z, _ = judge_columns(frame, expected, y, x, result.radius)
    np.testing.assert_allclose(z, result.z[y, x], atol=0.1)


def test_halves_of_correlated_noise_are_judged_fairly():
    def smooth(image):
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(image.astype(float), 8.0)

    frame, expected = recorded("gauss 0.8", 7)
    flat = [m.replace(data=m.data - expected.data + 20 * DOSE + 100) for m in (frame, expected)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = flat[1].replace(data=20 * smooth((flat[0].data - 100) / 20) + 100)
        own = sbd.agreement(flat[0], made, denoiser=False).z.std()
        halves = sbd.agreement(flat[0], made, denoiser=smooth).z.std()
    assert halves == pytest.approx(1, abs=0.08)
    assert own == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("gain", [1.0, 7.3])
def test_texture_of_a_bright_particle_is_no_correlated_noise_where_what_was_removed_is_white(gain):
    """Independent electrons, judged by the truth: power 1 and z of spread 1 on each image."""
    y, x = np.mgrid[:128, :160]
    columns = [
        (64 + 9.1 * i - 2 * j, 80 + 1.2 * i + 11 * j) for i in range(-5, 6) for j in range(-5, 6)
    ]
    truth = 0.1 + 2 * sum(
        np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 8)
        for cy, cx in columns
        if np.hypot(cy - 64, cx - 80) < 38
    )
    for seed in range(6):
        counts = np.random.default_rng(seed).poisson(500 * truth)
        noisy, clean = (
            sbd.Micrograph(gain * image, 0.02, gain=gain) for image in (counts, 500 * truth)
        )
        assert sbd.residual_check(noisy, clean).power == pytest.approx(1, abs=0.12)
        z = sbd.agreement(noisy, clean, denoiser=False).z
        assert z.std() == pytest.approx(1, abs=0.07)
