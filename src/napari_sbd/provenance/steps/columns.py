"""The step ``find_columns``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ...denoising.settings import Seed
from ...errors import SBDError
from ...micrograph import Micrograph
from .commands import ONE_FRAME, Commands, options
from .operation import Operation
from .plain import Origin, PixelSize, Positive, calibration
from .script import Script, call, defaults_of

if TYPE_CHECKING:
    from .follower import Follower
    from .text import Text


class Columns(Operation):
    """Settings of ``find_columns``; ``noisy`` is False where no counts were given, None where they
    were in memory. ``frame`` and ``noisy_frame`` are the numbers of images that were taken out of
    movies."""

    operation = "find_columns"

    polarity: Literal["auto", "bright", "dark"]
    sensitivity: float
    spacing: float | None
    alpha: float | None
    halves: bool = True
    pixel_size: PixelSize = None
    gain: Positive | None = None
    offset: float = 0.0
    region: str | None = None
    frame: Seed | None = None
    noisy_frame: Seed | None = None
    noisy: Origin | Literal[False] | None = None

    def python(self, script: Script) -> None:
        """Found, and the table written."""
        from ...columns import find_columns

        noisy = "None" if self.noisy is False else script.counts(self.noisy)
        arguments = {**self._calibration(), **self._search(), "halves": self.halves}
        pair = (noisy, self.noisy_frame), (script.newest, self.frame)
        names = [name if n is None else f"{name}.frame({n})" for name, n in pair]
        code = call("sbd.find_columns", names, arguments, defaults_of(find_columns))
        script.lines.append(f"columns = {code}")
        script.ending = f'sbd.write_columns(columns, "{script.target("_columns.csv")}")'

    def command(self, commands: Commands) -> list[str]:
        """``columns``."""
        if (self.frame, self.noisy_frame) != (None, None):
            raise SBDError(ONE_FRAME)
        newest = commands.newest
        if self.noisy is False:
            words = [newest, "--as-it-is"]
        else:
            words = [commands.counts(self.noisy), "--denoised", newest]
            words += [] if self.halves else ["--no-halves"]
        words += options(self._calibration(), {})
        searched = self._search()
        usual = dict.fromkeys(searched) | {"polarity": "auto", "sensitivity": 0.5}
        words += options(searched, usual)
        return ["columns", *words, "-o", commands.target("_columns.csv", commands.raw)]

    def do(self, follower: Follower) -> Any:
        """Find them in the newest image."""
        from ...columns import find_columns

        settings = {**self._search(), "halves": self.halves}
        if follower.exact:
            settings |= {"pixel_size": self.pixel_size, "gain": self.gain}
            settings |= {} if self.gain is None else {"offset": self.offset}
        noisy = None if self.noisy is False else follower.counts(self.noisy)
        newest = follower.newest
        if follower.exact:
            noisy, newest = _taken(noisy, self.noisy_frame), _taken(newest, self.frame)
        follower.columns = find_columns(noisy, newest, **settings, **follower.tools)
        return follower.columns

    def cite(self, text: Text) -> None:
        """Search, fit and test."""
        image = "image" if self.noisy is False else "denoised image"
        if self.frame is not None:
            image = f"{image} of frame {self.frame}"
        if self.region:
            image = f"region {self.region} [px] of the {image}"
        tested = ""
        if self.noisy is not False:
            data = "raw counts" if self.gain is not None else "raw image"
            tested = (
                f"; each column was tested against the {data} at a false discovery rate of 5 % "
                f"{text.named('fdr')}"
            )
        text.say(
            f"Atomic columns were located in the {image} with {text.program} (polarity "
            f"{self.polarity}, sensitivity {self.sensitivity:g}) and fitted by two-dimensional "
            f"Gaussians{tested}."
        )

    def _search(self) -> dict[str, Any]:
        names = "polarity", "sensitivity", "spacing", "alpha", "region"
        return {name: getattr(self, name) for name in names}

    def _calibration(self) -> dict[str, Any]:
        return calibration(self.pixel_size, self.gain, self.offset)


def _taken(image: Micrograph | None, frame: int | None) -> Micrograph | None:
    """A frame of a movie; an image as it is."""
    if image is None or frame is None or not image.is_movie:
        return image
    return image.frame(frame)
