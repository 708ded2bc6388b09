import numpy as np
import pandas as pd
import pytest

from columns.scenes import grid
from napari_sbd import SBDError, combine_columns, follow_columns


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
    with pytest.raises(SBDError, match="max_step"):
        follow_columns(movie(), max_step=0)
    with pytest.raises(SBDError, match="follow_columns first"):
        combine_columns(movie()[0])
