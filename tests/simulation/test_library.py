import csv
import shutil
import subprocess
import sys
import time
from collections import namedtuple

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd import cli
from napari_sbd.simulation import ptceo2
from napari_sbd.simulation.library import Library
from napari_sbd.simulation.library_writer import write_library
from napari_sbd.simulation.presets import PRESETS

PRESET = "sbd-ptceo2"
FEW = 30  # images, of two exit waves


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, write_library(folder, PRESET, images=FEW)


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "copy")


def contents(folder):
    """Every file's bytes."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*")}


def waves(folder):
    return sorted(folder.glob("images/*.npz"))


def test_metadata_tell_of_every_image(made):
    folder, summary = made
    rows = Library(folder).rows
    assert len(rows) == summary.images == FEW
    assert len({(r["file"], r["index"]) for r in rows}) == FEW
    assert sum(summary.contrast.values()) == FEW
    splits = {v.model.name: v.model.split for v in ptceo2.grid()}
    for row in rows:
        assert (folder / row["file"]).exists()
        assert (folder / row["columns_file"]).exists()
        assert row["defocus_nm"] in ptceo2.DEFOCUS_NM
        assert row["contrast"] in ("white", "intermediate", "black")
        assert row["split"] == splits[row["model"]]
    with (folder / "metadata.csv").open() as file:
        assert len(list(csv.reader(file))) == FEW + 1


def test_all_rows_of_the_preset_are_distinct():
    rows = [row for piece in PRESETS[PRESET].pieces(0, None) for row in piece.rows]
    assert len(rows) == 17955
    axes = ("model", "tilt_x_deg", "tilt_y_deg", "defocus_nm")
    assert len({tuple(r[a] for a in axes) for r in rows}) == 17955


def test_a_subset_is_part_of_a_larger_one():
    small, large = (
        {(r["file"], r["index"]) for p in PRESETS[PRESET].pieces(1, n) for r in p.rows}
        for n in (50, 200)
    )
    assert len(small) == 50
    assert len({f for f, _ in small} - {f for f, _ in large}) == 0


def test_two_processes_write_the_same_bytes(made, tmp_path):
    write_library(tmp_path / "two", PRESET, images=FEW, workers=2)
    assert contents(tmp_path / "two") == contents(made[0])


def test_a_damaged_piece_is_made_again_and_the_others_are_kept(made, copy):
    whole, damaged = waves(copy)
    kept = whole.stat().st_mtime_ns
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 255
    damaged.write_bytes(content)
    (copy / "images" / "other.part").write_bytes(b"half")
    summary = write_library(copy, PRESET, images=FEW)
    assert summary.made == 1
    assert summary.damaged == (damaged.name,)
    assert whole.stat().st_mtime_ns == kept
    assert contents(copy) == contents(made[0])


def test_a_killed_run_goes_on(made, tmp_path):
    """SIGKILL between two pieces or in the middle of one leaves only whole files."""
    folder = tmp_path / "killed"
    code = (
        f"from pathlib import Path; from napari_sbd.simulation.library_writer import write_library;\
 write_library(Path({str(folder)!r}), {PRESET!r}, images={FEW})"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 60
    while not waves(folder) and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.wait()
    write_library(folder, PRESET, images=FEW)
    assert contents(folder) == contents(made[0])


def test_stopping_keeps_what_is_there(made, tmp_path):
    with pytest.raises(sbd.Cancelled):
        write_library(tmp_path / "s", PRESET, images=FEW, should_stop=lambda: True)
    assert len(waves(tmp_path / "s")) == 1
    with pytest.raises(sbd.SBDError, match="no finished dataset"):
        Library(tmp_path / "s")
    assert write_library(tmp_path / "s", PRESET, images=FEW).made == 1
    assert contents(tmp_path / "s") == contents(made[0])


def test_a_full_disk_is_one_sentence_and_loses_nothing(made, copy, monkeypatch):
    """The device behind the folder has no room left for the second piece."""
    waves(copy)[1].unlink()
    Usage = namedtuple("Usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: Usage(10, 10, 1000))
        with pytest.raises(sbd.SBDError, match="GB free"):
            write_library(copy, PRESET, images=FEW)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));\
 import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    code = f"import sys; sys.argv = ['napari-sbd', 'simulate', {PRESET!r}, '-o', {str(copy)!r},\
 '--images', '{FEW}', '--workers', '1']; from napari_sbd.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", limit + code], capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written" in done.stderr
    assert len(waves(copy)) == 1
    assert not list(copy.rglob("*.part"))
    write_library(copy, PRESET, images=FEW)
    assert contents(copy) == contents(made[0])


def test_vacuum_holds_the_dose_at_any_pixel_size(made):
    library = Library(made[0])
    for pixel, dose in ((None, 0.45), (0.0062, 0.45), (0.033, 20.0)):
        image = library.read_image(3, pixel, dose=dose)
        assert image.shape[0] == int(5.0 / (pixel or 5 / 1024) + 1e-3)
        assert image[: image.shape[0] // 8].mean() == pytest.approx(dose, rel=2e-3)
        assert image.std() > 0.02 * dose


def test_coarse_pixels_hold_what_the_fine_ones_hold(made):
    """A pixel is the mean of its eight by eight parts."""
    library = Library(made[0])
    fine = library.read_image(12, 0.005, 1000)
    blocks = fine.reshape(125, 8, 125, 8).mean((1, 3))
    np.testing.assert_allclose(library.read_image(12, 0.04, 125), blocks, atol=2e-4)


def test_storing_costs_less_than_a_thousandth(made):
    """The image read back is the image that optics form, at the pixels of those."""
    from napari_sbd.simulation import optics
    from napari_sbd.simulation.multislice import exit_wave

    library = Library(made[0])
    row = library.rows[-1]
    view = next(v for v in ptceo2.grid() if v.name in row["file"])
    atoms, _ = ptceo2.atoms_of(view)
    formed = optics.image(
        exit_wave(atoms, ptceo2.BOX), ptceo2.BOX, ptceo2.optics(row["defocus_nm"])
    )
    pixel = ptceo2.BOX / len(formed)
    first = round((ptceo2.BOX - ptceo2.FIELD) / 2 / pixel)
    read = library.read_image(len(library) - 1, pixel / 10, dose=1.0)
    # the fields differ by a part of a pixel: compare what does not depend on it
    inner = formed.numpy()[first : first + len(read), first : first + len(read)]
    assert read.mean() == pytest.approx(inner.mean(), rel=1e-3)
    assert read.std() == pytest.approx(inner.std(), rel=0.02)
    assert read.max() == pytest.approx(inner.max(), rel=0.02)


def test_columns_lie_on_what_the_image_shows(made):
    """In white images columns are peaks: no shift of them all finds more brightness elsewhere."""
    library = Library(made[0])
    white = [i for i, r in enumerate(library.rows) if r["contrast"] == "white"]
    assert white
    image, columns = library.read_image(white[-1]), library.read_columns(white[-1])
    heavy = columns[columns[:, 2] > 30]
    assert len(heavy) > 80
    y, x = heavy[:, :2].round().astype(int).T
    inside = (y > 40) & (y < 980) & (x > 40) & (x < 980)
    y, x = y[inside], x[inside]
    shifts = [(dy, dx) for dy in range(-25, 26, 5) for dx in range(-25, 26, 5)]
    brightness = [image[y + dy, x + dx].mean() for dy, dx in shifts]
    assert np.hypot(*shifts[np.argmax(brightness)]) <= 8
    assert max(brightness) > min(brightness) + 0.2
    finer = library.read_columns(white[-1], 0.00244140625)
    np.testing.assert_allclose(finer[:, :2] + 0.5, 2 * (columns[:, :2] + 0.5), rtol=1e-4)


@pytest.mark.parametrize("preset", ["hrtem", "stem"])
def test_random_presets(preset, tmp_path):
    write_library(tmp_path, preset, seed=2, images=2)
    library = Library(tmp_path)
    images = [library.read_image(i) for i in range(2)]
    assert images[0].shape == (256, 256)
    assert np.abs(images[0] - images[1]).max() > 0.01
    assert 0.1 < np.mean(images) < 1.5
    assert np.min(images) >= 0
    with pytest.raises(sbd.SBDError, match="no others"):
        library.read_image(0, 0.5)
    with pytest.raises(sbd.SBDError, match="no columns"):
        library.read_columns(0)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["napari-sbd", "simulate", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["cheese"], "sbd-ptceo2"),
        ([PRESET, "--images", "0"], "images >= 1"),
        ([PRESET, "--images", "20000"], "17955"),
        ([PRESET, "--seed", "-1"], "seed >= 0"),
        ([PRESET, "--workers", "0"], "workers >= 1"),
        ([PRESET, "--frames", "3"], "leave --frames out"),
        (["movies", "--workers", "0"], "workers >= 1"),
    ],
)
def test_impossible_wishes_are_one_sentence(monkeypatch, capsys, tmp_path, arguments, word):
    assert run(monkeypatch, *arguments, "-o", tmp_path / "d") == 2
    message = capsys.readouterr().err
    assert word in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "d").exists()


def test_places_that_cannot_hold_the_dataset(monkeypatch, capsys, tmp_path, copy):
    file = tmp_path / "file"
    file.write_text("")
    assert run(monkeypatch, PRESET, "-o", file / "d", "--images", 1) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert run(monkeypatch, PRESET, "-o", copy, "--images", FEW, "--seed", 9) == 2
    assert "another dataset" in capsys.readouterr().err
    (copy / "dataset.json").write_text("{")
    assert run(monkeypatch, PRESET, "-o", copy, "--images", FEW) == 2
    assert "dataset.json is damaged" in capsys.readouterr().err


def test_the_command_tells_what_it_did(monkeypatch, capsys, copy):
    waves(copy)[0].write_bytes(b"PK")
    assert run(monkeypatch, PRESET, "-o", copy, "--images", FEW, "--workers", 1) == 0
    said = capsys.readouterr()
    assert f"{FEW} images of 2 exit waves (1 of them new)" in said.out
    assert "intermediate" in said.out
    assert "damaged and has been made again" in said.err


def test_reading_what_is_not_there(copy):
    library = Library(copy)
    for wrong in ({"pixel_nm": 0.01, "size": 501}, {"pixel_nm": -1}, {"size": 0}):
        with pytest.raises(sbd.SBDError):
            library.read_image(0, **wrong)
    waves(copy)[0].write_bytes(b"PK")
    with pytest.raises(sbd.SBDError, match="is damaged"):
        [library.read_image(i) for i in range(len(library))]
