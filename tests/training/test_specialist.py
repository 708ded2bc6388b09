"""A network for one crystal from its name and a pixel size."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_sbd as sbd
from napari_sbd.cli import app
from napari_sbd.networks import find_model
from napari_sbd.training import pool
from napari_sbd.training.specialist import keep_recipe, kept_recipe, specialist

CIF = """data_Fe3O4
_cell_length_a 8.396
_cell_length_b 8.396
_cell_length_c 8.396
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F d -3 m'
_symmetry_Int_Tables_number 227
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Fe1 Fe 0.125 0.125 0.125 1.0
Fe2 Fe 0.5 0.5 0.5 1.0
O1  O  0.2549 0.2549 0.2549 1.0
"""


@pytest.fixture(scope="module")
def magnetite(tmp_path_factory):
    pytest.importorskip("ase")
    path = tmp_path_factory.mktemp("cif") / "Fe3O4.cif"
    path.write_text(CIF)
    return path


def test_a_pixel_size_and_a_file_are_enough(magnetite, tmp_path):
    """Five raw pixels of 6.5 pm are one of 32.5 pm, and 25 times their electrons."""
    recipe = specialist(magnetite, 0.0065)
    assert recipe.name == "fe3o4"
    assert recipe.pixel_nm == pytest.approx((0.0325 * 0.97, 0.0325 * 1.03))
    assert recipe.dose == pytest.approx((2.5, 50))
    keep_recipe(recipe, tmp_path)
    assert kept_recipe(tmp_path) == recipe


def test_a_file_may_have_any_name(magnetite):
    odd = magnetite.with_name("My oxide (2).cif")
    odd.write_text(CIF)
    assert specialist(odd, 0.0065).name == "my-oxide-2"


def test_the_same_wish_goes_on_where_training_has_not_begun(tmp_path):
    keep_recipe(specialist("Pt", 0.0065), tmp_path)
    keep_recipe(specialist("Pt", 0.0065), tmp_path)
    with pytest.raises(sbd.SBDError, match="holds a run already"):
        keep_recipe(specialist("Pt", 0.0065, waves=50), tmp_path)
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(sbd.SBDError, match="holds a run already"):
        keep_recipe(specialist("Pt", 0.0065), tmp_path)


@pytest.mark.parametrize(
    ("material", "pixel_size", "said"),
    [
        ("Unobtainium", 0.006, "Unknown material"),
        ("missing.cif", 0.006, "missing.cif"),
        ("Pt", 0.0, "pixel size"),
        ("Pt", float("nan"), "pixel size"),
        ("Pt", 1.0, "too coarse"),
    ],
)
def test_bad_wishes_get_one_sentence(material, pixel_size, said):
    with pytest.raises(sbd.SBDError, match=re.escape(said)):
        specialist(material, pixel_size)


@pytest.mark.filterwarnings("ignore:The result of model", "ignore:A period of:UserWarning")
def test_the_command_trains_resumes_and_the_card_knows_the_crystal(tmp_path, model):
    folder = tmp_path / "run"
    new = ["--pixel-size", "0.0065", "--waves", "20", "--minutes", "0.01", "--start", str(model)]
    command = ["specialise", "Pt", "-o", str(folder), "--workers", "1", "--device", "cpu"]
    shown = CliRunner().invoke(app, [*command, *new])
    assert shown.exit_code == 0, shown.output
    assert "s/step" in shown.output  # no terminal here: what goes on is printed all the same
    card = find_model(folder / "pt.safetensors")
    assert card.spacings_nm[0] == pytest.approx(0.2266, abs=1e-3)  # 111 of Pt, a = 0.3924 nm
    with pytest.raises(sbd.SBDError, match="holds a run already"):
        CliRunner().invoke(app, [*command, *new], catch_exceptions=False)
    CliRunner().invoke(app, [*command, "--resume", "--minutes", "0.03"], catch_exceptions=False)
    longer = find_model(folder / "pt.safetensors").training
    assert longer["recipe"]["minutes"] == 0.03 and longer["minutes"] >= card.training["minutes"]
    along = np.cos(2 * np.pi * np.arange(256) * 0.0325 / 0.313)
    lattice = np.random.default_rng(0).poisson(20 + 4 * np.add.outer(along, along))
    with pytest.warns(UserWarning, match="Model 'pt' is a specialist"):
        sbd.denoise(lattice, pixel_size=0.0325, model=folder / "pt.safetensors", device="cpu")


def test_a_specialist_without_a_pixel_size_or_a_run_to_resume_is_refused(tmp_path):
    for words, said in {(): "--pixel-size", ("--resume",): "holds no run"}.items():
        with pytest.raises(sbd.SBDError, match=said):
            command = ["specialise", "Pt", "-o", str(tmp_path / "run"), *words]
            CliRunner().invoke(app, command, catch_exceptions=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dose": (0, 2)}, "above 0"),
        ({"dose": (2, 1)}, "above 0"),
        ({"dose": "much"}, "one number, or two"),
        ({"pixel_size": None}, "one number, or two"),
        ({"pixel_size": 6.1}, "too coarse to show atoms"),
        ({"minutes": -1}, "'minutes': it must be above 0, not -1"),
        ({"waves": 3}, "'waves': it must be 20 or more, not 3"),
    ],
)
def test_what_no_specialist_can_have_is_said_in_words(changes, words):
    with pytest.raises(sbd.SBDError, match=words):
        specialist("Pt", **{"pixel_size": 0.0065, **changes})


def test_one_dose_is_a_range():
    assert specialist("Pt", 0.0065, dose=1.0).dose == (25, 25)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--waves", "5"], "'waves': it must be 20 or more, not 5"),
        (["--workers", "0"], "The processes that simulate are 1 or more, not 0"),
    ],
)
def test_numbers_that_are_too_small_are_said_in_the_same_words(tmp_path, options, words):
    """Typer said "Input should be greater than or equal to 20", under its usage."""
    command = ["specialise", "Pt", "-o", str(tmp_path / "run"), "--pixel-size", "0.0065"]
    result = CliRunner().invoke(app, [*command, *options])
    assert words in str(result.exception)


def test_a_triclinic_crystal_has_no_dislocations(tmp_path):
    """Across [110] it has no lattice translation: it was refused, without a way out."""
    pytest.importorskip("ase")
    angles = {"alpha 90": "alpha 89.99", "beta 90": "beta 101.11", "gamma 90": "gamma 106.03"}
    text = CIF.replace("F d -3 m", "P -1").replace("227", "2").replace("a 8.396", "a 7.126")
    for square, oblique in angles.items():
        text = text.replace(square, oblique)
    path = tmp_path / "triclinic.cif"
    path.write_text(text.replace("c 8.396", "c 5.572"))
    recipe = specialist(path, 0.0065)
    assert set(recipe.shares) == {"crystal_edge", "free_particle", "grain_boundary"}
    pool._check_structures(recipe)
    assert "dislocation" in specialist("BaTiO3", 0.0065).shares
