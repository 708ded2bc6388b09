"""The rooms of the house stand in one order: a room imports from those before it only.

Run this file to see the order, each room with those that it imports from.
"""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import napari_sbd

SOURCE = Path(napari_sbd.__file__).parent
ROOMS = [
    "errors",
    "files",
    "recipe",
    "units",
    "axes",
    "micrograph",
    "region",
    "sampling",
    "spacings",
    "cluster",
    "io",
    "noise",
    "networks",
    "denoising",
    "movie",
    "gaintuning",
    "session",
    "repeat",
    "denoise",
    "streaming",
    "watch",
    "annotations",
    "faint",
    "spots",
    "agreement",
    "quality",
    "columns",
    "simulation",
    "measure",
    "training",
    "series",
    "provenance",
    "figures",
    "batch",
    "__init__",
    "_napari",
    "cli",
    "__main__",
]


@cache
def imported(path: Path) -> set[tuple[str, ...]]:
    """What a module imports of the package, at its head or inside functions, as parts of names."""
    folders = path.relative_to(SOURCE).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folders[: len(folders) - node.level + 1]
            module = tuple(node.module.split(".")) if node.module else ()
            found |= {(*base, *module, name.name) for name in node.names}
    return found


def member(room: Path, name: str) -> str:
    """A module or folder of a room; ``__init__`` for what its face gives."""
    is_one = (room / name).is_dir() or (room / f"{name}.py").is_file()
    return name if is_one else "__init__"


def arrows() -> dict[str, set[str]]:
    """For each room those that it imports from."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).with_suffix("").parts[0]
        found[room] |= {member(SOURCE, parts[0]) for parts in imported(path)} - {room}
    return dict(found)


def test_every_room_has_its_place():
    assert sorted(arrows()) == sorted(ROOMS)


def test_no_arrow_runs_back_up():
    order = {room: i for i, room in enumerate(ROOMS)}
    up = {(a, b) for a, many in arrows().items() for b in many if order[b] > order[a]}
    assert not up


def test_modules_of_a_room_import_each_other_in_one_direction():
    for room in (path for path in SOURCE.rglob("*") if (path / "__init__.py").is_file()):
        inside = siblings(room)
        while inside:
            free = [name for name, needs in inside.items() if not needs & inside.keys() - {name}]
            assert free, f"modules of {room.name} import each other in a circle: {sorted(inside)}"
            for name in free:
                del inside[name]


def siblings(room: Path) -> dict[str, set[str]]:
    """For each module and folder of a room those of them that it imports from."""
    place = room.relative_to(SOURCE).parts
    found: dict[str, set[str]] = defaultdict(set)
    for path in room.rglob("*.py"):
        inner = path.relative_to(room).with_suffix("").parts[0]
        for parts in imported(path):
            if parts[: len(place)] == place:
                found[inner].add(member(room, [*parts, ""][len(place)]))
    return {name: needs - {name} for name, needs in found.items()}


if __name__ == "__main__":
    for room in ROOMS:
        print(f"{room}: {', '.join(sorted(arrows().get(room, ()), key=ROOMS.index))}")  # noqa: T201
