"""A tiny model in the place of the bundled one, and widgets that leave no worker behind."""

from __future__ import annotations

import functools
import gc
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from npe2 import PluginManifest

from known import lattice
from napari_sbd.errors import BlankImage, Cancelled

NOISY = np.random.default_rng(0).poisson(2.0, (3, 64, 64)).astype(np.uint16)


@pytest.fixture(autouse=True)
def _what_is_there_stays():
    """The collector, which viewers call several times a test, need not go through what napari
    keeps of those of earlier tests: six thousand objects of each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _manifests_are_read_once():
    """napari reads those of all plugins anew for each viewer."""
    once = functools.cache(lambda read=PluginManifest.discover: list(read()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda paths=(): iter(once()))
        yield


@pytest.fixture(scope="session", autouse=True)
def _shaders_are_read_once():
    """vispy looks for variables in the code of shaders, which is the same for each new layer."""
    from vispy.gloo.program import Program

    read, known = Program._parse_variables_from_code, {}

    def parse(self, update_variables=True):
        code = tuple(shader.code for shader in self._shaders)
        if code not in known:
            read(self, update_variables=False)
            known[code] = self._code_variables
        self._code_variables = dict(known[code])
        if update_variables:
            self._process_pending_variables()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Program, "_parse_variables_from_code", parse)
        yield


@pytest.fixture(autouse=True)
def _tiny_model(tiny_model):
    """The bundled ones take their time."""


@pytest.fixture(autouse=True)
def _no_stray_workers(qtbot):
    yield
    from superqt.utils import WorkerBase

    from napari_sbd._napari.jobs.queue import queue

    WorkerBase.await_workers(5000)
    qtbot.waitUntil(lambda: not queue().jobs, timeout=5000)


@pytest.fixture
def notifications():
    """The sentences that napari showed during the test."""
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    return notification_manager.records


@pytest.fixture
def viewer():
    """A viewer without a window."""
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def until(qtbot):
    """Let the program live until something is true."""
    return lambda done: qtbot.waitUntil(done, timeout=60_000)


@pytest.fixture
def denoise_widget(viewer, until):
    """The Denoise widget beside the viewer; its jobs end with the test."""
    from napari_sbd._napari.denoise.widget import DenoiseWidget
    from napari_sbd._napari.jobs.queue import queue

    # not qtbot.addWidget, which would delete the widget before its jobs are over
    widget = DenoiseWidget(viewer)
    yield widget
    widget.live.setChecked(False)
    for job in list(queue().jobs):
        job.cancel()
    until(lambda: not widget.running and not widget.preview.busy)
    widget.deleteLater()


@pytest.fixture
def add(viewer):
    """Add a calibrated micrograph to the viewer; movies stand at their first frame."""
    from napari_sbd._napari.layers.micrographs import to_layer
    from napari_sbd.micrograph import Micrograph

    def add_one(data, **fields):
        data, attributes, _ = to_layer(Micrograph(data, 0.0061, **{"gain": 1.0, **fields}))
        layer = viewer.add_image(data, **attributes)
        viewer.dims.set_current_step(0, 0)  # napari opens a movie at its middle
        return layer

    return add_one


@pytest.fixture
def noisy():
    """A 64 x 64 image that suits 6.1 pm per pixel."""
    return np.random.default_rng(1).poisson(lattice((64, 64))).astype(np.float32)


@pytest.fixture
def noisy_movie(noisy):
    """Five frames that differ by their level."""
    return np.stack([noisy + i for i in range(5)])


@pytest.fixture
def denoiser(monkeypatch):
    """In place of the network: adds 100, frame by frame, each held back until ``go`` is set."""
    control = SimpleNamespace(go=Event(), levels=[], busy=False, error=None)
    control.fails_at = lambda frame: False
    control.go.set()

    class Fake:
        device, block = "cpu", (1, 1)

        def __init__(self, *_source, **_settings):
            pass

        movie_network = None

        def denoised(self, frame, tick, should_stop, around=None, cleaned=None):
            frame = np.asarray(frame)
            fails = control.fails_at(frame)
            control.busy = True
            while not (control.go.wait(0.01) or should_stop()):
                pass
            control.busy = False
            if should_stop():
                raise Cancelled("stopped")
            if fails:
                raise control.error or BlankImage("The image holds no finite pixel.")
            tick(0.5)
            control.levels.append(round(float(frame.mean())))
            return frame + 100, None

        def found(self):
            return {}

        def on_part(self, _part):
            return self

        camera = SimpleNamespace(seen=())

    monkeypatch.setattr("napari_sbd.session.session.Denoiser", Fake)
    yield control
    control.go.set()
