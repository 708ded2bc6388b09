"""The contrast that a file's metadata tell, and what denoising makes of it."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.io.detector_name import contrast_told

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"velox": {"BinaryResult": {"Detector": "HAADF"}}}, ("dark field", "HAADF")),
        ({"velox": {"BinaryResult": {"Detector": "DF4"}}}, ("dark field", "DF4")),
        ({"velox": {"BinaryResult": {"Detector": "BF"}}}, ("phase contrast", "BF")),
        ({"velox": {"BinaryResult": {"Detector": "BM-Ceta"}}}, None),
        ({"velox": {"Detectors": {"Detector-0": {"DetectorName": "HAADF"}}}}, None),
        ({"dm": {"Name": "ADF Image (SI Survey)"}}, ("dark field", "ADF")),
        ({"dm": {"ImageTags": {"DataBar": {"Signal Name": "abf"}}}}, ("phase contrast", "abf")),
        ({"dm": {"Name": "BFO film", "ImageTags": 3}}, None),
        ({"dm": {"Name": "DF"}}, None),  # perhaps of a tilted beam in TEM
        ({"hyperspy": {"metadata": {"General": {"title": " HAADF"}}}}, ("dark field", "HAADF")),
        ({"dm": ["HAADF"]}, None),
        ({}, None),
    ],
)
def test_names_of_detectors(metadata, told):
    assert contrast_told(metadata) == told


def frame(detector=None):
    y, x = np.indices((96, 96)) * 2 * np.pi * 0.033 / 0.25
    clean = 9.0 * (1 + 0.3 * np.cos(y) * np.cos(x))
    counts = np.random.default_rng(0).poisson(clean).astype(np.float32)
    metadata = {} if detector is None else {"dm": {"Name": detector}}
    return sbd.Micrograph(counts, 0.033, metadata=metadata)


def test_auto_looks_among_the_models_for_what_the_file_names():
    worker = Denoiser(frame("HAADF"))
    assert worker.card.is_dark_field
    assert worker.why == "dark field, as the detector HAADF in the file tells"
    assert worker.camera.seen[0] == "Dark field, as the detector HAADF in the file tells."
    assert not Denoiser(frame()).card.is_dark_field
    entry = sbd.denoise(frame("HAADF")).metadata["napari_sbd"]["history"][-1]["settings"]
    assert entry["model"] == worker.card.name
    assert "HAADF" in entry["model_choice"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"modality": "phase contrast"}, nullcontext()),
        ({"model": "hrtem"}, pytest.warns(UserWarning, match="as the detector HAADF .* tells")),
    ],
)
def test_what_a_person_says_goes_first(asked, said):
    with said:
        worker = Denoiser(frame("HAADF"), **asked)
    assert worker.card.name == "hrtem"
    assert not worker.camera.seen


@pytest.mark.skipif(not DATA.is_dir(), reason="no sample files beside the checkout")
def test_files_of_microscopes():
    told = contrast_told(sbd.read(DATA / "dm3_MoS2_haadf.dm3").metadata)
    assert told == ("dark field", "HAADF")
    assert contrast_told(sbd.read(DATA / "emd_velox_ceta_image.emd").metadata) is None
