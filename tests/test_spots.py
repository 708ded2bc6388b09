import numpy as np
import pytest

from columns.scenes import grid, picture
from napari_sbd import SBDError
from napari_sbd.columns.match import compare_columns
from napari_sbd.spots import detect


def found(image, **settings):
    d = detect(image, **settings)
    return np.column_stack([d.y, d.x])


@pytest.mark.parametrize("gap", [8.0, 21.0, 60.0])
@pytest.mark.parametrize("hexagonal", [False, True])
@pytest.mark.parametrize("amplitude", [0.3, -0.3])
def test_every_column_is_found_at_any_magnification(gap, hexagonal, amplitude):
    points = grid(9, 9, gap, jitter=gap / 40, hexagonal=hexagonal)
    image = picture(points, gap, 0.2 * gap, amplitude, 1.0)
    d = detect(image)
    assert d.bright == (amplitude > 0)
    score = compare_columns(points, np.column_stack([d.y, d.x]))
    assert score.f1 == 1
    assert d.scale == pytest.approx(0.2 * gap, rel=0.25)


def test_the_choice_of_polarity_can_be_overruled():
    points = grid(8, 8, 20.0)
    image = picture(points, 20.0, 4.0, 1.0, 0.0)
    between = found(image, polarity="dark")
    assert compare_columns(points, between).recall == 0


def test_two_species_and_dumbbells_are_resolved():
    points = grid(7, 7, 40.0)
    pairs = np.vstack([points, points + np.array([0, 13])])
    image = picture(pairs, 40.0, 4.0, np.repeat([1.0, 0.6], len(points)), 0.0)
    assert compare_columns(pairs, found(image), tolerance=2).f1 == 1


def test_columns_close_to_the_frame_are_found():
    points = grid(8, 8, 20.0)
    image = picture(points, 20.0, 4.0, 1.0, 0.0)[16:, 16:]
    assert compare_columns(points - 16, found(image), tolerance=2).f1 == 1


def test_a_small_crystal_in_a_wide_vacuum():
    image = np.pad(picture(grid(6, 6, 20.0), 20.0, 4.0, 0.2, 0.45), 180, constant_values=0.45)
    assert len(found(image)) == 36


def test_a_single_column():
    image = np.pad(picture(np.array([[40.0, 40.0]]), 40, 5.0, 1.0, 0.0), 60)
    np.testing.assert_allclose(found(image), [[100, 100]], atol=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_none_are_invented_where_there_are_none(seed):
    """Smooth noise, as a denoiser leaves it of vacuum and amorphous films; a constant."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(0, 1, (256, 256))
    for image in (gaussian_filter(noise, 4), noise, np.ones((256, 256))):
        assert detect(image).why
        assert not len(found(image))


def test_sensitivity_brings_more_columns():
    points = grid(9, 9, 20.0)
    strength = np.where(np.arange(81) % 2, 1.0, 0.25)
    image = picture(points, 20.0, 4.0, strength, 0.0)
    low, high = (len(found(image, sensitivity=s)) for s in (0.2, 0.9))
    assert low < 81 <= high


def test_too_many_extrema_are_refused_at_once(monkeypatch):
    from napari_sbd import spots as module

    monkeypatch.setattr(module, "_MOST", 100)
    image = picture(grid(20, 20, 10.0), 10.0, 2.0, 1.0, 0.0)
    with pytest.raises(SBDError, match="lower the sensitivity"):
        detect(image)


@pytest.mark.parametrize(
    "settings", [{"sensitivity": 2}, {"polarity": "grey"}, {"spacing": 1}, {"spacing": np.nan}]
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(SBDError):
        detect(np.zeros((64, 64)), **settings)


def test_a_maximum_halfway_between_pixels_is_one_column():
    y, x = np.indices((128, 128)) - 61.5
    mirror = np.cos(2 * np.pi * y / 41) * np.cos(2 * np.pi * x / 41)
    found = detect(mirror, polarity="bright")
    positions = np.column_stack([found.y, found.x])
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    assert len(positions) > 5
    assert (distance[~np.eye(len(positions), dtype=bool)] > 20).all()


def particle(rim):
    """A hexagonal particle in vacuum whose outermost columns are weaker; its columns and image."""
    points = grid(9, 9, 24.0, hexagonal=True) + 60
    i, j = np.mgrid[:9, :9].reshape(2, -1)
    strength = np.where((i % 8 == 0) | (j % 8 == 0), rim, 1.0)
    y, x = (np.arange(340)[:, None] - p for p in points.T)
    gy, gx = (np.exp(-(d**2) / 2 / 4.5**2) for d in (y, x))
    return points, 1 + (gy * strength) @ gx.T


@pytest.mark.parametrize("rim", [0.22, 0.3, 1.0])
def test_faint_columns_at_the_rim_of_a_particle_are_found(rim):
    points, image = particle(rim)
    assert compare_columns(points, found(image)).f1 > 0.97


def test_the_halo_of_a_particle_is_no_column():
    """A bright fringe one spacing outside, as strong as faint columns, and weak ones in between."""
    points, image = particle(1.0)
    y, x = np.indices(image.shape)
    inside = np.hypot(y - 170, x - 180)
    image = image + 0.12 * np.exp(-((inside - 160) ** 2) / 2 / 4.0**2)
    between = points[:-1][np.abs(np.diff(points[:, 0])) < 1] + np.array([0.0, 12.0])
    for py, px in between:
        image += 0.1 * np.exp(-((y - py) ** 2 + (x - px) ** 2) / 2 / 2.5**2)
    assert compare_columns(points, found(image)).f1 > 0.97


def test_a_light_crystal_beside_a_heavy_one():
    """All of its columns are below the share of the typical column that is needed elsewhere."""
    points = grid(16, 10, 20.0)
    strength = np.where(points[:, 0] < points[:, 0].mean(), 1.0, 0.3)
    strength[(points[:, 0] > points[:, 0].mean()) & (points[:, 1] < 100)] *= 0.8
    image = picture(points, 20.0, 4.0, strength, 1.0)
    assert compare_columns(points, found(image)).f1 > 0.99


def test_texture_beside_a_crystal_is_none():
    """Smooth noise around a particle, about half as strong as the faint columns at its rim."""
    from scipy.ndimage import gaussian_filter

    points, image = particle(0.3)
    scores = []
    for seed in range(4):
        noise = gaussian_filter(np.random.default_rng(seed).normal(0, 1, image.shape), 4)
        scores.append(compare_columns(points, found(image + 0.05 * noise / noise.std())))
    assert np.mean([s.precision for s in scores]) > 0.98
    assert np.mean([s.recall for s in scores]) > 0.98
