import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.simulation import memory
from napari_sbd.simulation.detector import Detector

SMALL = {"size": 128, "pixel_size": 0.02}


def test_electrons_are_right_whatever_the_detector():
    detector = Detector(gain=12, offset=250, read_noise=1.5, mtf=0.8)
    phantom = sbd.simulate(**SMALL, dose=40, seed=1, detector=detector)
    assert (phantom.noisy.gain, phantom.noisy.offset) == (12, 250)
    difference = phantom.noisy.electrons - phantom.clean.data
    assert difference.mean() == pytest.approx(0, abs=0.02 * 40)
    seen = gaussian_filter(phantom.clean.data, 0.8)
    noise = (phantom.noisy.electrons - seen).std()
    assert noise == pytest.approx(np.sqrt(40 / (4 * np.pi * 0.64) + 1.5**2), rel=0.05)


def test_dark_field_is_bright_on_heavy_columns_and_dark_in_vacuum():
    phantom = sbd.simulate(size=200, pixel_size=0.025, modality="stem", dose=10, seed=3)
    image = phantom.clean.data
    assert image.mean() == pytest.approx(10, rel=1e-5)
    assert np.quantile(image, 0.02) < 0.05
    y, x, number, atoms, _ = phantom.columns.T
    at = image[np.round(y).astype(int), np.round(x).astype(int)]
    heavy = number == 78
    assert np.median(at[heavy]) > 3 * np.median(at[number == 8])
    assert np.corrcoef(at[heavy], atoms[heavy])[0, 1] > 0.8


def test_defocus_replaces_that_of_the_microscope():
    bright, dark = (sbd.simulate(**SMALL, seed=3, defocus=c).clean.data for c in (8, -3))
    assert np.corrcoef(bright.ravel(), dark.ravel())[0, 1] < 0
    facts = sbd.simulate(**SMALL, seed=3, defocus=-3).noisy.metadata["simulation"]
    assert facts["defocus"] == -3


def test_a_chosen_crystal_has_its_spacing():
    """Gold along [100] shows a square lattice of a / 2 = 0.204 nm."""
    phantom = sbd.simulate(
        "crystal_edge", **SMALL, material="Au", zone=(1, 0, 0), modality="stem", dose=1e4, seed=1
    )
    spectrum = np.abs(np.fft.fft2(phantom.clean.data - phantom.clean.data.mean()))
    frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(128, 0.02)]))
    assert frequency.ravel()[spectrum.argmax()] == pytest.approx(1 / 0.2039, rel=0.05)
    assert set(phantom.columns[:, 2]) <= {79, 6}


def test_columns_tell_the_surface():
    phantom = sbd.simulate("free_particle", size=256, pixel_size=0.025, seed=4)
    surface = phantom.columns[:, 4] > 0
    centre = phantom.columns[:, :2].mean(0)
    distance = np.linalg.norm(phantom.columns[:, :2] - centre, axis=1)
    assert 0.05 < surface.mean() < 0.7
    assert distance[surface].min() > 0.5 * distance.max()


def test_carbon_has_no_columns():
    assert len(sbd.simulate("amorphous_film", **SMALL).columns) == 0


def test_simulated_files_keep_their_calibration(tmp_path):
    phantom = sbd.simulate("grain_boundary", **SMALL, zone=(1, 0, 0), material="MgO")
    sbd.write(phantom.noisy, tmp_path / "phantom.ome.tif")
    again = sbd.read(tmp_path / "phantom.ome.tif")
    np.testing.assert_array_equal(again.data, phantom.noisy.data)
    assert again.pixel_size == pytest.approx(0.02)


def test_what_does_not_fit_into_memory_is_refused_before_it_begins(monkeypatch):
    monkeypatch.setattr(memory, "physical_memory", lambda: 2 * 10**9)
    with pytest.raises(sbd.SBDError, match=r"3\.9 GB of memory .* 2\.0 GB; lower"):
        sbd.simulate(size=256, frames=3000)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"modality": "eels"}, "Unknown modality"),
        ({"defocus": np.nan}, "defocus"),
        ({"material": "Au"}, "fixed"),
        ({"kind": "crystal_edge", "material": "cheese"}, "Unknown material"),
        ({"kind": "crystal_edge", "zone": (0, 0, 0)}, "zone axis"),
    ],
)
def test_impossible_phantoms_are_refused(wrong, reason):
    with pytest.raises(sbd.SBDError, match=reason):
        sbd.simulate(**SMALL, **wrong)


def test_a_named_detector_writes_what_its_kind_writes(tmp_path):
    from typer.testing import CliRunner

    import napari_sbd as sbd
    from napari_sbd.cli import app

    path = tmp_path / "made.ome.tif"
    asked = ["phantom", "-o", str(path), "--size", "64", "--pixel-size", "30pm", "--dose", "9"]
    run = CliRunner().invoke(app, [*asked, "--detector", "scintillator CMOS"])
    assert run.exit_code == 0, run.output
    noisy, clean = sbd.read(path), sbd.read(tmp_path / "made_clean.ome.tif")
    assert (noisy.gain, noisy.offset, noisy.pixel_size) == (20, 100, 0.03)
    assert (noisy.data == np.round(noisy.data)).all()
    assert (noisy.data.mean() - 100) / 20 == pytest.approx(clean.data.mean(), rel=0.02)
    assert sbd.rerun(noisy).identical
    wrong = CliRunner().invoke(app, [*asked, "--detector", "film"])
    assert isinstance(wrong.exception, sbd.SBDError)
