"""File > Open Sample: noisy micrographs of known truth, simulated when asked for."""

from __future__ import annotations

from .micrographs import LayerData, to_layer

# drawn so that particle, support and vacuum are all in the picture
_IMAGE_SEED, _MOVIE_SEED = 2, 7


def image() -> list[LayerData]:
    """Pt on CeO2, 1024 x 1024 pixels of 6.1 pm, 0.45 electrons per pixel."""
    from ...simulation.phantom import simulate

    noisy = simulate(seed=_IMAGE_SEED).noisy
    return [to_layer(noisy.replace(name="Pt on CeO2"))]


def movie() -> list[LayerData]:
    """Eight frames of 512 x 512 pixels of the same scene, each with its own noise."""
    from ...simulation.phantom import simulate

    noisy = simulate(size=512, frames=8, seed=_MOVIE_SEED).noisy
    return [to_layer(noisy.replace(name="Pt on CeO2 movie"))]
