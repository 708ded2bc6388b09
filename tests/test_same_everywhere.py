"""Window, page, table of a batch, command and Python say the same of files of other people."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import napari_sbd as sbd
from napari_sbd._napari.jobs.gain import Gain
from napari_sbd._napari.jobs.judging import judge
from napari_sbd._napari.jobs.summary import understand
from napari_sbd.cli import app
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.errors import listening
from napari_sbd.figures import report

DATA = Path(__file__).parents[1].parent / "shared" / "data"
CASES = {  # a scan in whole numbers that are no electrons, a filtered one in fractions, a movie
    "ser_SrTiO3_haadf.ser": np.s_[300:524, 300:524],
    "dm4_BaTiO3_stem.dm4": np.s_[100:324, 100:324],
    "tif_imagej_SrTiO3_abf_series.tif": np.s_[:2, 100:324, 100:324],
}
pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="needs files of other people"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture
def pages(monkeypatch):
    """What pages for the lab book say, by their names."""
    written = {}
    words = report._words

    def note(raw, *others):
        written[raw.name] = dict(words(raw, *others))
        return list(written[raw.name].items())

    monkeypatch.setattr(report, "_words", note)
    return written


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("name", CASES)
def test_a_real_file_is_told_in_the_same_words_everywhere(name, tmp_path, pages):
    whole = sbd.read(DATA / name)
    folder, results = tmp_path / "raw", tmp_path / "results"
    folder.mkdir()
    path = folder / "part.mrc"
    sbd.write(whole.replace(data=np.asarray(whole.data)[CASES[name]], metadata={}), path)
    raw = sbd.read(path)

    (outcome,) = sbd.batch(folder, results, judge=True, report=True)
    assert outcome.status == "done"
    row = pd.read_csv(results / "batch.csv").iloc[0]

    denoised = sbd.denoise(raw)
    number = sbd.micrograph.frames.reference_number(raw)
    with listening():
        table = sbd.find_columns(raw.frame(number), denoised.frame(number))
    two = int((table["note"] == "probably two columns").sum())
    unsupported = int((~table["supported"]).sum()) - two
    assert len(table) > 20
    assert (row["columns"], row["unsupported"]) == (len(table), unsupported)
    (page,) = pages.values()
    assert page["Columns"].startswith(f"{len(table)}, ")
    assert f"{unsupported} not supported by the data" in page["Columns"]

    # nobody told a gain, and the noise is not that of electrons: nowhere is it judged by them
    found, _ = judge(raw.frame(number), denoised.frame(number), apart=False)
    assert isinstance(found, Gain)
    with pytest.raises(sbd.SBDError, match="no electron"):
        sbd.agreement(raw, denoised)
    assert "Agreement" not in page
    assert "Not judged" in page["Warnings"]
    assert "electrons" not in page.get("Halves", "")
    assert np.isnan(row["dose_e_per_pixel"])

    sbd.write(denoised, tmp_path / "denoised.ome.tif")
    judged = command("agreement", path, tmp_path / "denoised.ome.tif")
    assert isinstance(judged.exception, sbd.SBDError)
    if not raw.is_movie:
        said = command("columns", path, "-o", tmp_path / "columns.csv").output
        said = " ".join(said.split())
        assert f"{len(table)} " in said
        assert ("not supported by the data" in said) == bool(unsupported + two)
        from_command = pd.read_csv(tmp_path / "columns.csv", comment="#")
        np.testing.assert_allclose(from_command["y"], table["y"], atol=1e-6)


@pytest.mark.parametrize("name", list(CASES)[:2])
def test_what_holds_no_electrons_is_not_dealt_out(name, tmp_path):
    """Of a scan in the units of its detector the raw image was called the best, and clearly so."""
    whole = sbd.read(DATA / name)
    raw = whole.replace(data=np.asarray(whole.data)[CASES[name]], metadata={})
    sbd.write(raw, tmp_path / "part.mrc")
    same = {"the image itself": lambda image: image}
    with pytest.raises(sbd.SBDError, match="no electron"):
        sbd.compare(raw, same)
    with pytest.raises(sbd.SBDError, match="no electron"):
        sbd.upsnr(raw, same["the image itself"])
    outcome = command("compare", tmp_path / "part.mrc", "--no-gain-tuning")
    assert "no electron" in str(outcome.exception)
    if name.endswith(".ser"):
        with pytest.warns(UserWarning, match="unreliable"):  # who insists is told
            sbd.compare(raw.replace(gain=1.0), same)


@pytest.mark.parametrize("name", ["png_DyScO3_haadf_8bit.png", "ser_SrTiO3_haadf.ser"])
def test_the_form_names_the_model_that_the_image_is_denoised_with(name):
    """Of a scan with streaks, which are taken off before a model is chosen."""
    raw = sbd.read(DATA / name)
    card = Denoiser(raw).card
    assert understand(raw).model.startswith(f"{card.name} {card.version}")
