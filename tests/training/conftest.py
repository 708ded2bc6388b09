import pytest

from napari_sbd.training import pool
from napari_sbd.training.recipe import Recipe
from training.small import SMALL


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A folder that holds the data of the small recipe."""
    folder = tmp_path_factory.mktemp("simulated")
    pool.build(Recipe(**SMALL), folder, 2)
    return folder
