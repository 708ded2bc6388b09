"""File > Open Sample: noisy micrographs of known truth, simulated when asked for."""

from __future__ import annotations

from .micrographs import LayerData, to_layer

# drawn so that particle, support and vacuum are all in the picture
_IMAGE_SEED, _MOVIE_SEED = 2, 7
_SCENE_SEED, _CLIP_SEED = 16, 1  # a particle that tilts to and fro while all drifts
_DOSE = 0.45  # electrons per pixel and frame


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


def changing() -> list[LayerData]:
    """Twelve frames of 384 x 384 pixels of a scene that drifts while its particle changes."""
    import numpy as np

    from ...micrograph import Micrograph
    from ...simulation.clips import draw_clip
    from ...simulation.scenes import simulate_scene

    scene = simulate_scene("pt_ceo2", _SCENE_SEED, 38.0)
    rng = np.random.default_rng(_CLIP_SEED)
    clip = draw_clip([scene], rng, 12, 384, 0.0061)
    counts = rng.poisson(_DOSE * clip.images).astype(np.uint16)
    facts = {"kind": "pt_ceo2", "scene": _SCENE_SEED, "clip": _CLIP_SEED, "dose": _DOSE}
    noisy = Micrograph(counts, clip.pixel_nm, gain=1.0, metadata={"simulation": facts})
    return [to_layer(noisy.replace(name="Pt on CeO2 that changes"))]
