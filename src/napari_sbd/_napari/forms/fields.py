"""The parts that our forms are made of."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

BAR_STEPS = 1000
FIGURES = {"PDF": ".pdf", "PNG": ".png", "SVG": ".svg"}
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
    return path + endings.get(chosen, next(iter(kinds.values())))


def show_or_hide(label: QLabel, words: str) -> None:
    """Set the words of a label, which takes no room without any."""
    label.setText(words)
    label.setVisible(bool(words))
