"""Preferences > SBD Denoise: what napari remembers from one session to the next; knows no Qt."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

PLUGIN = "napari-sbd"


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
