"""The tour of docs/tools.md, followed click by click: from a STEM file without gain to strain."""

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_sbd as sbd
import napari_sbd.networks as networks
from columns.scenes import grid, picture
from hands import Hands
from napari_sbd._napari.layers.micrographs import to_layer

GAP, PIXEL, STRAIN = 16.0, 0.0125, 0.03
REAL = Path(__file__).parents[3] / "shared" / "data" / "ser_SrTiO3_haadf.ser"


@pytest.fixture(autouse=True)
def _real_models(_tiny_model, monkeypatch):
    monkeypatch.setattr(networks, "_BUNDLED", Path(networks.__file__).parent / "weights")


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
    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot, self.hands = viewer, qtbot, Hands(viewer, qtbot)

    def click(self, button):
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait(self, done):
        self.qtbot.waitUntil(done, timeout=120_000)

    def to_columns(self, path, part=slice(None)):
        """Clicks 1 to 4."""
        m = sbd.read(path)
        data, attributes, _ = to_layer(m.replace(data=np.asarray(m.data)[part, part]))
        self.layer = self.viewer.add_image(data, **attributes)
        _, flow = self.viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
        for index in (0, 3):
            self.click(flow.buttons[index])
            self.wait(lambda i=index: not flow.page(i).running)
        return flow

    def to_strain(self, start, end):
        """Clicks 5 to 9."""
        _, strain = self.viewer.window.add_plugin_dock_widget("napari-sbd", "Strain", tabify=True)
        self.qtbot.wait(200)
        self.click(strain.box)
        self.hands.ready()
        self.hands.drag(self.layer, start, end)
        self.click(strain.start)
        self.wait(lambda: not strain.running)
        strain.show_what.setCurrentText("strain_yy")
        return strain


def test_from_a_stem_file_without_gain_to_a_strain_map(
    make_napari_viewer, qtbot, tmp_path, monkeypatch
):
    path, middle = strained_file(tmp_path)
    tour = Tour(make_napari_viewer(show=True), qtbot)
    tour.to_columns(path)
    height, width = tour.layer.data.shape
    centre = (height - 1) / 2, (width - 1) / 2
    strain = tour.to_strain(centre, (70, centre[1]))
    assert strain.found is not None, strain.message.text()
    table = strain.found.table
    inside = table["y"].between(30, height - 30) & table["x"].between(30, width - 30)
    low = inside & (table["y"] > middle + 2 * GAP)
    high = inside & (table["y"] < middle - 2 * GAP)
    assert table.loc[low, "strain_yy"].median() == pytest.approx(STRAIN, abs=0.002)
    assert table.loc[high, "strain_yy"].median() == pytest.approx(0, abs=0.002)
    assert table.loc[low, "strain_xx"].median() == pytest.approx(0, abs=0.002)
    assert (table.loc[low, "strain_yy"] - STRAIN).abs().quantile(0.9) < 0.02
    monkeypatch.setattr(
        "napari_sbd._napari.forms.fields.QFileDialog.getSaveFileName",
        lambda *_a: (str(tmp_path / "strain.png"), ""),
    )
    tour.click(strain.picture)
    assert (tmp_path / "strain.png").stat().st_size > 1000


@pytest.mark.skipif(not REAL.is_file(), reason="shared/data is not there")
@pytest.mark.filterwarnings("ignore::UserWarning")  # what is said of the file is not at issue
def test_the_same_tour_with_a_real_file(make_napari_viewer, qtbot):
    """Strontium titanate: one perfect crystal, so that strain is small and spacings are 0.39 nm."""
    tour = Tour(make_napari_viewer(show=True), qtbot)
    tour.to_columns(REAL, slice(300, 620))  # a part, since all of it takes a minute
    height, width = tour.layer.data.shape
    centre = (height - 1) / 2, (width - 1) / 2
    strain = tour.to_strain(centre, (centre[0], 0.3 * width))
    assert strain.found is not None, strain.message.text()
    table = strain.found.table
    assert table["strain_yy"].notna().mean() > 0.5
    assert abs(table["strain_yy"].median()) < 0.02
    assert abs(table["strain_xx"].median()) < 0.02
