"""Whoever wants an end of something long gets it, wherever the work is."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pkgutil import resolve_name

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd import cli
from napari_sbd.errors import Cancelled, stop_if_asked, stopping

PIXEL = 0.0061


def asked_after(count):
    """Says so at the ``count``-th question, and counts the questions."""
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) > count

    return should_stop, asked


@pytest.fixture(scope="module")
def pair():
    truth = lattice((256, 256), mean=4.0)
    noisy = np.random.default_rng(0).poisson(truth).astype(np.float32)
    return sbd.Micrograph(noisy, PIXEL, gain=1.0), sbd.Micrograph(truth, PIXEL, gain=1.0)


@pytest.mark.parametrize("work", [sbd.find_columns, sbd.agreement])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_single_image_is_given_up_on_the_way(pair, work):
    should_stop, asked = asked_after(10**9)
    with stopping(should_stop):
        work(*pair)
    questions = len(asked)
    assert questions >= 3
    for count in (0, questions // 2, questions - 1):
        should_stop, asked = asked_after(count)
        with pytest.raises(Cancelled), stopping(should_stop):
            work(*pair)
        assert len(asked) == count + 1  # nothing was computed after that


def test_it_concerns_the_thread_that_asks_and_ends_with_it():
    reached = []
    with stopping(lambda: True):
        other = threading.Thread(target=lambda: reached.append(stop_if_asked()))
        other.start()
        other.join()
        with stopping(lambda: False):
            stop_if_asked()
        with stopping(None), pytest.raises(Cancelled):
            stop_if_asked()
    stop_if_asked()
    assert reached == [None]


@pytest.fixture
def folder(tmp_path, pair, monkeypatch):
    """Holds a raw and a denoised image and a movie, and is where commands run."""
    for m, name in zip(pair, ("raw.tif", "denoised.tif"), strict=True):
        sbd.write(m, tmp_path / name)
    frames = np.stack([pair[0].data, np.roll(pair[0].data, 2, 1), pair[0].data])
    sbd.write(pair[0].replace(data=frames), tmp_path / "movie.mrc")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stopped_at(monkeypatch, capsys, places, command, sign=signal.SIGINT):
    """Press Ctrl-C when a command calls a function; its exit status and what it said."""

    waiting = [True]

    def pressed(function, *arguments, **options):
        if waiting:  # modules that are imported meanwhile may keep this function for ever
            waiting.clear()
            signal.raise_signal(sign)
        return function(*arguments, **options)

    for one in places:
        monkeypatch.setattr(one, partial(pressed, resolve_name(one)))
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *command.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    [
        "columns raw.tif -o out.csv",
        "drift movie.mrc -o out.mrc --table out.csv",
        "denoise raw.tif -o out.tif",
        "agreement raw.tif denoised.tif -o out.png",
        "halves raw.tif denoised.tif -o out.png",
        "compare raw.tif -o out.csv",
        "detector raw.tif -o out.png",
        "noise-spectrum raw.tif -o out.json",
        "figure raw.tif denoised.tif -o out.png",
        "film movie.mrc -o out.gif",
        "kymograph movie.mrc -o out.png --start 8,8 --end 8,60",
    ],
)
def test_ctrl_c_ends_every_command_with_a_sentence(folder, monkeypatch, capsys, command):
    before = sorted(folder.iterdir())
    places = ["napari_sbd.read", "napari_sbd.io.read"]
    code, said = stopped_at(monkeypatch, capsys, places, command)
    assert (code, said) == (130, "napari-sbd: Stopped; nothing was written.")
    assert sorted(folder.iterdir()) == before


def test_what_a_cluster_sends_when_time_is_over_is_heard_as_ctrl_c(folder, monkeypatch, capsys):
    """A draft, and processes of ours, would else be left behind without a word."""
    before = sorted(folder.iterdir())
    command, places = "columns raw.tif -o out.csv", ["napari_sbd.read", "napari_sbd.io.read"]
    code, said = stopped_at(monkeypatch, capsys, places, command, signal.SIGTERM)
    assert (code, said) == (130, "napari-sbd: Stopped; nothing was written.")
    assert sorted(folder.iterdir()) == before
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (
            "agreement raw.tif denoised.tif -o one.png -o out.csv",
            "pandas.DataFrame.to_csv",
        ),
        ("agreement raw.tif denoised.tif -o one.png -o out.npz", "numpy.savez_compressed"),
        ("drift movie.mrc --table one.csv --plot out.png", "matplotlib.figure.Figure.savefig"),
        ("drift movie.mrc --table one.csv -o out.mrc", "napari_sbd.io.write"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_ctrl_c_leaves_what_is_complete_and_says_so(folder, monkeypatch, capsys, command, place):
    code, said = stopped_at(monkeypatch, capsys, [place], command)
    assert code == 130
    assert said.startswith("napari-sbd: Stopped; complete, and kept, ")
    assert "one." in said
    assert "out." not in said
    assert not [path for path in folder.iterdir() if "out." in path.name]


def running(folder, script):
    """A script at work in a process group of its own."""
    (folder / "main.py").write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="consoles of Windows have no process groups")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_the_parents_while_its_processes_begin(tmp_path, sign):
    """A terminal, or a cluster, sends it to all; those that still import must not answer with
    tracebacks."""
    (tmp_path / "slow.py").write_text(
        "import time\ntime.sleep(1.5)\ndef same(item):\n    return item\n"
    )
    script = """
        import signal
        import slow
        from napari_sbd.cluster import run

        if __name__ == "__main__":
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the command line does
            print("begun", flush=True)
            try:
                list(run(slow.same, range(4), 2, preload=["slow"]))
            except KeyboardInterrupt:
                print("stopped", flush=True)
    """
    with running(tmp_path, script) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(1.0)  # the first of its own processes is importing
        os.killpg(process.pid, sign)
        said, errors = process.communicate(timeout=60)
    assert (said, errors) == ("stopped\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="consoles of Windows have no process groups")
def test_ctrl_c_does_not_wait_for_what_processes_have_under_way(tmp_path):
    """Even for work that never asks; drafts go away, and what was waiting is not begun."""
    (tmp_path / "slow.py").write_text(
        textwrap.dedent("""
            import time
            from pathlib import Path
            from napari_sbd.files import replacing

            def write(item):
                with replacing(Path(f"file-{item}")) as draft:
                    draft.write_text("half")
                    time.sleep(30)
        """)
    )
    script = """
        import slow
        from napari_sbd.cluster import run

        if __name__ == "__main__":
            try:
                list(run(slow.write, range(6), 2, preload=["slow"]))
            except KeyboardInterrupt:
                print("stopped")
    """
    with running(tmp_path, script) as process:
        end = time.monotonic() + 60
        while len(list(tmp_path.glob(".file*"))) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=60)
        took = time.monotonic() - begun
    assert (said, errors) == ("stopped\n", "")
    assert not list(tmp_path.glob("*file-*"))
    assert took < 5.0  # 1.2 s where nothing else runs; 30 s of each task are not waited for


@pytest.mark.parametrize(
    ("module", "sign"),
    [
        ("typer", "SIGINT"),
        ("pydantic", "SIGTERM"),
        ("napari_sbd.cli.watch", "SIGINT"),
    ],
)
def test_ctrl_c_while_the_command_line_loads_is_a_sentence(module, sign):
    script = f"""
        import signal, sys

        class Pressed:
            def find_spec(self, name, *_):
                if name == {module!r}:
                    signal.raise_signal(signal.{sign})

        sys.meta_path.insert(0, Pressed())
        sys.argv = ["napari-sbd", "models"]
        from napari_sbd.__main__ import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert (done.stdout, done.stderr) == ("", "napari-sbd: Stopped; nothing was written.\n")


@pytest.mark.parametrize("place", ["napari_sbd.cli.app", "napari_sbd.cli._console.noting"])
def test_ctrl_c_before_a_command_has_begun(monkeypatch, capsys, place):
    code, said = stopped_at(monkeypatch, capsys, [place], "models")
    assert (code, said.partition(";")[0].rstrip(".")) == (130, "napari-sbd: Stopped")


def test_ctrl_c_while_the_command_line_is_read(monkeypatch, capsys):
    def parse_args(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli._console.TyperGroup, "parse_args", parse_args)
    monkeypatch.setattr(sys, "argv", ["napari-sbd", "models"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert capsys.readouterr().err == "napari-sbd: Stopped; nothing was written.\n"


def test_a_batch_on_processes_asks_within_files(tmp_path, folder):
    """Not only between them."""
    from napari_sbd import batch

    asked = []

    def should_stop():
        asked.append(time.monotonic())
        return True

    with pytest.raises(Cancelled, match="resume"):
        batch(folder, tmp_path / "out", jobs=2, glob="movie.mrc", should_stop=should_stop)
    assert len(asked) == 1
    assert not list((tmp_path / "out").glob("*_denoised*"))
