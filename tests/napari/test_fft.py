"""Spectra of a box that is dragged with the mouse."""

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from hands import Hands
from napari_sbd import SBDError
from napari_sbd._napari.layers.calibrating import calibrate
from napari_sbd._napari.layers.micrographs import add_result, pixel_size_of, to_layer
from napari_sbd._napari.layers.shapes import box_on
from napari_sbd._napari.tools.fft_widget import FFTWidget
from napari_sbd.measure.spectrum import angle_between, box_spectrum, strongest

PIXEL = 0.02
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "ser_SrTiO3_haadf.ser"
GOLD = 0.2354  # nm, (111) of Au


def fringes(shape, spacing, degrees):
    """Planes of a spacing [nm] whose normal stands at an angle from +x to up."""
    y, x = np.mgrid[: shape[0], : shape[1]] * PIXEL
    turn = np.radians(degrees)
    return np.cos(2 * np.pi * (x * np.cos(turn) - y * np.sin(turn)) / spacing)


@pytest.fixture
def image():
    """Gold along [1-10] at the left, planes of 0.30 nm at the right; noise on all."""
    left = fringes((256, 512), GOLD, 20) + fringes((256, 512), GOLD, 20 + 70.53)
    right = fringes((256, 512), 0.30, 45)
    both = np.where(np.arange(512) < 256, left, right)
    return 10 + both + np.random.default_rng(0).normal(0, 1.0, both.shape)


@pytest.fixture
def window(make_napari_viewer, qtbot, image):
    viewer = make_napari_viewer(show=True)
    data, attributes, _ = to_layer(sbd.Micrograph(image.astype(np.float32), PIXEL, name="raw"))
    layer = viewer.add_image(data, **attributes)
    widget = FFTWidget(viewer)
    viewer.window.add_dock_widget(widget)
    hands = Hands(viewer, qtbot)
    widget.box.click()
    hands.ready()
    yield hands, widget, layer
    qtbot.wait(100)


def spot_at(hands, widget, spacing, degrees):
    turn = np.radians(degrees)
    hands.click_plot(widget.plot, np.cos(turn) / spacing, -np.sin(turn) / spacing)


def test_the_spectrum_goes_with_the_box_while_it_is_dragged(window):
    """At the left it shows gold, at the right the other planes, and what lies between meanwhile."""
    hands, widget, layer = window
    seen = []
    hands.drag(layer, (128, 256), (128, 100))
    spot_at(hands, widget, GOLD, 20)
    assert widget.spots[0].spacing == pytest.approx(GOLD, abs=5 * widget.spots[0].spacing_err)
    assert widget.spots[0].significant
    hands.drag(layer, (128, 100), (128, 400), lambda: seen.append(widget.spectrum.power.sum()))
    assert len(set(seen)) >= 3
    assert not widget.spots or not widget.spots[0].significant
    widget.clear.click()
    spot_at(hands, widget, 0.30, 45)
    spot = widget.spots[0]
    assert spot.spacing == pytest.approx(0.30, abs=5 * spot.spacing_err)
    assert spot.direction == pytest.approx(45, abs=5 * spot.direction_err)
    assert "0.3" in widget.message.text()


@pytest.mark.parametrize("times", [3.0, 0.4])
def test_the_spectrum_is_that_of_the_box_when_the_pixel_size_was_changed(window, times):
    """Image and box get their scale one after the other; between, the box lies elsewhere."""
    hands, widget, layer = window
    hands.drag(layer, (128, 256), (128, 100))
    box = box_on(layer, widget.shapes)
    for size in (times * PIXEL, PIXEL):
        calibrate(layer, size, None, 0.0, hands.viewer.layers)
        hands.qtbot.wait(150)
        assert box_on(layer, widget.shapes) == box
        right = box_spectrum(layer.data, (size, size), box)
        np.testing.assert_array_equal(widget.spectrum.power, right.power)
        assert widget.spectrum.step == pytest.approx(right.step)


@pytest.mark.parametrize("size", [1e9, 1e-9])
def test_pixel_sizes_of_no_microscope_are_refused(window, size):
    hands, _, layer = window
    with pytest.raises(SBDError, match="out of reach"):
        calibrate(layer, size, None, 0.0, hands.viewer.layers)
    assert pixel_size_of(layer) == pytest.approx(PIXEL)


def test_two_spots_have_an_angle_and_are_indexed(window):
    hands, widget, layer = window
    hands.drag(layer, (128, 256), (128, 100))
    widget.material.setCurrentText("Au")
    spot_at(hands, widget, GOLD, 20)
    spot_at(hands, widget, GOLD, 90.53)
    angle, error = angle_between(*widget.spots)
    assert angle == pytest.approx(70.53, abs=4 * error)
    assert f"Angle {angle:.2f}" in widget.message.text()
    assert "Au: (111)" in widget.message.text()
    assert "zone" in widget.message.text()
    widget.material.setCurrentText("graphite")
    assert "graphite has no such planes" in widget.message.text()


def test_a_known_reflection_calibrates_the_image_and_its_results(window):
    """Five percent off: raw layer, result and box follow; the spot then has the known spacing."""
    hands, widget, layer = window
    made = sbd.Micrograph(np.asarray(layer.data), PIXEL, name="clean")
    result = add_result(hands.viewer, layer, made, "denoised")
    widget.layer.choose(layer)
    hands.drag(layer, (128, 256), (128, 100))
    spot_at(hands, widget, GOLD, 20)
    measured = widget.spots[0].spacing
    widget.known.setEditText(str(GOLD * 1.05))
    widget.calibrate.click()
    for one in (layer, result, widget.shapes):
        assert pixel_size_of(one) == pytest.approx(PIXEL * GOLD * 1.05 / measured)
    assert widget.spots[0].spacing == pytest.approx(GOLD * 1.05, rel=1e-6)
    hands.qtbot.wait(500)  # events of the new scale, after which all is read again
    assert "nm now" in widget.message.text()
    widget.clear.click()
    assert "nm now" not in widget.message.text()


def test_a_dock_that_is_opened_again_takes_up_the_box_that_is_there(window):
    """Another one was put over it."""
    hands, widget, layer = window
    viewer, box = hands.viewer, widget.shapes
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    hands.qtbot.wait(50)
    again = FFTWidget(viewer)
    viewer.window.add_dock_widget(again)
    again.layer.choose(layer)
    again.box.click()
    assert again.shapes is box
    follow = [one for one in box.mouse_drag_callbacks if getattr(one, "__self__", None)]
    assert [one.__self__ for one in follow] == [again]  # and not the dock that is gone
    assert list(viewer.layers) == [layer, box]
    hands.ready()
    before = again.spectrum.power.sum()
    hands.drag(layer, (128, 256), (128, 100))
    assert again.spectrum.power.sum() != before
    other = viewer.add_image(layer.data, name="other")
    again.layer.choose(other)
    again.box.click()
    assert again.shapes is box  # as before, dragged to where it is wanted


def test_an_image_beside_the_box_is_no_error_and_gets_a_box_of_its_own(window, notifications):
    """Opening it raised "The box holds 0 x 0 pixels", and *Box* took up the same box again."""
    hands, widget, layer = window
    viewer, box = hands.viewer, widget.shapes
    far = viewer.add_image(layer.data, name="far", scale=layer.scale, units=layer.units)
    far.translate = (0, 512 * PIXEL)
    hands.qtbot.wait(150)
    assert widget.layer.layer is far
    assert "x 0 pixels of the image" in widget.message.text()
    assert widget.spectrum is None
    assert not notifications
    hands.qtbot.mouseClick(widget.box, Qt.MouseButton.LeftButton)
    assert widget.shapes is not box
    assert box_on(far, widget.shapes) == box_on(layer, box)
    right = box_spectrum(layer.data, (PIXEL, PIXEL), box_on(layer, box))
    np.testing.assert_array_equal(widget.spectrum.power, right.power)
    widget.layer.choose(layer)
    hands.qtbot.mouseClick(widget.box, Qt.MouseButton.LeftButton)
    assert widget.shapes is box
    assert not notifications


def test_a_known_spacing_can_have_a_unit(window, notifications):
    """Of "2.354 Å" the number was taken, as nm."""
    hands, widget, layer = window
    hands.drag(layer, (128, 256), (128, 100))
    spot_at(hands, widget, GOLD, 20)
    widget.known.setEditText("2.354 Å")
    widget.calibrate.click()
    assert pixel_size_of(layer) == pytest.approx(PIXEL, rel=0.01)
    widget.known.setEditText("2.354 kV")
    widget.calibrate.click()
    assert "2.354 kV" in notifications[-1].message
    assert pixel_size_of(layer) == pytest.approx(PIXEL, rel=0.01)


def test_what_a_calibration_says_is_of_its_image_and_pixel_size(window):
    """ "Pixel size ... now" stood under another image, and after yet another size was typed."""
    hands, widget, layer = window

    def calibrated():
        spot_at(hands, widget, widget.spots[0].spacing if widget.spots else GOLD, 20)
        widget.known.setEditText("0.25")
        widget.calibrate.click()
        hands.qtbot.wait(100)
        return "nm now" in widget.message.text()

    hands.drag(layer, (128, 256), (128, 100))
    assert calibrated()
    calibrate(layer, 0.03, None, 0.0, hands.viewer.layers)
    hands.qtbot.waitUntil(lambda: "nm now" not in widget.message.text())
    assert calibrated()
    other = hands.viewer.add_image(
        layer.data, name="other", scale=layer.scale, units=tuple(map(str, layer.units))
    )
    widget.layer.choose(other)
    hands.qtbot.wait(100)
    assert "1:" in widget.message.text()
    assert "nm now" not in widget.message.text()


def test_what_is_shown_is_what_lies_under_the_box(window):
    """Values that are replaced, a layer that is moved: all is read again without a drag."""
    hands, widget, layer = window
    hands.drag(layer, (128, 256), (128, 100))
    spot_at(hands, widget, GOLD, 20)
    wider = fringes((256, 512), 0.25, 20) + np.random.default_rng(1).normal(0, 0.5, (256, 512))
    layer.data = wider.astype(np.float32)
    hands.qtbot.waitUntil(lambda: "0.25" in widget.message.text(), timeout=5000)
    assert widget.spots[0].spacing == pytest.approx(0.25, abs=5 * widget.spots[0].spacing_err)
    before = box_on(layer, widget.shapes)
    layer.translate = (10 * PIXEL, 0)
    hands.qtbot.wait(200)
    after = box_on(layer, widget.shapes)
    assert after[0][0] == before[0][0] - 10
    right = box_spectrum(layer.data, (PIXEL, PIXEL), after)
    np.testing.assert_array_equal(widget.spectrum.power, right.power)


def test_what_was_read_goes_with_its_box_and_image(viewer, qtbot, image):
    """Else another image would be calibrated by a spot of the one that is gone."""
    place = {"scale": (PIXEL, PIXEL), "units": "nm"}
    layer = viewer.add_image(image, name="raw", **place)
    other = viewer.add_image(image, name="other", **place)
    widget = FFTWidget(viewer)
    qtbot.addWidget(widget)
    widget.resize(400, 700)
    widget.show()
    hands = Hands(viewer, qtbot)
    widget.layer.choose(layer)
    widget.box.click()
    widget.shapes.data = [widget.shapes.data[0] - (0, 150)]
    qtbot.wait(100)
    spot_at(hands, widget, GOLD, 20)
    assert widget.spots[0].significant
    viewer.layers.remove(widget.shapes)
    viewer.layers.remove(layer)
    assert widget.layer.layer is other
    assert widget.spectrum is None and not widget.spots
    widget.known.setEditText("0.3")
    widget.calibrate.click()
    assert "Click the spot" in widget.message.text()
    assert tuple(other.scale) == pytest.approx((PIXEL, PIXEL))
    widget.box.click()  # and begins anew
    qtbot.wait(100)
    spot_at(hands, widget, 0.30, 45)
    assert widget.spots[-1].spacing == pytest.approx(0.30, rel=0.02)
    # off the image: nothing of the box that was there before is shown
    widget.shapes.data = [widget.shapes.data[0] + 5000]
    qtbot.waitUntil(lambda: "pixels of the image" in widget.message.text(), timeout=5000)
    assert widget.spectrum is None
    widget.shapes.data = [widget.shapes.data[0] - 5000]
    qtbot.waitUntil(lambda: len(widget.spots) == 1, timeout=5000)


CIF = """data_wide
_cell_length_a 0.5000
_cell_length_b 0.5000
_cell_length_c 0.5000
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Au1 Au 0 0 0
"""


def test_the_crystal_is_the_one_that_was_chosen_last(window, tmp_path):
    """A CIF file goes before a material, and a material that is chosen then before the file."""
    pytest.importorskip("ase")
    hands, widget, layer = window
    (tmp_path / "wide.cif").write_text(CIF.replace("0.5000", "2.3540"))
    hands.drag(layer, (128, 256), (128, 100))
    spot_at(hands, widget, GOLD, 20)
    widget.material.setCurrentText("Au")
    widget.cif.choose(str(tmp_path / "wide.cif"))
    assert "wide: (100), 0.2354 nm" in widget.message.text()
    assert widget.known.itemText(0).startswith("0.2354")
    widget.material.setFocus()
    hands.qtbot.keyClick(widget.material, Qt.Key.Key_Up)  # the one before gold, as a person does
    hands.qtbot.keyClick(widget.material, Qt.Key.Key_Down)
    assert widget.material.currentText() == "Au"
    assert widget.cif.path is None and widget.cif.text() == "CIF…"
    assert "Au: (111), 0.2354 nm" in widget.message.text()


@pytest.mark.skipif(not REAL.is_file(), reason="needs files of other people")
def test_what_a_calibration_says_of_a_real_scan_stays_to_be_read(make_napari_viewer, qtbot):
    """Strontium titanate, whose scan is 3 to 4 % off by what its own file says."""
    m = sbd.read(REAL)
    viewer = make_napari_viewer(show=True)
    data, attributes, _ = to_layer(m.replace(data=np.asarray(m.data)[256:768, 256:768]))
    layer = viewer.add_image(data, **attributes)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "FFT")
    hands = Hands(viewer, qtbot)
    qtbot.mouseClick(widget.box, Qt.MouseButton.LeftButton)
    hands.ready()
    spot = strongest(m.data, m.pixel_size_yx)[1][0]
    hands.click_plot(widget.plot, spot.x, spot.y)
    assert widget.spots[0].spacing == pytest.approx(spot.spacing, rel=0.01)
    measured = widget.spots[0].spacing
    widget.known.setEditText("0.27612")
    qtbot.mouseClick(widget.calibrate, Qt.MouseButton.LeftButton)
    qtbot.wait(500)
    assert "nm now" in widget.message.text()
    assert pixel_size_of(layer) == pytest.approx(m.pixel_size * 0.27612 / measured, rel=1e-6)


def test_a_spot_of_a_denoised_layer_is_read_without_errors(window, image):
    """Its noise is gone while the spot still stands where that has put it."""
    hands, widget, layer = window
    hands.drag(layer, (128, 256), (128, 100))
    spot_at(hands, widget, GOLD, 20)
    assert "±" in widget.message.text()
    made = sbd.Micrograph(gaussian_filter(image, 2.0).astype(np.float32), PIXEL, name="blurred")
    denoised = add_result(hands.viewer, layer, made, "denoised")
    widget.layer.choose(denoised)
    hands.ready()
    assert len(widget.spots) == 1
    assert "±" not in widget.message.text()
    assert "choose the raw image for errors" in widget.message.text()


def test_noise_is_not_read_as_a_lattice_nor_used_for_a_calibration(window, notifications):
    hands, widget, layer = window
    spot_at(hands, widget, 0.15, 75)
    assert "Noise alone" in widget.message.text()
    widget.known.setEditText("0.2")
    widget.calibrate.click()
    assert pixel_size_of(layer) == PIXEL
    assert "click a clear spot" in notifications[-1].message
