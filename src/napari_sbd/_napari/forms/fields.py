"""The parts that our forms are made of."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QWidget

BAR_STEPS = 1000
_NARROWEST = 360  # pixels: less cuts the longest title, and choices that stand side by side


class Form(QWidget):
    """What stands in a dock widget: never so narrow that words of it are cut."""

    def minimumSizeHint(self) -> QSize:
        """What the parts need, and the title."""
        return super().minimumSizeHint().expandedTo(QSize(_NARROWEST, 0))


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


def show_or_hide(label: QLabel, words: str) -> None:
    """Set the words of a label, which takes no room without any."""
    label.setText(words)
    label.setVisible(bool(words))
