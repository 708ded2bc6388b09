"""What is said of a table of columns as a whole."""

import numpy as np
import pandas as pd
import pytest

from napari_sbd.columns.verdict import denied, support_told

TWO = "probably two columns"


def table(**rows):
    """Thirty columns as they should be, but for some rows (z, note)."""
    made = pd.DataFrame({"agreement_z": np.zeros(30), "note": "", "supported": True})
    for row, (z, note) in rows.items():
        made.loc[int(row[1:]), ["agreement_z", "note", "supported"]] = z, note, not note
    return made


CASES = [
    ({}, "0 not supported by the data"),
    ({"r3": (-8.0, "the data contradict it")}, "1 not supported by the data"),
    (
        {"r3": (0.0, TWO), "r4": (1.0, TWO)},
        "0 not supported by the data, 2 more probably two columns each",
    ),
    (
        {"r3": (-8.0, "the data contradict it"), "r4": (7.0, TWO), "r9": (0.5, TWO)},
        "2 not supported by the data, 1 more probably two columns each",
    ),
    ({"r5": (0.1, "neither half of the data shows it")}, "1 not supported by the data"),
]


@pytest.mark.parametrize(("rows", "said"), CASES)
def test_what_is_only_probably_two_is_not_counted_as_denied(rows, said):
    assert support_told(table(**rows)) == said


def test_each_frame_of_a_movie_is_judged_among_its_own_columns():
    """z of 3.5 is chance among 630 columns, and not among 30."""
    one, other = table(r0=(3.5, TWO)), table()
    alone = pd.concat([one.assign(frame=0), other.assign(frame=1)], ignore_index=True)
    assert denied(alone)[0] and denied(alone).sum() == 1
    many = pd.concat([one, *[other] * 20], ignore_index=True).assign(frame=0)
    assert not denied(many).any()
