import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_sbd.errors import SBDError
from napari_sbd.simulation import clips, scenes, wave_cache
from napari_sbd.simulation.crystals import Atoms
from napari_sbd.simulation.dataset import Wave
from napari_sbd.simulation.library_writer import write_library
from napari_sbd.simulation.movie_library import write_movies
from napari_sbd.simulation.multislice import exit_wave


def gold(xy, box=64.0):
    """A scene in which a column of five gold atoms stands at each place [Å]."""
    p = np.array([(x, y, 3.0 * z) for x, y in xy for z in range(5)])
    atoms = Atoms(p, np.full(len(p), "Au"), np.zeros(len(p), int))
    columns = np.array([(x, y, 79, 5, 1, 0) for x, y in xy], float)
    return Wave(exit_wave(atoms, box, 300), box, 300, "pt_ceo2", columns)


def test_columns_are_where_frames_show_them():
    """Coma and the like move a spot by part of a pixel, a wrong sign or order by many."""
    grid = [(x, y) for x in range(8, 60, 12) for y in range(9, 60, 12)]
    scene = scenes.Scene([gold([(x + 0.1 * y, y) for x, y in grid])], ordered=False)
    off = []
    for seed in range(12):
        clip = clips.draw_clip([scene], np.random.default_rng(seed), 3, 96)
        for image, columns in zip(clip.images, clip.columns, strict=True):
            for y, x in columns[:, :2]:
                if not (6 < y < 89 and 6 < x < 89):
                    continue
                top, left = round(y) - 4, round(x) - 4
                part = np.abs(image[top : top + 9, left : left + 9] - 1) ** 3
                rows, cols = np.indices(part.shape)
                centre = [(part * k).sum() / part.sum() for k in (rows, cols)]
                off.append((top + centre[0] - y, left + centre[1] - x))
    assert len(off) > 60
    assert np.median(np.hypot(*np.transpose(off))) < 0.7
    assert np.abs(np.mean(off, 0)).max() < 0.3


def test_the_scene_moves_as_the_clip_says():
    """Shifts and turns bring the columns of the first frame to those of the last.

    The middle of the scene goes round that of the field, also where the first frame is far from
    the middle one, about which the path was drawn.
    """
    scene = scenes.Scene([gold([(30, 30), (38, 30), (30, 39), (33, 26)])], ordered=False)
    seen = 0
    for seed in range(20):
        clip = clips.draw_clip([scene], np.random.default_rng(seed), 5, 96)
        first, last = clip.columns[0][:, :2], clip.columns[-1][:, :2]
        if len(first) != len(last) or not len(first):
            continue
        a, middle = np.deg2rad(clip.turns[-1]), (96 - 1) / 2
        turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        gone = (first - middle) @ turn.T + middle
        np.testing.assert_allclose(last - gone, np.tile(clip.shifts[-1], (len(last), 1)), atol=1e-6)
        seen += 1
    assert seen > 8


def test_clips_repeat_and_leave_vacuum_at_one():
    scene = scenes.Scene([gold([(32, 32)])], ordered=False)
    one, two = (clips.draw_clip([scene], np.random.default_rng(4), 5, 64) for _ in range(2))
    np.testing.assert_array_equal(one.images, two.images)
    assert np.median(one.images) == pytest.approx(1, abs=0.02)
    assert one.changed.tolist() == [True, False, False, False, False]


def test_states_come_and_go_and_every_change_is_told():
    both, one = gold([(30, 30), (36, 30)]), gold([(30, 30)])
    scene, counts = scenes.Scene([both, one], ordered=False), []
    for seed in range(30):
        clip = clips.draw_clip([scene], np.random.default_rng(seed), 8, 128)
        n = np.array([len(c) for c in clip.columns])
        assert clip.changed[1:][n[1:] != n[:-1]].all()
        counts += n.tolist()
    assert 0.25 < np.mean(np.array(counts) == 2) < 0.75


@pytest.mark.parametrize("kind", ["pt_ceo2", "crystal_edge", "amorphous_film"])
def test_scenes_have_states_of_one_field(kind):
    from napari_sbd.simulation import structures

    for seed in range(8):
        rng = np.random.default_rng(seed)
        atoms = structures.draw(kind, rng, 60.0)
        models, ordered = scenes.draw_states(rng, atoms, 60.0, kind == "pt_ceo2")
        assert 1 <= len(models) <= 5
        assert not (ordered and len(models) < 2)
        for model in models:
            assert len(model) > 0.8 * len(atoms)
            assert (np.abs(model.positions[:, :2] - 30) <= 29).all()


def test_columns_of_some_states_are_gone():
    from napari_sbd.simulation import structures

    fewer = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        models, _ = scenes.draw_states(rng, structures.draw("pt_ceo2", rng, 60.0), 60.0, False)
        fewer += len({len(m) for m in models}) > 1
    assert fewer > 5


def test_scenes_are_kept_and_made_once(tmp_path):
    folder = tmp_path / "scenes"
    wave_cache.make_scenes(folder, 2, {"sheet": 1}, seed=2)
    before = [p.stat().st_mtime_ns for p in sorted(folder.iterdir())]
    wave_cache.make_scenes(folder, 2, {"sheet": 1}, seed=2)
    assert [p.stat().st_mtime_ns for p in sorted(folder.iterdir())] == before
    kept, fresh = wave_cache.load_scenes(folder), None
    wave_cache.make_scenes(tmp_path / "again", 2, {"sheet": 1}, seed=2)
    fresh = wave_cache.load_scenes(tmp_path / "again")
    for a, b in zip(kept, fresh, strict=True):
        assert a.ordered == b.ordered
        for one, two in zip(a.states, b.states, strict=True):
            np.testing.assert_array_equal(one.psi, two.psi)
            np.testing.assert_array_equal(one.columns, two.columns)


@pytest.mark.skipif(sys.platform == "win32", reason="consoles of Windows have no process groups")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_end_does_not_wait_for_scenes_under_way(tmp_path, sign):
    """Sent to all processes of a run, as a terminal and a cluster do; 2.5 to 34 s on two cores that
    others used as well, since four scenes for each process were waited for."""
    command = "from napari_sbd.cli import main; main()"
    arguments = ["simulate", "movies", "-o", str(tmp_path), "--images", "9", "--workers", "2"]
    arguments += ["--seed", "13"]  # its second scene is thin, and the next takes ten times as long
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 120
        while not list(tmp_path.glob("scenes/wave*.npz")) and time.monotonic() < end:
            time.sleep(0.05)
        begun = time.monotonic()
        os.killpg(process.pid, sign)
        process.wait(60)
        took = time.monotonic() - begun
        said = process.stdout.read()
    assert said == "napari-sbd: Stopped; the same command goes on with what is there.\n"
    assert process.returncode == 130
    assert not list(tmp_path.rglob("*.part"))
    assert took < 3.0  # 0.3 to 1.7 s beside four other programs


def test_a_folder_of_movies_is_resumed_and_read(tmp_path, monkeypatch):
    import napari_sbd as sbd
    from napari_sbd.simulation import movie_library

    monkeypatch.setattr(movie_library, "GENERAL", {"sheet": 1})
    told = {"frames": 3, "size": 96, "pixel_nm": 0.02, "seed": 5}
    one_there = (tmp_path / "movie0000_columns.csv").exists
    with pytest.raises(sbd.Cancelled):
        movie_library.write_movies(tmp_path, 2, should_stop=one_there, **told)
    first = (tmp_path / "movie0000.tif").read_bytes()
    paths = movie_library.write_movies(tmp_path, 2, **told)
    assert paths[0].read_bytes() == first
    movie = sbd.read(paths[1])
    assert movie.shape == (3, 96, 96)
    assert movie.pixel_size == pytest.approx(0.02)
    rows = (tmp_path / "movie0001_columns.csv").read_text().splitlines()
    assert rows[0] == "frame,y_px,x_px,atomic_number,atoms" and len(rows) > 30
    assert len((tmp_path / "movie0001_frames.csv").read_text().splitlines()) == 4
    with pytest.raises(sbd.SBDError, match="other frames"):
        movie_library.write_movies(tmp_path, 2, **{**told, "seed": 6})
    with pytest.raises(sbd.SBDError, match="6 nm wide"):
        movie_library.write_movies(tmp_path, 2, **{**told, "size": 512})
    monkeypatch.setattr(clips, "_CUT", 1.0)  # every one shows another scene from some frame on
    few, many = tmp_path / "few", tmp_path / "many"
    movie_library.write_movies(few, 1, **told)
    movie_library.write_movies(few, 2, **told)
    movie_library.write_movies(many, 2, **told)
    for path in sorted(many.glob("*.tif")):
        np.testing.assert_array_equal(sbd.read(path).data, sbd.read(few / path.name).data)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": 0}, "movies >= 1"),
        ({"workers": 0}, "workers >= 1"),
        ({"seed": -1}, "seed >= 0"),
        ({"frames": 0}, "one frame"),
    ],
)
def test_impossible_movies_are_one_sentence_and_leave_no_folder(tmp_path, wrong, said):
    with pytest.raises(SBDError, match=said):
        write_movies(tmp_path / "movies", **{"count": 1, "frames": 2, **wrong})
    assert not (tmp_path / "movies").exists()


def test_movies_and_images_do_not_share_a_folder(tmp_path):
    for name in ("movies", "images"):
        (tmp_path / name).mkdir()
    (tmp_path / "movies" / "movies.json").write_text("{")
    (tmp_path / "images" / "dataset.json").write_text("{}")
    with pytest.raises(SBDError, match=r"movies\.json is damaged"):
        write_movies(tmp_path / "movies", 1)
    with pytest.raises(SBDError, match="holds movies"):
        write_library(tmp_path / "movies", "hrtem", images=1)
    with pytest.raises(SBDError, match="something else"):
        write_movies(tmp_path / "images", 1)
    assert {path.name for path in tmp_path.glob("*/*")} == {"movies.json", "dataset.json"}
