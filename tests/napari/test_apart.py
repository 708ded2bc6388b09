"""Work in a process of its own: heard, stopped, and never left behind."""

import os
import subprocess
import sys
import time
from functools import partial

import pytest

import elsewhere
from napari_sbd import SBDError
from napari_sbd._napari.jobs.subprocess_task import apart
from napari_sbd.errors import Cancelled

FOREVER = """
import sys
from functools import partial
from pathlib import Path
import elsewhere
from napari_sbd._napari.jobs.subprocess_task import apart
hear = lambda what: print(what, flush=True)
apart(partial(elsewhere.goes_on, Path(sys.argv[1])), hear, lambda: False)
"""


def test_it_is_heard_in_order_and_returns():
    heard = []
    assert apart(elsewhere.counts, heard.append, lambda: False) != os.getpid()
    assert heard == [0, 1, 2]


def test_it_stops_when_asked(tmp_path):
    heard = []
    with pytest.raises(Cancelled):
        apart(partial(elsewhere.goes_on, tmp_path / "note"), heard.append, lambda: bool(heard))
    assert (tmp_path / "note").exists()


def test_nobody_waits_for_a_task_that_looks_too_seldom_whether_to_stop():
    asked = []

    def stop():
        asked[:] = asked or ([time.monotonic()] if heard else [])
        return bool(asked)

    heard = []
    with pytest.raises(Cancelled):
        apart(elsewhere.is_deaf, heard.append, stop)
    assert time.monotonic() - asked[0] < 2


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        (elsewhere.refuses, SBDError, "do something else"),
        (elsewhere.breaks, ZeroDivisionError, "by zero"),
    ],
)
def test_what_it_raises_arrives(task, error, words):
    with pytest.raises(error, match=words) as raised:
        apart(task, print, lambda: False)
    assert task.__name__ in "".join(raised.value.__notes__)  # where it happened


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_a_killed_process_is_told_in_one_sentence():
    with pytest.raises(SBDError, match="was killed"):
        apart(elsewhere.is_killed, print, lambda: False)


def test_it_does_not_outlive_the_window(tmp_path):
    note = tmp_path / "note"
    window = subprocess.Popen(
        [sys.executable, "-c", FOREVER, str(note)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.path.dirname(elsewhere.__file__)},
    )
    with window:
        assert window.stdout.readline() == "begun\n"
        window.kill()
    end = time.monotonic() + 60
    while not note.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
