import numpy as np
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture
from napari_sbd.columns.elongation import elongation


def dumbbells(half, gap=50.0, sigma=4.0, amplitude=6.0, background=4.0, angle=0.0):
    """Pairs of columns +-half [px] along a direction, their centres, and their image."""
    centres = grid(6, 6, gap)
    away = half * np.array([np.sin(angle), np.cos(angle)])
    both = np.vstack([centres - away, centres + away])
    shape = tuple(np.ceil(centres.max(0) + gap).astype(int))
    y, x = (np.arange(n)[:, None] - p for n, p in zip(shape, both.T, strict=True))
    gy, gx = np.exp(-(y**2) / 2 / sigma**2), np.exp(-(x**2) / 2 / sigma**2)
    return both, centres, background + amplitude * gy @ gx.T


@pytest.mark.parametrize("angle", [0.0, 0.6, np.pi / 2])
def test_half_the_distance_of_two_columns_is_measured(angle):
    """Small against the width, where the quadrupole is all that the fit leaves."""
    _, centres, image = dumbbells(2.0, sigma=5.0, angle=angle)
    wide = np.sqrt(25 + 2.0)
    height = 2 * 6 * 25 / wide**2
    values = np.column_stack([centres, np.full(36, height), np.full(36, wide), np.full(36, 4.0)])
    found = elongation(image, values, 1.0)
    np.testing.assert_allclose(found.half, 2.0, rtol=0.1)
    np.testing.assert_allclose(np.abs(found.along @ [np.sin(angle), np.cos(angle)]), 1, atol=1e-2)


def test_round_columns_are_as_round_as_their_noise():
    """Both components of the misfit are normal: 0.135 of all exceed two standard errors."""
    points = grid(24, 24, 24.0, jitter=1.0)
    clean = picture(points, 24.0, 4.0, 4.0, 4.0)
    table = sbd.find_columns(np.random.default_rng(5).poisson(clean), clean)
    assert 0.09 < (table["elongation_z"] > 2).mean() < 0.18
    assert table["supported"].mean() > 0.98


@pytest.mark.filterwarnings("ignore:The denoised image shows the intensities")  # as it does
@pytest.mark.parametrize("half", [5.0, 6.0])
def test_merged_dumbbells_are_not_called_supported_and_their_errors_cover_them(half):
    """The denoised image shows one blob where the counts have two columns."""
    both, centres, image = dumbbells(half)
    blobs = picture(centres, 50.0, np.sqrt(16 + half**2 / 2), 12 * 16 / (16 + half**2 / 2), 4.0)
    counts = np.random.default_rng(0).poisson(image)
    with pytest.warns(UserWarning, match=r"probably two.*spacing of"):
        table = sbd.find_columns(counts, blobs)
    assert len(table) == 36
    assert table["supported"].mean() < 0.1
    pairs = sbd.compare_columns(both[:36], table, 2 * half).pairs
    off = table.iloc[pairs[:, 1]][["y_raw", "x_raw"]].to_numpy() - both[:36][pairs[:, 0]]
    z = off / table.iloc[pairs[:, 1]][["y_raw_err", "x_raw_err"]].to_numpy()
    assert 0.5 < np.sqrt((z**2).mean()) < 1.3
    assert table["elongation"].median() == pytest.approx(half, rel=0.25)


def drawn_long(points, ratio, amplitude, angles, sigma=4.5):
    """Columns longer along a direction each, on a faint background."""
    y, x = np.mgrid[-30:31, -30:31]
    shape = tuple(np.ceil(points.max(0) + 31).astype(int))
    image = np.full(shape, 0.3 * amplitude)
    for (py, px), angle in zip(points, np.broadcast_to(angles, len(points)), strict=True):
        row, column = int(py), int(px)
        dy, dx = y - (py - row), x - (px - column)
        u, v = np.cos(angle) * dy + np.sin(angle) * dx, np.cos(angle) * dx - np.sin(angle) * dy
        spot = amplitude * np.exp(-(u**2 / ratio + v**2 * ratio) / 2 / sigma**2)
        image[row - 30 : row + 31, column - 30 : column + 31] += spot
    return image


@pytest.mark.parametrize("alike", [True, False], ids=["by a probe", "each its own way"])
@pytest.mark.parametrize("ratio", [1.1, 1.25])
@pytest.mark.parametrize("dose", [40.0, 400.0])
def test_the_middle_of_a_long_column_is_as_well_known_as_that_of_a_round_one(ratio, dose, alike):
    """Else real scans would have errors ten times too large, and strain with them."""
    deviations = []
    for seed in (11, 12, 13, 14):
        rng = np.random.default_rng(seed)
        points = grid(12, 12, 24.0, jitter=0.5) + 31
        image = drawn_long(points, ratio, dose, 0.6 if alike else rng.uniform(0, np.pi, 144))
        table = sbd.find_columns(rng.poisson(image), image)
        pairs = sbd.compare_columns(points, table, 6.0).pairs
        assert len(pairs) == len(points)
        found = table.iloc[pairs[:, 1]]
        off = found[["y_raw", "x_raw"]].to_numpy() - points[pairs[:, 0]]
        deviations.append(off / found[["y_raw_err", "x_raw_err"]].to_numpy())
    assert 0.8 < np.sqrt(np.mean(np.square(deviations))) < 1.25
