"""The tour of docs/tools.md, followed click by click: from a STEM file without gain to strain."""

import re
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton

import napari_sbd as sbd
from columns.scenes import grid, picture
from hands import LEFT, Hands
from napari_sbd._napari.forms.task_widget import TaskWidget

GAP, PIXEL, STRAIN = 16.0, 0.0125, 0.03
ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "ser_SrTiO3_haadf.ser"
pytestmark = pytest.mark.usefixtures("bundled")


def strained_file(folder):
    """Scanned signal in the detector's own units; the lower half is 3 % longer along y."""
    points = grid(22, 18, GAP)
    middle = 11 * GAP
    low = points[:, 0] > middle
    points[low, 0] = middle + (1 + STRAIN) * (points[low, 0] - middle)
    truth = picture(points, GAP, 3.5, 60.0, 15.0)
    noisy = np.random.default_rng(0).poisson(truth) * 37.5 + 1200
    path = folder / "haadf.mrc"
    sbd.write(sbd.Micrograph(noisy.astype(np.float32), PIXEL), path)
    return path, middle


class Tour:
    """Hands that follow the numbered lines of the page, each as it is written."""

    def __init__(self, viewer, qtbot, path, drag):
        self.viewer, self.qtbot, self.hands = viewer, qtbot, Hands(viewer, qtbot)
        self.path, self.drag = path, drag
        self.dock = None

    def follow(self, line):
        """Do what a line says."""
        if line == "Drop the file on the window.":
            self.drop()
        elif found := re.match(r"\*(.+ > .+)\*\.", line):
            self.menu(found[1].split(" > "))
        elif line == "Drag the box onto the part of the crystal that is the reference.":
            self.hands.ready()
            self.hands.drag(self.layer, *self.drag(self.layer))
        elif found := re.match(r"\*(.+)\*: choose \*(.+)\*\.", line):
            self.choose(*found.groups())
        elif found := re.match(r"\*\*(.+?)\*\*", line):
            self.press(found[1].rstrip("…"))
        else:
            raise AssertionError(f"nobody can do this: {line}")

    def drop(self):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(self.path))])
        window = self.viewer.window._qt_viewer
        keys = Qt.KeyboardModifier.NoModifier
        event = QDropEvent(QPointF(200, 200), Qt.DropAction.CopyAction, data, LEFT, keys)
        window.dropEvent(event)
        self.wait(lambda: len(self.viewer.layers) == 1)
        self.layer = self.viewer.layers[0]

    def menu(self, names):
        """Open an entry of the menus, as the mouse does; the dock that it opens is meant then."""
        known = set(self.viewer.window.dock_widgets)
        where = self.viewer.window._qt_window.menuBar()
        for name in names:
            found = next(a for a in where.actions() if entry(a.text()) == name)
            where = found.menu()
            if where is not None:
                where.aboutToShow.emit()
        found.trigger()
        self.qtbot.wait(200)
        (fresh,) = set(self.viewer.window.dock_widgets) - known
        self.dock = self.viewer.window.dock_widgets[fresh]

    def press(self, title):
        buttons = [b for b in self.dock.findChildren(QPushButton) if b.text().rstrip("…") == title]
        shown = [b for b in buttons if b.isVisible()]
        self.qtbot.mouseClick(shown[0], LEFT)
        forms = [f for f in self.dock.findChildren(TaskWidget) or [self.dock] if f.isVisible()]
        self.wait(lambda: not any(getattr(form, "running", False) for form in forms))

    def choose(self, name, what):
        """Of the box beside a name, by the keyboard."""
        label = next(p for p in self.dock.findChildren(QLabel) if p.text() == name)
        grid = label.parentWidget().layout().itemAt(0)
        row = grid.getItemPosition(grid.indexOf(label))[0]
        part = grid.itemAtPosition(row, 1).widget()
        box = part if isinstance(part, QComboBox) else part.findChild(QComboBox)
        assert box.findText(what) >= 0, [box.itemText(i) for i in range(box.count())]
        box.setFocus()
        self.qtbot.keyClicks(box, what)
        assert box.currentText() == what

    def wait(self, done):
        self.qtbot.waitUntil(done, timeout=120_000)


def entry(text):
    """A menu entry as people read it."""
    return text.replace("&", "").removesuffix(" (SBD Denoise)")


def steps():
    """The numbered lines of the page."""
    page = (ROOT / "docs" / "tools.md").read_text("utf-8")
    part = page.partition("## From a STEM file without gain to a strain map in ten clicks")[2]
    lines = re.findall(r"^\d+\. (.+)$", part.partition("\n## ")[0], re.MULTILINE)
    assert len(lines) == 10
    return lines


def middle_of(layer):
    height, width = layer.data.shape
    return (height - 1) / 2, (width - 1) / 2


def test_from_a_stem_file_without_gain_to_a_strain_map(
    make_napari_viewer, qtbot, tmp_path, monkeypatch
):
    path, middle = strained_file(tmp_path)
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName",
        lambda *_a: (str(tmp_path / "strain.png"), ""),
    )
    viewer = make_napari_viewer(show=True)
    tour = Tour(viewer, qtbot, path, lambda layer: (middle_of(layer), (70, middle_of(layer)[1])))
    for line in steps():
        tour.follow(line)
    strain = tour.dock
    assert strain.found is not None, strain.message.text()
    table = strain.found.table
    height, width = tour.layer.data.shape
    inside = table["y"].between(30, height - 30) & table["x"].between(30, width - 30)
    low = inside & (table["y"] > middle + 2 * GAP)
    high = inside & (table["y"] < middle - 2 * GAP)
    assert table.loc[low, "strain_yy"].median() == pytest.approx(STRAIN, abs=0.002)
    assert table.loc[high, "strain_yy"].median() == pytest.approx(0, abs=0.002)
    assert table.loc[low, "strain_xx"].median() == pytest.approx(0, abs=0.002)
    assert (table.loc[low, "strain_yy"] - STRAIN).abs().quantile(0.9) < 0.02
    assert (tmp_path / "strain.png").stat().st_size > 1000


@pytest.mark.skipif(not REAL.is_file(), reason="shared/data is not there")
@pytest.mark.filterwarnings("ignore::UserWarning")  # what is said of the file is not at issue
def test_the_same_tour_with_a_real_file(make_napari_viewer, qtbot, tmp_path, monkeypatch):
    """Strontium titanate: one perfect crystal, so that strain is small and spacings are 0.39 nm."""
    m = sbd.read(REAL)
    path = tmp_path / "part.mrc"  # a part, since all of it takes a minute
    sbd.write(m.replace(data=np.asarray(m.data)[300:620, 300:620]), path)
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName", lambda *_a: ("", "")
    )
    viewer = make_napari_viewer(show=True)

    def drag(layer):
        y, x = middle_of(layer)
        return (y, x), (y, 0.3 * layer.data.shape[1])

    tour = Tour(viewer, qtbot, path, drag)
    for line in steps():
        tour.follow(line)
    strain = tour.dock
    assert strain.found is not None, strain.message.text()
    table = strain.found.table
    assert table["strain_yy"].notna().mean() > 0.5
    assert abs(table["strain_yy"].median()) < 0.02
    assert abs(table["strain_xx"].median()) < 0.02
