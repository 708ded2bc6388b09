import numpy as np
import pandas as pd
import pytest

import napari_sbd as sbd
from columns.scenes import grid
from napari_sbd import Micrograph, SBDError, combine_columns, find_columns, follow_columns
from napari_sbd.columns.shift import common_shift


def movie(frames=6, drift=(1.5, -2.0)):
    points = grid(5, 5, 20.0)
    rng = np.random.default_rng(0)
    tables = []
    for t in range(frames):
        order = rng.permutation(25)
        moved = points + np.multiply(drift, t) + rng.normal(0, 0.3, points.shape)
        tables.append(pd.DataFrame(moved[order], columns=["y", "x"]).assign(truth=order))
    return tables


def test_columns_keep_their_number_through_drift_and_shuffling():
    tracks = follow_columns(movie(drift=(5.5, 6.5)))
    assert tracks["track"].nunique() == 25
    assert (tracks.groupby("track")["truth"].nunique() == 1).all()
    assert not tracks[["appears", "disappears"]].to_numpy().any()


def crystal(steps, extent=5, gap=30.0, missing=()):
    """A square crystal moved by steps [px] from frame to frame, with its true numbers."""
    i, j = np.mgrid[-extent : extent + 1, -extent : extent + 1].reshape(2, -1)
    base = np.column_stack([i, j]) * gap + 400
    rng = np.random.default_rng(0)
    tables = []
    for t, at in enumerate(np.cumsum(steps, axis=0)):
        points = base + at + rng.normal(0, 0.5, base.shape)
        table = pd.DataFrame(points, columns=["y", "x"]).assign(true=np.arange(len(base)))
        tables.append(table[rng.random(len(base)) > 0.03] if t in missing else table)
    return tables


def mixed(tracks):
    return int((tracks.groupby("track")["true"].nunique() > 1).sum())


@pytest.mark.parametrize("step", [11, 14, 15, 16, 20, 29, 30, 37, 45, 60, 75])
@pytest.mark.parametrize("turn", [0, 0.4, np.pi / 4])
def test_the_outline_tells_a_lattice_from_itself_one_period_on(step, turn):
    """Drift of up to two and a half spacings between frames, with some columns not found."""
    steps = np.tile([step * np.sin(turn), step * np.cos(turn)], (8, 1))
    tracks = follow_columns(crystal(steps, missing=(2, 5)))
    assert mixed(tracks) == 0
    assert tracks["track"].nunique() <= 121 + 4


def filling(steps, size=300.0):
    """A lattice that fills the frame and moves through it."""
    tables = crystal(steps, extent=25)
    for n, table in enumerate(tables):
        inside = ((table[["y", "x"]] > 250) & (table[["y", "x"]] < 250 + size)).all(axis=1)
        tables[n] = table[inside]
    return tables


def test_a_crystal_that_fills_the_frame_is_followed_by_its_movement_so_far():
    """It speeds up slowly, beyond a whole spacing a frame."""
    tracks = follow_columns(filling([(0, 3.0 * t) for t in range(13)]))
    assert mixed(tracks) == 0


def test_a_slow_drift_of_a_full_frame_is_not_taken_for_periods():
    """Far shifts have few columns in common and so few misses: their share of those counts."""
    right = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        turn, angle = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        cell = 18 * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        lattice = np.mgrid[-20:21, -20:21].reshape(2, -1).T @ cell + 150
        step = rng.uniform(0.05, 0.4) * 18 * np.array([np.sin(angle), np.cos(angle)])
        frames = []
        for moved in (lattice, lattice + step):
            points = moved + rng.normal(0, 0.3, moved.shape)
            seen = ((points > 3) & (points < 296)).all(1) & (rng.random(len(points)) > 0.03)
            frames.append(points[seen])
        found = common_shift(*frames, 18.0, np.zeros(2), (np.zeros(2), np.full(2, 299.0)))
        right.append(np.hypot(*(found.step - step)) < 2)
    assert all(right)


def test_drift_goes_on_while_the_beam_is_blanked():
    """A third of a spacing a frame, in a lattice that fills the frame, and three empty frames."""
    tables = filling([(0, 10.0)] * 12)
    tables[5:8] = [table[:0] for table in tables[5:8]]
    tracks = follow_columns(tables, memory=3)
    assert mixed(tracks) == 0
    assert (tracks.groupby("track").size() == 9).sum() > 50


def test_a_jump_of_half_a_spacing_without_an_outline_is_told():
    with pytest.warns(UserWarning, match=r"lattice period.*drift out first"):
        follow_columns(filling([(0, 0), (0, 14.5), (0, 0)]))


def test_a_column_that_leaves_and_one_that_comes():
    tables = movie()
    tables[3:] = [t[t["truth"] != 7] for t in tables[3:]]
    tables[:2] = [t[t["truth"] != 12] for t in tables[:2]]
    tracks = follow_columns(tables)
    assert tracks.loc[tracks["disappears"], ["truth", "frame"]].to_numpy().tolist() == [[7, 2]]
    assert tracks.loc[tracks["appears"], ["truth", "frame"]].to_numpy().tolist() == [[12, 2]]


@pytest.mark.parametrize(("memory", "tracks"), [(0, 26), (1, 25)])
def test_memory_bridges_a_frame(memory, tracks):
    tables = movie()
    tables[2] = tables[2][tables[2]["truth"] != 4]
    assert follow_columns(tables, memory=memory)["track"].nunique() == tracks


def test_a_table_with_frames_and_an_empty_frame():
    whole = pd.concat([t.assign(frame=i) for i, t in enumerate(movie()) if i != 3])
    tracks = follow_columns(whole)
    assert tracks["track"].nunique() == 25


@pytest.mark.parametrize("blank", [[0], [0, 1], [6], [3, 4], [0, 3, 4, 6]])
def test_columns_neither_come_nor_go_where_the_beam_was_blanked(blank):
    whole = pd.concat([t.assign(frame=i) for i, t in enumerate(movie(7)) if i not in blank])
    whole = whole[(whole["truth"] != 4) | (whole["frame"] < 5)]
    whole.attrs.update(frames=7, blank=blank)
    tracks = follow_columns(whole)
    assert tracks["track"].nunique() == 25 and not tracks["appears"].any()
    last = max({2, 3, 4} - set(blank))
    assert tracks.loc[tracks["disappears"], ["truth", "frame"]].to_numpy().tolist() == [[4, last]]


@pytest.mark.filterwarnings("ignore:No atomic columns")
def test_frames_without_beam_are_known_from_the_movie():
    y, x = np.indices((64, 64))
    clean = 4 + sum(
        12 * np.exp(-((y - i) ** 2 + (x - j) ** 2) / (2 * 2.8**2)) for i, j in grid(4, 4, 13.0)
    )
    rng = np.random.default_rng(0)
    counts = rng.poisson(clean, (5, 64, 64)).astype(np.float32)
    counts[0], counts[2], counts[4] = 0, rng.poisson(0.01, (64, 64)), np.nan
    shown = np.where(np.isin(np.arange(5), (1, 3))[:, None, None], clean, counts)
    table = find_columns(Micrograph(counts, gain=1.0), Micrograph(shown), halves=False)
    assert table.attrs["blank"] == [0, 2, 4]
    tracks = follow_columns(table)
    assert tracks["track"].nunique() == 16 == len(tracks) / 2
    assert not (tracks["appears"] | tracks["disappears"]).any()


def test_combined_intensities_have_honest_errors():
    rng = np.random.default_rng(1)
    tables = [t.assign(intensity=rng.normal(5, 0.5, 25), intensity_err=0.5) for t in movie(16)]
    mean = combine_columns(follow_columns(tables), "intensity")
    assert len(mean) == 25
    np.testing.assert_allclose(mean["intensity_err"], 0.125)
    assert 0.7 < ((mean["intensity"] - 5) / 0.125).std() < 1.3
    assert mean["chi2"].mean() == pytest.approx(1, abs=0.25)


def test_bad_input():
    with pytest.raises(SBDError, match="no tables"):
        follow_columns([])
    with pytest.raises(SBDError, match="frame"):
        follow_columns(movie()[0])
    with pytest.raises(SBDError, match="largest step"):
        follow_columns(movie(), max_step=0)
    with pytest.raises(SBDError, match="follow the columns first"):
        combine_columns(movie()[0])


@pytest.mark.parametrize("errors", [[1, 1, 1, 30, 30], [1, 2, 3, 4, 5], [3, 3, 3, 3, 3]])
def test_combined_errors_are_the_scatter_of_the_mean_for_unequal_errors(errors):
    rng = np.random.default_rng(2)
    values = 100 + rng.normal(0, errors, (2000, 5))
    mean = combine_columns(tracks_of(values, np.broadcast_to(errors, values.shape)), "intensity")
    assert mean["intensity"].std() == pytest.approx(mean["intensity_err"].mean(), rel=0.08)
    assert mean["intensity"].mean() == pytest.approx(100, abs=4 * mean["intensity"].sem())
    assert mean["chi2"].mean() == pytest.approx(1, abs=0.15)


def test_a_frame_with_a_large_error_does_not_spoil_the_mean():
    errors = np.array([[1.0, 1.0, 1.0, 30.0, 30.0]])
    mean = combine_columns(tracks_of(np.full((1, 5), 100.0), errors), "intensity")
    assert mean["intensity_err"][0] < 1.05 * np.sum(errors**-2) ** -0.5


def test_combined_counts_are_not_drawn_to_low_ones():
    """The error of a count is its root, so inverse variances give a mean too low by one."""
    counts = np.random.default_rng(3).poisson(20, (1000, 10)).astype(float)
    mean = combine_columns(tracks_of(counts, np.sqrt(counts)), "intensity")
    assert mean["intensity"].mean() == pytest.approx(20, abs=0.2)
    assert mean["intensity"].std() == pytest.approx(mean["intensity_err"].mean(), rel=0.1)


def test_a_frame_that_was_written_twice_counts_once():
    values = np.random.default_rng(4).normal(5, 0.5, (2000, 3))[:, [0, 1, 1, 2]]
    with pytest.warns(UserWarning, match=r"Frames \[2\] have the very columns of one before"):
        mean = combine_columns(tracks_of(values, np.full(values.shape, 0.5)), "intensity")
    assert (mean["frames"] == 3).all()
    assert mean["intensity"].std() == pytest.approx(mean["intensity_err"].mean(), rel=0.06)
    assert mean["chi2"].mean() == pytest.approx(1, abs=0.08)


def tracks_of(values, errors):
    track, frame = np.indices(values.shape).reshape(2, -1)
    columns = {"track": track, "frame": frame, "y": 0.0, "x": 0.0}
    return pd.DataFrame(
        {**columns, "intensity": values.ravel(), "intensity_err": np.ravel(errors).astype(float)}
    )


def test_all_columns_are_gone_before_the_movie_ends():
    tables = [t.assign(frame=i) for i, t in enumerate(movie(3))]
    whole = pd.concat(tables, ignore_index=True)
    assert not follow_columns(whole)["disappears"].any()
    whole.attrs["frames"] = 5
    gone = follow_columns(whole)
    assert gone["disappears"].sum() == 25
    assert set(gone.loc[gone["disappears"], "frame"]) == {2}


def test_columns_of_some_frames_do_not_all_appear_in_the_first_of_them():
    """Where a table does not say how long its movie is, it begins with its first columns."""
    frames = [grid(5, 5, 12.0) + 0.1 * t for t in range(4)]
    tables = [
        pd.DataFrame(p, columns=["y", "x"]).assign(frame=100 + t) for t, p in enumerate(frames)
    ]
    tables[2] = tables[2].drop(index=7)
    some = pd.concat([*tables[:1], tables[1].iloc[:20], *tables[2:]], ignore_index=True)
    found = follow_columns(some, memory=0)
    assert found["appears"].sum() == 6 and found.loc[found["appears"], "frame"].min() > 100
    some.attrs["frames"] = 104  # the others have none
    assert (follow_columns(some, memory=0)["appears"]).sum() == 31


@pytest.mark.filterwarnings("ignore:The columns flow together", "ignore:Bright and dark spots")
def test_frames_that_do_not_tell_their_polarity_follow_those_before():
    """Of noisy frames of a still scene like a cosine each took its own: tracks went from columns to
    the gaps between them."""
    y, x = np.mgrid[:96, :96] * (2 * np.pi / 9.5)
    even = np.cos(y) + np.cos(x)
    frames = np.stack([10 + even + lean * np.cos(y) * np.cos(x) for lean in (0.05, -0.05, 0.05)])
    table = sbd.find_columns(None, frames)
    assert (table["intensity"] > 0).all()
    assert sbd.follow_columns(table)["track"].nunique() == (table["frame"] == 0).sum()
    clear = sbd.find_columns(None, np.stack([frames[0], 10 + even - 0.8 * np.cos(y) * np.cos(x)]))
    assert (clear.loc[clear["frame"] == 1, "intensity"] < 0).all()  # this one tells
