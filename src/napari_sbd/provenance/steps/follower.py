"""What steps work on that are done once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...denoising.settings import Plain
from ...errors import SBDError
from ...files import file_checksum
from ...micrograph import Micrograph
from ...recipe import history
from .comparison import with_repetition
from .plain import Origin

if TYPE_CHECKING:
    from ...series.stack import Series


class Follower:
    """What steps that are done one after the other begin with and leave behind.

    Parameters
    ----------
    raw
        What the first step begins with; None for a simulation.
    exact
        Whether the image is the recipe's own, so that calibration and gains are those of the
        recipe. On another image its own calibration goes first, and gains that were tuned on the
        recipe's image are tuned anew.
    find
        Gives the path of another file that a step needs.
    progress, should_stop
        As in ``denoise``.

    Attributes
    ----------
    raw, newest
        The raw image, and what the next step takes.
    columns
        The table of columns that were found; None before.
    remarks
        What was not as the recipe says, in words.
    contradictions
        Where the recipe says something else than was found, in words.
    changed
        Other files than the source that have changed, in words.
    """

    def __init__(
        self,
        raw: Micrograph | Series | None,
        exact: bool,
        find: Callable[[Origin], Path],
        progress: Callable[[float, float], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.raw: Any = raw
        self.newest: Any = raw
        self.columns: Any = None
        self.remarks: list[str] = []
        self.contradictions: list[str] = []
        self.changed: list[str] = []
        self.exact, self.find = exact, find
        self.tools: dict[str, Any] = {"progress": progress, "should_stop": should_stop}

    def device(self, name: str) -> str:
        """The recipe's device, or the best that is here."""
        from ...networks.hardware import resolve_device

        try:
            resolve_device(name)
        except SBDError:
            there = str(resolve_device("auto"))
            self.remarks.append(f"The recipe's device {name} is not there; computed on {there}.")
            return there
        return name

    def compare(self, settings: Plain) -> dict[str, Any]:
        """Hold the recipe against that of the newest result, which is returned."""
        now: dict[str, Any] = history(self.newest.metadata)[-1]["settings"]
        if self.exact:
            self.contradictions += with_repetition(settings, now)
        return now

    def unchanged(self, origin: Origin, what: str) -> Path:
        """Where a file is that a step needs beside the source; it is told where it has changed.

        Parameters
        ----------
        origin
            The file, with its checksum where that is known.
        what
            It is, in words.

        Raises
        ------
        SBDError
            If it is neither at its path nor beside the result.
        """
        try:
            path = self.find(origin)
        except SBDError:
            missing = f"The {what} {origin.path} is not there any more; put it beside the result."
            raise SBDError(missing) from None
        if origin.sha256 not in (None, file_checksum(path)):
            self.changed.append(f"The {what} {path.name} has CHANGED.")
        return path

    def counts(self, noisy: Origin | None) -> Micrograph:
        """The raw image that the newest result is judged by."""
        from ...io import read

        if self.exact and noisy is not None and Path(noisy.path) != (self.raw and self.raw.source):
            return read(self.unchanged(noisy, "raw image"), **noisy.reading)
        if self.raw is None or self.raw is self.newest:
            raise SBDError("The recipe needs the raw image as well, which was only in memory.")
        raw: Micrograph = self.raw
        return raw
