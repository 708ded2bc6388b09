"""The documentation site: guides, gallery, and a reference made from docstrings and commands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
from typer.main import get_command
from typer.testing import CliRunner

import napari_sbd
from napari_sbd.cli import app as command_line

matplotlib.use("agg")

project = "napari-sbd"
author = "the napari-sbd developers"
version = release = napari_sbd.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["gallery"]
templates_path = ["templates"]

html_theme = "pydata_sphinx_theme"
html_title = "napari-sbd"
html_show_sourcelink = False

python_maximum_signature_line_length = 88
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# Docstrings name the arguments that there are, and all of them; types stand in the signatures.
numpydoc_validation_checks = {"GL03", "GL06", "GL07", "GL08", "PR01", "PR02"}
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "generated/gallery",
    "abort_on_example_error": True,
    "write_computation_times": False,
    "min_reported_time": 1e6,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
}


def _commands(command: Any, name: str) -> Iterator[str]:
    """Names of a command's own commands at all depths, such as ``series train``."""
    for child, inner in getattr(command, "commands", {}).items():
        full = f"{name} {child}".strip()
        yield from _commands(inner, full) if hasattr(inner, "commands") else [full]


def _write_commands(app: Any) -> None:
    """Make the page of the command line: the help of each command."""
    text = "# Command line\n"
    for name in _commands(get_command(command_line), ""):
        words = [*name.split(), "--help"]
        told = CliRunner().invoke(
            command_line, words, env={"COLUMNS": "100"}, prog_name="napari-sbd"
        )
        text += f"\n## {name}\n\n```text\n{told.output.strip()}\n```\n"
    page = Path(app.srcdir) / "generated" / "commands.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, "utf-8")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", _write_commands)
