import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.recipe import recipe, with_recipe


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import napari_sbd",
        "import napari_sbd as s; s.models()",
        "import napari_sbd.io, napari_sbd.sampling, napari_sbd.denoise",
        "from typer.testing import CliRunner; from napari_sbd.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0",
    ],
)
def test_light_things_load_neither_torch_nor_napari(code):
    assert loaded_after(code).isdisjoint({"torch", "napari", "qtpy", "matplotlib.pyplot"})


def test_the_function_denoise_is_not_hidden_by_its_module():
    import napari_sbd.denoise  # noqa: F401

    assert callable(sbd.denoise)


def test_every_public_name_is_there():
    for name in sbd.__all__:
        assert getattr(sbd, name) is not None
    with pytest.raises(AttributeError):
        _ = sbd.no_such_name


def test_errors_are_no_runtime_errors():
    """Qt's generator workers swallow RuntimeError."""
    assert not issubclass(sbd.SBDError, RuntimeError)
    assert not issubclass(sbd.Cancelled, RuntimeError)


def test_a_stop_is_no_bad_input():
    assert not issubclass(sbd.Cancelled, sbd.SBDError)


def test_a_warning_names_the_line_that_called_the_package():
    flat = np.zeros((2, 64, 64), np.float32)
    flat[0] = np.random.default_rng(0).poisson(3, (64, 64))
    with pytest.warns(UserWarning) as told:
        sbd.denoise(flat, pixel_size=0.03, gain=1.0, model="hrtem")
    assert {Path(w.filename) for w in told} == {Path(__file__)}


def test_calibration_by_position_is_taken_with_a_warning():
    """For one more version, where it was possible once."""
    counts, clean = np.random.default_rng(0).poisson(4.0, (64, 64)), np.full((64, 64), 4.0)
    with pytest.warns(FutureWarning, match=r"Write pixel_size=\.\.\. in residual_check"):
        late = sbd.residual_check(counts, clean, 0.0061)
    assert late.unit == "1/nm"
    with pytest.warns(FutureWarning, match=r"pixel_size=\.\.\., gain=\.\.\. in denoisers"):
        assert "wavelet" in sbd.denoisers(0.0061, 1.0)
    with pytest.raises(TypeError):
        sbd.residual_check(counts, clean, 0.0061, 1.0)
    with pytest.raises(TypeError):
        sbd.residual_check(counts, clean, 0.0061, pixel_size=0.0061)


@pytest.mark.parametrize("judge", [sbd.agreement, sbd.residual_check, sbd.split_half_resolution])
def test_images_in_each_others_place_are_refused(judge):
    counts, clean = np.random.default_rng(0).poisson(4.0, (64, 64)), np.full((64, 64), 4.0)
    more = {"denoiser": lambda y: y} if judge is sbd.split_half_resolution else {}
    with pytest.raises(sbd.SBDError, match="noisy image comes first"):
        judge(clean, counts, **more)
    with pytest.raises(sbd.SBDError, match="give the raw one"):
        made = with_recipe(sbd.Micrograph(clean, gain=1.0), recipe("denoise"))
        judge(made, sbd.Micrograph(counts, gain=1.0), **more)
