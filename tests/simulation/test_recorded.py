"""Datasets as a detector would have recorded them."""

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_sbd as sbd
from napari_sbd.cli import app
from napari_sbd.simulation.detector import DETECTORS
from napari_sbd.simulation.library import Library


def simulate(*arguments):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    asked = ["hrtem", "-o", folder, "--images", 2, "--workers", 1, "--seed", 2]
    return folder, [*asked, "--detector", "scintillator CMOS", "--dose", 4]


def test_recordings_are_of_the_clean_images_and_their_detector(made):
    folder, asked = made
    done = simulate(*asked)
    assert done.exit_code == 0, done.output
    library, camera = Library(folder), DETECTORS["scintillator CMOS"]
    for i, row in enumerate(library.rows):
        m = sbd.read(folder / "recorded" / f"{i:05d}.ome.tif")
        assert (m.gain, m.offset) == (camera.gain, camera.offset)
        assert m.pixel_size == pytest.approx(row["pixel_nm"])
        electrons = (np.asarray(m.data) - m.offset) / m.gain
        clean = library.read_image(i, dose=4.0)
        # 256 x 256 pixels of some electrons, whose signals vary, on a gain that varies by 1 %
        assert electrons.mean() == pytest.approx(clean.mean(), rel=0.01)
        noise = electrons - clean
        across = np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]
        assert 0.2 < across < 0.7  # the point spread, which counting would not have
    assert len(list((folder / "recorded").glob("*.tif"))) == 2


def test_what_is_there_is_kept_and_another_detector_refused(made):
    folder, asked = made
    first = folder / "recorded" / "00000.ome.tif"
    before = first.read_bytes()
    (folder / "recorded" / "00001.ome.tif").unlink()
    assert simulate(*asked).exit_code == 0
    assert first.read_bytes() == before
    assert (folder / "recorded" / "00001.ome.tif").exists()
    other = simulate(*asked[:-3], "counting", "--dose", 4)
    assert other.exit_code and "another detector" in str(other.exception)


@pytest.mark.parametrize(
    ("option", "word"),
    [(["--detector", "film"], "known"), (["--detector", "counting", "--dose", 0], "dose")],
)
def test_what_cannot_be_is_said_before_anything_is_made(tmp_path, option, word):
    done = simulate("hrtem", "-o", tmp_path / "d", "--images", 1, *option)
    assert done.exit_code and word in str(done.exception)
    assert not (tmp_path / "d").exists()


def test_a_dose_needs_a_detector_that_records(tmp_path):
    """It was passed over without a word."""
    words = ["simulate", "hrtem", "-o", str(tmp_path / "data"), "--images", "3", "--dose", "3"]
    result = CliRunner().invoke(app, words)
    assert "give --detector as well" in str(result.exception)
    assert not (tmp_path / "data").exists()
