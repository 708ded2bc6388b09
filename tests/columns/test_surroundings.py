"""Fits of columns on uneven light, that overlap, and beside the frame, against what was drawn."""

import warnings

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.columns.beyond import beyond

SIZE, GAP = 230, 18.0
CELLS = {"square": [(0, 1), (1, 0)], "hexagonal": [(0, 1), (0.75**0.5, 0.5)]}


def lattice(kind, turn=0.3, margin=0.0):
    """Places up to a margin beyond the frame."""
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    steps = np.mgrid[-30:31, -30:31].reshape(2, -1).T
    points = steps @ (np.array(CELLS[kind]) * GAP) @ turned + SIZE / 2 + 0.3
    return points[((points > -margin) & (points < SIZE - 1 + margin)).all(1)]


def drawn(points, sigma, amplitude=1.0):
    y, x = (np.arange(SIZE)[:, None] - p for p in points.T)
    return (amplitude * np.exp(-(y**2) / 2 / sigma**2)) @ np.exp(-(x**2) / 2 / sigma**2).T


def pulls(points, table, names, truth):
    """Deviations over errors, and found over true intensities, of columns off the frame."""
    one, other = sbd.compare_columns(points, table).pairs.T
    inside = ~table["near_frame"].to_numpy()[other]
    found, true = table.iloc[other[inside]], points[one[inside]]
    assert len(found) > 40
    values = {"y": true[:, 0], "x": true[:, 1], **truth}
    off = {
        name: (found[name] - values[name.removesuffix("_raw")]) / found[f"{name}_err"]
        for name in names
    }
    return off, (found["intensity"] / truth["intensity"]).median()


def rms(values):
    return float(np.sqrt(np.nanmean(np.square(values))))


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("direction", [(1, 0), (0.4, -1)])
@pytest.mark.parametrize("polarity", [1, -1])
def test_uneven_light_moves_no_column(kind, direction, polarity):
    """A background that changes by the amplitude of a column across the image."""
    points, rng = lattice(kind, margin=60), np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    light = 3 + direction[0] * y + direction[1] * x
    image = polarity * drawn(points, 3.6) + light
    truth = {"intensity": polarity * 2 * np.pi * 3.6**2}
    off = {"y": [], "x": [], "intensity": []}
    for _ in range(3):
        table = sbd.find_columns(None, image + rng.normal(0, 0.05, image.shape))
        found, ratio = pulls(points, table, list(off), truth)
        assert ratio == pytest.approx(1, abs=0.02)
        for name, values in found.items():
            off[name] += list(values)
    # whether noise follows the brightness one image alone does not tell well
    assert 0.7 < rms(off["y"] + off["x"]) < 1.25
    assert 0.8 < rms(off["intensity"]) < 1.35
    assert abs(np.mean(off["y"])) < 0.3 and abs(np.mean(off["x"])) < 0.3


def test_uneven_light_moves_no_column_of_counts():
    points, rng = lattice("square", margin=60), np.random.default_rng(0)
    light = 0.5 + 1.5 * np.mgrid[:SIZE, :SIZE][1] / SIZE
    expected = 10 * (drawn(points, 3.6) + light)
    table = sbd.find_columns(rng.poisson(expected), expected, gain=1.0)
    truth = {"intensity": 20 * np.pi * 3.6**2}
    off, ratio = pulls(points, table, ["y_raw", "x_raw"], truth)
    assert 0.8 < rms(off["y_raw"]) < 1.25 and 0.8 < rms(off["x_raw"]) < 1.25
    assert ratio == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("kind", "sigma"), [("square", 0.26), ("hexagonal", 0.24)])
@pytest.mark.parametrize("fills", [True, False])
def test_intensities_of_columns_that_overlap(kind, sigma, fills):
    """Also where the crystal goes on beyond the frame, of which only flanks are seen."""
    points, rng = lattice(kind, margin=60), np.random.default_rng(0)
    if not fills:
        points = points[np.hypot(*(points - SIZE / 2).T) < 85]
    image = drawn(points, sigma * GAP) + 2
    truth = {"intensity": 2 * np.pi * (sigma * GAP) ** 2}
    clean = pulls(points, sbd.find_columns(None, image), ["y"], truth)[1]
    assert clean == pytest.approx(1, abs=0.01)
    places, intensities, ratios = [], [], []
    for _ in range(3):
        table = sbd.find_columns(None, image + rng.normal(0, 0.05, image.shape))
        off, ratio = pulls(points, table, ["y", "x", "intensity"], truth)
        places += [off["y"], off["x"]]
        intensities.append(off["intensity"])
        ratios.append(ratio)
    assert np.mean(ratios) == pytest.approx(1, abs=0.04)
    assert 0.8 < rms(np.concatenate(places)) < 1.25
    # in a full frame background and width of all together are known worse than of a few
    assert 0.8 < rms(np.concatenate(intensities)) < (2.2 if fills else 1.35)


def test_a_crystal_that_ends_at_the_frame_has_no_columns_beyond():
    """Three predicted beside each side get no strength, and take none from those at the rim."""
    points = lattice("square", turn=0.0)
    table = sbd.find_columns(None, drawn(points, 3.6) + 2)
    ratio = pulls(points, table, ["y"], {"intensity": 2 * np.pi * 3.6**2})[1]
    assert ratio == pytest.approx(1, abs=0.01)
    one, other = sbd.compare_columns(points, table).pairs.T
    assert np.abs(table[["y", "x"]].to_numpy()[other] - points[one]).max() < 0.05


def test_columns_beyond_the_frame_continue_rows():
    points = lattice("hexagonal")
    pairs = beyond(points, (SIZE, SIZE), 3.6)
    places = 2 * points[pairs[:, 0]] - points[pairs[:, 1]]
    further = lattice("hexagonal", margin=3 * 3.6)
    true = further[np.abs(further - (SIZE - 1) / 2).max(1) > (SIZE - 1) / 2]
    found = sbd.compare_columns(true, places, 0.1)
    assert found.recall > 0.9 and found.matched > 30
    assert len(beyond(points[np.hypot(*(points - SIZE / 2).T) < 60], (SIZE, SIZE), 3.6)) == 0
    assert len(beyond(points[:1], (SIZE, SIZE), 3.6)) == 0


def wave(kind, period, size=96, turn=0.2):
    """Columns and image of 1 and cosines alone, which no width of Gaussians describes."""
    y, x = np.indices((size, size)) - size / 2 - 0.3
    cell = np.array(CELLS[kind]) @ [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    one, other = np.linalg.inv(cell).T / period
    beams = [one, other, one + other] if kind == "hexagonal" else [one, other]
    image = sum(np.cos(2 * np.pi * (beam[0] * y + beam[1] * x)) for beam in beams) / len(beams)
    steps = np.mgrid[-30:31, -30:31].reshape(2, -1).T
    points = steps @ (period * cell) + size / 2 + 0.3
    return points[((points > 0) & (points < size - 1)).all(1)], 1 + 0.3 * image


def off_and_error(points, table, suffix=""):
    """Deviations and errors of places, of columns inside and of those beside the frame."""
    one, other = sbd.compare_columns(points, table).pairs.T
    found = table.iloc[other]
    off = found[[f"{a}{suffix}" for a in "yx"]].to_numpy() - points[one]
    error = found[[f"{a}{suffix}_err" for a in "yx"]].to_numpy()
    beside = found["near_frame"].to_numpy()
    return [(off[part], error[part]) for part in (~beside, beside)]


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("period", [5.0, 9.0, 13.0])
def test_columns_of_a_lattice_like_a_cosine_are_where_they_are(kind, period):
    """Wide Gaussians on a lattice add up to an even level, so any that are wide would fit it."""
    points, image = wave(kind, period)
    with pytest.warns(UserWarning, match="flow together"):
        clean = sbd.find_columns(None, image, polarity="bright")
    assert len(clean) > 0.9 * len(points)
    assert 0.24 * period < clean.attrs["given_width"] < 0.29 * period
    for part in off_and_error(points, clean):
        assert np.abs(part[0]).max() < 0.01 * period
    unknown = ["sigma_err", "amplitude_err", "background_err", "intensity_err"]
    assert clean[unknown].isna().all(axis=None)
    inside, beside = [], []
    for seed in range(3):
        counts = np.random.default_rng(seed).poisson(100 * image)
        with pytest.warns(UserWarning, match="flow together"):
            found = sbd.find_columns(counts, 100 * image, gain=1.0, polarity="bright")
        assert found[[f"{n[:-4]}_raw_err" for n in unknown]].isna().all(axis=None)
        for pulls, part in zip((inside, beside), off_and_error(points, found, "_raw"), strict=True):
            pulls.append(part[0] / part[1])
    assert 0.8 < rms(np.concatenate(inside)) < 1.2
    assert 0.7 < rms(np.concatenate(beside)) < 1.4


@pytest.mark.parametrize("sign", [1, -1])
def test_where_bright_and_dark_spots_are_equally_sharp_the_polarity_is_a_guess(sign):
    def said(image, **options):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            table = sbd.find_columns(None, sign * image, **options)
        return table, [w.message.args[0] for w in heard if "equally sharp" in str(w.message)]

    image = wave("square", 11.0)[1]
    table, words = said(image)
    taken, other = table.attrs["polarity"], {"bright": "dark", "dark": "bright"}
    assert len(words) == 1
    assert f"the {taken} ones were taken" in words[0]
    assert f"polarity '{other[taken]}'" in words[0]
    assert said(image, polarity="dark")[1] == []
    for sigma in (3.6, 5.0):
        table, words = said(drawn(lattice("square", margin=60), sigma))
        assert table.attrs["polarity"] == ("bright" if sign > 0 else "dark")
        assert words == []


def test_a_column_like_a_cosine_that_is_moved_by_hand_is_fitted_as_the_others_are():
    image = wave("square", 9.0)[1]
    counts = np.random.default_rng(0).poisson(100 * image)
    with pytest.warns(UserWarning, match="flow together"):
        table = sbd.find_columns(counts, 100 * image, gain=1.0, polarity="bright")
    row = int(np.argmin(np.hypot(*(table[["y", "x"]] - 48).to_numpy().T)))
    moved = table.copy()
    moved.loc[row, "x"] += 1.0
    again = sbd.refit_columns(moved, [row], counts, 100 * image, gain=1.0)
    assert again.loc[row, "supported"]
    for axis in "yx":
        off = abs(again.loc[row, axis] - table.loc[row, axis])
        assert off < 0.3 * table.loc[row, f"{axis}_err"]  # its window lies a pixel farther
    assert again.loc[row, "y_err"] == pytest.approx(table.loc[row, "y_err"], rel=0.1)
    assert np.isnan(again.loc[row, "intensity_err"])


def test_wide_columns_of_few_counts_stand_on_a_background():
    y, x = np.indices((128, 128)) * (2 * np.pi / 41)
    mean = 1 + 0.3 * np.cos(y) * np.cos(x)
    counts = np.random.default_rng(0).poisson(mean).astype(np.uint16)
    raw = sbd.Micrograph(counts, 0.0061, gain=1.0)
    model = raw.replace(data=mean.astype(np.float32))
    with pytest.warns(UserWarning, match="flow together"):
        found = sbd.find_columns(raw, model, polarity="bright", halves=False)
    assert len(found) == 14
    places = found[["y", "x"]].to_numpy() / 20.5
    off = np.abs(places - np.round(places)) * 20.5
    known = found.y_err.notna()
    assert known.sum() >= 12
    assert (off < found[["y_err", "x_err"]].to_numpy() * 2)[known].all()
    assert (found.background > 0)[known].all()
    assert found.y_raw[known].notna().all()
