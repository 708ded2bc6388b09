"""The step ``denoise``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from ... import sampling
from ...denoising.settings import Repeated, Seed, Settings
from ...errors import BlankImage, SBDError
from ...micrograph import Micrograph
from ...micrograph.frames import frame_range, reference_frame
from ...region import Region
from ...units import number_of
from .camera import corrected, prepared
from .commands import ONE_FRAME, Commands, options
from .comparison import same, short, words
from .operation import Operation
from .plain import Network, Origin, PixelSize, Positive, calibration, own_first
from .script import WRITTEN, Script, call, defaults_of
from .tuning import Tuning
from .watched import Looked, watched

if TYPE_CHECKING:
    from .follower import Follower
    from .text import Text

_FILES = {"dark": "dark reference", "gain_reference": "gain reference", "noise": "noise spectrum"}
# The mean of a denoised frame stays within 2 % of that of the counts, see tests/provenance.
_MEAN = 0.1


class Denoise(Network, Repeated, Operation):
    """Settings of ``denoise``, and what was found; ``frame`` is the number of an image that was
    taken out of a movie."""

    operation = "denoise"

    model_choice: str
    device: str
    precision: str | None = None
    block: tuple[int, int]
    shape: tuple[int, ...] | None = None
    pixel_size: PixelSize
    gain: Positive | None
    offset: float
    dose: float | None = None
    gain_tuning: Tuning | None = None
    frames: Annotated[str, Field(pattern=r"^(-?\d+|(-?\d+)?:(-?\d+)?)$")] | list[int] | None = None
    frame: Seed | None = None
    alone_frames: list[int] | None = None
    blank_frames: list[int] | None = None
    unreadable_frames: list[int] | None = None
    outlier_filled_frames: dict[int, int] | None = None
    movie_choice: str | None = None
    movie_share: float | None = None
    camera: dict[str, Any] | None = None
    looked_at: Looked | None = None
    dark_sha256: str | None = None
    gain_reference_sha256: str | None = None
    noise_sha256: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _before_cameras_were_looked_at(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "outliers" not in values:
            return {"outliers": False, "noise": "white", "illumination": False, **values}
        return values

    @model_validator(mode="after")
    def _one_way(self) -> Denoise:
        if self.neighbours and self.gain_tuning is not None:
            raise ValueError("neighbours and gain_tuning exclude each other")
        return self

    @property
    def readable(self) -> list[int]:
        """Frames of a movie's result that the source could be read for."""
        lost = set(self.unreadable_frames or ())
        return [i for i in range((self.shape or (1,))[0]) if i not in lost]

    def settings_for(
        self, image: Micrograph, exact: bool, device: str, files: Mapping[str, str] | None = None
    ) -> Settings:
        """How an image is denoised as the recipe says.

        Parameters
        ----------
        image
            What will be denoised.
        exact
            As in ``Follower``: gains that were tuned on the recipe's image are applied as they are,
            and on another image tuned anew.
        device
            Where.
        files
            Where references and noise spectrum are now.
        """
        known = {"pixel_size": self.pixel_size, "gain": self.gain, "offset": self.offset}
        chosen = self._repeated() | dict(files or {})
        if self.gain_tuning is not None:
            chosen |= self.gain_tuning.settings(exact)
        known = known if exact else own_first(known, image)
        return Settings.of(**known, **chosen, model=self.found_again(), device=device)

    def python(self, script: Script) -> None:
        """Denoised, tuned where it was, and written."""
        from ...denoise import denoise

        image = script.newest
        if self.frame is not None:
            script.assign(image, f"{image}.frame({self.frame})")
        if isinstance(self.frames, str):
            script.assign(image, f"{image}.replace(data={image}.data[{_slice(self.frames)}])")
        elif self.frames is not None:
            note = f"# the run was ended after frames {self.frames}; this denoises all"
            script.lines.append(note)
        if unknown := self._unknown():  # what the file may say of it was not used
            forget = ", ".join(f"{name}=None" for name in unknown)
            script.assign(image, f"{image}.replace({forget})")
        where = {"model": self.model_path or self.model, "device": self.device}
        given = {**self._calibration(), **where}
        arguments = {**given, **self._repeated()}
        if self.gain_tuning is not None:
            arguments |= self.gain_tuning.python(script, given)
        code = call("sbd.denoise", (image,), arguments, defaults_of(denoise, WRITTEN))
        script.assign("denoised", code)
        script.save("_denoised")

    def command(self, commands: Commands) -> list[str]:
        """``denoise``."""
        if self.frame is not None:
            raise SBDError(ONE_FRAME)
        given = ["denoise", commands.newest, "-o", commands.target("_denoised.ome.tif")]
        given += options(self._calibration(), {})
        if isinstance(self.frames, str):
            given += ["--frames", self.frames]
        given += ["--model", self.model_path or self.model]
        chosen = self._repeated()
        if self.gain_tuning is not None:
            given += self.gain_tuning.command()
            chosen.pop("seed")
        given += options(chosen, Settings().repeated())
        return [*given, "--device", self.device]

    def do(self, follower: Follower) -> Any:
        """Denoise the newest image."""
        from ...session import Session

        image, exact = follower.newest, follower.exact
        if exact and self.looked_at is not None:
            return self._watched(image, self.looked_at, follower)
        if exact and self.frame is not None and image.is_movie:
            image = follower.raw = image.frame(self.frame)
        if isinstance(self.frames, str) and self.looked_at is None:  # a watch does one by one
            numbers = frame_range(self.frames, image)
            image = follower.raw = image.replace(data=image.data[numbers.start : numbers.stop])
        if exact and self.shape and image.shape != self.shape:
            raise self._is_another(image)
        if exact and self.unreadable_frames:
            image = image.replace(data=image.data[self.readable])
        if exact:  # what the recipe does not know of, its result was made without
            image = image.replace(**dict.fromkeys(self._unknown()))
        files = self._references(follower) if exact else {}
        settings = self.settings_for(image, exact, follower.device(self.device), files)
        follower.newest = Session(image, settings, **follower.tools).collect()
        now = follower.compare(self)
        if exact:
            follower.remarks += self._remarks(now, follower.raw)
        return follower.newest

    def _watched(self, image: Micrograph, looked: Looked, follower: Follower) -> Any:
        """Denoise frames once more that a watch denoised one by one."""
        shape = self.shape or image.shape
        if isinstance(self.frames, str):
            image = follower.raw = image.frame(int(self.frames))
        # a stack may have grown since
        so_far = (min(shape[0], len(image.data)),) if image.is_movie else ()
        if (*so_far, *image.shape[-2:]) != tuple(shape):
            raise self._is_another(image)
        numbers = self.frames if isinstance(self.frames, list) else None
        files = self._references(follower)
        settings = self.settings_for(image, True, follower.device(self.device), files)
        follower.newest = watched(image, looked, shape, numbers, settings, follower)
        follower.remarks += self._remarks(follower.compare(self), follower.raw)
        return follower.newest

    def _references(self, follower: Follower) -> dict[str, str]:
        """Where references and noise spectrum are now; those that are others than then are told."""
        found = {}
        for name, path in self.files().items():
            origin = Origin(path=path, sha256=getattr(self, f"{name}_sha256"))
            found[name] = str(follower.unchanged(origin, _FILES[name]))
        return found

    def _is_another(self, image: Micrograph) -> SBDError:
        return SBDError(
            f"The recipe is of an image of shape {self.shape}, and "
            f"{image.name or 'this one'} has shape {image.shape}: it is another image, or only "
            "a part was denoised."
        )

    def cite(self, text: Text) -> None:
        """The network, how its image was made, and what else was done."""
        where = f"on {self.device}" + (f" in {self.precision}" if self.precision else "")
        movie = len(self.shape or ()) == 3
        text.say(
            f"The {'frames of the movie were' if movie else 'image was'} denoised with "
            f"{text.program} ({', '.join([*text.versions, where])}) by a convolutional neural "
            f"network that was trained on simulated micrographs (simulation-based denoising "
            f"{text.named('sbd', 'vincent')}); the network was {self.model!r} (SHA-256 "
            f"{self.model_sha256[:12]}).",
            *corrected(self.dark, self.gain_reference, self.fixed_pattern),
            self._sampling(),
            self._said_of_dose(),
            *prepared(self.camera, self.outlier_filled_frames, self.noise, self.sharpen, movie),
        )
        if (others := self._helpers()) and self.movie_share != 1:
            text.say(
                "Each frame was helped by the counts of "
                f"{number_of(others, 'neighbouring frame')}, moved by whole pixels onto it and "
                "weighted down where the scene had changed."
            )
        if self.movie_share:
            text.say(
                "The network saw each frame together with those around it; its share in the "
                f"result, chosen by held-out electrons, is {self.movie_share:.0%}."
            )
        if self.quality == "best":
            text.say(
                "Estimates were averaged over the eight flips and turns of the image"
                f"{' and over shifted grids of blocks' if max(self.block) > 1 else ''}."
            )
        if self.gain_tuning is not None:
            self.gain_tuning.cite(text)
        if self.region is not None:
            text.say(f"Only the rectangle around the region {self.region} [px] was denoised.")
        if self.frame is not None:
            text.say(f"The image is frame {self.frame} of a movie.")
        if self.frames is not None:
            text.say(f"Of the movie, only frames {self.frames} were denoised.")

    def contradictions(self, result: Any) -> list[str]:
        """Of the network's name, the block, and the calibration and dose of the image."""
        found = self.misnamed() + self._wrong_block()
        if isinstance(result, Micrograph):
            found += self._wrong_calibration(result) or self._wrong_dose(result)
        return found

    def comparable(self, then: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a movie the frames that came to an end."""
        if self.unreadable_frames:
            then = then[self.readable]
        elif isinstance(self.frames, list) and then.shape == now.shape:
            then, now = then[self.frames], now[self.frames]
        return np.asarray(then), np.asarray(now)

    def _repeated(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Repeated.model_fields}

    def _unknown(self) -> list[str]:
        return [name for name in ("pixel_size", "gain") if getattr(self, name) is None]

    def _calibration(self) -> dict[str, Any]:
        return calibration(self.pixel_size, self.gain, self.offset)

    def _remarks(self, now: Mapping[str, Any], raw: Micrograph) -> list[str]:
        """What was found otherwise, and is no contradiction."""
        found = []
        if self.precision not in (None, now["precision"]):
            found.append(f"Computed in {self.precision} then, in {now['precision']} now.")
        for key in ("pixel_size", "gain", "offset"):
            own, said = getattr(raw, key), getattr(self, key)
            if key == "offset" and raw.gain is None:
                continue  # 0 stands for one that nobody told
            if own is not None and not same(own, said):
                then = "the recipe has none"
                if said is not None:
                    then = f"that of the recipe, {short(said)}"
                found.append(f"The source's own {words(key)} is {short(own)}; {then}.")
        return found

    def _wrong_block(self) -> list[str]:
        if self.pixel_size is None or self.shape is None:
            return []
        block = sampling.choose_bin(self._pixel_size_yx(self.pixel_size))
        sides = Region.of(self.region).on(self.shape).size if self.region else self.shape[-2:]
        block = tuple(min(b, n // 8) for b, n in zip(block, sides, strict=True))  # type: ignore[assignment]
        if block == self.block:
            return []
        return [f"Its block is {short(self.block)}, and its pixel size asks for {short(block)}."]

    def _wrong_calibration(self, result: Micrograph) -> list[str]:
        """A result has the calibration that it was made with."""
        pairs = {
            "pixel_size": (self.pixel_size, result.pixel_size),
            "gain": (self.gain, result.gain),
        }
        if (self.gain is None) == (result.gain is None):
            pairs["offset"] = self._left_offset, result.offset
        return [
            f"Its {words(key)} is {short(then)}, and the image's own is {short(own)}."
            for key, (then, own) in pairs.items()
            if then is not None and own is not None and not same(then, own)
        ]

    @property
    def _left_offset(self) -> float:
        """That of the result: references take off what the file has at zero electrons."""
        return 0.0 if self.dark or self.gain_reference else self.offset

    def _wrong_dose(self, result: Micrograph) -> list[str]:
        """The network keeps the mean, so the result tells the dose."""
        if self.dose is None or self.gain is None or isinstance(self.frames, list):
            return []
        with suppress(BlankImage):
            mean = float(np.nanmean(reference_frame(result)))
            dose = (mean - self._left_offset) / self.gain
            if abs(dose - self.dose) > _MEAN * max(dose, self.dose):
                return [f"Its dose is {short(self.dose)}, and the image holds {short(dose)}."]
        return []

    def _helpers(self) -> int:
        """Frames that helped each one; a short movie has fewer than its window could hold."""
        window, shape = 2 * self.neighbours, self.shape or ()
        return min(window, shape[0] - 1) if len(shape) == 3 else window

    def _sampling(self) -> str:
        summed = f"{self.block[0]} x {self.block[1]}"
        if self.pixel_size is None:
            return f"The pixel size was not known; blocks of {summed} pixels were summed."
        sizes = self._pixel_size_yx(self.pixel_size)
        fine, coarse = (
            " x ".join(dict.fromkeys(f"{p * b:.4g}" for p, b in zip(sizes, blocks, strict=True)))
            for blocks in ((1, 1), self.block)
        )
        return f"Pixels of {fine} nm were summed {summed} to a working pixel of {coarse} nm."

    def _said_of_dose(self) -> str:
        if self.dose is None or self.gain is None:
            return "The gain of the detector was not known, so no dose is given."
        of = " of a frame, the first with beam," if len(self.shape or ()) == 3 else ""
        return (
            f"The mean dose{of} was {self.dose:.3g} electrons per pixel (detector gain "
            f"{self.gain:.4g} and offset {self.offset:.4g} in units of the file)."
        )

    @staticmethod
    def _pixel_size_yx(size: float | tuple[float, float]) -> tuple[float, float]:
        return size if isinstance(size, tuple) else (size, size)


def _slice(frames: str) -> str:
    if ":" in frames:
        return frames
    return f"{frames}:{int(frames) + 1 or ''}"
