"""Trained networks: model cards and weights, bundled or the user's own.

A model is two files side by side: ``NAME.safetensors`` with the weights, ``NAME.json`` its card.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import SBDError, refusal
from ..files import checksum, replacing

if TYPE_CHECKING:
    from torch import nn

    from .unet import UNet

_BUNDLED = Path(__file__).parent / "weights"
_DEFAULT = "hrtem"


class Card(BaseModel):
    """What a network is, what it was trained on, and how well it does.

    Parameters
    ----------
    name, version, description, license
        For people.
    architecture
        Arguments of the network's class.
    parameters
        Number of weights.
    training
        The recipe, and how long it ran.
    figures
        Measured figures, each with what was measured.
    sha256
        Of the weights file.
    path
        Of the weights file; not part of the card on disk.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    description: str
    license: str
    architecture: dict[str, Any]
    parameters: int
    training: dict[str, Any]
    figures: dict[str, float]
    sha256: str
    path: Path = Path()


class ModelCard(Card):
    """The card of a network for images.

    Parameters
    ----------
    working_pixel_nm
        Range of working pixel sizes in training.
    dose_range
        Electrons per working pixel in training.
    """

    working_pixel_nm: tuple[float, float]
    dose_range: tuple[float, float]

    @property
    def is_dark_field(self) -> bool:
        """Whether it was trained on annular dark-field STEM more than on phase contrast."""
        return bool(self.training.get("recipe", {}).get("adf", 0) > 0.5)

    @property
    def tells_contrast(self) -> bool:
        """Whether it is known to be for one contrast: dark field or phase contrast, not both."""
        return "adf" in self.training.get("recipe", {}) and not self.is_low_magnification

    @property
    def is_low_magnification(self) -> bool:
        """Whether it was trained on objects larger than atoms, of any modality, most of all."""
        return bool(self.training.get("recipe", {}).get("low_magnification", 0) > 0.5)

    @property
    def spacings_nm(self) -> list[float]:
        """Of the lattice planes of the crystals that a specialist was trained on; else empty."""
        return list(self.training.get("spacings_nm", ()))

    @property
    def frames(self) -> int:
        """Frames that it sees at once: 1, or more where it is a network for movies."""
        return int(self.architecture.get("frames", 1))

    def knows_pixel(self, working_pixel_nm: float) -> bool:
        """Whether a working pixel size lies in the range of training, or within 5 % of it."""
        low, high = self.working_pixel_nm
        return low * 0.95 <= working_pixel_nm <= high * 1.05


AnyCard = TypeVar("AnyCard", bound=Card)


def models() -> list[ModelCard]:
    """The cards of the bundled models, the default first.

    Examples
    --------
    >>> [model.name for model in sbd.models()]
    ['hrtem', 'hrtem-movie', 'low-mag', 'pt-ceo2', 'stem']
    """
    names = sorted(p.stem for p in _BUNDLED.glob("*.json"))
    return [
        read_card(_BUNDLED / f"{n}.json", ModelCard)
        for n in sorted(names, key=lambda n: n != _DEFAULT)
    ]


def find_model(name: str | Path = "auto") -> ModelCard:
    """Find the card of a model.

    Parameters
    ----------
    name
        ``"auto"``, the name of a bundled model, or the path of a ``.safetensors`` file that has its
        card beside it.

    Raises
    ------
    SBDError
        If there is no such model, or its card is not readable.
    """
    if str(name).endswith(".safetensors"):
        if not Path(name).is_file():
            raise SBDError(f"The weights {name} are missing.")
        return read_card(Path(name).with_suffix(".json"), ModelCard)
    cards = {card.name: card for card in models()}
    wanted = _DEFAULT if name == "auto" else str(name)
    if wanted not in cards:
        known = ", ".join(cards) or "none"
        raise SBDError(
            f"There is no model {wanted!r}; bundled: {known}. A model of your own is given as the "
            "path of its .safetensors file."
        )
    return cards[wanted]


def companion(card: ModelCard) -> ModelCard:
    """The model for frames alone: itself, or for a movie network the one it was fine-tuned from.

    Where that is not here any more it is the default model.
    """
    if card.frames == 1:
        return card
    start = card.training.get("fine_tuned_from")
    try:
        return companion(find_model(start or "auto"))
    except SBDError:
        return find_model("auto")


def movie_model_of(card: ModelCard) -> ModelCard | None:
    """The bundled movie network whose model for frames alone is this one; None without."""
    beside = (m for m in models() if m.frames > 1 and companion(m).sha256 == card.sha256)
    return next(beside, None)


def is_bundled(card: ModelCard) -> bool:
    """Whether a model came with the package, so that its name finds it anywhere."""
    return any(card.sha256 == other.sha256 for other in models())


def load_network(card: ModelCard, device: Any) -> UNet:
    """Load a model's network onto a torch device, ready for use; loaded networks are kept.

    Raises
    ------
    SBDError
        If the weights are missing, differ from the card's checksum, or do not fit.
    """
    return _load(
        card.path, card.sha256, card.model_dump_json(include={"architecture"}), str(device)
    )


def save_model(network: nn.Module, card: Card, folder: Path, *, half: bool = True) -> Path:
    """Write weights, in half precision unless told otherwise, and card; return the weights' path.

    Raises
    ------
    SBDError
        If the folder cannot be written.
    """
    from safetensors.torch import save_file

    path = folder / f"{card.name}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
        if half:
            state = {k: v.half() for k, v in state.items()}
        with replacing(path.with_suffix(".json")) as described, replacing(path) as draft:
            save_file(state, draft)
            draft.chmod(0o644)  # safetensors makes files that only their owner can read
            final = card.model_copy(update={"sha256": checksum(draft)})
            text = final.model_dump_json(indent=2, exclude={"path"}) + "\n"
            described.write_text(text, "utf-8")
    except OSError as error:
        raise SBDError(f"The model cannot be written to {folder}: {error.strerror}.") from error
    return path


def load_weights(network: nn.Module, path: Path, sha256: str) -> None:
    """Fill a network with the weights of a file.

    Raises
    ------
    SBDError
        If the weights are missing, differ from the checksum, or do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise SBDError(f"The weights {path} are missing; install the package again.")
    if checksum(path) != sha256:
        raise SBDError(f"The weights {path} are not those of their card (SHA-256 differs).")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise SBDError(_misfit(path)) from error


@lru_cache(maxsize=4)
def _load(path: Path, sha256: str, architecture: str, device: str) -> UNet:
    import json

    import torch

    from .unet import UNet

    try:
        network = UNet(**json.loads(architecture)["architecture"])
    except TypeError as error:
        raise SBDError(_misfit(path)) from error
    load_weights(network, path, sha256)
    network.to(torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    return network


def _misfit(path: Path) -> str:
    return f"The weights {path} do not fit this version of napari-sbd."


def read_card(path: Path, kind: type[AnyCard]) -> AnyCard:
    """Read a card of a kind from its JSON file.

    Raises
    ------
    SBDError
        If it is missing or not valid.
    """
    try:
        card = kind.model_validate_json(path.read_text("utf-8"))
    except OSError:
        raise SBDError(f"The model card {path} is missing.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise SBDError(
            f"The model card {path} is not valid at {where!r}: {refusal(first)}."
        ) from None
    return card.model_copy(update={"path": path.with_suffix(".safetensors")})
