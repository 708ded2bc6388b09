"""What a kind of step is: its settings, and all that can be done with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...denoising.settings import Plain
from ...errors import SBDError

if TYPE_CHECKING:
    from .commands import Commands
    from .follower import Follower
    from .script import Script
    from .text import Text


class Operation(Plain, ABC):
    """Settings of a kind of step.

    Attributes
    ----------
    operation
        Its name in recipes.
    begins
        Whether it takes no image, as a simulation.
    takes_series
        Whether it takes stacks of other kinds than images and movies.
    """

    operation: ClassVar[str]
    begins: ClassVar[bool] = False
    takes_series: ClassVar[bool] = False

    @abstractmethod
    def python(self, script: Script) -> None:
        """Add lines to a script."""

    def command(self, commands: Commands) -> list[str]:
        """Words of a command, after that of the program."""
        raise SBDError(f"There is no command for {self.operation!r}; copy the recipe as Python.")

    @abstractmethod
    def do(self, follower: Follower) -> Any:
        """Do it once more."""

    @abstractmethod
    def cite(self, text: Text) -> None:
        """Say what was done, in a paper."""

    def contradictions(self, result: Any) -> list[str]:
        """Where it contradicts itself, the models that are here, or the image that it made.

        Parameters
        ----------
        result
            That image, where there is one to be looked at.

        Returns
        -------
        Sentences, such as "Its dose is 123, and the image holds 0.45."
        """
        return []

    def comparable(self, then: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What of a stored result and its repetition can be compared."""
        return np.asarray(then), np.asarray(now)
