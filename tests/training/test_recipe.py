import re

import numpy as np
import pytest
import yaml

from napari_sbd import SBDError
from napari_sbd.simulation.microscope import Microscope
from napari_sbd.training.recipe import Recipe, read_recipe

LEAST = {"name": "tiny", "description": "a test"}


def write(tmp_path, **changes):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**LEAST, **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wave": 3}, "'wave', perhaps meant as 'waves'"),
        ({"colour": "blue"}, "unknown key.*'colour'; known are name"),
        ({"microscope": {"defocus": 3}}, "in 'microscope'.*'defocus_nm'"),
        ({"network": {"width": [8]}}, "in 'network'.*'widths'"),
        ({"dose": [5, 1]}, "dose"),
        ({"dose": [0, 1]}, "dose"),
        ({"crops": [50]}, "crops"),
        ({"crops": [256]}, "crops"),
        ({"crops": []}, "crops"),
        ({"mixture": "soup"}, "mixture.*known are general"),
        ({"mixture": "generall"}, "perhaps meant as 'general'"),
        ({"mixture": {"sheets": 1}}, "perhaps meant as 'sheet'"),
        ({"mixture": {"sheet": -1}}, "share of sheet"),
        ({"mixture": {}}, "mixture"),
        ({"minutes": -1}, "minutes"),
        ({"minutes": 3, "steps": 100}, "minutes and steps"),
        ({"name": "../elsewhere"}, "name"),
        ({"materials": ["Unobtainium"]}, "Unobtainium"),
        ({"materials": ["Pt"], "mixture": "general"}, "pt_ceo2 has its own"),
        ({"zones": [[1, 0, 0]]}, "zones need materials"),
        ({"materials": ["Pt"], "zones": [[0, 0, 0]]}, "no direction"),
        ({"pixel_nm": [0.05, 0.03]}, "pixel_nm.*low <= high"),
        ({"pixel_nm": 0}, "pixel_nm.*positive"),
        ({"pixel_nm": 0.1}, "14.4 nm"),
        ({"microscope": {"kilovolt": 300000}}, "microscope.kilovolt"),
        ({"microscope": {"image_spread_pm": -5}}, "negative"),
        ({"microscope": {"defocus_nm": [3, 1]}}, "low <= high"),
        ({"network": {"widths": [8, 16]}}, "widths and depths"),
        ({"network": {"widths": [8, 15, 16], "heads": 2}}, "multiple of heads"),
        ({"network": {"widths": [8, 16], "depths": [1, 1]}}, "three levels"),
        ({"network": {"depths": [1, 1, 1]}}, "at most 1"),
    ],
)
def test_wrong_recipes_are_named_in_one_sentence(tmp_path, changes, words):
    with pytest.raises(SBDError, match=words) as raised:
        read_recipe(write(tmp_path, **changes))
    assert "\n" not in str(raised.value)
    assert "recipe.yaml" in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"minutes": -1}, "wrong at 'minutes': it must be above 0, not -1."),
        ({"waves": 3}, "wrong at 'waves': it must be 20 or more, not 3."),
        ({"adf": "much"}, "wrong at 'adf': it must be a number, not 'much'."),
        ({"adf": 2}, "wrong at 'adf': it must be 1 or less, not 2."),
        ({"batch": 1.5}, "wrong at 'batch': it must be a whole number, not 1.5."),
        ({"batch": None}, "wrong at 'batch': it must be a whole number, and is empty."),
        ({"rate": float("inf")}, "wrong at 'rate': it must be a finite number, not inf."),
        ({"crops": []}, "wrong at 'crops': it must have 1 or more entries."),
        ({"materials": "Pt"}, "wrong at 'materials': it must be a list in brackets, not 'Pt'."),
        ({"network": {"bias": 3}}, "wrong at 'network.bias': it must be true or false, not 3."),
        (
            {"microscope": {"cs_um": "some"}},
            "wrong at 'microscope.cs_um': a range is [low, high] with low <= high, or one number.",
        ),
    ],
)
def test_values_are_refused_in_words(tmp_path, changes, words):
    """In a file and from Python; they were pydantic's ("Input should be greater than 0")."""
    path = write(tmp_path, **changes)
    with pytest.raises(SBDError, match=re.escape(words)) as raised:
        read_recipe(path)
    assert str(raised.value) == f"The recipe {path} is {words}"
    with pytest.raises(SBDError, match=re.escape(words)) as raised:
        Recipe(**LEAST, **changes)
    assert str(raised.value) == f"The recipe is {words}"


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("name: tiny")
    with pytest.raises(SBDError, match="lacks the key 'description'"):
        read_recipe(path)


@pytest.mark.parametrize("text", ["", "- a", "just words", "{a: [", "a: b: c"])
def test_files_that_are_no_recipes(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    with pytest.raises(SBDError, match="cannot be read"):
        read_recipe(path)
    path.write_text(text)
    with pytest.raises(SBDError, match=r"not YAML|key: value"):
        read_recipe(path)


def test_binary_files_are_no_recipes(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(SBDError, match="no text"):
        read_recipe(path)


def test_one_number_is_a_range():
    microscope = Microscope(kilovolt=200, defocus_nm=(-3, 5))
    assert microscope.kilovolt == (200, 200)
    drawn = [microscope.draw(np.random.default_rng(i), 200).defocus for i in range(400)]
    assert -3 <= min(drawn) < -2.8
    assert 4.8 < max(drawn) <= 5


def test_materials_bring_a_mixture_that_can_hold_them():
    recipe = Recipe(**LEAST, materials=["SrTiO3"])
    assert "pt_ceo2" not in recipe.shares
    assert sum(recipe.shares.values()) == pytest.approx(1)


def test_the_recipes_that_come_with_the_package_are_valid():
    from importlib.resources import files

    recipes = list((files("napari_sbd") / "training" / "recipes").iterdir())
    assert recipes
    for path in recipes:
        name = read_recipe(path).name
        assert re.fullmatch(r"(-\d)?", path.stem.removeprefix(name))
