"""Tasks on other processes and on a cluster, one of whose workers is killed."""

import functools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import napari_sbd as sbd
from napari_sbd import cluster
from napari_sbd.errors import stopping


def square(item):
    return item * item


@pytest.mark.parametrize("workers", [1, 2])
def test_results_belong_to_their_items_wherever_they_ran(workers):
    assert sorted(cluster.run(square, range(9), workers)) == [(i, i * i) for i in range(9)]


def test_items_are_taken_as_workers_become_free():
    """A list of any length is never held as a whole."""
    taken = []
    items = (taken.append(i) or i for i in range(100))
    results = cluster.run(square, items, workers=2)
    next(results)
    assert len(taken) < 10
    results.close()


def test_a_process_that_dies_is_one_sentence():
    with pytest.raises(sbd.SBDError, match="worker process ended"):
        list(cluster.run(os._exit, [1], workers=2))


def test_a_scheduler_that_is_not_there(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    with pytest.raises(sbd.SBDError, match="No dask scheduler answers"):
        list(cluster.run(square, [1], scheduler="tcp://127.0.0.1:9"))


def kills_its_worker_once(folder, item):
    """The first process that begins item 7 is killed in the middle of it."""
    with open(f"{folder}/{os.getpid()}", "a") as file:
        file.write(f"{item}\n")
    time.sleep(0.05)
    if item == 7 and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_loses_and_doubles_nothing(tmp_path, scheduler):
    task = functools.partial(kills_its_worker_once, tmp_path)
    found = list(cluster.run(task, range(30), scheduler=scheduler))
    assert sorted(found) == [(i, i * i) for i in range(30)]
    begun = Counter(int(i) for p in tmp_path.iterdir() for i in p.read_text().split())
    assert set(begun) == set(range(30))
    assert begun[7] == 2


def _say_and_end(path):
    path.write_text("")
    os._exit(1)


def test_processes_that_are_gone_are_told_from_a_stop(tmp_path):
    """A signal to all of a run, as clusters of computers send it, ends those that work first."""
    note = tmp_path / "note"
    with pytest.raises(sbd.Cancelled), stopping(note.exists):
        list(cluster.run(_say_and_end, [note], workers=2))
    with pytest.raises(sbd.SBDError, match="worker process ended"), stopping(None):
        list(cluster.run(_say_and_end, [note], workers=2))


def _say_and_wait(path):
    path.write_text(str(os.getpid()))
    time.sleep(600)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_processes_of_one_that_was_killed_end(tmp_path):
    """Two of 420 MB each stayed for ever."""
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from napari_sbd.cluster import run\n"
        "from test_cluster import _say_and_wait\n"
        "if __name__ == '__main__':\n"
        f"    list(run(_say_and_wait, [Path({str(tmp_path)!r}, n) for n in 'ab'], 2))\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    parent = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": path})
    try:
        notes = [tmp_path / "a", tmp_path / "b"]
        _until(lambda: all(n.exists() and n.read_text() for n in notes))
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not any(_runs(int(n.read_text())) for n in notes))


def _until(true, seconds=60):
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last
        time.sleep(0.1)


def _runs(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
