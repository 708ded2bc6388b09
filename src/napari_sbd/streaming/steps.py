"""A session whose frames go into an unfinished result."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import SBDError, reason_of
from ..micrograph import Micrograph
from ..recipe import with_recipe
from ..session import Fate, Frame, Session
from .unfinished import Unfinished

_logger = logging.getLogger(__name__)


class Steps:
    """What happens to the frames of a session once they are computed.

    Parameters
    ----------
    session
        Computes them.
    work
        The unfinished result.
    """

    def __init__(self, session: Session, work: Unfinished) -> None:
        self.session, self._work = session, work

    @property
    def fates(self) -> dict[int, Fate]:
        """Of the frames that are done."""
        return {index: entry.fate for index, entry in self._work.entries.items()}

    @property
    def reasons(self) -> dict[int, str]:
        """Why frames were not denoised."""
        return {index: entry.reason for index, entry in self._work.entries.items()}

    @property
    def filled(self) -> dict[int, int]:
        """How many outliers the frames that are done had."""
        return {index: entry.filled for index, entry in self._work.entries.items()}

    def begin(self) -> None:
        """Make room for the result, or find the frames that are done."""
        session = self.session
        template = self._with_entry(dict.fromkeys(range(len(session)), "denoised"))
        with self._writing():
            self._work.open(template, _job(session))
        _logger.debug("%d of %d frames were done before", len(self._work.entries), len(session))

    def write(self, index: int, frame: Frame) -> None:
        """Write a frame and note that it is done."""
        with self._writing():
            self._work.put(index, frame.values, frame.fate, frame.reason, frame.filled)

    def finish(self) -> None:
        """Write the recipe, which now lists the frames that were not denoised, and end."""
        with self._writing():
            self._work.finish(self._with_entry(self.fates))

    def _with_entry(self, fates: Mapping[int, Fate]) -> Micrograph:
        """The result without its pixels."""
        source = self.session.source
        nothing = np.broadcast_to(np.float32(0), source.shape)
        return with_recipe(source.replace(data=nothing), self.session.entry(fates, self.filled))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SBDError(
                f"{self._work.target} cannot be written ({reason_of(error)}); make room or "
                f"check the rights of its folder, then resume: {len(self._work.entries)} frames "
                f"are kept in {self._work.folder.name}."
            ) from error


def _job(session: Session) -> dict[str, Any]:
    """What determines a result, as plain values."""
    entry = session.entry(dict.fromkeys(range(len(session)), "denoised"))
    job = {**entry["versions"], **entry["settings"], "source": str(session.source.source)}
    job["source_state"] = session.source_state
    if job["gain_tuning"]:  # the text of the gains varies; their checksum stands for them
        tuning = job["gain_tuning"].items()
        job["gain_tuning"] = {key: value for key, value in tuning if key != "gains"}
    return dict(json.loads(json.dumps(job)))
