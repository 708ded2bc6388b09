"""Passes that make do with less memory: in smaller tiles, and at last on the processor."""

from __future__ import annotations

import copy
import logging
from typing import Any

import numpy as np
import torch

from ..errors import DeviceFull, warn
from . import tiling
from .tile_size import SMALLEST, tile_size
from .unet import UNet

_logger = logging.getLogger(__name__)


class Passes:
    """Network passes over images, on a device whose memory may not suffice.

    Tiles are halved until a pass fits, which changes nothing but the time it takes; where even the
    smallest do not fit, the processor takes over. Later passes begin with what worked.

    Parameters
    ----------
    device
        Where to begin.

    Attributes
    ----------
    device, tile
        Where passes run now, and the side of the tiles' cores [working pixels].
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.tile = device, tile_size()

    def __call__(self, network: UNet, image: np.ndarray, **options: Any) -> np.ndarray:
        """Pass an image through a network; arguments as those of ``tiling.run``."""
        while True:
            tile, device = self.tile, self.device
            try:
                return tiling.run(_on(device, network), image, device, tile=tile, **options)
            except DeviceFull:
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                self.tile = min(tile, max(image.shape)) // 2
                _logger.debug("tiles of %d do not fit on %s; next %d", tile, device, self.tile)
                if self.tile < SMALLEST and device.type == "cpu":
                    raise
            if self.tile < SMALLEST:
                self._leave()

    def _leave(self) -> None:
        warn(
            f"The memory of {self.device} does not suffice, even in small tiles; the processor "
            "computes instead."
        )
        self.device, self.tile = torch.device("cpu"), tile_size()


def _on(device: torch.device, network: UNet) -> UNet:
    """A network on a device; others share it, so it is copied rather than moved."""
    if next(network.parameters()).device.type == device.type:
        return network
    return copy.deepcopy(network).to(device)
