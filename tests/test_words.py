"""What people are told: sentences that fit the window as well as Python and the command line."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import napari_sbd

SOURCE = Path(napari_sbd.__file__).parent
ROOMS_OF_CODE = {"cli", "provenance"}  # the command line has options, and recipes become scripts
TOLD = {"SBDError", "BlankImage", "DeviceFull", "warn"}
KEYWORD = re.compile(r"\b[a-z]\w*=(?!=)")
OPTION = re.compile(r"--[a-z]")
CODE = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\b[a-z]\w+\(\)|(?<![\w-])sbd\.|\bNone\b")


def text_of(node):
    """The words of a string, with ``{}`` for what is put in; None for what is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return None


@cache
def sentences():
    """(place, words) of all that is told as an error or a warning."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0]
        if room in ROOMS_OF_CODE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in TOLD:
                continue
            # what only callers of Python can do wrong
            if any("FutureWarning" in ast.unparse(argument) for argument in node.args):
                continue
            inside = [text_of(part) for argument in node.args for part in ast.walk(argument)]
            words = max((text for text in inside if text), key=len, default="")
            found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", words))
    return found


@cache
def strings():
    """(place, words) of all sentences in the code that are no docstrings."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0]
        if room in ROOMS_OF_CODE or path.name == "errors.py":  # which names arguments by position
            continue
        tree = ast.parse(path.read_text("utf-8"))
        hidden = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
                hidden |= {id(part) for part in ast.walk(node)}
            if isinstance(node, ast.JoinedStr):
                hidden |= {id(part) for part in node.values}
        for node in ast.walk(tree):
            words = None if id(node) in hidden else text_of(node)
            if words and " " in words.strip():
                found.append((f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}", words))
    return found


def test_there_is_much_that_is_told():
    assert len(sentences()) > 200


@pytest.mark.parametrize("rule", [KEYWORD, OPTION, CODE], ids=["keywords", "options", "code"])
def test_nothing_that_the_window_can_show_speaks_python(rule):
    wrong = {place: words for place, words in sentences() if rule.search(words)}
    assert not wrong


def test_no_sentence_that_is_put_together_first_names_a_keyword():
    """Reasons and verdicts come from returned strings as well."""
    wrong = {place: words for place, words in strings() if KEYWORD.search(words)}
    assert not wrong


def test_the_rules_know_what_they_look_for():
    for words in ("give gain=... first", "halves=False gives it", "resume with --resume"):
        assert KEYWORD.search(words) or OPTION.search(words)
    for words in ("use follow_columns first", "call sbd.denoise", "it is None", "see denoise()"):
        assert CODE.search(words)
    for words in ("The gain is 3.", "Found by napari-sbd.", "a model (hrtem)", "Y, X == 3"):
        assert not KEYWORD.search(words) and not CODE.search(words)
