"""The parts that our forms are made of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QLocale, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QMessageBox,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from ...errors import SBDError
from .docks import share_height
from .focus_ring import FocusRing

BAR_STEPS = 1000
FIGURES = {"PDF": ".pdf", "PNG": ".png", "SVG": ".svg"}
_LOWEST = 160  # pixels, below which one would scroll all the time
_COME_BACK = Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason
_NARROWEST = 360  # pixels: less cuts the longest title, and choices that stand side by side


def path_in(part: QLineEdit) -> Path:
    """The path that was typed, or what the empty field shows; ``~`` stands for the home folder.

    Raises
    ------
    SBDError
        If the name after ``~`` is nobody's.
    """
    words = part.text().strip() or part.placeholderText()
    try:
        return Path(words).expanduser()
    except RuntimeError:
        raise SBDError(f"{words} is in the home folder of nobody here; type it in full.") from None


class Form(QScrollArea):
    """What stands in a dock widget: never so narrow that words are cut, and never so high that the
    window grows, since it scrolls.

    Attributes
    ----------
    inner
        Holds the parts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inner = QWidget()
        self.setWidget(self.inner)
        self.inner.installEventFilter(self)
        self.setWidgetResizable(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setStyleSheet("QScrollArea { border: 0px; }")
        self._ring = FocusRing(self.inner)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._settled = QTimer(self)  # once the parts have found their places
        self._settled.setSingleShot(True)
        self._settled.timeout.connect(self._ring.lay)
        self._come = QTimer(self)  # once Qt has laid the docks out
        self._come.setSingleShot(True)
        self._come.timeout.connect(self._share)

    def _share(self) -> None:
        share_height(self, Form)

    def minimumSizeHint(self) -> QSize:
        """The width that the parts and the title need beside a scroll bar, and some height."""
        needed = self.inner.minimumSizeHint()
        bar = self.verticalScrollBar()
        width = needed.width() + (bar.sizeHint().width() if bar is not None else 0)
        return QSize(max(width, _NARROWEST), min(needed.height(), _LOWEST))

    def sizeHint(self) -> QSize:
        """As narrow as it can be, as high as the parts need."""
        least = self.minimumSizeHint()
        inner = self.inner.minimumHeight() or self.inner.sizeHint().height()
        return QSize(least.width(), max(least.height(), inner))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Wrapped texts need more height where the form is narrow."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Scroll rather than cut a text."""
        self._settled.start()
        layout, view = self.inner.layout(), self.viewport()
        if layout is not None and view is not None:
            self.inner.setMinimumHeight(max(layout.minimumHeightForWidth(view.width()), 0))

    def showEvent(self, event: QShowEvent | None) -> None:
        """Let the wheel scroll, and change what it passes over only after a click on that; let Tab
        go through the form from its top to its foot."""
        for kind in (QComboBox, QSlider, QAbstractSpinBox):
            for part in self.findChildren(kind):
                part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        parts = list(_to_type_in(self.inner))
        for part in parts:
            part.installEventFilter(self)
            part.installEventFilter(self._ring)
        for one, following in pairwise(parts):
            QWidget.setTabOrder(one, following)
        super().showEvent(event)
        self._come.start()

    def eventFilter(self, part: QObject | None, event: QEvent | None) -> bool:
        """Ignore the wheel over what was not clicked; follow what becomes longer."""
        if part is self.inner:
            if event is not None and event.type() == QEvent.Type.LayoutRequest:
                self._fit()
            return super().eventFilter(part, event)
        if event is not None and isinstance(part, QWidget):
            numbers = isinstance(part, (QComboBox, QSlider, QAbstractSpinBox))
            if event.type() == QEvent.Type.Wheel and numbers and not part.hasFocus():
                event.ignore()
                return True
        return super().eventFilter(part, event)

    def reveal(self, part: QWidget) -> None:
        """Scroll to a part."""
        layout = self.inner.layout()
        if layout is not None:
            layout.activate()
            self._fit()
            # now, and not with the next event, or a long text that has just come would be cut
            self.inner.resize(self.inner.width(), self.inner.minimumHeight())
            layout.activate()
        self.ensureWidgetVisible(part)


def _to_type_in(part: QWidget) -> Iterator[QWidget]:
    """What the Tab key reaches within a part, as it is laid out, not as it was made."""
    if part.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield part
    elif (layout := part.layout()) is not None:
        yield from _in_layout(layout)


def _in_layout(layout: QLayout) -> Iterator[QWidget]:
    for item in map(layout.itemAt, range(layout.count())):
        if item is not None and (part := item.widget()) is not None:
            yield from _to_type_in(part)
        elif item is not None and (inner := item.layout()) is not None:
            yield from _in_layout(inner)


def choices(names: list[str], tip: str) -> QComboBox:
    """A box of choices that may be narrower than its longest one."""
    box = QComboBox()
    box.addItems(names)
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


class Field(QLineEdit):
    """A line to type into, in which Esc brings back what stood there before one came to type."""

    def __init__(self) -> None:
        super().__init__()
        self._before = ""

    def setText(self, words: str | None) -> None:
        """Show what the program knows."""
        super().setText(words)
        self._before = self.text()

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Remember what stands here; not where one comes back from another window or a menu."""
        super().focusInEvent(event)
        if event is not None and event.reason() not in _COME_BACK:
            self._before = self.text()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Take back what was typed."""
        if event is None or event.key() != Qt.Key.Key_Escape or self.text() == self._before:
            super().keyPressEvent(event)
        else:
            self.setText(self._before)
            self.editingFinished.emit()  # what was said of a refused value is not true any more


def field(placeholder: str, tip: str) -> QLineEdit:
    """A line to type into."""
    field = Field()
    field.setPlaceholderText(placeholder)
    field.setToolTip(tip)
    return field


class NumberBox(QDoubleSpinBox):
    """A number with a decimal point or comma, as in ``parse_number``, in whatever country.

    Qt takes the one of both that is not the country's for what parts thousands, and 2.5 for 25.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setLocale(QLocale.c())

    def validate(self, words: str | None, place: int) -> Any:
        """Read a comma as a point."""
        return super().validate((words or "").replace(",", "."), place)


def text(tip: str) -> QLabel:
    """Words of the program: wrapped, plain, and free to copy."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setToolTip(tip)
    label.setMinimumWidth(1)  # a long path does not widen the form
    return label


def beside(*parts: QWidget) -> QWidget:
    """Widgets in one row; words keep their width."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part, 0 if isinstance(part, QLabel) else 1)
    return row


def stacked(*parts: QWidget) -> QWidget:
    """Widgets one below the other."""
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
    return column


def file_to_write(parent: QWidget, title: str, name: str, kinds: dict[str, str]) -> str:
    """Ask for a file to write; a name without an ending gets that of the chosen kind.

    The dialog asks before the file of the name that was typed is replaced, and this one before that
    of the name with its ending is.

    Parameters
    ----------
    parent
        Over which the dialog opens.
    title, name
        Of the dialog, and the name that it begins with.
    kinds
        Ending of each kind of file, such as ``{"CSV": ".csv"}``.

    Returns
    -------
    The path; empty where none was chosen.
    """
    endings = {f"{kind} (*{ending})": ending for kind, ending in kinds.items()}
    path, chosen = QFileDialog.getSaveFileName(parent, title, name, ";;".join(endings))
    if not path or path.lower().endswith(tuple(kinds.values())):
        return path
    whole = Path(path + endings.get(chosen, next(iter(kinds.values()))))
    if whole.exists():
        words = f"{whole.name} is there already. Replace it?"
        if QMessageBox.question(parent, title, words) != QMessageBox.StandardButton.Yes:
            return ""
    return str(whole)


def show_or_hide(label: QLabel, words: str) -> None:
    """Set the words of a label, which takes no room without any."""
    label.setText(words)
    label.setVisible(bool(words))
