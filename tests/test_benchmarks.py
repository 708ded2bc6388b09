"""Scripts that take hours are not run here, but what they ask the package for is there."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_finds_what_it_takes_from_the_package(script):
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_sbd"):
            module = import_module(node.module)
            for name in (alias.name for alias in node.names):
                inside = f"{node.module}.{name}"
                assert hasattr(module, name) or import_module(inside), f"{script.name}: {inside}"
