"""Widths and intensities in the data, of columns that a denoised image shows wider."""

import numpy as np
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.shown import Shown

POINTS = grid(12, 12, 20.0)
START = np.column_stack([POINTS, np.full((len(POINTS), 3), np.nan)])
INNER = (np.abs(POINTS - 130) < 100).all(1)


def columns(width, contrast, background):
    return background * picture(POINTS, 20.0, width, contrast, 1.0)


@pytest.mark.parametrize("wider", [1.0, 1.25])
@pytest.mark.parametrize("variance", [None, 400.0])
def test_the_width_in_the_data_is_found_with_its_error(wider, variance):
    """Each column stands out by few standard errors, all together tell their width."""
    clean, off, errors = columns(4.0, 0.6, 6.0), [], []
    shown = Shown(columns(4.0 * wider, 0.6, 6.0), START, 4.0, True)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        if variance is None:
            data, spread = rng.poisson(clean).astype(float), None
        else:
            data = clean + rng.normal(0, 20 / 8, clean.shape)
            spread = np.full(clean.shape, variance / 64)
        found = shown.in_data(data, spread)
        off.append((found.width * wider - 1) / wider)
        errors.append(found.width_error)
    assert np.mean(errors) < 0.06
    assert 0.5 < np.sqrt(np.mean(np.square(np.array(off) / errors))) < 1.6
    assert abs(np.mean(off)) < 3 * np.mean(errors) / 8**0.5


@pytest.mark.parametrize("wider", [1.0, 1.25])
def test_intensities_in_noise_are_right_in_the_mean(wider):
    """Free places found the highest noise: intensities were half too large in the mean."""
    clean, seen, errors = columns(4.0, 0.35, 2.0), [], []
    true = 2 * np.pi * 4.0**2 * 0.35 * 2.0
    shown = Shown(columns(4.0 * wider, 0.35, 2.0), START, 4.0, True)
    for seed in range(8):
        data = np.random.default_rng(seed).poisson(clean).astype(float)
        raw = shown.with_data(data, known=shown.in_data(data))[1]
        seen.append(raw.intensity[INNER])
        errors.append(raw.intensity_error[INNER])
    assert np.mean(errors) > 0.3 * true
    assert 0.93 < np.mean(seen) / true < 1.07
    assert 0.85 < np.sqrt(np.mean(np.square((np.array(seen) - true) / errors))) < 1.15


@pytest.mark.parametrize(
    ("electrons", "gap", "width", "warned"), [(60, 10.5, 2.2, False), (6, 13.0, 1.8, True)]
)
def test_intensities_of_a_networks_image_have_errors_that_hold_what_is_wrong(
    electrons, gap, width, warned, recwarn
):
    """A lattice without noise would be 45 % dark; `electrons` lie in a working pixel."""
    rng = np.random.default_rng(3)
    heights = -0.45 * np.clip(rng.normal(1, 0.2, 400), 0.3, 1.7)
    true = grid(20, 20, gap) + 5
    clean = electrons / 2.25 * picture(true, gap, width, heights, 1.0)
    noisy = sbd.Micrograph(rng.poisson(clean).astype(np.float32), 0.022, gain=1.0)
    table = sbd.find_columns(noisy, sbd.denoise(noisy, model="hrtem", device="cpu"))
    assert any("intensities of all columns" in str(w.message) for w in recwarn) == warned
    ratio, error = table.attrs["intensity_ratio"]
    assert (ratio - 1 > max(2 * error, 0.1)) == warned
    seen = table[~table["near_frame"]]
    place = seen[["y", "x"]].to_numpy()
    nearest = np.hypot(*(place[:, None] - true).transpose(2, 0, 1)).argmin(1)
    ours = 2 * np.pi * width**2 * electrons / 2.25 * heights[nearest]
    for name in ("intensity", "intensity_raw"):
        z = (seen[name] - ours) / seen[f"{name}_err"]
        assert 0.6 < np.sqrt(np.mean(z**2)) < 1.35, name
    assert 0.85 < seen["intensity_raw"].sum() / ours.sum() < 1.15
