import shutil

import pytest

from napari_sbd import SBDError, models
from napari_sbd.networks import ModelCard, checksum, find_model, load_network, save_model
from napari_sbd.networks.hardware import resolve_device


@pytest.fixture
def saved(tmp_path, small_network):
    """The weights of a user's own model."""
    card = ModelCard(
        name="mine",
        version="1",
        description="a test",
        license="CC0-1.0",
        architecture=small_network.architecture,
        parameters=1,
        working_pixel_nm=(0.02, 0.05),
        dose_range=(1, 100),
        training={},
        figures={},
        sha256="",
    )
    return save_model(small_network, card, tmp_path)


def test_the_default_model_is_bundled_and_unchanged():
    card = find_model("auto")
    assert card.name == models()[0].name
    assert checksum(card.path) == card.sha256
    assert card.path.stat().st_size < 20e6
    network = load_network(card, "cpu")
    assert sum(p.numel() for p in network.parameters()) == card.parameters


def test_a_model_of_ones_own_is_loaded_by_its_path(saved, small_network):
    network = load_network(find_model(saved), "cpu")
    for mine, theirs in zip(network.parameters(), small_network.parameters(), strict=True):
        assert (mine - theirs).abs().max() < 1e-3 * theirs.abs().max()


def test_damaged_weights_are_refused(saved):
    blob = bytearray(saved.read_bytes())
    blob[-1] ^= 1
    saved.write_bytes(blob)
    with pytest.raises(SBDError, match="SHA-256"):
        load_network(find_model(saved), "cpu")


def test_other_files_under_the_name_of_weights_are_refused(saved):
    saved.write_bytes(b"this is no safetensors file")
    card = find_model(saved).model_copy(update={"sha256": checksum(saved)})
    with pytest.raises(SBDError, match="do not fit"):
        load_network(card, "cpu")


def test_missing_pieces_get_a_sentence(saved, tmp_path):
    card = find_model(saved)
    shutil.move(saved, tmp_path / "elsewhere.safetensors")
    with pytest.raises(SBDError, match=r"weights .* missing"):
        find_model(saved)
    with pytest.raises(SBDError, match=r"weights .* missing"):
        load_network(card, "cpu")
    with pytest.raises(SBDError, match=r"card .* missing"):
        find_model(tmp_path / "elsewhere.safetensors")
    with pytest.raises(SBDError, match="nonsense"):
        find_model("nonsense")


def test_a_card_that_is_no_card_is_refused(saved):
    saved.with_suffix(".json").write_text('{"name": 3}')
    with pytest.raises(SBDError, match="not valid"):
        find_model(saved)


@pytest.mark.parametrize("name", ["cuda:99", "toaster", "cpu:3", ""])
def test_absent_devices_are_refused(name):
    with pytest.raises(SBDError, match="device"):
        resolve_device(name)
