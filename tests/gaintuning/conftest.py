import pytest

from napari_sbd import networks


@pytest.fixture
def model(tmp_path, small_network):
    """The path of a model that was never trained, so that there is much to gain."""
    card = networks.find_model("hrtem").model_copy(
        update={"name": "untrained", "architecture": small_network.architecture}
    )
    return networks.save_model(small_network, card, tmp_path / "model")
