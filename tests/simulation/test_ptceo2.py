from collections import Counter

import numpy as np
import pytest

from napari_sbd.simulation import ptceo2
from napari_sbd.simulation.bandlimited import coarser, gaussian, pixel_area, weights
from napari_sbd.simulation.contrast import contrast_classes

VIEWS = ptceo2.grid()
UPRIGHT = [v for v in VIEWS if (v.tilt_x_deg, v.tilt_y_deg) == (0, 0)]


def first(particle, defect, **tilt):
    wanted = {"tilt_x_deg": 0, "tilt_y_deg": 0, **tilt}
    return next(
        v
        for v in VIEWS
        if (v.model.particle, v.model.defect) == (particle, defect)
        and all(getattr(v, k) == value for k, value in wanted.items())
    )


def test_the_grid_has_the_papers_numbers():
    assert len(VIEWS) * len(ptceo2.DEFOCUS_NM) == 17955
    assert len({(v.model.particle, v.model.defect) for v in VIEWS}) == 14
    assert len({v.name for v in VIEWS}) == len(VIEWS)
    thickness = Counter(v.model.thickness_nm for v in VIEWS)
    assert thickness[5] / len(VIEWS) == pytest.approx(0.56, abs=0.01)
    assert all(v.tilt_x_deg * v.tilt_y_deg == 0 for v in VIEWS)
    assert Counter(v.tilt_x_deg + v.tilt_y_deg for v in VIEWS)[0] == len(UPRIGHT)


@pytest.mark.parametrize("seed", range(4))
def test_splits_share_no_model_and_hold_every_particle(seed):
    views = ptceo2.grid(seed)
    splits = {}
    for v in views:
        splits.setdefault(v.model.name, set()).add(v.model.split)
    assert all(len(s) == 1 for s in splits.values())
    for split, share in {"train": 0.7, "validation": 0.15, "test": 0.15}.items():
        there = [v for v in views if v.model.split == split]
        assert {v.model.particle for v in there} == set(ptceo2.DEFECTS)
        assert len(there) / len(views) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("view", UPRIGHT[::7], ids=lambda v: v.name)
def test_models_close_on_themselves_and_touch_nowhere(view):
    from scipy.spatial import cKDTree

    atoms, _ = ptceo2.atoms_of(view)
    p = atoms.positions
    assert p[:, :2].min() >= 0
    assert p[:, :2].max() <= ptceo2.BOX
    planes = np.unique(p[atoms.tags == 0, 2].round(2))
    thickness = len(planes) * np.diff(planes).mean()
    assert thickness == pytest.approx(10 * view.model.thickness_nm, abs=2)
    shifted = p + np.array([ptceo2.BOX, 0, 0])
    periodic = np.concatenate([p, shifted[shifted[:, 0] < ptceo2.BOX + 8]])
    nearest = cKDTree(periodic).query(periodic, k=2)[0][:, 1]
    assert nearest.min() > 2.0
    # every cerium in the bulk has eight oxygens, across the seam too
    oxygen = np.concatenate([atoms.elements, atoms.elements[shifted[:, 0] < ptceo2.BOX + 8]]) == "O"
    bulk = (p[:, 0] > ptceo2.BOX - 4) & (atoms.elements == "Ce")
    bulk &= (p[:, 1] > 48) & (p[:, 1] < 58) & (np.abs(p[:, 2] - p[:, 2].mean()) < 8)
    counts = cKDTree(periodic[oxygen]).query_ball_point(p[bulk], 2.6, return_length=True)
    assert len(counts) > 5
    assert (counts == 8).all()


def test_defects_are_what_they_say():
    """Against the pristine particle: columns lost, halved and added."""

    def platinum(defect):
        columns = ptceo2.atoms_of(first("PtNp1", defect))[1]
        return columns[columns[:, 2] == 78]

    pristine = platinum("D0")
    full = pristine[:, 3].sum()
    assert len(platinum("D1")) == len(pristine) - 1
    assert len(platinum("D2")) == len(pristine) - 2
    half, added = platinum("Dh"), platinum("Ds")
    assert len(half) == len(pristine)
    assert 0.9 * full < half[:, 3].sum() < full
    assert len(added) == len(pristine) + 1
    assert (added[:, 4] == 2).sum() == 1
    assert 2 <= added[added[:, 4] == 2, 3][0] < added[:, 3].max()


def test_tilt_shears_columns_about_the_right_axis():
    still = ptceo2.atoms_of(first("PtNp2", "D0"))[0].positions
    about_x = ptceo2.atoms_of(first("PtNp2", "D0", tilt_x_deg=4))[0].positions
    about_y = ptceo2.atoms_of(first("PtNp2", "D0", tilt_y_deg=4))[0].positions
    np.testing.assert_allclose(about_x[:, 0], still[:, 0])
    np.testing.assert_allclose(about_y[:, 1], still[:, 1])
    shift, depth = about_x[:, 1] - still[:, 1], still[:, 2]
    assert abs(np.polyfit(depth, shift, 1)[0]) == pytest.approx(np.tan(np.deg2rad(4)))


def test_models_repeat_and_differ():
    one, again = (ptceo2.atoms_of(ptceo2.grid(3)[40])[0].positions for _ in range(2))
    np.testing.assert_array_equal(one, again)
    other = ptceo2.atoms_of(ptceo2.grid(4)[40])[0].positions
    assert one.shape != other.shape or np.abs(one - other).max() > 0.1


def wave(y, x):
    """A periodic function of period 10 with a known mean over any interval."""
    return 1 + np.cos(2 * np.pi * (3 * x - 0.7) / 10) * np.cos(2 * np.pi * 2 * y / 10)


def test_band_limited_images_are_known_between_their_pixels():
    grid = np.arange(16) * 10 / 16
    image = wave(grid[:, None], grid[None])
    points = np.array([0.13, 4.4, 9.99, -3.0])
    v = weights(points, 16, 10.0)
    np.testing.assert_allclose(v @ image @ v.T, wave(points[:, None], points[None]), atol=1e-5)
    v = weights(points, 16, 10.0, pixel_area(1.5))
    offsets = (np.arange(600) + 0.5) / 600 * 1.5 - 0.75
    y, x = points[:1, None] + offsets[:, None], points[1] + offsets
    mean = wave(y, x).mean()
    assert (v @ image @ v.T)[0, 1] == pytest.approx(mean, abs=1e-5)
    blurred = weights(points, 16, 10.0, gaussian(0.4)) @ image[:, :1]
    damping = np.exp(-2 * (np.pi * 0.4 * 0.2) ** 2)
    expected = 1 + damping * (wave(points, 0.0) - 1)
    np.testing.assert_allclose(blurred[:, 0], expected, atol=1e-5)


def test_a_coarser_image_is_the_same_image():
    fine, coarse = (np.arange(n) * 10 / n for n in (40, 16))
    image = wave(fine[:, None], fine[None])
    expected = wave(coarse[:, None], coarse[None])
    np.testing.assert_allclose(coarser(image, 16), expected, atol=1e-12)


def test_contrast_classes_of_drawn_columns():
    n, box = 96, 24.0
    x = np.arange(n) * box / n
    places = np.array([(y, x, z) for y in (3, 9, 15, 21) for x, z in ((4, 78), (10, 58), (16, 78))])
    spots = np.zeros((2, n, n))
    for y0, x0, z in places:
        spot = np.exp(-((x[:, None] - y0) ** 2 + (x[None] - x0) ** 2) / 2 / 0.6**2)
        spots[int(z == 58)] += spot
    platinum, cerium = spots
    images = 1 + np.stack(
        [
            platinum + cerium,
            -0.3 * platinum - 0.3 * cerium,
            platinum - cerium,
            0.1 * platinum + 0.1 * cerium,
        ]
    )
    found = contrast_classes(images, box, places)
    assert found == ["white", "black", "intermediate", "intermediate"]
