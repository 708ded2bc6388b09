"""One camera after another in a watched folder, each with a model made ready for its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..denoising.settings import Settings
from ..errors import BlankImage, SBDError, listening, warn
from ..micrograph import Micrograph
from ..micrograph.frames import as_micrograph
from ..networks import find_model
from ..noise.references import corrected, correction, mean_of
from ..recipe import with_recipe
from ..region import LEAST, Region
from ..sampling import WORKING_PIXEL
from ..session import Fate, Session
from ..session.gains import given_gains
from .recipes import of_frame

_PREVIEW = 150  # working pixels along a side, which two cores denoise five times a second


class Refused(SBDError):
    """Frames that cannot be denoised with these settings, and could be with others.

    Attributes
    ----------
    kind
        What these frames have in common.
    """

    def __init__(self, reason: str, kind: object) -> None:
        super().__init__(reason)
        self.kind = kind


class Cameras:
    """Models made ready for frames: one for each shape and calibration that comes along.

    Parameters
    ----------
    settings
        How to denoise.
    say
        Called with each warning, once.
    should_stop
        Asked within each frame; True raises ``Cancelled``.
    preview
        Whether of large frames the middle alone is denoised, at the full resolution.

    Raises
    ------
    SBDError
        If model, device, gains or references are not to be had, or the frames' own pattern is to be
        taken out.
    """

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], None],
        should_stop: Callable[[], bool] = lambda: False,
        preview: bool = False,
    ) -> None:
        if settings.fixed_pattern:
            raise SBDError(
                "A fixed pattern is found in the frames of a whole movie, which are still to come; "
                "give a gain reference."
            )
        from ..networks.hardware import resolve_device

        find_model(settings.model)
        resolve_device(settings.device)
        given_gains(settings)
        self._settings, self._say, self._stop = settings, say, should_stop
        self._preview = preview
        self._sessions: dict[object, Session] = {}
        self._firsts: dict[object, Micrograph] = {}
        self._corrections: dict[object, tuple[Any, Any]] = {}
        self._said: set[str] = set()
        self._refused: set[object] = set()
        self._dark = settings.dark and mean_of(settings.dark, "dark reference")
        self._response = settings.gain_reference and mean_of(
            settings.gain_reference, "gain reference"
        )

    def first_like(self, image: Micrograph) -> Micrograph | None:
        """The frame by which the model of such frames was made ready; None where there is none."""
        return self._firsts.get(self.kind(image))

    def is_like(self, image: Micrograph) -> Callable[[Micrograph], bool]:
        """Whether another image is one of its kind."""
        return lambda other: self.kind(other) == self.kind(image)

    def denoise(
        self, image: Micrograph, first: Micrograph | None = None
    ) -> tuple[Micrograph, Fate, str]:
        """Denoise one frame (Y, X).

        Parameters
        ----------
        image
            The frame.
        first
            By which the model for such frames is made ready where there is none yet; None takes
            this one.

        Returns
        -------
        The result with its recipe, what became of the frame, and why.

        Raises
        ------
        Refused
            If such frames cannot be denoised with these settings.
        SBDError
            If this one cannot be denoised.
        Cancelled
            If it was asked for.
        """
        with listening() as heard:
            try:
                if first is not None and self.first_like(image) is None:
                    self._make_ready(first)
                result = self._denoised(image)
            except BlankImage as error:
                result = image.replace(data=np.asarray(image.data, np.float32)), "blank", str(error)
            except SBDError as error:
                if self._is_refused(image):
                    raise Refused(str(error), self.kind(image)) from error
                raise
        for sentence in heard:
            if sentence not in self._said:
                self._said.add(sentence)
                self._say(sentence)
        return result

    def _denoised(self, image: Micrograph) -> tuple[Micrograph, Fate, str]:
        told = as_micrograph(image, **self._settings.calibration)
        key = self.kind(image)
        session = self._make_ready(image)
        if self._dark is not None or self._response is not None:
            if key not in self._corrections:  # the first frame tells how the references lie
                self._corrections[key] = correction(told, self._dark, self._response)
            told = corrected(told, *self._corrections[key]).replace(offset=0.0)
        frame = session.compute(0, np.asarray(told.data))
        result = told.replace(data=frame.values)
        entry = session.entry({0: frame.fate}, {0: frame.filled}, checksum=False)
        entry = of_frame(entry, told, self._firsts[key], frame)
        return with_recipe(result, entry), frame.fate, frame.reason

    def _make_ready(self, image: Micrograph) -> Session:
        """The model for such frames, made ready by this one where there is none yet."""
        key = self.kind(image)
        if key not in self._sessions:
            # as a movie of one frame, since more will follow that may be blank
            alone = image.replace(data=np.asarray(image.data)[None])
            chosen = self._settings
            middle = _middle(as_micrograph(image, **chosen.calibration)) if self._preview else None
            if middle is not None:
                warn(
                    f"This is a preview: of {image.shape[0]} x {image.shape[1]} pixels only rows "
                    f"and columns {middle} are denoised."
                )
                chosen = chosen.model_copy(update={"region": str(middle)})
            self._sessions[key] = Session(alone, chosen, should_stop=self._stop)
            self._firsts[key] = image
        return self._sessions[key]

    def _is_refused(self, image: Micrograph) -> bool:
        """Whether it is the settings that stand in the way, and not the frame itself."""
        kind = self.kind(image)
        corrects = self._dark is not None or self._response is not None
        if kind in self._sessions and (kind in self._corrections or not corrects):
            return False
        if kind not in self._refused:
            plain = Settings(
                model=find_model().name,
                device=self._settings.device,
                noise="white",
                outliers=False,
                illumination=False,
            )
            try:
                Session(image.replace(data=np.asarray(image.data)[None]), plain)
            except BlankImage:
                return True  # which it is to be called by settings that fit
            except SBDError:
                return False
            self._refused.add(kind)
        return True

    def kind(self, image: Micrograph) -> object:
        """What frames have in common for which a model is made ready."""
        told = as_micrograph(image, **self._settings.calibration)
        return told.shape, told.pixel_size_yx, told.gain, told.offset


def _middle(image: Micrograph) -> Region | None:
    """The part of a frame that keeps up with a microscope; None where that is all of it."""
    size = image.pixel_size_yx
    pixels = [_PREVIEW * (WORKING_PIXEL / p if size else 6) for p in size or (1.0, 1.0)]
    sides = [min(n, max(LEAST, round(p))) for n, p in zip(image.shape, pixels, strict=True)]
    if sides == list(image.shape):
        return None
    rows, columns = (
        ((n - side) // 2, (n + side) // 2) for n, side in zip(image.shape, sides, strict=True)
    )
    return Region(rows, columns)
