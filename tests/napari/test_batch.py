"""A folder of files, denoised from a widget."""

from pathlib import Path

import numpy as np
import pytest

from napari_sbd._napari.tools.batch_widget import BatchWidget, line_of
from napari_sbd.batch import Outcome
from napari_sbd.io import read, write
from napari_sbd.micrograph import Micrograph


@pytest.fixture
def folder(tmp_path, noisy):
    """Two images and a file that is none."""
    source = tmp_path / "raw"
    source.mkdir()
    for i in range(2):
        write(Micrograph(noisy + i, 0.0061, gain=1.0), source / f"frame{i}.tif")
    (source / "broken.tif").write_bytes(b"not a TIFF")
    return source


@pytest.fixture
def widget(viewer, until, folder, tmp_path):
    widget = BatchWidget(viewer)
    widget.source.setText(str(folder))
    widget.target.setText(str(tmp_path / "out"))
    yield widget
    widget.cancel.click()
    until(lambda: not widget.running)
    widget.deleteLater()


def test_good_files_are_denoised_and_a_bad_one_is_told_of(widget, until, tmp_path, folder):
    widget.start.click()
    until(lambda: not widget.running)
    results = sorted((tmp_path / "out").glob("*.tif"))
    assert [path.name for path in results] == ["frame0_denoised.ome.tif", "frame1_denoised.ome.tif"]
    assert read(results[0]).data.std() < 0.8 * np.std(read(folder / "frame0.tif").data)
    assert "broken.tif" in widget.log.text()
    assert widget.message.text().startswith("1 ") or ", 1 " in widget.message.text()


def test_what_is_finished_is_skipped_the_second_time(widget, until, tmp_path):
    for _ in range(2):
        widget.start.click()
        until(lambda: not widget.running)
        widget.resume.setChecked(True)
    assert "skipped" in widget.message.text()


def test_neighbouring_frames_help_in_movies_and_are_noted(
    widget, until, tmp_path, folder, noisy_movie
):
    write(Micrograph(noisy_movie, 0.0061, gain=1.0), folder / "movie.mrc")
    widget.pattern.setText("movie.*")
    widget.neighbours.setValue(2)
    widget.start.click()
    until(lambda: not widget.running)
    result = read(tmp_path / "out" / "movie_denoised.ome.tif")
    assert result.shape == noisy_movie.shape
    [step] = result.metadata["napari_sbd"]["history"]
    assert step["settings"]["neighbours"] == 2


def test_an_image_without_neighbours_is_told_of(widget, until):
    widget.pattern.setText("frame0.*")
    widget.neighbours.setValue(1)
    widget.start.click()
    until(lambda: not widget.running)
    assert "need a movie" in widget.log.text()


def test_folders_must_be_chosen(widget):
    widget.target.setText(" ")
    widget.start.click()
    assert "Choose the folder" in widget.message.text()
    assert not widget.running


def test_a_folder_that_is_not_there_is_told_of(widget, until, tmp_path):
    widget.source.setText(str(tmp_path / "nowhere"))
    widget.start.click()
    until(lambda: not widget.running)
    assert "nowhere" in widget.message.text()


def test_of_what_was_warned_of_a_result_the_list_has_the_first_sentence(tmp_path):
    """Eight files filled screens; batch.csv has all of it."""
    from napari_sbd._napari.tools.batch_widget import line_of
    from napari_sbd.batch import Outcome

    path = tmp_path / "a.mrc"
    told = "The pixels measure 1.5 nm, and more. Give the gain."
    ends = {
        ("done", ""): "a.mrc: done",
        ("done", told): "a.mrc: done, The pixels measure 1.5 nm, and more. …",
        ("failed", told): f"a.mrc: failed, {told}",
    }
    for (status, reason), line in ends.items():
        assert line_of(Outcome(path, path, status, 1.0, reason)) == line


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_frames_are_added_as_the_command_line_does(widget, until, tmp_path, folder, noisy_movie):
    write(Micrograph(noisy_movie, 0.0061, gain=1.0), folder / "movie.mrc")
    widget.pattern.setText("movie.*")
    widget.reading.sum.setValue(2)
    widget.start.click()
    until(lambda: not widget.running)
    result = read(tmp_path / "out" / "movie_denoised.ome.tif")
    assert result.shape == (len(noisy_movie) // 2, *noisy_movie.shape[1:])
    sums = noisy_movie[: 2 * len(result.data)].reshape(-1, 2, *noisy_movie.shape[1:]).sum(1)
    assert np.allclose(result.data.mean((1, 2)), sums.mean((1, 2)), rtol=0.02)


def test_long_names_are_listed_with_both_ends():
    """A word that no line holds was cut at the right, where names of a series differ."""
    name = Path("20261103_SrTiO3_on_silicon_camera_length_115_image_0017.mrc")
    outcome = Outcome(name, Path("out") / name, "failed", 0.1, f"{name} is empty")
    told, why = line_of(outcome).split("failed, ")
    assert told == "20261103_SrTiO3_on…15_image_0017.mrc: "
    assert why == "20261103_SrTiO3_on…115_image_0017.mrc is empty"
    assert line_of(Outcome(Path("a.mrc"), Path("b"), "done", 0.1, "")) == "a.mrc: done"
