"""The noise spectrum of a detector, kept in a file and used for other images."""

import re

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import napari_sbd as sbd
from known import lattice
from napari_sbd.cli import app
from napari_sbd.noise.whitening import NoiseSpectrum

PIXEL = 0.033  # nm: no pixels are summed
SIGMA = 1.0  # px; white noise under a Gaussian is worth 2 sqrt(pi) sigma pixels along a side
SCENE = 9 * lattice((256, 256), period=8, mean=1.0, contrast=0.25)


def image(seed=0, shape=(256, 256), scene=9.0, sigma=SIGMA):
    counts = np.random.default_rng(seed).poisson(scene, shape).astype(float)
    return (20 * gaussian_filter(counts, (0,) * (len(shape) - 2) + (sigma,) * 2)).astype(np.float32)


def run(*arguments):
    return CliRunner().invoke(app, ["noise-spectrum", *map(str, arguments)])


@pytest.fixture
def kept(tmp_path):
    """The file of a spectrum from the vacuum beside a lattice."""
    scene = np.where(np.arange(256) < 128, 9.0, SCENE)
    tifffile.imwrite(tmp_path / "half.tif", image(scene=scene))
    out = tmp_path / "camera.json"
    done = run(tmp_path / "half.tif", "-o", out, "--region", "0:256,0:120", "--pixel-size", PIXEL)
    assert done.exit_code == 0, done.output
    assert "scintillator-like" in done.output
    return out


def test_a_marked_region_gives_the_camera_s_spectrum(kept):
    over = NoiseSpectrum.load(kept).correlated_over
    assert over == pytest.approx(2 * np.sqrt(np.pi) * SIGMA, rel=0.1)


# a drawn lattice is none that the network knows: what it leaves out is put back with a warning
@pytest.mark.filterwarnings("ignore:A period of")
def test_denoise_takes_the_file(kept):
    m = sbd.Micrograph(image(1, scene=SCENE), PIXEL)
    result = sbd.denoise(m, model="hrtem", noise=str(kept), device="cpu")
    truth = 20 * gaussian_filter(SCENE, SIGMA)
    [step] = result.metadata["napari_sbd"]["history"]
    assert step["settings"]["noise"] == str(kept)
    assert step["settings"]["camera"]["noise"] == NoiseSpectrum.load(kept).to_dict()
    blurred = min(np.std(gaussian_filter(m.data, s) - truth) for s in (0.5, 1, 2, 3))
    assert np.std(result.data - truth) < blurred


def test_a_movie_s_differences_hide_the_scene(tmp_path):
    scene = np.broadcast_to(50 * SCENE, (4, 256, 256))
    tifffile.imwrite(tmp_path / "a.tif", image(2, (4, 256, 256), scene), photometric="minisblack")
    done = run(tmp_path / "a.tif", "-o", tmp_path / "a.json", "--pixel-size", PIXEL)
    assert done.exit_code == 0, done.output
    over = NoiseSpectrum.load(tmp_path / "a.json").correlated_over
    assert over == pytest.approx(2 * np.sqrt(np.pi) * SIGMA, rel=0.1)


def test_white_noise_is_called_independent(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", image(sigma=0))
    done = run(tmp_path / "a.tif", "-o", tmp_path / "a.json", "--pixel-size", PIXEL)
    assert "independent between sums over 1 x 1 px" in done.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("region", "name", "words"),
    [
        ("0:20,0:20", "a.json", "Too little"),
        ("0:300,0:20", "a.json", "does not lie in"),
        ("20:10,0:20", "a.json", "does not lie in"),
        ("all", "a.json", "Y0:Y1,X0:X1"),
        ("0:9,0:9,0:9", "a.json", "Y0:Y1,X0:X1"),
        ("0:200,0:200", "a.npz", r"\.json"),
    ],
)
def test_bad_input_is_told_in_a_sentence(tmp_path, region, name, words):
    tifffile.imwrite(tmp_path / "a.tif", image())
    done = run(tmp_path / "a.tif", "-o", tmp_path / name, "--region", region)
    assert isinstance(done.exception, sbd.SBDError)
    assert re.search(words, str(done.exception))
    assert not (tmp_path / name).exists()
