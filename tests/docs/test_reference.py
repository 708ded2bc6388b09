"""The reference: everything public stands in it, with an example that runs."""

import ast
import doctest
import inspect
import re
import textwrap
import warnings

import pytest
from pages import PAGES, ROOT, blocks

import napari_sbd as sbd

REFERENCE = (ROOT / "docs" / "reference.rst").read_text("utf-8")
NAMES = sorted(set(sbd.__all__) - {"__version__"})
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_the_reference_has_everything_public():
    assert sorted(re.findall(r"^   (\w+)$", REFERENCE, re.MULTILINE)) == NAMES


@pytest.fixture(scope="module")
def before():
    """The names that the examples begin with, made by the lines of the page."""
    code = REFERENCE.partition(".. code-block:: python\n")[2].partition("\n.. ")[0]
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of images as small as these
        exec(textwrap.dedent(code), names)
    return names


@pytest.mark.parametrize("name", NAMES)
def test_examples_give_what_they_say(name, before, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "camera").mkdir()
    text = inspect.getdoc(getattr(sbd, name))
    examples = doctest.DocTestParser().get_doctest(text, dict(before), name, name, 0)
    assert examples.examples
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        runner.run(examples, out=told.append)
    assert not told, "".join(told)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_calls_is_public(page):
    """In its code and in its text."""
    code = [block.text for block in blocks(page) if block.language == "python"]
    used = {
        node.attr
        for text in code
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "sbd"
    }
    used |= set(re.findall(r"\b(?:sbd|napari_sbd)\.(\w+)\(", page.read_text("utf-8")))
    assert used <= set(NAMES)
