import numpy as np
import pandas as pd
import pytest

from columns.scenes import grid
from napari_sbd import describe_lattice, find_columns
from napari_sbd.columns import lattice_vectors, on_surface, outline, polygons, species
from napari_sbd.columns.cell import reduced
from napari_sbd.columns.outline import reach
from napari_sbd.measure.histogram import suggest_thresholds


def table(points):
    return pd.DataFrame(points, columns=["y", "x"])


@pytest.mark.parametrize("hexagonal", [False, True])
def test_the_surface_of_a_block_is_its_rim(hexagonal):
    points = grid(7, 9, 20.0, jitter=0.5, hexagonal=hexagonal)
    i, j = np.mgrid[:7, :9].reshape(2, -1)
    rim = (i == 0) | (i == 6) | (j == 0) | (j == 8)
    np.testing.assert_array_equal(on_surface(points, 0.9 * 20), rim)


def test_a_hole_has_a_surface_and_its_own_outline():
    points = grid(11, 11, 20.0)
    far = np.abs(points - points.mean(0)).max(1) > 30
    points = points[far]
    shapes = polygons(points, 1.08 * 20)
    assert [len(s) for s in shapes] == [40, 12]


def test_where_the_image_ends_the_crystal_does_not():
    """A lattice that fills the frame has no surface."""
    points = grid(8, 8, 20.0)
    assert not on_surface(points, 21.6, (180, 180), 20.5).any()


@pytest.mark.parametrize("ratio", [1.0, 1.6, 2.2])
def test_a_long_cell_that_fills_the_frame_has_no_surface(ratio):
    """Nor have pairs of columns; a rim in vacuum stays one."""
    points = grid(14, 14, 12.0) * (ratio, 1.0)
    pairs = np.vstack([points, points + np.array([0.0, 4.0])])
    for held in (points, pairs):
        size = tuple(np.ceil(held.max(0) + 3).astype(int))
        inside = picture_of(held, size)
        surface = find_columns(None, inside)["surface"]
        assert surface.mean() < 0.1
    i, j = np.mgrid[:14, :14].reshape(2, -1)
    rim = (i == 0) | (i == 13) | (j == 0) | (j == 13)
    np.testing.assert_array_equal(on_surface(points, reach(points, 12.0)), rim)


@pytest.mark.parametrize("degrees", [0, 10, 28, 45])
@pytest.mark.parametrize(
    "base", [[(0, 0), (14, 0), (14, 10), (0, 10)], [(0, 0), (13, 0), (20, 10)]]
)
def test_a_tilted_lattice_that_fills_the_frame_has_no_surface(degrees, base):
    """Its rim is ragged, and of several columns in a cell triangles have several sizes."""
    cells = grid(60, 60, 1.0) * (28.0, 20.0)
    points = np.vstack([cells + np.array(place) for place in base])
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = (points - points.mean(0)) @ turn + 200
    held = points[((points > 8) & (points < 391)).all(1)]
    assert on_surface(held, reach(held, 10.0), (400, 400), 7.0).mean() < 0.01
    depth = 120 - np.hypot(*(points - 200).T)  # of a round particle in vacuum
    particle, depth = points[depth > 0], depth[depth > 0]
    found = on_surface(particle, reach(particle, 10.0), (400, 400), 7.0)
    assert found[depth < 3].all()
    assert not found[depth > 26].any()


def picture_of(points, shape, sigma=1.6):
    y, x = (np.arange(n)[:, None] - p for n, p in zip(shape, points.T, strict=True))
    return 1 + np.exp(-(y**2) / 2 / sigma**2) @ np.exp(-(x**2) / 2 / sigma**2).T


def test_one_column_and_three_on_a_line_have_no_outline_but_are_surface():
    for points in (np.array([[5.0, 5]]), np.array([[0.0, 0], [0, 10], [0, 20]]), np.zeros((0, 2))):
        assert len(outline(points, 20)) == 0
        assert on_surface(points, 20).all()
        described = describe_lattice(table(points))
        assert (described["lattice"] == -1).all()


def test_lattice_vectors_are_those_of_the_cell():
    turn = np.deg2rad(12)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (grid(12, 12, 1.0) * (17.0, 25.0)) @ rotation
    a, b = lattice_vectors(points + np.random.default_rng(0).normal(0, 0.4, points.shape))
    assert np.hypot(*a) == pytest.approx(25, rel=0.01)
    assert np.hypot(*b) == pytest.approx(17, rel=0.01)


@pytest.mark.parametrize("cell", [((0, 10), (17, 0)), ((2, 10), (16, 7)), ((-3, 9), (11, 1))])
@pytest.mark.parametrize("turned", [((1, 0), (3, 1)), ((2, 1), (1, 1)), ((-1, 2), (0, 1))])
def test_any_two_vectors_of_a_lattice_give_its_shortest_ones(cell, turned):
    """By all short combinations of the vectors; at 60 to 90 degrees, the first one along x."""
    given = np.array(turned) @ np.array(cell, float)
    steps = np.mgrid[-9:10, -9:10].reshape(2, -1).T @ given
    steps = steps[np.argsort(np.hypot(*steps.T))][1:]
    apart = np.abs(steps[:, 0] * steps[0, 1] - steps[:, 1] * steps[0, 0]) > 1e-6
    shortest = np.hypot(*steps[0]), np.hypot(*steps[apart][0])
    a, b = reduced(*given)
    np.testing.assert_allclose(sorted([np.hypot(*a), np.hypot(*b)]), shortest)
    assert 0 <= a @ b / np.hypot(*a) / np.hypot(*b) <= 0.5 + 1e-9
    assert abs(np.linalg.det([a, b])) == pytest.approx(abs(np.linalg.det(cell)))
    assert a[1] > 0 and abs(a[0]) * np.hypot(*b) <= abs(b[0]) * np.hypot(*a)


def test_a_cell_with_two_columns_is_not_mistaken_for_its_half():
    """A honeycomb repeats after 20, its nearest columns are 20 / sqrt(3) apart."""
    cell = grid(9, 9, 20.0, hexagonal=True)
    honeycomb = np.vstack([cell, cell + np.array([20 / np.sqrt(3), 0])])
    a, b = lattice_vectors(honeycomb)
    assert np.hypot(*a) == pytest.approx(20, rel=0.01)
    assert np.hypot(*b) == pytest.approx(20, rel=0.01)


def test_strain_rotation_and_displacement_of_a_bent_part():
    """The right half is stretched along x by 4 % and one column is pushed by 3 px."""
    points = grid(12, 16, 20.0)
    middle = points[:, 1].mean()
    right = points[:, 1] > middle
    points[:, 1] += np.where(right, 0.04 * (points[:, 1] - middle), 0)
    d = describe_lattice(table(points))
    gap = (
        d["strain_xx"][right & (points[:, 1] > middle + 40)].median()
        - d["strain_xx"][~right & (points[:, 1] < middle - 40)].median()
    )
    assert gap == pytest.approx(0.04, abs=0.004)
    assert np.abs(d["strain_yy"]).max() < 1e-6
    pushed = grid(9, 9, 20.0)
    pushed[40] += (0, 3)
    d = describe_lattice(table(pushed))
    assert d["displacement_x"][40] == pytest.approx(3, abs=0.1)
    assert d["coordination"][10] == 4


def test_a_turn_from_x_to_y_is_a_positive_rotation():
    """The right half is turned by 30 mrad about a point of its own."""
    points = grid(9, 12, 20.0)
    right = points[:, 1] > points[:, 1].mean()
    y, x = (points[right] - points[right].mean(0)).T
    sine, cosine = np.sin(0.03), np.cos(0.03)
    turned = np.column_stack([cosine * y + sine * x, cosine * x - sine * y])
    points[right] = points[right].mean(0) + turned
    rotation = describe_lattice(table(points))["rotation"]
    assert rotation[right].median() - rotation[~right].median() == pytest.approx(0.03, abs=1e-3)


def test_two_crystals_get_lattices_of_their_own():
    one = grid(10, 10, 20.0)
    other = grid(6, 6, 27.0, hexagonal=True) + np.array([260, 0])
    d = describe_lattice(table(np.vstack([one, other])))
    assert set(d["lattice"][:100]) == {0}
    assert (d["lattice"][100:] == 1).mean() > 0.9
    assert len(d.attrs["lattices"]) == 2


def two_grains(degrees, hexagonal, ratio, size=700, gap=30.0):
    """Columns of two unstrained crystals with a boundary along y, and which is whose."""
    cut = size * ratio / (1 + ratio)
    parts = []
    for side, turn in ((-1, 0.1), (1, 0.1 + np.deg2rad(degrees))):
        cell = np.array([[0, gap], [gap * 0.75**0.5, gap / 2] if hexagonal else [gap, 0]])
        cell = cell @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).T
        i, j = np.mgrid[-50:51, -50:51].reshape(2, -1)
        p = np.column_stack([i, j]) @ cell + size / 2
        p = p[(p > 0).all(1) & (p < size).all(1)]
        parts.append(p[side * (p[:, 1] - cut) > 8])
    points = np.vstack(parts)
    points = points + np.random.default_rng(1).normal(0, 0.4, points.shape)
    return points, np.repeat([0, 1], [len(p) for p in parts]), cut


@pytest.mark.parametrize("degrees", [6, 10, 17, 25, 30, 45])
@pytest.mark.parametrize("hexagonal", [False, True])
@pytest.mark.parametrize("ratio", [1, 3])
def test_each_grain_has_its_own_lattice_and_no_strain(degrees, hexagonal, ratio):
    points, truth, cut = two_grains(degrees, hexagonal, ratio)
    d = describe_lattice(table(points))
    assert len(d.attrs["lattices"]) == 2
    for _, *cell in d.attrs["lattices"]:
        np.testing.assert_allclose(np.hypot(*np.transpose(cell)), 30, rtol=0.01)
    inside = np.abs(points[:, 1] - cut) > 60
    on = d["lattice"].to_numpy()
    assert (on[inside] >= 0).mean() > 0.97
    same = [np.bincount(on[inside & (truth == t) & (on >= 0)], minlength=2) for t in (0, 1)]
    assert all(counts.max() > 0.99 * counts.sum() for counts in same)
    assert same[0].argmax() != same[1].argmax()
    for name in ("strain_xx", "strain_yy", "strain_xy", "rotation"):
        assert abs(d[name][inside].median()) < 0.002
        assert d[name].abs().max() < 0.08  # noise of 0.4 px, at corners with three neighbours
    assert not d["boundary"][inside].any()
    assert d["strain_xx"][d["boundary"]].isna().all()
    assert d["boundary"].any()


@pytest.mark.parametrize(
    ("cell", "second"),
    [((20.0, 20.0), (0.0, 0.28)), ((14.0, 22.0), (0.5, 0.43))],  # dumbbells; rows that zigzag
)
@pytest.mark.parametrize("degrees", [0, 30, 45])
def test_pairs_are_no_period(cell, second, degrees):
    """A distance that each column has on one side only is none of the lattice: of two grains of
    dumbbells a row of them was a crystal of its own, with a cell of 5.6 x 20 px, and 81 of 333
    columns were on none."""
    turn = np.radians(degrees)
    turned = np.array([(np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))])
    i, j = np.mgrid[-30:30, -30:30].reshape(2, -1)
    both = [
        np.concatenate([(np.column_stack([i, j]) + at) * cell @ r + 3.1 for at in ((0, 0), second)])
        for r in (np.eye(2), turned)
    ]
    left, right = (p[(p > 0).all(1) & (p < (220, 300)).all(1)] for p in both)
    points = np.vstack([left[left[:, 1] < 150], right[right[:, 1] > 155]])
    points += np.random.default_rng(0).normal(0, 0.1, points.shape)
    found = describe_lattice(table(points))
    assert (found["lattice"] < 0).mean() < 0.02
    for _, *vectors in found.attrs["lattices"]:
        np.testing.assert_allclose(
            sorted(np.hypot(*np.transpose(vectors))), sorted(cell), rtol=5e-3
        )


def test_a_bent_crystal_is_one():
    """Ten degrees over its length, without a boundary."""
    y, x = grid(12, 40, 20.0).T
    radius = 40 * 20 / np.deg2rad(10)
    turn = x / radius
    bent = np.column_stack([(radius + y) * np.cos(turn), (radius + y) * np.sin(turn)])
    d = describe_lattice(table(bent))
    assert len(d.attrs["lattices"]) == 1
    assert (d["lattice"] == 0).all() and not d["boundary"].any()
    turned = d["rotation"][x > x.max() - 50].median() - d["rotation"][x < 50].median()
    assert abs(turned) == pytest.approx(np.deg2rad(10), rel=0.1)


def test_scattered_points_are_no_lattice():
    points = np.random.default_rng(0).uniform(0, 400, (150, 2))
    assert (describe_lattice(table(points))["lattice"] >= 0).mean() < 0.3


def test_species_follow_the_intensity():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], [120, 60])
    values = rng.normal(np.where(truth, 3.0, 1.0), 0.2)
    assert (species(values) == truth).mean() > 0.99
    assert set(species(rng.normal(1, 0.2, 200))) == {0}
    assert species(np.array([np.nan, 1.0, 1.1])).tolist() == [-1, 0, 0]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("unit", [1e-6, -1.0, 1e5])
def test_species_far_apart_are_told_apart(seed, unit):
    """Three, seven widths and more apart, of any unit, bright and dark."""
    rng = np.random.default_rng(seed)
    middle = np.cumsum(rng.uniform(7, 12, 3)) * 0.05 + 1
    truth = rng.permutation(np.repeat([0, 1, 2], rng.integers(20, 300, 3)))
    assert (species(unit * rng.normal(middle[truth], 0.05)) == truth).mean() > 0.99


def test_kinds_on_both_sides_of_zero_are_two():
    """Strain, displacements and slopes have signs."""
    truth = np.repeat([0, 1], 60)
    values = np.random.default_rng(0).normal(np.where(truth, 0.02, -0.02), 0.003)
    assert set(np.bincount(species(values))) == {60}
    assert len(suggest_thresholds(values)) == 1
    assert abs(suggest_thresholds(values)[0]) < 0.01
    assert suggest_thresholds(np.random.default_rng(0).normal(0, 1, 300)) == []


def test_a_turn_is_no_shear_where_pixels_are_not_quite_square():
    size = np.array([0.0205, 0.0195])  # nm
    points = grid(9, 12, 0.4)
    right = points[:, 1] > points[:, 1].mean()
    turn = np.array([[np.cos(0.03), np.sin(0.03)], [-np.sin(0.03), np.cos(0.03)]])
    points[right] = points[right].mean(0) + (points[right] - points[right].mean(0)) @ turn.T
    columns = table(points / size)
    columns.attrs["pixel_size_nm"] = tuple(size)
    found = describe_lattice(columns)
    names = "strain_xy", "rotation"
    apart = {n: found[n][right].median() - found[n][~right].median() for n in names}
    assert apart["strain_xy"] == pytest.approx(0, abs=2e-4)
    assert apart["rotation"] == pytest.approx(0.03, abs=5e-4)


def test_a_shear_is_half_strain_and_half_rotation():
    """x moves by 0.02 y in the lower half: eps_xy = (du/dy + dv/dx) / 2 = 0.01, rotation -0.01."""
    points = grid(12, 12, 20.0)
    low = points[:, 0] > points[:, 0].mean()
    points[low, 1] += 0.02 * (points[low, 0] - points[low, 0].min())
    found = describe_lattice(table(points))
    far = np.abs(points[:, 0] - points[:, 0].mean()) > 30
    for name, expected in (("strain_xy", 0.01), ("rotation", 0.01)):
        change = found[name][low & far].median() - found[name][~low & far].median()
        assert abs(change) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("turn", [0.0, 35.0])
def test_columns_of_three_kinds_at_the_corners_of_a_finer_cell(turn):
    """As in SrTiO3 [110] in annular bright field: Sr, Ti and one of two O, nearly half a cell from
    each other; of the finer cell a quarter of the sites is empty, and no lattice was found. Each
    kind has the strain of the crystal, 2 % along one direction."""
    rng = np.random.default_rng(3)
    a, b = np.array([0.0, 30.0]), np.array([42.4, 0.0])
    cells = np.array([(h, k) for h in range(12) for k in range(15)])
    sites = np.array([(0, 0), (0.5, 0.5), (0.52, 0.03)])
    hk = (cells[:, None] + sites).reshape(-1, 2)
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    right = hk[:, 1] > 8
    points = hk @ np.array([b, a])
    points[:, 1] += 0.02 * np.maximum(points[:, 1] - 8 * 30, 0)
    points = points @ rotation.T + rng.normal(0, 0.4, points.shape)
    table = describe_lattice(pd.DataFrame({"y": points[:, 0], "x": points[:, 1]}))
    label = table["lattice"].to_numpy().reshape(-1, 3)
    assert (label >= 0).mean() > 0.95
    heavy = label[:, 0]
    assert (heavy == np.bincount(heavy[heavy >= 0]).argmax()).mean() > 0.9
    tensor = table[["strain_yy", "strain_xy", "strain_xx"]].to_numpy()[:, [0, 1, 1, 2]]
    own = rotation.T @ tensor.reshape(-1, 2, 2) @ rotation  # along the crystal's axes
    far = np.abs(hk[:, 1] - 8) > 2
    middle = far & (hk.min(1) > 1) & (hk[:, 0] < 10) & (hk[:, 1] < 13)
    for kind in range(3):
        these = (np.arange(len(hk)) % 3 == kind) & middle
        jump = [np.nanmedian(own[these & side, 1, 1]) for side in (~right, right)]
        assert jump[1] - jump[0] == pytest.approx(0.02, abs=0.004)
