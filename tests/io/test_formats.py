"""The table of formats: the documentation says what the code reads, and each row is tested."""

import re
from pathlib import Path

import pytest

import napari_sbd.io as io
from napari_sbd.io.formats import FORMATS, markdown, readers, writers

ROOT = Path(__file__).parents[2]


def test_the_documentation_has_the_table_of_the_code():
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    table = page.partition("napari_sbd.io.formats.markdown() -->\n")[2].partition("<!-- end -->")[0]
    assert table.strip() == markdown()


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_every_row_names_tests_that_try_its_suffixes(row):
    names = re.findall(r"(?:tests/io/)?(test_\w+\.py)", row.tested)
    assert names
    names.append("test_read.py")  # which tries all that need no other package
    text = "".join((ROOT / "tests" / "io" / name).read_text("utf-8") for name in names)
    missing = [suffix for suffix in row.suffixes if suffix not in text]
    if "not on a file" not in row.tested:
        assert not missing


def test_every_suffix_has_one_reader():
    seen = {}
    for row in FORMATS:
        for suffix in row.suffixes:
            assert seen.setdefault(suffix, row.reader) == row.reader
    assert not set(readers()) & set(readers(rosetta=True))
    assert set(io.WRITE_SUFFIXES) | set(readers(folders=True)) >= set(writers())


def test_what_is_written_is_read():
    for row in FORMATS:
        assert {s.removeprefix(".ome") for s in row.writes} <= set(row.suffixes)


def test_napari_is_told_of_the_same_files():
    manifest = (ROOT / "src" / "napari_sbd" / "napari.yaml").read_text("utf-8")
    patterns = set(re.findall(r'"\*(\.[\w.]+)"', manifest.partition("writers:")[0]))
    own = {s for f in FORMATS if not f.rosetta and f.of_folders for s in f.suffixes}
    assert own - patterns <= {".png"}  # pictures belong to napari
