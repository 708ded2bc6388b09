"""What a task told last: said to be of an earlier state or of another image where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import ref

from napari.layers import Image, Points, Shapes
from qtpy.QtCore import QObject, QTimer

from ..jobs.when_gone import when_gone
from ..layers.earlier import as_it_is

_SOON = 100  # ms, in which changes of layers are one
_EARLIER = "Before the latest change of the image, its calibration, region or columns: "

State = list[tuple["ref[Any]", tuple[Any, ...]]]  # layers, and how they were
Subject = tuple["ref[Any]", str] | None  # a layer, and what its name was before a colon


class Standing(QObject):
    """Retells what was told of layers where one of them changes or another one is chosen, and tells
    it again when asked.

    Parameters
    ----------
    parent
        The widget to which it belongs.
    shown
        Returns what the widget says now; other sentences than the result's own stay.
    show
        Shows a sentence in its place.
    named
        Whether what was told of a layer, None of one that is gone, names it.
    """

    def __init__(
        self,
        parent: QObject,
        shown: Callable[[], str],
        show: Callable[[str], None],
        named: Callable[[Any], bool],
    ) -> None:
        super().__init__(parent)
        self._shown, self._show, self._named = shown, show, named
        self._of: State = []
        self._subject: Subject = None
        self._words = self._last = ""
        self._every: dict[tuple[str, ...], tuple[State, str, Subject]] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON)
        self._soon.timeout.connect(self.look)
        when_gone(self, self._leave)

    @staticmethod
    def state(layers: Iterable[Any]) -> State:
        """Layers as they are now; holds none of them alive."""
        return [(ref(layer), as_it_is(layer)) for layer in layers]

    @property
    def is_old(self) -> bool:
        """Whether something of what was told last is not any more as it was."""
        there = ((layer(), before) for layer, before in self._of)
        return any(layer is not None and as_it_is(layer) != before for layer, before in there)

    def is_of(self, layers: Iterable[Any]) -> bool:
        """Whether what was told last is of some layers."""
        chosen = list(layers)
        return all(layer() in chosen for layer, _ in self._of)

    def told(self, words: str, of: State, subject: Subject) -> str:
        """Remember what was told of layers, and of which as its subject; return it as it reads."""
        self._every[_key(layer() for layer, _ in of)] = of, words, subject
        self._follow(of, words, subject)
        return self._last

    def again(self, layers: Iterable[Any]) -> None:
        """Tell what was told last of some layers, if anything was."""
        known = self._every.get(_key(layers))
        if known is not None:
            self._follow(*known)
            self._show(self._last)

    def look(self) -> None:
        """Tell it as it reads now."""
        words = self._reads()
        if self._words and self._shown() == self._last:
            self._show(words)
            self._last = words

    def _follow(self, of: State, words: str, subject: Subject) -> None:
        self._leave()
        self._of, self._words, self._subject = of, words, subject
        for event in self._events():
            event.connect(self._changed)
        self._last = self._reads()

    def _reads(self) -> str:
        earlier, name = _EARLIER if self.is_old else "", ""
        if self._subject is not None:
            layer, name = self._subject[0](), self._subject[1]
            name = name if layer is None else f"{layer.name}: "
            self._subject = self._subject[0], name
            name = name if self._named(layer) else ""
        return f"{earlier}{name}{self._words}"

    def _leave(self) -> None:
        for event in self._events():
            event.disconnect(self._changed)
        self._of, self._words, self._subject = [], "", None

    def _events(self) -> list[Any]:
        """Those that tell of what results depend on."""
        found = []
        for one, _ in self._of:
            layer = one()
            if layer is not None:
                found += [layer.events.metadata, layer.events.scale, layer.events.units]
                found += [layer.events.data] * isinstance(layer, Image | Shapes | Points)
        subject = None if self._subject is None else self._subject[0]()
        return found if subject is None else [*found, subject.events.name]

    def _changed(self) -> None:
        self._soon.start()


def _key(layers: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(layer.unique_id) for layer in layers if layer is not None)
