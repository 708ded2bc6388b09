"""Read-out noise: from pixels without electrons, or from what a point spread leaves white."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .variance_line import Line
from .white_floor import Floor

MAY_HIDE = 0.5  # electrons of read-out noise that a detector may have without our knowing


@dataclass(frozen=True)
class ReadOut:
    """Read-out noise [file units], and whether the spectrum tells it apart from the offset."""

    noise: float = 0.0
    error: float = 0.0
    apart: bool = False

    @classmethod
    def of(cls, floor: Floor, step: float) -> ReadOut:
        """What does not grow with brightness, since a point spread leaves it white."""
        variance = floor.read - step**2 / 12
        if not variance > 2 * floor.read_err:
            return cls()
        noise = float(np.sqrt(variance))
        return cls(noise, floor.read_err / 2 / noise, apart=True)

    @classmethod
    def above(cls, line: Line, offset: float, share: float) -> ReadOut:
        """What the variance of a line through tiles is at zero electrons."""
        variance = line.gain * share * (offset - line.offset)
        error = line.gain * share * line.offset_err
        if not variance > error:
            return cls(0.0, float(np.sqrt(max(variance, 0) + error)))
        noise = float(np.sqrt(variance))
        return cls(noise, error / 2 / noise, apart=True)

    def hidden(self, gain: float, floor: Floor) -> float:
        """By how much read-out noise that is not known may move the offset [file units]."""
        unknown = floor.read_err / max(gain * floor.share, 1e-9)
        return unknown if self.apart else max(MAY_HIDE**2 * gain, unknown)


@dataclass(frozen=True)
class Beamless:
    """What pixels without electrons tell: offset and read-out noise [file units]."""

    level: float
    read_noise: float
    count: int

    @classmethod
    def of(cls, frames: list[np.ndarray], where: np.ndarray) -> Beamless:
        values = np.concatenate([frame[where] for frame in frames])
        return cls(float(values.mean()), float(values.std()), values.size)

    @property
    def level_err(self) -> float:
        return float(self.read_noise / np.sqrt(self.count))

    @property
    def read_out(self) -> ReadOut:
        return ReadOut(self.read_noise, float(self.read_noise / np.sqrt(2 * self.count)))
