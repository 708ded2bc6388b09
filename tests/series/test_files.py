"""NIfTI series with gradient tables, and the two commands."""

import sys

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd import cli
from napari_sbd.errors import SBDError
from napari_sbd.series import Series, read_series, write_series
from napari_sbd.series.gradients import Gradients

from .conftest import LENGTH, decays, table

nibabel = pytest.importorskip("nibabel")

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2.0, 0, -126], [0, 0, 2.5, -72], [0, 0, 0, 1]])


def save_nifti(path, data, gradients=None):
    """As another program would: axes X, Y, Z, N, and the table as FSL has it."""
    nibabel.save(nibabel.Nifti1Image(np.asarray(data).T, AFFINE), path)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    if gradients is not None:
        np.savetxt(path.with_name(f"{stem}.bval"), gradients.bvals[None], "%g")
        np.savetxt(path.with_name(f"{stem}.bvec"), gradients.bvecs.T, "%.6f")


@pytest.fixture
def volumes():
    return decays(1, (5, 18, 20))


@pytest.mark.parametrize("name", ["dwi.nii", "dwi.nii.gz"])
def test_a_series_keeps_axes_affine_and_table(tmp_path, volumes, name):
    save_nifti(tmp_path / name, volumes, table())
    series = read_series(tmp_path / name)
    np.testing.assert_array_equal(series.data, volumes)
    assert series.name == "dwi"
    np.testing.assert_allclose(series.gradients.bvecs[2:], table().bvecs[2:], atol=1e-5)
    out = tmp_path / f"out_{name}"
    write_series(series.replace(data=volumes * 2), out)
    again = nibabel.load(out)
    np.testing.assert_allclose(again.affine, AFFINE)
    np.testing.assert_allclose(np.asarray(again.dataobj).T, volumes * 2)
    read_series(out).gradients.check_same(series.gradients)


def test_scaled_integers_are_read_lazily_as_they_mean(tmp_path, volumes, monkeypatch):
    image = nibabel.Nifti1Image(volumes.T, AFFINE)
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "scaled.nii")
    monkeypatch.setattr("napari_sbd.io.arrays.LAZY_BYTES", 1)
    series = read_series(tmp_path / "scaled.nii")
    assert hasattr(series.data, "dask")
    np.testing.assert_allclose(series.data[3:5].compute(), volumes[3:5], atol=1e-4)


def test_the_recipe_stays_in_the_file(tmp_path, volumes):
    history = {"napari_sbd": {"history": [{"operation": "denoise_series"}]}}
    write_series(Series(volumes, metadata=history), tmp_path / "a.nii.gz")
    series = read_series(tmp_path / "a.nii.gz")
    assert series.metadata == history
    write_series(series, tmp_path / "b.nii")
    assert read_series(tmp_path / "b.nii").metadata == history


def test_unusable_files_are_refused(tmp_path, volumes):
    cut = tmp_path / "cut.nii"
    save_nifti(cut, volumes)
    cut.write_bytes(cut.read_bytes()[:5000])
    half = tmp_path / "half.nii"
    save_nifti(half, volumes, table())
    (tmp_path / "half.bvec").unlink()
    short = tmp_path / "short.nii"
    save_nifti(short, volumes[:20], table())
    flat = tmp_path / "flat.nii"
    save_nifti(flat, volumes[0])
    for path, word in ((cut, "cut short"), (half, "half.bval"), (short, "table"), (flat, "3 axes")):
        with pytest.raises(SBDError, match=word):
            read_series(path)
    with pytest.raises(SBDError, match=r"written as \.nii"):
        write_series(Series(volumes), tmp_path / "a.tif")
    with pytest.raises(SBDError, match="raw file"):
        write_series(Series(volumes, source=half), half)


@pytest.mark.parametrize("words", ["", "b0 b0 1000", "0,0,1000"])
def test_a_table_without_numbers_is_one_sentence(tmp_path, volumes, words):
    """Also where there is none at all, of which numpy would warn in its own words."""
    save_nifti(tmp_path / "a.nii", volumes, table())
    (tmp_path / "a.bval").write_text(words)
    with pytest.raises(SBDError, match="holds no numbers"):
        read_series(tmp_path / "a.nii")


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["napari-sbd", "series", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


def test_two_commands_denoise_a_brain(monkeypatch, tmp_path, volumes, capsys):
    rng = np.random.default_rng(0)
    clean = decays(2, (5, 18, 20))
    noisy = np.hypot(*(rng.normal(m, 0.1, clean.shape) for m in (clean, 0))).astype(np.float32)
    save_nifti(tmp_path / "low.nii.gz", volumes, table())
    save_nifti(tmp_path / "noisy.nii.gz", noisy, table())
    save_nifti(tmp_path / "mask.nii", np.ones(clean.shape[1:], np.uint8))
    model, out = tmp_path / "protocol.safetensors", tmp_path / "out.nii.gz"
    target = ("--target", tmp_path / "noisy.nii.gz", "--steps", 40)
    assert run(monkeypatch, "train", tmp_path / "low.nii.gz", "-o", model, *target) == 0
    assert "rician" in capsys.readouterr().out
    mask = ("--mask", tmp_path / "mask.nii")
    noisy_file = tmp_path / "noisy.nii.gz"
    assert run(monkeypatch, "denoise", noisy_file, "-o", out, "--model", model, *mask) == 0
    result = read_series(out)
    assert np.std(result.data - clean) < 0.5 * np.std(noisy - clean)
    assert result.metadata["napari_sbd"]["history"][0]["settings"]["model"] == "protocol"
    assert run(monkeypatch, "denoise", noisy_file, "-o", noisy_file, "--model", model) == 2
    assert run(monkeypatch, "denoise", noisy_file, "-o", out, "--model", tmp_path / "no") == 2


def test_the_same_commands_take_a_dose_series(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    low, noisy = tmp_path / "long.npy", tmp_path / "short.tif"
    np.save(low, rng.poisson(decays(1) * 100).astype(np.uint16))
    counts = rng.poisson(decays(2) * 5).astype(np.uint16)
    sbd.write(sbd.Micrograph(counts, pixel_size=0.5), noisy)
    model, out = tmp_path / "m.safetensors", tmp_path / "out.tif"
    options = ("--target", noisy, "--steps", 20)
    assert run(monkeypatch, "train", low, "-o", model, *options) == 0
    assert run(monkeypatch, "denoise", noisy, "-o", out, "--model", model) == 0
    result = sbd.read(out)
    assert result.shape == (LENGTH, 40, 40) and result.pixel_size == pytest.approx(0.5)
    assert np.std(result.data - decays(2) * 5) < 0.5 * np.std(counts - decays(2) * 5)


@pytest.mark.filterwarnings("ignore:In .* voxels")
def test_the_commands_that_need_no_reference(monkeypatch, tmp_path, capsys):
    """A method, its recipe and its rank; the map of doubts lies on the stack's grid."""
    rng = np.random.default_rng(0)
    clean = decays(2, (5, 18, 20))
    noisy, out = tmp_path / "noisy.nii.gz", tmp_path / "out.nii.gz"
    save_nifti(noisy, clean + rng.normal(0, 0.1, clean.shape).astype(np.float32))
    save_nifti(tmp_path / "low.nii.gz", decays(1, (5, 18, 20)))
    of = ("--noise", "gaussian")
    assert run(monkeypatch, "denoise", noisy, "-o", out, "--method", "local-pca", *of) == 0
    result = read_series(out)
    assert np.std(result.data - clean) < 0.5 * 0.1
    assert sbd.rerun(out).identical
    assert "local PCA" not in sbd.cite(out) and "small patches" in sbd.cite(out)
    model, doubts = tmp_path / "m.safetensors", tmp_path / "doubts.nii.gz"
    given = (tmp_path / "low.nii.gz", "-o", model, "--steps", 40, *of)
    assert run(monkeypatch, "train", *given, "--target", noisy) == 0
    with_map = ("denoise", noisy, "-o", out, "--model", model, "--doubted", doubts)
    assert run(monkeypatch, *with_map) == 0
    image = nibabel.load(doubts)
    assert image.shape == (20, 18, 5) and set(np.unique(image.dataobj)) <= {0, 1}
    np.testing.assert_allclose(image.affine, AFFINE)
    capsys.readouterr()
    table = tmp_path / "ranks.csv"
    ways = ("--model", model, "--method", "local-pca", "-o", table)
    assert run(monkeypatch, "compare", noisy, *ways, *of) == 0
    rows = [line.split(",") for line in table.read_text().split()]
    assert {name for name, _ in rows[1:]} == {"m", "local-pca", "regression"}
    errors = [float(error) for _, error in rows[1:]]
    assert errors == sorted(errors) and errors[0] < 0.5
    assert "local-pca" in capsys.readouterr().out
    errors = tmp_path / "errors.nii.gz"
    assert run(monkeypatch, "halves", noisy, "--model", model, "-o", errors, *of) == 0
    shown = nibabel.load(errors)
    assert shown.shape == (20, 18, 5) and 0.02 < np.median(shown.get_fdata()) < 0.5
    np.testing.assert_allclose(shown.affine, AFFINE)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "either a --model"),
        (("--model", "m.safetensors", "--method", "local-pca"), "either a --model"),
        (("--model", "m.safetensors", "--noise", "rician"), "knows the noise"),
        (("--method", "magic"), "one of local-pca"),
        (("--method", "local-pca", "--doubted", "d.tif"), "Only a network"),
    ],
)
def test_options_that_contradict_each_other(monkeypatch, tmp_path, capsys, options, word):
    np.save(tmp_path / "a.npy", decays(1))
    out = tmp_path / "out.tif"
    assert run(monkeypatch, "denoise", tmp_path / "a.npy", "-o", out, *options) == 2
    assert word in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_bad_calls_end_with_a_sentence(monkeypatch, tmp_path, capsys):
    low = tmp_path / "low.npy"
    np.save(low, decays(1))
    assert run(monkeypatch, "train", low, "-o", tmp_path / "m.pt") == 2
    assert "ends in .safetensors" in capsys.readouterr().err
    assert run(monkeypatch, "train", low, "-o", tmp_path / "no" / "m.safetensors") == 2
    assert "create it first" in capsys.readouterr().err
    assert run(monkeypatch, "train", low, "-o", tmp_path / "m.safetensors") == 2
    assert "level itself" in capsys.readouterr().err


def test_b_values_in_another_unit_are_told():
    """1 ms/µm2 is 1000 s/mm2; tables in the former passed for stacks without weighting."""
    directions = np.eye(3)[[0, 1, 2, 0]]
    with pytest.warns(UserWarning, match="reach only 2 s/mm2.*multiply them by 1000"):
        Gradients(np.array([0, 1, 2, 1.0]), directions)
    for even in ([0, 0, 0, 0], [5, 5, 5, 4.9], [0, 1000, 2000, 5]):
        Gradients(np.array(even, float), directions)


def test_nan_around_a_brain_is_outside_of_its_mask():
    stack = Series(np.random.default_rng(0).normal(100, 5, (6, 12, 12)))
    mask = np.full((12, 12), np.nan)
    mask[2:10, 2:10] = 1.0
    inside = mask == 1
    ours, known = (
        sbd.pca_series(stack, mask=m, noise="gaussian", level=5.0).data for m in (mask, inside)
    )
    np.testing.assert_array_equal(ours, known)
    np.testing.assert_allclose(ours[:, ~inside], stack.data[:, ~inside], rtol=1e-6)
