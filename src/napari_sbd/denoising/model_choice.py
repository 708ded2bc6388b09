"""The model for a frame as its camera made it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..io.detector_name import contrast_told
from ..micrograph import Micrograph
from ..networks.choice import Choice, Modality, choose_model
from ..noise.camera import Camera
from ..noise.spectrum_estimate import estimate_spectrum
from ..noise.whitening import whiten
from ..noise.working import filled


def choose_for(
    source: Micrograph,
    camera: Camera,
    first: np.ndarray,
    sums: np.ndarray,
    modality: Modality = "auto",
    device: Any = "auto",
) -> tuple[Choice, Camera]:
    """Choose among the bundled models, with outliers left out and correlated noise made white.

    Parameters
    ----------
    source
        Gives the pixel size, and perhaps the name of a scanning detector, which tells the modality
        where that is left open.
    camera
        What it did, as ``look_at`` found it.
    first, sums
        (Y, X) the frame that was looked at, and (H, W) its block sums.
    modality, device
        As ``choose_model`` takes them.

    Returns
    -------
    The choice, and the camera with a sentence more where the file named the detector.
    """
    named = contrast_told(source.metadata) if modality == "auto" else None
    kind = named[0] if named else modality
    white = camera.working(sums).image if camera.noise is not None else None
    if white is None and source.pixel_size is None and min(camera.block) == 1:
        # noise that hangs together too little to matter elsewhere would count as detail here
        weak = estimate_spectrum([sums], camera.block, force=True)
        white = None if weak is None else whiten(filled(sums), weak)
    choice = choose_model(first, camera.block, source.pixel_size_yx, device, white, kind, sums)
    if named is None:
        return choice, camera
    told = f"{named[0]}, as the detector {named[1]} in the file tells"
    said = f"{told[0].upper()}{told[1:]}."
    more = "" if choice.reason == f"it is {kind}" else f": {choice.reason}"
    return (
        replace(choice, reason=told + more),
        replace(camera, seen=(said, *camera.seen)),
    )
