"""A region drawn with the mouse limits Denoise, Columns and Judge, on a file of other people."""

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_sbd as sbd
from columns.scenes import grid, picture
from hands import Hands
from napari_sbd._napari.layers.micrographs import to_layer
from napari_sbd._napari.layers.shapes import region_on
from napari_sbd.region import Region

REAL = Path(__file__).parents[3] / "shared" / "data" / "ser_SrTiO3_haadf.ser"
GAP, PIXEL = 16.0, 0.0125
pytestmark = pytest.mark.usefixtures("bundled")


def recorded():
    """A part of a real file where there is one; else counts on the same lattice."""
    if REAL.is_file():
        m = sbd.read(REAL)
        return m.replace(data=np.asarray(m.data)[300:620, 300:620])
    truth = picture(grid(18, 18, GAP), GAP, 3.5, 30.0, 8.0)
    return sbd.Micrograph(np.random.default_rng(3).poisson(truth), PIXEL, gain=1.0)


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.filterwarnings("ignore::UserWarning")  # what is said of the file is not at issue
def test_a_drawn_rectangle_limits_every_step(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    hands = Hands(viewer, qtbot)
    m = recorded()
    data, attributes, _ = to_layer(m)
    layer = viewer.add_image(data, **attributes)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    hands.ready()
    click(qtbot, widget.region.draw)
    box = widget.region.layer
    before = Region.of(widget.region.region())
    middle = [(n - 1) / 2 for n in data.shape]
    hands.drag(layer, middle, (middle[0] - 40, middle[1] - 30))
    moved = Region.of(widget.region.region())
    assert moved.rows[0] == pytest.approx(before.rows[0] - 40, abs=2)
    assert moved.columns[1] == pytest.approx(before.columns[1] - 30, abs=2)
    click(qtbot, widget.start)
    qtbot.waitUntil(lambda: not widget.running, timeout=120_000)
    result = viewer.layers[-1]
    rows, columns = slice(*moved.rows), slice(*moved.columns)
    alone = sbd.denoise(m.replace(data=data[rows, columns]), model="auto")
    assert np.array_equal(result.data[rows, columns], alone.data)
    assert np.isfinite(result.data).sum() == alone.data.size
    settings = result.metadata["napari_sbd"]["history"][-1]["settings"]
    assert settings["region"] == str(moved)

    _, found = viewer.window.add_plugin_dock_widget("napari-sbd", "Columns", tabify=True)
    click(qtbot, found.start)
    qtbot.waitUntil(lambda: not found.running, timeout=120_000)
    points = next(one for one in viewer.layers if one.name.endswith("columns"))
    assert "in the region" in found.message.text()
    assert len(points.data) > 20
    assert moved.on(data.shape).holds(points.data).all()

    # a polygon within what was denoised, drawn in another layer, limits the columns further
    half = np.array([(moved.rows[0], moved.columns[0]), (moved.rows[1], moved.columns[0])])
    corners = np.vstack([half, [(moved.rows[1], moved.columns[1])]])
    shapes = viewer.add_shapes(
        [corners], shape_type="polygon", name="triangle", scale=layer.scale, units=layer.units
    )
    found.region.choose(shapes)
    every = len(points.data)
    click(qtbot, found.start)
    qtbot.waitUntil(lambda: not found.running, timeout=120_000)
    points = next(one for one in viewer.layers if one.name.endswith("columns"))
    assert 0.3 * every < len(points.data) < 0.7 * every
    assert box in viewer.layers


def test_dose_follows_the_region(make_napari_viewer, qtbot):
    """Half of the image is ten times darker; the form tells the dose of what is drawn."""
    viewer = make_napari_viewer(show=True)
    hands = Hands(viewer, qtbot)
    mean = np.where(np.arange(128) < 64, 0.5, 5.0) * np.ones((128, 1))
    counts = np.random.default_rng(0).poisson(mean).astype(np.uint16)
    data, attributes, _ = to_layer(sbd.Micrograph(counts, 0.0122, gain=1.0))
    layer = viewer.add_image(data, **attributes)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    hands.ready()
    click(qtbot, widget.region.draw)
    for start, end, expected in ((63, 31, 0.5), (31, 95, 5.0)):
        hands.drag(layer, (63, start), (63, end))
        about = pytest.approx(expected, rel=0.05)
        qtbot.waitUntil(lambda a=about: dose(widget) == a, timeout=20_000)


def dose(widget):
    return float((widget.dose.text() or "0").split()[0])


def test_shapes_become_regions_of_the_image(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = viewer.add_image(np.zeros((100, 100)), scale=(0.5, 0.5), translate=(3, 4))
    place = {"scale": layer.scale, "translate": layer.translate}
    upright = viewer.add_shapes([[(10, 20), (10, 60), (50, 60), (50, 20)]], **place)
    assert str(region_on(layer, upright)) == "10:51,20:61"
    turned = viewer.add_shapes([[(10, 50), (50, 90), (90, 50), (50, 10)]], **place)
    assert str(region_on(layer, turned)) == "10,50 50,90 90,50 50,10"
    round_ = viewer.add_shapes(
        [[(10, 20), (10, 60), (50, 60), (50, 20)]], shape_type="ellipse", **place
    )
    area = region_on(layer, round_).on(layer.data.shape).mask().sum()
    assert area == pytest.approx(np.pi * 20**2, rel=0.05)
    with pytest.raises(sbd.SBDError, match="holds no shape"):
        region_on(layer, viewer.add_shapes())
    line = viewer.add_shapes([[(1, 1), (9, 9)]], shape_type="line", **place)
    with pytest.raises(sbd.SBDError, match="holds no region"):
        region_on(layer, line)
