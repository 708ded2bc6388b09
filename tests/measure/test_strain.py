"""Strain that was imposed on lattices, found again with errors that hold."""

import numpy as np
import pandas as pd
import pytest

from columns.scenes import grid, picture
from napari_sbd.columns.strain import stretch_and_rotation
from napari_sbd.errors import SBDError
from napari_sbd.measure.phase import phase_strain, reflections_of
from napari_sbd.measure.strain import in_box, off_centre, strain_table
from napari_sbd.region import Region

GAP = 16.0


def table(points, error=None, pixel=None):
    found = pd.DataFrame(points, columns=["y", "x"])
    if error is not None:
        found["y_err"], found["x_err"] = error, error
    found.attrs["pixel_size_nm"] = pixel
    return found


def test_columns_of_a_box_are_those_on_its_pixels():
    """As those of a region: a pixel reaches half a pixel to each side of its centre."""
    places = np.array([(9.4, 30), (9.6, 30), (59.4, 30), (59.6, 30), (15, 24.6), (15, 74.6)])
    expected = [False, True, True, False, True, False]
    assert in_box(table(places), ((10, 60), (25, 75))).tolist() == expected
    same = Region.of("10:60,25:75").on((96, 96)).holds(places)
    assert same.tolist() == expected


def film(yy=0.0, xx=0.0, xy=0.0, rotation=0.0, hexagonal=False, rows=14):
    """A crystal whose lower half is deformed against the upper one; and which half is the upper."""
    points = grid(rows, 14, GAP, hexagonal=hexagonal)
    upper = points[:, 0] < points[:, 0].mean()
    origin = points[upper].max(0) * (1, 0)
    c, s = np.cos(rotation), np.sin(rotation)
    f = np.array([(1 + yy, xy), (xy, 1 + xx)]) @ [(c, s), (-s, c)]  # turned, then strained
    points[~upper] = origin + (points[~upper] - origin) @ f.T
    return points, upper


CASES = [
    {"yy": 0.02},
    {"yy": 0.03, "xx": -0.01},
    {"xy": 0.015},
    {"rotation": 0.02},
    {"yy": 0.02, "xx": -0.01, "xy": 0.005, "rotation": 0.05},
    {"yy": 0.01, "xy": -0.01, "hexagonal": True},
]


@pytest.mark.parametrize("case", CASES)
def test_imposed_strain_against_a_region(case):
    """Of columns away from where the halves meet, to rounding."""
    points, upper = film(**case)
    found = strain_table(table(points, 0.1), region=upper)
    inside = ~upper & (points[:, 0] > points[upper, 0].max() + 2.5 * GAP)
    for name in ("yy", "xx", "xy"):
        value = found.loc[inside, f"strain_{name}"]
        assert value.notna().mean() > 0.9
        np.testing.assert_allclose(value.dropna(), case.get(name, 0.0), atol=1e-6)
    np.testing.assert_allclose(
        found.loc[inside, "rotation"].dropna(), case.get("rotation", 0.0), atol=1e-6
    )
    np.testing.assert_allclose(found.loc[upper, "displacement"], 0, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 0.05, -0.4, 1.2])
def test_what_a_rotation_does_is_no_strain(angle):
    """The symmetric part of a deformation told a compression of 0.14 % at 3 degrees, 8 % at 23."""
    rotation = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    strain = np.array([(0.02, 0.01), (0.01, -0.015)])
    found = stretch_and_rotation((np.eye(2) + strain) @ rotation)
    np.testing.assert_allclose(found, [0.02, -0.015, 0.01, angle], atol=1e-12)


def test_a_positive_rotation_goes_from_x_to_y():
    points, upper = film(rotation=0.02)
    row = points[~upper][-14:]
    assert row[-1, 0] > row[0, 0] or row[-1, 0] < row[0, 0]
    found = strain_table(table(points), region=upper).loc[~upper, "rotation"].median()
    slope = (row[-1, 0] - row[0, 0]) / (row[-1, 1] - row[0, 1])
    assert found == pytest.approx(slope, abs=1e-3)


@pytest.mark.parametrize("hexagonal", [False, True])
def test_errors_of_strain_hold(hexagonal):
    """Deviations over errors have unit variance, at the rim as inside, for unequal errors too."""
    points, upper = film(yy=0.02, hexagonal=hexagonal)
    rng = np.random.default_rng(0)
    each = rng.uniform(0.05, 0.2, points.shape)
    names = ["strain_yy", "strain_xx", "strain_xy", "rotation"]
    if not hexagonal:  # there a and b are alike, and noise decides which is which
        names += ["spacing_a", "spacing_b"]
    true = strain_table(table(points), region=upper)
    z = []
    for _ in range(12):
        noisy = table(points + rng.normal(0, each))
        noisy["y_err"], noisy["x_err"] = each.T
        found = strain_table(noisy, region=upper)
        errors = found[[f"{n}_err" for n in names]].to_numpy()
        z.append((found[names].to_numpy() - true[names].to_numpy()) / errors)
    spread = np.nanstd(z, axis=(0, 1))
    assert ((spread > 0.9) & (spread < 1.12)).all(), spread


def test_errors_of_displacements_and_of_the_reference_hold():
    """Seven rows tell the distance along y worse than fourteen columns that along x."""
    points, upper = film()
    rng = np.random.default_rng(0)
    z, lengths = [], []
    for _ in range(25):
        found = strain_table(table(points + rng.normal(0, 0.2, points.shape), 0.2), region=upper)
        z.append(found["displacement_y"] / found["displacement_y_err"])
        facts = found.attrs["strain"]
        cell = max(facts["cells"][0], key=lambda vector: abs(vector[0]))
        lengths.append((np.hypot(*cell) / GAP - 1) / facts["reference_err"][0])
    assert 0.85 < np.std(z) < 1.15
    assert 0.7 < np.std(lengths) < 1.4


@pytest.mark.parametrize("size", [(3, 4), (4, 5)])
def test_columns_of_small_crystals_are_part_of_their_reference(size):
    """Which follows them: errors of displacements were a quarter too large for twelve columns."""
    points = grid(*size, GAP)
    rng = np.random.default_rng(0)
    z = []
    for _ in range(80):
        found = strain_table(table(points + rng.normal(0, 0.2, points.shape), 0.2))
        z += [found[f"displacement_{axis}"] / found[f"displacement_{axis}_err"] for axis in "yx"]
    assert 0.92 < np.std(z) < 1.08


def test_lengths_are_in_nm_where_the_pixel_size_is_known():
    points, upper = film(yy=0.02)
    px, nm = (strain_table(table(points, 0.1, p), region=upper) for p in (None, 0.02))
    for name in ("spacing_a", "spacing_b", "displacement", "spacing_a_err"):
        np.testing.assert_allclose(nm[name], 0.02 * px[name], atol=1e-12)
    np.testing.assert_allclose(nm["strain_yy"], px["strain_yy"], atol=1e-9)
    assert nm.attrs["strain"]["unit"] == "nm"


def test_without_errors_of_positions_there_are_none_of_strain():
    found = strain_table(table(film()[0]))
    assert found["strain_xx_err"].isna().all()
    assert found["strain_xx"].notna().any()


def test_no_lattice_and_a_region_off_the_crystal_are_refused():
    with pytest.raises(SBDError, match="no lattice"):
        strain_table(table(np.random.default_rng(0).uniform(0, 300, (40, 2))))
    with pytest.raises(SBDError, match="larger"):
        strain_table(table(film()[0]), region=np.zeros(196, bool))


def test_polar_displacement_in_a_cage():
    """Each column of one kind is 0.4 px right and 0.3 px up of the middle of its four."""
    cage = grid(9, 9, GAP)
    inner = cage.reshape(9, 9, 2)[:-1, :-1].reshape(-1, 2) + GAP / 2 + (-0.3, 0.4)
    rng = np.random.default_rng(0)
    points = np.vstack([cage, inner])
    label = np.repeat([0, 1], [81, 64])
    found = off_centre(table(points, 0.1, 0.02), label, of=1, among=0)
    assert len(found) == 64
    np.testing.assert_allclose(found["displacement_y"], -0.006, atol=1e-9)
    np.testing.assert_allclose(found["displacement_x"], 0.008, atol=1e-9)
    np.testing.assert_allclose(found["displacement_y_err"], 0.002 * np.sqrt(1.25))
    z = []
    for _ in range(20):
        noisy = off_centre(table(points + rng.normal(0, 0.1, points.shape), 0.1), label, 1, 0)
        z.append((noisy["displacement_x"] - 0.4) / noisy["displacement_x_err"])
    assert 0.92 < np.std(np.concatenate(z)) < 1.08
    # the rim of the cage itself is not surrounded
    assert len(off_centre(table(points), label, of=0, among=1)) == 49
    with pytest.raises(SBDError, match="two kinds"):
        off_centre(table(points), label, 1, 1)


@pytest.mark.parametrize("length", [0.02, 0.035, 0.06])
@pytest.mark.parametrize(
    ("cell", "place", "degrees"),
    [
        (((0.396, 0.0), (0.0, 0.396)), (0.5, 0.5), 45),  # iron of BiFeO3 along [110]
        (((0.415, 0.0), (0.0, 0.390)), (0.5, 0.5), 90),  # titanium of PbTiO3
        (((0.3, 0.0), (0.15, 0.26)), (1 / 3, 1 / 3), 20),  # three around it
        (((0.2, 0.0), (0.0, 0.3)), (0.5, 0.5), 0),
    ],
)
def test_a_cage_is_whole_where_its_column_is_far_off_the_middle(cell, place, degrees, length):
    """Of two domains: the farthest corner was left out, and 35 pm were -58 pm without a word."""
    hk = np.indices((10, 10)).reshape(2, -1).T
    cage, inner = hk @ np.array(cell), (hk + place) @ np.array(cell)
    turn = np.radians(degrees)
    way = np.where(inner[:, 1] > inner[:, 1].mean(), 1, -1)[:, None]
    moved = length * way * [np.sin(turn), np.cos(turn)]
    points = (np.vstack([cage, inner + moved]) + 1) / 0.01
    found = off_centre(table(points, 0.1, 0.01), np.repeat([0, 1], 100), of=1, among=0)
    assert len(found) >= 64
    told = found[["displacement_y", "displacement_x"]].to_numpy()
    np.testing.assert_allclose(told, moved[found["row"] - 100], atol=1e-9)


@pytest.mark.parametrize("cells", [(1, 1), (1, 2), (2, 2)])
def test_one_or_few_cages_are_enough(cells):
    cage = np.indices([n + 1 for n in cells]).reshape(2, -1).T * GAP + 30
    inner = np.indices(cells).reshape(2, -1).T * GAP + 30 + GAP / 2 + (1.0, -2.0)
    label = np.repeat([0, 1], [len(cage), len(inner)])
    found = off_centre(table(np.vstack([cage, inner])), label, of=1, among=0)
    assert len(found) == len(inner)
    np.testing.assert_allclose(
        found[["displacement_y", "displacement_x"]], found.shape[0] * [[1.0, -2.0]]
    )


@pytest.mark.parametrize("case", CASES)
def test_geometric_phases_find_the_same_strain(case):
    """Imposed strain to 0.05 %, and the strain of the columns, away from where the halves meet."""
    points, upper = film(rows=20, **case)
    height = points[upper, 0].max() - 10
    image = picture(points, GAP, 3.5, 10.0, 5.0)
    image = image[10:-10, 10:-10]  # the crystal fills the frame
    columns = strain_table(table(points), region=upper)
    cell = np.array(columns.attrs["strain"]["cells"][0])
    rows = np.arange(image.shape[0])[:, None] + np.zeros(image.shape[1])
    found = phase_strain(image, reflections_of(cell), reference=rows < height - 5 * GAP)
    low = rows > height + 5 * GAP
    for name in ("yy", "xx", "xy"):
        value = np.nanmedian(getattr(found, name)[low])
        assert value == pytest.approx(case.get(name, 0.0), abs=5e-4), name
    assert np.nanmedian(found.rotation[low]) == pytest.approx(case.get("rotation", 0.0), abs=5e-4)


def test_geometric_phases_need_two_reflections_and_a_lattice():
    image = picture(grid(10, 10, GAP), GAP, 3.5, 10.0, 5.0)
    with pytest.raises(SBDError, match="no one line"):
        phase_strain(image, np.array([[0.05, 0], [0.1, 0]]))
    with pytest.raises(SBDError, match="resolution"):
        phase_strain(image, np.array([[0.0625, 0], [0, 0.0625]]), resolution=3.0)
