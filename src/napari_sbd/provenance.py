"""The recipe that every result carries."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from .micrograph import Micrograph

KEY = "napari_sbd"


def recipe(operation: str, **settings: Any) -> dict[str, Any]:
    """What is needed to repeat a result: operation, versions and settings, as plain values."""
    versions = {name: version(name) for name in ("napari-sbd", "torch", "numpy")}
    values = {key: v.item() if isinstance(v, np.generic) else v for key, v in settings.items()}
    return {"operation": operation, "versions": versions, "settings": values}


def with_recipe(result: Micrograph, entry: dict[str, Any]) -> Micrograph:
    """Return a micrograph whose metadata hold one more step of its history."""
    history = [*result.metadata.get(KEY, {}).get("history", []), entry]
    return result.replace(metadata={**result.metadata, KEY: {"history": history}})
