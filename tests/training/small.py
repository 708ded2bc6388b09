"""A recipe of a run that takes seconds, and folders of runs that share their data."""

SMALL = {
    "name": "tiny",
    "description": "a test",
    "mixture": {"sheet": 1},
    "waves": 20,
    "images": 40,
    "image_size": 64,
    "crops": [32, 48],
    "batch": 2,
    "network": {"widths": [8, 16, 16], "depths": [1, 1, 1], "heads": 2, "non_local": 1},
    "steps": 6,
}


def with_data_of(other, folder):
    """A folder for a run with the data of another, whose recipe differs in the training alone."""
    folder.mkdir()
    for name in ("waves", "images"):
        (folder / name).symlink_to(other / name)
    (folder / "data.json").write_text((other / "data.json").read_text())
    return folder
