"""The parts that our forms are made of."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QWidget

WIDTH = 300  # pixels of a dock widget, so that its title is not cut
BAR_STEPS = 1000


def choices(names: list[str], tip: str) -> QComboBox:
    """A box of choices that may be narrower than its longest one."""
    box = QComboBox()
    box.addItems(names)
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def field(placeholder: str, tip: str) -> QLineEdit:
    """A line to type into."""
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setToolTip(tip)
    return field


def text(tip: str) -> QLabel:
    """Words of the program: wrapped, plain, and free to copy."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setToolTip(tip)
    return label


def beside(*parts: QWidget) -> QWidget:
    """Widgets in one row; words keep their width."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part, 0 if isinstance(part, QLabel) else 1)
    return row


def show_or_hide(label: QLabel, words: str) -> None:
    """Set the words of a label, which takes no room without any."""
    label.setText(words)
    label.setVisible(bool(words))
