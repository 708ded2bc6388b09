import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_sbd as sbd
from napari_sbd import cli
from napari_sbd.errors import reason_of


def run(monkeypatch, *arguments):
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


@pytest.fixture
def movie(tmp_path, counts):
    path = tmp_path / "movie.mrc"
    frames = np.stack([counts, counts + 1, counts])
    sbd.write(sbd.Micrograph(frames.astype(np.float32), 0.0061), path)
    return path


def test_the_version_is_told(monkeypatch, capsys):
    assert run(monkeypatch, "--version") == 0
    assert sbd.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(("modality", "dark"), [("dark field", True), ("phase contrast", False)])
def test_the_modality_limits_the_choice_of_a_model(monkeypatch, tmp_path, movie, modality, dark):
    out = tmp_path / "out.tif"
    given = ["denoise", movie, "-o", out, "--frames", "0", "--modality", modality]
    assert run(monkeypatch, *given) == 0
    model = sbd.read(out).metadata["napari_sbd"]["history"][0]["settings"]["model"]
    assert next(card for card in sbd.models() if card.name == model).is_dark_field == dark


def test_a_modality_that_is_none_is_refused(monkeypatch, tmp_path, movie, capsys):
    given = ["denoise", movie, "-o", tmp_path / "out.tif", "--modality", "haadf"]
    assert run(monkeypatch, *given) != 0
    assert "'dark field'" in " ".join(capsys.readouterr().err.split())


def test_denoise_one_file(monkeypatch, tmp_path, movie):
    out = tmp_path / "out.ome.tif"
    assert run(monkeypatch, "denoise", movie, "-o", out, "--frames", "1:3") == 0
    result = sbd.read(out)
    assert result.shape == (2, 192, 256)
    assert result.pixel_size == pytest.approx(0.0061)
    assert result.metadata["napari_sbd"]["history"][0]["settings"]["frames"] == "1:3"


def test_several_files_go_into_a_folder(monkeypatch, tmp_path, movie, counts):
    other = tmp_path / "other.npy"
    np.save(other, counts)
    out = tmp_path / "results"
    assert run(monkeypatch, "denoise", movie, other, "-o", out, "--pixel-size", "0.0061") == 0
    names = sorted(p.name for p in out.iterdir())
    assert names == ["movie_denoised.ome.tif", "other_denoised.ome.tif"]


def test_several_files_do_not_make_a_folder_with_the_name_of_a_file(
    monkeypatch, capsys, tmp_path, movie, counts
):
    other = tmp_path / "other.npy"
    np.save(other, counts)
    assert run(monkeypatch, "denoise", movie, other, "-o", tmp_path / "single.tif") == 2
    assert "several inputs need a folder" in capsys.readouterr().err
    assert not (tmp_path / "single.tif").exists()


def test_an_output_without_suffix_is_a_folder(monkeypatch, capsys, tmp_path, movie):
    """Names that look like console markup are printed as they are."""
    odd = tmp_path / "movie[old].mrc"
    movie.rename(odd)
    assert run(monkeypatch, "denoise", odd, "-o", tmp_path / "out[b]") == 0
    assert (tmp_path / "out[b]" / "movie[old]_denoised.ome.tif").exists()
    assert "movie[old]_denoised" in capsys.readouterr().out


def bad(tmp_path, movie):
    """Each bad call with a word that its sentence must hold."""
    text = tmp_path / "text.dm4"
    text.write_text("no image")
    single = tmp_path / "single.npy"
    np.save(single, np.eye(64))
    out, store = tmp_path / "out.tif", tmp_path / "store.zarr"
    sbd.write(sbd.Micrograph(np.zeros((8, 8), np.float32)), store)
    return {
        "missing": (["denoise", tmp_path / "none.mrc", "-o", out], "no file"),
        "folder": (["denoise", tmp_path, "-o", out], "folder"),
        "text": (["denoise", text, "-o", out], "text.dm4"),
        "same": (["denoise", movie, "-o", movie], "also an input"),
        "inside": (["denoise", movie, "-o", store / "x.zarr"], "Zarr store"),
        "empty pixel": (["phantom", "-o", out, "--pixel-size", ""], "pixel size"),
        "suffix": (["denoise", movie, "-o", tmp_path / "out.docx"], "docx"),
        "no folder": (["denoise", movie, "-o", tmp_path / "a" / "out.tif"], "folder"),
        "model": (["denoise", movie, "-o", out, "--model", "x"], "model"),
        "device": (["denoise", movie, "-o", out, "--device", "cuda:9"], "device"),
        "pixel": (["denoise", movie, "-o", out, "--pixel-size", "-1"], "pixel size"),
        "frames": (["denoise", movie, "-o", out, "--frames", "7:9"], "frames"),
        "frames text": (["denoise", movie, "-o", out, "--frames", "x"], "START:STOP"),
        "no frames": (["denoise", single, "-o", out, "--frames", "0"], "single image"),
        "step": (["denoise", movie, "-o", out, "--frames", "::2"], "START:STOP"),
        "second": (["denoise", movie, tmp_path / "no.mrc", "-o", tmp_path / "new"], "no.mrc"),
        "recipe": (["train", text, "-o", tmp_path / "run"], "recipe"),
        "demo": (["demo", "--no-window", "-o", movie], "folder"),
    }


CASES = [
    *("missing", "folder", "text", "same", "suffix", "no folder", "model", "device", "pixel"),
    *("frames", "frames text", "no frames", "step", "second", "recipe", "demo"),
]


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_one_sentence_and_status_2(monkeypatch, capsys, tmp_path, movie, case):
    arguments, word = bad(tmp_path, movie)[case]
    before = sorted(tmp_path.iterdir())
    assert run(monkeypatch, *arguments) == 2
    message = capsys.readouterr().err
    assert word in message
    assert message.count("napari-sbd:") == 1
    assert len(message.splitlines()) == 1 + (case == "demo")
    assert "Traceback" not in message
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "given",
    [
        ("agreement", "raw.png", "raw.png", "-o", "raw.png"),
        ("halves", "raw.png", "raw.png", "-o", "raw.png"),
        ("detector", "raw.png", "-o", "raw.png"),
        ("figure", "raw.png", "raw.png", "-o", "raw.png"),
        ("compare", "raw.png", "-o", "raw.png"),
        ("drift", "raw.png", "--table", "raw.png"),
        ("drift", "raw.png", "--plot", "raw.png"),
        ("strain", "raw.png", "-o", "../here/raw.png"),
    ],
    ids=lambda given: given[0],
)
def test_no_command_writes_over_its_input(monkeypatch, tmp_path, capsys, counts, given):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    Image.fromarray(counts.astype(np.uint8)).save("raw.png")
    before = (here / "raw.png").read_bytes()
    assert run(monkeypatch, *given) == 2
    assert "is also an input" in " ".join(capsys.readouterr().err.split())
    assert (here / "raw.png").read_bytes() == before


def test_where_a_table_goes_is_asked_before_any_work(monkeypatch, tmp_path, capsys):
    """The image need not even be there."""
    assert run(monkeypatch, "columns", tmp_path / "raw.mrc", "-o", tmp_path / "c.txt") == 2
    assert "Columns are written as" in capsys.readouterr().err


def test_what_is_no_table_of_columns_is_said_in_words(monkeypatch, tmp_path, capsys, movie):
    for given, words in ((movie, "is no table of columns"), ("none.csv", "There is no file")):
        assert run(monkeypatch, "strain", given, "-o", tmp_path / "s.csv") == 2
        told = " ".join(capsys.readouterr().err.split())
        assert words in told
        assert "codec" not in told
        assert "Errno" not in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_output_to_a_full_disk_ends_in_one_sentence():
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", "from napari_sbd.cli import main; main()", "models"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ended.returncode != 0
    assert "napari-sbd: The output cannot be written: No space left on device." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_full_disk_is_called_so_where_numpy_counts_bytes():
    assert reason_of(OSError("262144 requested and 76224 written")) == "no space left on device"
    assert reason_of(OSError(errno.ENOSPC, "No space left")) == "No space left"


def test_models_and_doctor(monkeypatch, capsys):
    assert run(monkeypatch, "models") == 0
    told = capsys.readouterr().out
    assert "hrtem" in told and "working pixel [nm]" in told  # brackets were taken for a style
    assert run(monkeypatch, "doctor") == 0
    report = capsys.readouterr().out
    assert "checksum right" in report
    assert "BAD" not in report


def test_demo_without_a_window_writes_pictures(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, "demo", "--no-window", "-o", tmp_path / "demo") == 0
    said = capsys.readouterr().out
    for name in ("raw.ome.tif", "denoised.ome.tif", "truth.ome.tif", "demo.png"):
        assert (tmp_path / "demo" / name).stat().st_size > 1000
        assert name in said


@pytest.mark.parametrize(
    ("given", "pixel"), [((), 0.0061), (("--pixel-size", "30pm"), 0.03)], ids=["default", "in pm"]
)
def test_a_phantom_is_written_with_its_truth(monkeypatch, tmp_path, given, pixel):
    """Without a pixel size the command ended with a traceback, since its default was no text."""
    target = tmp_path / "image.ome.tif"
    assert run(monkeypatch, "phantom", "-o", target, "--size", 64, "--dose", 20, *given) == 0
    noisy, clean = sbd.read(target), sbd.read(tmp_path / "image_clean.ome.tif")
    assert noisy.pixel_size == clean.pixel_size == pixel
    assert noisy.data.mean() == pytest.approx(clean.data.mean(), rel=0.02)


def test_wrong_usage_has_status_2():
    done = subprocess.run(
        [sys.executable, "-c", "from napari_sbd.cli import main; main()", "denoise"]
    )
    assert done.returncode == 2


@pytest.fixture
def damaged(movie):
    movie.write_bytes(bytes(2000))
    return movie


def test_the_cause_of_an_error_stays_hidden(monkeypatch, capsys, tmp_path, damaged):
    assert run(monkeypatch, "denoise", damaged, "-o", tmp_path / "out.tif") == 2
    shown = capsys.readouterr().err
    assert "it is damaged" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("by", ["option", "environment"])
def test_debugging_shows_the_chain_of_errors(by, monkeypatch, capsys, tmp_path, damaged):
    options = ["--debug"] if by == "option" else []
    if by == "environment":
        monkeypatch.setenv("SBD_DEBUG", "1")
    assert run(monkeypatch, *options, "denoise", damaged, "-o", tmp_path / "out.tif") == 2
    shown = capsys.readouterr().err
    assert "ValueError: no MRC header" in shown
    assert "direct cause" in shown
    assert shown.index("ValueError: no MRC header") < shown.rindex("it is damaged")
    assert shown.rstrip().splitlines()[-1].startswith("napari-sbd: movie.mrc")


def test_debugging_tells_which_reader_was_chosen(monkeypatch, caplog, tmp_path, damaged):
    run(monkeypatch, "--debug", "denoise", damaged, "-o", tmp_path / "out.tif")
    assert f"{damaged} is read by mrc" in caplog.text
    caplog.clear()
    run(monkeypatch, "denoise", damaged, "-o", tmp_path / "out.tif")
    assert not caplog.text
