import numpy as np
import pytest
import torch

from napari_sbd import SBDError
from napari_sbd.networks import find_model, load_network
from napari_sbd.training import loop, muon, pool, session
from napari_sbd.training.recipe import Recipe, read_recipe

SMALL = {
    "name": "tiny",
    "description": "a test",
    "waves": 20,
    "images": 40,
    "image_size": 64,
    "crops": [48],
    "batch": 2,
    "minutes": 0.05,
}


def write_recipe(tmp_path, **changes):
    import yaml

    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**SMALL, **changes}))
    return path


def test_orthogonalised_matrices_have_singular_values_near_one():
    matrix = torch.randn(40, 90, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(muon.orthogonalise(matrix).float())
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_pairs_are_in_units_of_the_noise():
    clean = np.full((400, 400), 7.0, np.float32)
    counts = np.random.default_rng(0).poisson(clean)
    noisy, target = pool.normalised_pair(counts, clean)
    assert noisy.std() == pytest.approx(1, abs=0.01)
    assert np.abs(target).max() < 0.02


def test_batches_are_fresh_every_time():
    images = np.ones((3, 64, 64), np.float16)
    batches = pool.Pool(images, Recipe(**SMALL))
    rng = np.random.default_rng(0)
    (first, clean), (second, _) = batches.batch(48, rng), batches.batch(48, rng)
    assert first.shape == clean.shape == (2, 1, 48, 48)
    assert not torch.equal(first, second)


def test_train_resume_and_use(tmp_path):
    """A short run writes a model that loads; resuming goes on from its checkpoint."""
    recipe = read_recipe(write_recipe(tmp_path))
    loop_seconds, loop.CHECKPOINT_SECONDS = loop.CHECKPOINT_SECONDS, 0
    try:
        weights = session.train(recipe, tmp_path / "run", workers=1)
    finally:
        loop.CHECKPOINT_SECONDS = loop_seconds
    card = find_model(weights)
    assert card.training["steps"] > 0
    assert load_network(card, "cpu") is not None
    again = session.train(recipe, tmp_path / "run", workers=1, resume=True, minutes=0.1)
    assert find_model(again).training["steps"] > card.training["steps"]


def test_a_folder_keeps_to_one_recipe(tmp_path):
    """Another seed means other data, so that a card never tells of data that were not used."""
    pool.build(Recipe(**SMALL), tmp_path, 1, lambda line: None)
    with pytest.raises(SBDError, match="another recipe"):
        pool.build(Recipe(**SMALL, seed=1), tmp_path, 1, lambda line: None)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(SBDError, match="no checkpoint"):
        session.train(Recipe(**SMALL), tmp_path, resume=True)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"colour": "blue"}, "colour"),
        ({"dose": [5, 1]}, "dose"),
        ({"crops": [50]}, "crops"),
        ({"crops": [128]}, "crops"),
        ({"mixture": "soup"}, "mixture"),
        ({"minutes": -1}, "minutes"),
    ],
)
def test_wrong_recipes_are_named(tmp_path, changes, word):
    with pytest.raises(SBDError, match=word):
        read_recipe(write_recipe(tmp_path, **changes))


def test_recipes_that_are_no_recipes(tmp_path):
    path = tmp_path / "recipe.yaml"
    with pytest.raises(SBDError, match="cannot be read"):
        read_recipe(path)
    path.write_text("{a: [")
    with pytest.raises(SBDError, match="not YAML"):
        read_recipe(path)
