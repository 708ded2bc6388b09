from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from npe2 import PluginManifest

ROOT = Path(__file__).parents[2]


def test_every_command_of_the_manifest_is_there():
    PluginManifest.from_distribution("napari-sbd").validate_imports()


def test_the_manifest_at_the_top_is_the_packaged_one():
    assert (ROOT / "napari.yaml").read_text() == (ROOT / "src/napari_sbd/napari.yaml").read_text()


@pytest.mark.parametrize(
    ("menu", "commands"),
    [
        ("napari/layers/filter", {"denoise", "gaintune", "series"}),
        (
            "napari/layers/measure",
            {"agreement", "columns", "compare", "detector", "filter", "residual"}
            | {"fft", "profile", "strain", "calibrate", "histogram"},
        ),
        ("napari/file/new_layer", {"phantom"}),
        ("napari/file/io_utilities", {"batch", "train"}),
        ("napari/layers/metadata", {"copy_python", "copy_command", "recipe"}),
    ],
)
def test_widgets_are_in_the_menus_where_one_looks_for_them(menu, commands):
    manifest = PluginManifest.from_distribution("napari-sbd")
    found = {item.command for item in manifest.contributions.menus[menu]}
    assert found == {f"napari-sbd.{name}" for name in commands}


def test_opening_the_widget_loads_no_torch():
    code = (
        "import sys, numpy as np\n"
        "from qtpy.QtWidgets import QApplication\n"
        "from napari.components import ViewerModel\n"
        "from napari_sbd._napari.denoise.widget import DenoiseWidget\n"
        "app = QApplication([])\n"
        "widget = DenoiseWidget(ViewerModel())\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )


def test_napari_offers_our_reader_for_all_that_is_read():
    from napari_sbd.io.formats import FORMATS

    manifest = PluginManifest.from_distribution("napari-sbd")
    patterns = {p for reader in manifest.contributions.readers for p in reader.filename_patterns}
    images = (one.suffixes for one in FORMATS if one.of_folders)  # a gain reference is none
    assert {f"*{suffix}" for suffixes in images for suffix in suffixes} <= patterns


def test_files_through_rosettasciio_and_png_open(make_napari_viewer):
    """As a person opens them who chooses this plugin."""
    files = ROOT.parent / "shared" / "data"
    names = [
        "more/merlin_multi.mib",
        "more/tia_64x64x5_TEM_preview.emi",
        "png_DyScO3_haadf_8bit.png",
    ]
    if not files.exists():
        pytest.skip("files of other people are not here")
    viewer = make_napari_viewer()
    for name, frames in zip(names, (9, 5, 1024), strict=True):
        (layer,) = viewer.open(str(files / name), plugin="napari-sbd")
        assert layer.data.shape[0] == frames
