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
