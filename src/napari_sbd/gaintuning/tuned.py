"""A tuned model: a few thousand gains and how they came about, without the weights."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import SBDError
from ..files import writing
from ..networks import ModelCard
from .report import Report, together

if TYPE_CHECKING:
    from ..micrograph import Micrograph
    from ..networks.unet import UNet

_FORMAT = "napari-sbd gains 1"
_LONGEST_TEXT = 65536  # characters of gains in a recipe


@dataclass(frozen=True, eq=False)
class Tuned:
    """A model with gains for one image or movie.

    Parameters
    ----------
    model, model_sha256
        The model's name, or the path of its weights; and their checksum.
    tune
        Whether gains were tuned, or all weights.
    changes
        What was found, half precision, (S, C): to be added to 1 for the gains of each convolution,
        or to each weight. S is 1, or the number of frames that were tuned one by one. It is applied
        only where the report says that it is kept.
    reports
        S of them.
    seed
        Of everything that was drawn at random.
    requested
        Loss, steps and frames that ``gain_tune`` was asked for.
    image
        What it was tuned on, as ``fingerprint`` describes it; None where that was in memory.

    Examples
    --------
    >>> tuned = sbd.gain_tune(noisy, model="hrtem", steps=2)
    >>> path = tuned.save("gains.safetensors")
    >>> sbd.Tuned.load(path).sha256 == tuned.sha256
    True
    """

    model: str
    model_sha256: str
    tune: Literal["gains", "all"]
    seed: int
    changes: dict[str, np.ndarray] = field(repr=False)
    reports: tuple[Report, ...] = ()
    requested: dict[str, Any] = field(default_factory=dict)
    image: list[Any] | None = None

    @property
    def gains(self) -> dict[str, np.ndarray]:
        """Gains (S, C) by convolution, 1 where not kept; none where all weights were tuned."""
        if self.tune != "gains":
            return {}
        kept = np.array([[r.kept] for r in self.reports])
        return {name: 1 + kept * c.astype(np.float32) for name, c in self.changes.items()}

    @property
    def report(self) -> Report:
        """The report; of frames tuned one by one, the mean scores and what they add up to."""
        if len(self.reports) == 1:
            return self.reports[0]
        return together(self.reports)

    @property
    def sha256(self) -> str:
        """Checksum of the changes."""
        digest = hashlib.sha256(self.model_sha256.encode())
        for name in sorted(self.changes):
            digest.update(name.encode() + self.changes[name].tobytes())
        return digest.hexdigest()

    def settings(self, source: Micrograph) -> dict[str, Any]:
        """What the recipe of a denoised micrograph says of the tuning, with the gains.

        Parameters
        ----------
        source
            The micrograph that was denoised.
        """
        report = self.report
        here = self.image is not None and self.image == fingerprint(source)
        text = to_text(self)
        return {
            "gains_sha256": self.sha256,
            "loss": report.loss,
            "tune": self.tune,
            "seed": self.seed,
            "steps": report.best_step,
            "kept": report.kept,
            "reason": report.reason,
            "on_this_image": here and not report.cancelled,
            "requested": self.requested or None,
            "gains": text if len(text) <= _LONGEST_TEXT else None,
        }

    def check(self, card: ModelCard, frames: int = 1) -> None:
        """Refuse a model, or a number of frames, for which these gains were not tuned.

        Parameters
        ----------
        card
            Of the model to be used.
        frames
            Of the movie to be denoised.

        Raises
        ------
        SBDError
            If it is another model, or frames were tuned one by one and these are more or fewer.
        """
        if card.sha256 != self.model_sha256:
            raise SBDError(
                f"These gains belong to the model {self.model} as it was when they were tuned, and "
                f"not to {card.name!r} as it is now; tune again."
            )
        if len(self.reports) not in (1, frames):
            raise SBDError(
                f"The gains were tuned for {len(self.reports)} frames one by one; these data have "
                f"{frames}. Tune again, on one frame or on all together."
            )

    def over(self, network: UNet, frame: int = 0) -> UNet:
        """The tuned network of a frame.

        Parameters
        ----------
        network
            That of the model; it stays as it is, the tuned one is a layer over it.
        frame
            Its number, where frames were tuned one by one.
        """
        import torch

        from . import layer

        s = frame if len(self.reports) > 1 else 0
        if not self.reports[s].kept:
            return network
        changes = {n: torch.from_numpy(c[s].astype(np.float32)) for n, c in self.changes.items()}
        return layer.apply(network, changes, self.tune)

    def facts(self) -> dict[str, str]:
        """All but the changes, as a safetensors file carries it."""
        facts = {"format": _FORMAT, "model": self.model, "model_sha256": self.model_sha256}
        facts |= {"tune": self.tune, "seed": str(self.seed)}
        facts |= {"requested": json.dumps(self.requested), "image": json.dumps(self.image)}
        return {**facts, "reports": json.dumps([asdict(r) for r in self.reports])}

    @classmethod
    def from_facts(cls, facts: dict[str, str], changes: dict[str, np.ndarray]) -> Tuned:
        """The inverse of ``facts``.

        Parameters
        ----------
        facts
            As ``facts`` gives them.
        changes
            Those of the gains.

        Raises
        ------
        KeyError, TypeError, ValueError
            If they are not what ``facts`` gives.
        """
        reports = tuple(
            Report(**{**r, "curve": tuple(map(tuple, r["curve"]))})
            for r in json.loads(facts["reports"])
        )
        tune: Any = facts["tune"]
        requested = json.loads(facts.get("requested", "{}"))
        image = json.loads(facts.get("image", "null"))
        model, sha256, seed = facts["model"], facts["model_sha256"], int(facts["seed"])
        return cls(model, sha256, tune, seed, changes, reports, requested, image)

    def save(self, path: str | Path) -> Path:
        """Write a file that ``load`` and ``denoise(..., gain_tuning=path)`` read.

        Parameters
        ----------
        path
            Ends in ``.safetensors``.

        Raises
        ------
        SBDError
            If it cannot be written.
        """
        from safetensors.numpy import save_file

        path = Path(path)
        if path.suffix != ".safetensors":
            raise SBDError(f"Gains are written to a .safetensors file, not to {path.name!r}.")
        with writing(path, "file of gains") as draft:
            save_file(self.changes, draft, self.facts())
            draft.chmod(0o644)  # safetensors makes files that only their owner can read
        return path

    @classmethod
    def load(cls, path: str | Path) -> Tuned:
        """Read what ``save`` wrote.

        Parameters
        ----------
        path
            Of the file.

        Raises
        ------
        SBDError
            If the file is missing or holds no gains.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as file:
                facts = file.metadata() or {}
                if facts.get("format") != _FORMAT:
                    raise SBDError(f"{path} holds no gains; choose a file that GainTuning saved.")
                changes = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls.from_facts(facts, changes)
        except OSError as error:
            raise SBDError(f"There are no gains to read at {path}.") from error
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, SBDError):
                raise
            raise SBDError(f"The gains in {path} are damaged; tune again.") from error


def fingerprint(source: Micrograph) -> list[Any] | None:
    """What gains depend on besides the settings: file, shape and calibration of an image.

    None for an image that was not read from a file.
    """
    if source.source is None:
        return None
    size = source.pixel_size_yx
    calibration = [size and list(size), source.gain, source.offset]
    return [str(source.source), list(source.shape), *calibration]


def given(gains: Tuned | str | Path, model: str | Path) -> tuple[Tuned, dict[str, Any]]:
    """Gains, read where they are a path; ``model`` and ``why`` of the ``Denoiser`` that takes them.

    The model is that of the gains, unless another is asked for.

    Raises
    ------
    SBDError
        If there are no gains to read.
    """
    tuned = gains if isinstance(gains, Tuned) else Tuned.load(gains)
    if model == "auto":
        return tuned, {"model": tuned.model, "why": "the one that its gains were tuned for"}
    return tuned, {"model": model}


def to_text(tuned: Tuned) -> str:
    """Gains as base64 of the safetensors file that ``Tuned.save`` writes."""
    from safetensors.numpy import save

    return base64.b64encode(save(tuned.changes, tuned.facts())).decode()


def from_text(text: str) -> Tuned:
    """The inverse of ``to_text``; nothing is unpickled.

    Raises
    ------
    SBDError
        If the text holds no gains.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = base64.b64decode(text, validate=True)
        changes = load(data)
        # the loader of bytes leaves the metadata out: an 8-byte length, then JSON
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return Tuned.from_facts(header["__metadata__"], changes)
    except (binascii.Error, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SBDError("The gains in the recipe are damaged; tune again.") from error
