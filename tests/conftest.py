import functools
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.main
import typer.testing

from known import lattice


@pytest.fixture(scope="module", autouse=True)
def _what_is_there_stays():
    """The collector, which napari's viewers call for several times a test, need not go through
    what was imported, nor through what napari keeps of the viewers of earlier modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard():
    """Also where tests run in the background of a shell, which has its children ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _commands_are_made_once():
    """typer makes all of them anew, from their signatures, for each call of one."""
    once = functools.cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", once)
        patch.setattr(typer.testing, "_get_command", once, raising=False)
        yield


@pytest.fixture
def counts():
    """Poisson counts of a lattice, one electron per pixel; 6.1 pm per pixel suits them."""
    return np.random.default_rng(0).poisson(lattice((192, 256))).astype(np.float32)


@pytest.fixture
def small_network():
    """A network of the usual kind with weights that do something."""
    import torch

    from napari_sbd.networks.unet import UNet

    torch.manual_seed(0)
    network = UNet(widths=(8, 16, 16), depths=(1, 2, 1), heads=2, non_local=2)
    for p in network.parameters():
        if p.ndim == 4 and p.std() < 2e-3:
            torch.nn.init.normal_(p, std=0.05)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A folder with a tiny model in the place of the bundled one, which was never trained."""
    import torch

    from napari_sbd.networks import ModelCard, save_model
    from napari_sbd.networks.unet import UNet

    torch.manual_seed(0)
    architecture = {"widths": [8, 16], "depths": [1, 1], "heads": 2, "non_local": 0}
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


@pytest.fixture
def tiny_model(tiny_folder, monkeypatch):
    """For tests of what holds for whatever network."""
    monkeypatch.setattr("napari_sbd.networks._BUNDLED", tiny_folder)


@pytest.fixture
def bundled(tiny_model, monkeypatch):
    """The networks that come with the package, for a test among others with the tiny one."""
    from napari_sbd import networks

    monkeypatch.setattr(networks, "_BUNDLED", Path(networks.__file__).parent / "weights")


@pytest.fixture
def model(tmp_path, small_network):
    """The path of a model that was never trained, so that there is much to gain."""
    from napari_sbd import networks

    card = networks.find_model("hrtem").model_copy(
        update={"name": "untrained", "architecture": small_network.architecture}
    )
    return networks.save_model(small_network, card, tmp_path / "model")


LOCAL_CLUSTER = """
import time
from distributed import LocalCluster
local = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
print(local.scheduler_address, flush=True)
time.sleep(600)
"""


@pytest.fixture
def scheduler():
    """Address of a cluster of two worker processes that can import the test modules."""
    pytest.importorskip("distributed")
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", LOCAL_CLUSTER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,
    )
    yield process.stdout.readline().strip()
    # not an orderly end, which may take minutes while a worker is being replaced
    os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()
