"""A graphics card that is not there: tensors are marked as lying on it, and what such a card would
refuse is noted, while the processor computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CARD = torch.device("cuda", 0)
_MEET = {"_to_copy", "copy_", "index", "index_put", "index_put_", "_index_put_impl_"}


class Card:
    """What lies on the card, and what it would have refused."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.held: dict[int, Any] = {}  # the memory, kept so that no other takes its place

    def holds(self, tensor: torch.Tensor) -> bool:
        return tensor.numel() > 0 and tensor.untyped_storage().data_ptr() in self.held

    def take(self, result: Any) -> Any:
        """Mark what a call gave as lying on the card."""
        for t in _tensors(result):
            self.held[t.untyped_storage().data_ptr()] = t.untyped_storage()
            if t.dtype == torch.float64:
                self.refused.add("double precision, which MPS lacks")
        return result


class _Moves(TorchFunctionMode):
    """Moves to the card and back, and what asks where a tensor lies."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, card, name = dict(kwargs or {}), self.card, func.__name__
        on_card = bool(args) and isinstance(args[0], torch.Tensor) and card.holds(args[0])
        if func == torch.Tensor.device.__get__:
            return CARD if on_card else func(*args)
        if name in ("numpy", "__array__", "tolist") and on_card:
            card.refused.add(f"{name} of a tensor on the card")
        if name == "__deepcopy__":
            copied = func(*args, **kwargs)
            return card.take(copied) if on_card else copied
        if name in ("to", "cpu", "cuda"):
            return self._moved(func, args, kwargs, on_card)
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda":
            if kwargs.get("generator") is not None:
                card.refused.add(f"{name} with a generator of the processor")
            return card.take(func(*args, **{**kwargs, "device": "cpu"}))
        return func(*args, **kwargs)

    def _moved(self, func: Any, args: Any, kwargs: Any, on_card: bool) -> Any:
        asked = [*args[1:], *kwargs.values(), {"cpu": "cpu", "cuda": "cuda"}.get(func.__name__)]
        like = next((a for a in asked if isinstance(a, torch.Tensor)), None)
        dtype = next((a for a in asked if isinstance(a, torch.dtype)), None)
        devices = [torch.device(a) for a in asked if isinstance(a, str | torch.device)]
        if like is not None:
            devices, dtype = [CARD if self.card.holds(like) else torch.device("cpu")], like.dtype
        there = devices[0].type == "cuda" if devices else on_card
        if there == on_card and dtype in (None, args[0].dtype):
            return args[0]
        with torch._C.DisableTorchFunction(), _Aside():
            copied = args[0].to(dtype or args[0].dtype, copy=True)
        return self.card.take(copied) if there else copied


class _Aside(TorchDispatchMode):
    """Calls of the stand-in itself; the modes around do not see them."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch.utils._python_dispatch._disable_current_modes():
            return func(*args, **(kwargs or {}))


class _Products(TorchDispatchMode):
    """Everything that is computed, whose operands must lie on one device."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        operands = [t for t in _tensors((args, kwargs)) if t.numel()]
        there = [self.card.holds(t) for t in operands]
        name = func._schema.name.partition("::")[2]
        alone = [t for t, on_card in zip(operands, there, strict=True) if not on_card and t.dim()]
        if any(there) and alone and name not in _MEET:
            self.card.refused.add(f"{name} of tensors on the card and off it")
        result = func(*args, **(kwargs or {}))
        takes = operands and there[0] if name == "copy_" else any(there)
        return self.card.take(result) if takes else result


_ONLY = Card()


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [t for t in tree_leaves(tree) if isinstance(t, torch.Tensor)]


@contextmanager
def absent_card(patch: pytest.MonkeyPatch) -> Iterator[Card]:
    """PyTorch as on a machine with one card for CUDA, where networks of earlier tests lie still."""
    card = _ONLY
    card.refused.clear()
    before = len(card.held)
    for name, value in {
        "is_available": True,
        "device_count": 1,
        "is_bf16_supported": True,
        "get_device_capability": (9, 0),
        "mem_get_info": (2**36, 2**36),
        "empty_cache": None,
    }.items():
        patch.setattr(torch.cuda, name, lambda *args, _value=value, **kwargs: _value)
    with _Moves(card), _Products(card):
        yield card
    assert len(card.held) > before, "nothing was computed there"
