"""The pages of the documentation, and the code on them."""

import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its text, and the line of the page where it begins."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found, inside, start = [], None, 0
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if inside is None and line.startswith("```"):
            language, inside, start = line[3:], [], number + 1
        elif inside is not None and line == "```":
            found.append(Block(language, "\n".join(inside) + "\n", start))
            inside = None
        elif inside is not None:
            inside.append(line)
    assert inside is None, f"{page.name}: the block of line {start} has no end"
    return found


def commands(block: Block) -> list[list[str]]:
    """The words of each command of a block of shell."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]
