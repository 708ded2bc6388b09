from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from filelock import FileLock

import napari_sbd as sbd
from known import lattice
from napari_sbd.io import arrays
from napari_sbd.io.raw_frames import RawFrames

PIXEL = 0.0061
FRAMES = 16  # more than are ever under way at once, so that an interrupted run has some left
TARGETS = (".zarr", ".tif", ".ome.tif", ".mrc")


@pytest.fixture(scope="module")
def movie() -> np.ndarray:
    shape = (FRAMES, 64, 96)
    return np.random.default_rng(0).poisson(lattice(shape[1:]), shape).astype(np.float32)


@pytest.fixture
def source(tmp_path, movie, tiny_model) -> Path:
    sbd.write(sbd.Micrograph(movie, PIXEL, 0.5, gain=1.0), tmp_path / "movie.mrc")
    return tmp_path / "movie.mrc"


@pytest.fixture(scope="module")
def _denoised(movie, tiny_folder) -> np.ndarray:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_sbd.networks._BUNDLED", tiny_folder)
        return sbd.denoise(movie, pixel_size=PIXEL)


@pytest.fixture
def expected(_denoised, tiny_model) -> np.ndarray:
    return _denoised


def settings(path: Path) -> dict:
    return sbd.read(path).metadata["napari_sbd"]["history"][-1]["settings"]


def contents(path: Path) -> dict[str, bytes]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(f.relative_to(path)): f.read_bytes() for f in files if f.is_file()}


class Halt:
    """Asks to stop once some frames are done."""

    def __init__(self, after: int) -> None:
        self.after, self.done = after, 0

    def progress(self, done: float, total: float) -> None:
        self.done = int(done)

    def should_stop(self) -> bool:
        return self.done >= self.after


def interrupt(source: Path, target: Path, after: int = 2, **options) -> None:
    halt = Halt(after)
    with pytest.raises(sbd.Cancelled):
        sbd.denoise_file(
            source, target, progress=halt.progress, should_stop=halt.should_stop, **options
        )


@pytest.mark.parametrize("suffix", [*TARGETS, ".h5", ".npy"])
def test_the_result_is_that_of_denoise(suffix, source, expected, tmp_path):
    heard = []
    target = tmp_path / f"out{suffix}"
    back = sbd.denoise_file(source, target, progress=lambda *told: heard.append(told))
    assert back == target
    result = sbd.read(target)
    np.testing.assert_array_equal(result.data, expected)
    assert result.pixel_size == pytest.approx(PIXEL)
    assert (result.frame_time, result.gain) == (0.5, 1.0)
    assert settings(target)["model_sha256"] == sbd.models()[0].sha256
    assert heard[-1] == (FRAMES, FRAMES)
    left = {p.name for p in tmp_path.iterdir()} - {"out.npy.json"}
    assert left == {"movie.mrc", target.name}


def test_a_single_image_is_denoised_as_well(movie, expected, tmp_path):
    sbd.write(sbd.Micrograph(movie[0], PIXEL), tmp_path / "image.mrc")
    sbd.denoise_file(tmp_path / "image.mrc", tmp_path / "out.zarr")
    np.testing.assert_array_equal(sbd.read(tmp_path / "out.zarr").data, expected[0])


@pytest.mark.parametrize("frames", [slice(1, 4), slice(-2, None)])
def test_a_range_of_frames(frames, source, movie, tmp_path):
    sbd.denoise_file(source, tmp_path / "out.zarr", frames=frames)
    expected = sbd.denoise(movie[frames], pixel_size=PIXEL)
    np.testing.assert_array_equal(sbd.read(tmp_path / "out.zarr").data, expected)


@pytest.mark.parametrize("frames", [slice(19, 22), slice(0, 6, 2)])
def test_no_range_of_frames(frames, source, tmp_path):
    with pytest.raises(sbd.SBDError, match="range"):
        sbd.denoise_file(source, tmp_path / "out.zarr", frames=frames)


@pytest.mark.parametrize("suffix", TARGETS)
def test_resumed_is_identical(suffix, source, tmp_path):
    whole, parts = tmp_path / "a" / f"out{suffix}", tmp_path / "b" / f"out{suffix}"
    for path in (whole, parts):
        path.parent.mkdir()
    sbd.denoise_file(source, whole)
    interrupt(source, parts)
    assert not parts.exists()
    began = []
    sbd.denoise_file(source, parts, resume=True, progress=lambda done, total: began.append(done))
    assert began[0] > 2
    if suffix == ".ome.tif":  # has a random number
        np.testing.assert_array_equal(sbd.read(parts).data, sbd.read(whole).data)
        assert settings(parts) == settings(whole)
    else:
        assert contents(parts) == contents(whole)


KILLED = """
import os, signal, sys
from pathlib import Path
import napari_sbd as sbd
from napari_sbd import networks
networks._BUNDLED = Path(sys.argv[3])
def told(done, total):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
sbd.denoise_file(sys.argv[1], sys.argv[2], progress=told)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_9_loses_only_frames_in_work(source, expected, tmp_path, tiny_folder):
    target = tmp_path / "out.zarr"
    done = subprocess.run([sys.executable, "-c", KILLED, source, target, tiny_folder])
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    missing = []
    sbd.denoise_file(source, target, resume=True, progress=lambda n, of: missing.append(n))
    assert len(missing) <= FRAMES - 2
    np.testing.assert_array_equal(sbd.read(target).data, expected)


HELPED = """
import os, signal, sys
import napari_sbd as sbd
from napari_sbd.streaming.steps import Steps
write = Steps.write
def written(self, index, frame):
    write(self, index, frame)
    if index == 22:
        os.kill(os.getpid(), signal.SIGKILL)
Steps.write = written
sbd.denoise_file(sys.argv[1], sys.argv[2], neighbours=2, gain=1.0)
"""


def helped(source: Path, target: Path, **options) -> int:
    """Denoise with neighbours; the number of the first frame that is read for that."""
    told = []
    sbd.denoise_file(
        source,
        target,
        neighbours=2,
        gain=1.0,
        progress=lambda done, of: told.append(int(done)),
        **options,
    )
    return told[0]


@pytest.fixture(scope="module")
def with_help(tmp_path_factory) -> tuple[Path, Path]:
    """A movie that drifts, with frames without beam, and its result with neighbours."""
    source = tmp_path_factory.mktemp("helped") / "movie.mrc"
    whole = lattice((80, 192))
    frames = np.stack([whole[:, 2 * t : 2 * t + 80] for t in range(28)])
    frames[[3, 20]] = 0
    counts = np.random.default_rng(0).poisson(frames).astype(np.float32)
    sbd.write(sbd.Micrograph(counts, PIXEL), source)
    result = source.with_name("out.mrc")
    with pytest.warns(UserWarning, match="blank"):
        helped(source, result)
    assert 0 < settings(result)["movie_share"] < 1  # rules and network both count
    return source, result


@pytest.mark.filterwarnings("ignore:Frames")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_9_with_neighbours_costs_few_frames_and_changes_no_bit(with_help, tmp_path):
    source, expected = with_help
    target = tmp_path / "out.mrc"
    done = subprocess.run([sys.executable, "-c", HELPED, source, target])
    assert done.returncode == -signal.SIGKILL
    assert helped(source, target, resume=True) == 16
    assert target.read_bytes() == expected.read_bytes()


@pytest.mark.filterwarnings("ignore:Frames")
@pytest.mark.parametrize("fault", ["too early", "memory cut short", "early frame lost"])
def test_what_was_learned_of_a_movie_is_learned_anew_where_it_does_not_serve(
    with_help, fault, tmp_path
):
    source, expected = with_help
    target = tmp_path / "out.mrc"
    halt = Halt(10 if fault == "too early" else 24)
    with pytest.raises(sbd.Cancelled):
        sbd.denoise_file(
            source,
            target,
            neighbours=2,
            gain=1.0,
            progress=halt.progress,
            should_stop=halt.should_stop,
        )
    folder = tmp_path / "out.mrc.partial"
    assert (folder / "memory.npz").exists() == (fault != "too early")
    if fault == "memory cut short":
        os.truncate(folder / "memory.npz", 900)
    elif fault == "early frame lost":
        lines = (folder / "frames.jsonl").read_text().splitlines()
        (folder / "frames.jsonl").write_text("\n".join(x for x in lines if '"frame": 5,' not in x))
    assert helped(source, target, resume=True) == 0
    assert target.read_bytes() == expected.read_bytes()


@pytest.mark.filterwarnings("ignore:Frames")
def test_what_was_found_for_other_settings_does_not_count(with_help, tmp_path):
    """As of a process that was killed before it had a frame."""
    source, _ = with_help
    folder = tmp_path / "out.mrc.partial"
    folder.mkdir()
    (folder / "way.json").write_text('{"share": 1.0, "reason": "another movie"}')
    sbd.denoise_file(source, tmp_path / "out.mrc", neighbours=2, resume=True)
    assert settings(tmp_path / "out.mrc")["movie_choice"] != "another movie"


@pytest.mark.parametrize("suffix", [".zarr", ".mrc"])
def test_frames_that_never_reached_the_disk_are_found_out(suffix, source, expected, tmp_path):
    """As after a power cut: a torn record, and pixels of a recorded frame that are not there."""
    target = tmp_path / f"out{suffix}"
    interrupt(source, target, after=3)
    folder = tmp_path / f"out{suffix}.partial"
    with (folder / "frames.jsonl").open("a") as file:
        file.write('\n{"frame": 5, "crc": 1')
    if suffix == ".zarr":
        chunk = folder / target.name / "0" / "c" / "1" / "0" / "0"
        chunk.write_bytes(chunk.read_bytes()[:100])
    else:
        data = bytearray((folder / target.name).read_bytes())
        start = len(data) - (FRAMES - 1) * 64 * 96 * 4
        data[start : start + 1000] = bytes(1000)
        (folder / target.name).write_bytes(data)
    sbd.denoise_file(source, target, resume=True)
    np.testing.assert_array_equal(sbd.read(target).data, expected)


@pytest.mark.parametrize(
    "line",
    [
        '{"crc": 1, "fate": "denoised", "reason": ""}',
        '{"frame": null, "crc": 1}',
        '{"frame": "2", "crc": 1}',
        '{"frame": -1, "crc": 1}',
        '{"frame": 1.5, "crc": 1}',
        '{"frame": 4, "crc": true}',
        '{"frame": 4, "crc": 1, "fate": "lost"}',
        '{"frame": 4, "crc": 1, "colour": "red"}',
        '["frame", 4, "crc"]',
        '{"frame": 400, "crc": 1}',
    ],
)
def test_a_recorded_frame_that_lacks_something_is_done_again(line, source, expected, tmp_path):
    target = tmp_path / "out.mrc"
    interrupt(source, target, after=3)
    with (tmp_path / "out.mrc.partial" / "frames.jsonl").open("a") as file:
        file.write(f"\n{line}\n")
    sbd.denoise_file(source, target, resume=True)
    np.testing.assert_array_equal(sbd.read(target).data, expected)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("frame", [0, 4])
def test_a_stopped_command_says_how_to_go_on_and_leaves_nothing_empty(
    sign, frame, source, expected, tmp_path, monkeypatch, capsys
):
    """Stopped before the first frame, and after some."""
    from napari_sbd import cli
    from napari_sbd.denoising.denoiser import Denoiser

    target, begun = tmp_path / "out.zarr", []
    denoise = Denoiser.denoised

    def stopped(self, *arguments, **options):
        begun.append(1)
        if len(begun) == frame + 1:
            os.kill(os.getpid(), sign)
            time.sleep(0.5)  # until the main thread has heard of it
        return denoise(self, *arguments, **options)

    command = ["napari-sbd", "denoise", str(source), "-o", str(target), "--device", "cpu"]
    with monkeypatch.context() as patch:
        patch.setattr(Denoiser, "denoised", stopped)
        patch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            cli.main()
    said = capsys.readouterr().err
    partial = tmp_path / "out.zarr.partial"
    assert end.value.code == 130
    assert "Stopped" in said
    assert partial.exists() == ("--resume" in said)
    if frame == 0:
        assert not target.exists()
    else:
        assert partial.exists()
        monkeypatch.setattr(sys, "argv", [*command, "--resume"])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        np.testing.assert_array_equal(sbd.read(target).data, expected)


@pytest.mark.parametrize("number", ["0", "-1", "100"])
def test_neighbours_that_make_no_sense_are_refused(number, source, tmp_path, monkeypatch, capsys):
    from napari_sbd import cli

    target = tmp_path / "out.zarr"
    words = ["napari-sbd", "denoise", str(source), "-o", str(target), "--neighbours", number]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "--neighbours takes 1 to 32" in capsys.readouterr().err
    assert not target.exists()


def test_an_unfinished_result_is_not_thrown_away(source, tmp_path):
    interrupt(source, tmp_path / "out.zarr")
    before = contents(tmp_path / "out.zarr.partial")
    with pytest.raises(sbd.SBDError, match="resume"):
        sbd.denoise_file(source, tmp_path / "out.zarr")
    after = contents(tmp_path / "out.zarr.partial")
    assert {k: v for k, v in after.items() if "out.zarr" in k or "frames" in k} == {
        k: v for k, v in before.items() if "out.zarr" in k or "frames" in k
    }


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"gain": 2.0}, "gain"),
        ({"quality": "best"}, "quality"),
        ({"frames": slice(0, 5)}, "frames"),
    ],
)
def test_other_settings_are_not_mixed_into_a_result(change, name, source, tmp_path):
    interrupt(source, tmp_path / "out.zarr")
    with pytest.raises(sbd.SBDError, match=rf"other values of .*{name}"):
        sbd.denoise_file(source, tmp_path / "out.zarr", resume=True, **change)
    assert (tmp_path / "out.zarr.partial" / "frames.jsonl").exists()


def test_a_changed_source_is_not_mixed_into_a_result(source, movie, tmp_path):
    interrupt(source, tmp_path / "out.zarr")
    sbd.write(sbd.Micrograph(movie[::-1], PIXEL, 0.5, gain=1.0), source)
    with pytest.raises(sbd.SBDError, match="its size or time has changed"):
        sbd.denoise_file(source, tmp_path / "out.zarr", resume=True)


def test_two_runs_into_one_output(source, expected, tmp_path):
    folder = tmp_path / "out.zarr.partial"
    folder.mkdir()
    with FileLock(folder / "lock"):
        with pytest.raises(sbd.SBDError, match="another process"):
            sbd.denoise_file(source, tmp_path / "out.zarr")
        assert folder.exists()
    (folder / "lock").touch()  # as a process that died leaves it
    sbd.denoise_file(source, tmp_path / "out.zarr")
    np.testing.assert_array_equal(sbd.read(tmp_path / "out.zarr").data, expected)


def test_the_source_is_not_written_over(source):
    before = source.read_bytes()
    with pytest.raises(sbd.SBDError, match="also the input"):
        sbd.denoise_file(source, source)
    assert source.read_bytes() == before
    assert [p.name for p in source.parent.iterdir()] == ["movie.mrc"]


def test_an_older_result_stays_until_the_new_one_is_complete(source, expected, tmp_path):
    target = tmp_path / "out.zarr"
    sbd.denoise_file(source, target, frames=slice(0, 2))
    interrupt(source, target)
    assert sbd.read(target).shape[0] == 2
    sbd.denoise_file(source, target, resume=True)
    np.testing.assert_array_equal(sbd.read(target).data, expected)


def test_a_full_disk_is_one_sentence_and_can_be_resumed(source, expected, tmp_path, monkeypatch):
    write, written = RawFrames.__setitem__, []

    def full(self, index, frame):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(index)
        write(self, index, frame)

    with monkeypatch.context() as patch:
        patch.setattr(RawFrames, "__setitem__", full)
        with pytest.raises(sbd.SBDError, match=r"No space left.*2 frames are kept"):
            sbd.denoise_file(source, tmp_path / "out.mrc")
    assert not (tmp_path / "out.mrc").exists()
    sbd.denoise_file(source, tmp_path / "out.mrc", resume=True)
    np.testing.assert_array_equal(sbd.read(tmp_path / "out.mrc").data, expected)


def test_a_disk_that_is_full_from_the_beginning_is_one_sentence(source, tmp_path, monkeypatch):
    def full(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(sbd.SBDError, match=r"out\.zarr cannot be written \(No space left"):
        sbd.denoise_file(source, tmp_path / "out.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["movie.mrc"]


def test_nothing_is_left_of_a_run_that_could_not_begin(source, tmp_path):
    with pytest.raises(sbd.SBDError, match="model"):
        sbd.denoise_file(source, tmp_path / "out.zarr", model="nonsense")
    assert [p.name for p in tmp_path.iterdir()] == ["movie.mrc"]


def test_a_damaged_frame_is_nan_and_named(movie, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    source = tmp_path / "movie.tif"
    tifffile.imwrite(source, movie, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(source) as file:
        place = file.pages[3].dataoffsets[0]
    with source.open("rb+") as file:
        file.seek(place)
        file.write(b"\xff" * 200)
    with pytest.warns(UserWarning, match=r"Frames \[3\] could not be read"):
        sbd.denoise_file(source, tmp_path / "out.zarr", pixel_size=PIXEL)
    result = np.asarray(sbd.read(tmp_path / "out.zarr").data)
    assert np.isnan(result[3]).all()
    np.testing.assert_array_equal(np.delete(result, 3, 0), np.delete(expected, 3, 0))
    assert settings(tmp_path / "out.zarr")["unreadable_frames"] == [3]


def test_blank_frames_stay_as_they_are(movie, expected, tmp_path):
    dark = movie.copy()
    dark[2] = 7
    sbd.write(sbd.Micrograph(dark, PIXEL), tmp_path / "movie.mrc")
    with pytest.warns(UserWarning, match=r"Frames \[2\] are blank"):
        sbd.denoise_file(tmp_path / "movie.mrc", tmp_path / "out.mrc")
    result = sbd.read(tmp_path / "out.mrc").data
    assert (result[2] == 7).all()
    np.testing.assert_array_equal(np.delete(result, 2, 0), np.delete(expected, 2, 0))
    assert settings(tmp_path / "out.mrc")["blank_frames"] == [2]


def test_a_drive_that_vanishes_ends_the_run_and_is_resumed(source, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    away = tmp_path / "unplugged"

    def unplug(done, total):
        if source.exists():
            source.rename(away)

    with pytest.raises(sbd.SBDError, match="vanished"):
        sbd.denoise_file(source, tmp_path / "out.zarr", progress=unplug)
    away.rename(source)
    sbd.denoise_file(source, tmp_path / "out.zarr", resume=True)
    result = sbd.read(tmp_path / "out.zarr").data
    np.testing.assert_array_equal(result, expected)


def test_a_source_that_can_only_be_read(source, expected, tmp_path):
    source.chmod(0o444)
    sbd.denoise_file(source, tmp_path / "out.ome.tif")
    np.testing.assert_array_equal(sbd.read(tmp_path / "out.ome.tif").data, expected)


def test_gains_are_found_once_and_kept_for_the_resumed_run(source, tmp_path):
    interrupt(source, tmp_path / "out.zarr", gain_tuning=True)
    gains = tmp_path / "gains.safetensors"
    gains.write_bytes((tmp_path / "out.zarr.partial" / gains.name).read_bytes())
    sbd.denoise_file(source, tmp_path / "out.zarr", gain_tuning=True, resume=True)
    expected = sbd.denoise(sbd.read(source), gain_tuning=gains)
    np.testing.assert_array_equal(sbd.read(tmp_path / "out.zarr").data, expected.data)
    assert settings(tmp_path / "out.zarr")["gain_tuning"]["on_this_image"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux does")
@pytest.mark.parametrize("suffix", [".zarr", ".mrc"])
def test_no_file_stays_open(suffix, source, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    counts = []
    for _ in range(5):
        sbd.denoise_file(source, tmp_path / f"out{suffix}")
        gc.collect()
        counts.append(len(os.listdir("/proc/self/fd")))
    # the first run loads libraries; one file left open by each of the others would add three
    assert counts[-1] - counts[1] < 3
