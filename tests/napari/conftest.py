"""A tiny model in the place of the bundled one, and widgets that leave no worker behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

NOISY = np.random.default_rng(0).poisson(2.0, (3, 64, 64)).astype(np.uint16)


@pytest.fixture(scope="session")
def _tiny_folder(tmp_path_factory):
    from napari_sbd.networks import ModelCard, save_model
    from napari_sbd.networks.unet import UNet

    torch.manual_seed(0)
    architecture = {"widths": [8, 16], "depths": [1, 1], "heads": 2, "non_local": 1}
    network = UNet(**architecture)
    card = ModelCard(
        name="hrtem",
        version="1.2",
        description="A network for tests.",
        license="BSD-3-Clause",
        architecture=architecture,
        parameters=sum(p.numel() for p in network.parameters()),
        working_pixel_nm=(0.025, 0.05),
        dose_range=(2.0, 100.0),
        training={},
        figures={},
        sha256="",
    )
    folder = tmp_path_factory.mktemp("weights")
    save_model(network, card, folder)
    return folder


@pytest.fixture(autouse=True)
def _tiny_model(_tiny_folder, monkeypatch):
    monkeypatch.setattr("napari_sbd.networks._BUNDLED", _tiny_folder)


@pytest.fixture(autouse=True)
def _no_stray_workers():
    yield
    from superqt.utils import WorkerBase

    WorkerBase.await_workers(5000)


@pytest.fixture
def notifications():
    """The sentences that napari showed during the test."""
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    return notification_manager.records
