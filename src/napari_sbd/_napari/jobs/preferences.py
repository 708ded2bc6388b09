"""Preferences > SBD Denoise: what napari remembers from one session to the next; knows no Qt."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

PLUGIN = "napari-sbd"
_FOLDERS = 200  # whose modality is remembered


def preference(name: str) -> Any:
    """A value that the user chose in napari's preferences, or the manifest's default.

    Parameters
    ----------
    name
        A property of ``contributions.configurations.work`` in ``napari.yaml``.
    """
    from napari.settings import get_plugin_settings

    try:
        return getattr(get_plugin_settings(PLUGIN).work, name)
    except KeyError:  # a process in which napari did not discover plugins
        return _defaults()[name]


def prefer(name: str, value: Any) -> None:
    """Remember a value for next time."""
    from napari.settings import get_plugin_settings

    try:
        setattr(get_plugin_settings(PLUGIN).work, name, value)
    except KeyError:
        _defaults()[name] = value


def modality_of(folder: str | None) -> str:
    """What the images of a folder are, as the user said last; ``"auto"`` where nothing was said."""
    return str(_modalities().get(folder, "auto"))


def remember_modality(folder: str | None, modality: str) -> None:
    """Remember what the images of a folder are."""
    if folder is None:
        return
    known = _modalities()
    known.pop(folder, None)
    if modality != "auto":
        known[folder] = modality
    prefer("modalities", json.dumps(dict(list(known.items())[-_FOLDERS:])))


def _modalities() -> dict[str | None, str]:
    try:
        return dict(json.loads(preference("modalities") or "{}"))
    except (ValueError, TypeError):  # edited by hand
        return {}


def obey_limits() -> None:
    """Let this thread's computations use the threads and the size of tiles that the user wants.

    Raises
    ------
    SBDError
        If tiles cannot have this size.
    """
    from ...networks.tile_size import set_tile_size

    set_tile_size(preference("tile"))
    threads = preference("threads")
    if threads:
        import torch

        torch.set_num_threads(threads)


@lru_cache
def _defaults() -> dict[str, Any]:
    from npe2 import PluginManifest

    work = PluginManifest.from_distribution(PLUGIN).contributions.configurations["work"]
    return {name: entry.default for name, entry in work.properties.items()}
