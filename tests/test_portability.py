"""What other systems have and have not: simulated here, one thing at a time."""

import ast
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_sbd as sbd
from napari_sbd import cluster, units
from napari_sbd.io import WRITE_SUFFIXES
from napari_sbd.networks import hardware
from napari_sbd.simulation import memory

SOURCE = Path(sbd.__file__).parent
IMAGE = np.random.default_rng(0).poisson(9, (64, 64)).astype(np.float32)
TEXT = {"read_text": 0, "write_text": 1}  # where the encoding stands


def without_encoding(tree):
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in TEXT and len(node.args) <= TEXT[name]:
            yield node.lineno
        if name == "open" and getattr(getattr(node.func, "value", None), "id", "") != "zarr":
            modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
            modes += [k.value.value for k in node.keywords if k.arg == "mode"]
            if any(isinstance(m, str) and set(m) <= set("rwxat+") for m in modes):
                yield node.lineno


def test_texts_have_one_encoding_on_every_system():
    """Windows would take that of its language."""
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in SOURCE.rglob("*.py")
        for line in without_encoding(ast.parse(path.read_text("utf-8")))
    ]
    assert not found
    assert list(without_encoding(ast.parse("a.read_text(); open(a, 'w'); a.open('rb')"))) == [1, 1]


def twice(item):
    return 2 * item


def test_processes_are_spawned_where_nothing_else_is_there(monkeypatch):
    import multiprocessing

    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    assert sorted(cluster.run(twice, range(4), workers=2)) == [(i, 2 * i) for i in range(4)]


def test_a_system_without_proc_computes_in_single_precision(monkeypatch, model):
    def missing(self, *args, **kwargs):
        raise FileNotFoundError(2, "no such file", str(self))

    cached = [f for f in vars(hardware).values() if hasattr(f, "cache_clear")]
    with monkeypatch.context() as system:
        system.setattr(hardware.Path, "read_text", missing)
        for function in cached:
            function.cache_clear()
        import torch

        assert hardware.precision(torch.device("cpu")) == torch.float32
    for function in cached:
        function.cache_clear()


def test_a_system_that_does_not_tell_its_memory_computes(monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert memory.physical_memory() is None
    assert sbd.simulate(size=64, frames=1, seed=1).noisy.data.mean() > 0


@pytest.mark.parametrize("suffix", [*WRITE_SUFFIXES, ".zarr"])
def test_a_file_that_is_open_elsewhere_stays_as_it_was(suffix, tmp_path, monkeypatch):
    """Windows refuses to rename over a file that a program has open or mapped."""
    path = tmp_path / f"a{suffix}"
    sbd.write(sbd.Micrograph(IMAGE, 0.02), path)
    before = np.asarray(sbd.read(path).data)

    def refuse(self, target):
        raise PermissionError(13, "The process cannot access the file", str(self))

    with monkeypatch.context() as system:
        system.setattr(Path, "replace", refuse)
        system.setattr(Path, "rename", refuse)
        with pytest.raises(sbd.SBDError, match="close it there"):
            sbd.write(sbd.Micrograph(IMAGE + 1, 0.02), path)
    np.testing.assert_array_equal(np.asarray(sbd.read(path).data), before)
    assert {p.name for p in tmp_path.iterdir()} <= {path.name, f"{path.name}.json"}


def test_names_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / f"{'a' * 240}.tif"
    sbd.write(sbd.Micrograph(IMAGE, 0.02), path)
    assert sbd.read(path).pixel_size == pytest.approx(0.02)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("text", "number"), [("0,02", 0.02), ("2,5e-1", 0.25), ("0.02", 0.02), ("1,2,3", None)]
)
def test_decimal_commas(text, number):
    assert units.to_nm(text, "nm") == (number and pytest.approx(number))


def test_decimal_commas_in_the_text_of_a_microscope(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE.astype(np.uint8))
    (tmp_path / "a.hdr").write_text("PixelSizeX=1,5e-9\nPixelSizeY=1,5e-9\n", "utf-8")
    assert sbd.read(tmp_path / "a.tif").pixel_size == pytest.approx(1.5)


def test_a_system_without_locks_of_unix_watches(tmp_path, monkeypatch, model):
    import filelock  # noqa: F401 (it has locks of other systems, but chooses them when loaded)

    monkeypatch.setitem(sys.modules, "fcntl", None)
    (tmp_path / "in").mkdir()
    sbd.write(sbd.Micrograph(IMAGE, 0.03), tmp_path / "in" / "a.tif")
    found = sbd.watch(tmp_path / "in", tmp_path / "out", idle=0.0, model=model, gain=1.0)
    assert found.fates["denoised"] == 1
