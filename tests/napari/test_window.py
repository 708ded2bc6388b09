"""The plugin in a real window, and what ends with it."""

import gc

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest
from qtpy.QtCore import QLocale, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton

from napari_sbd import Micrograph
from napari_sbd._napari.denoise.widget import DenoiseWidget
from napari_sbd._napari.forms.focus_ring import FocusRing
from napari_sbd._napari.layers.micrographs import micrograph_of, to_layer


def test_an_image_is_denoised_in_a_window(make_napari_viewer, qtbot, denoiser, noisy):
    viewer = make_napari_viewer()
    layer = viewer.add_image(noisy, scale=(0.0061, 0.0061), units=("nm", "nm"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    np.testing.assert_allclose(viewer.layers[-1].data, layer.data + 100)


def test_closing_the_viewer_during_a_run_ends_it(make_napari_viewer, qtbot, denoiser, noisy):
    denoiser.go.clear()
    viewer = make_napari_viewer()
    viewer.add_image(noisy)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.start.click()
    qtbot.waitUntil(lambda: denoiser.busy, timeout=20_000)
    viewer.close()
    qtbot.waitUntil(lambda: not denoiser.busy, timeout=20_000)


def test_deleting_the_widget_during_a_run_ends_it(qtbot, denoiser, noisy_movie):
    denoiser.go.clear()
    viewer = ViewerModel()
    viewer.add_image(noisy_movie)
    widget = DenoiseWidget(viewer)
    widget.start.click()
    qtbot.waitUntil(lambda: denoiser.busy, timeout=20_000)
    widget.deleteLater()
    qtbot.waitUntil(lambda: not denoiser.busy, timeout=20_000)
    viewer.dims.set_current_step(0, 2)
    viewer.layers[0].name = "still here"
    viewer.add_image(noisy_movie)
    assert len(viewer.layers) == 2


def test_the_raw_image_shows_while_a_key_is_held(make_napari_viewer, qtbot, denoiser, noisy):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy, name="raw")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.start.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyPress(canvas, "b")
    assert [layer.visible for layer in viewer.layers] == [True, False]
    qtbot.keyRelease(canvas, "b")
    qtbot.waitUntil(lambda: viewer.layers[1].visible, timeout=5000)


WIDGETS = [
    widget.display_name
    for widget in PluginManifest.from_distribution("napari-sbd").contributions.widgets
]


def test_no_words_are_cut_in_a_dock_as_narrow_as_it_gets(make_napari_viewer, qtbot, subtests):
    viewer = make_napari_viewer(show=True)

    def whole(parts):
        shown = [part for part in parts if part.isVisible() and part.text()]
        assert shown
        for part in shown:
            if not (isinstance(part, QLabel) and part.wordWrap()):
                assert part.width() >= part.minimumSizeHint().width(), part.text()
                assert part.visibleRegion().boundingRect().width() == part.width(), part.text()

    for name in WIDGETS:
        with subtests.test(name):
            area, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
            viewer.window._qt_window.resizeDocks([area], [50], Qt.Orientation.Horizontal)
            qtbot.wait(50)
            kinds = QLabel, QPushButton, QCheckBox
            parts = [part for kind in kinds for part in widget.findChildren(kind)]
            qtbot.waitUntil(lambda parts=parts: whole(parts))
        _close_docks(viewer, qtbot)


@pytest.mark.parametrize("name", ["FFT", "Line profile"])
def test_before_there_is_a_plot_the_rows_stand_together(make_napari_viewer, qtbot, name):
    """They were spread over all the height of the dock."""
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.random.default_rng(0).normal(size=(64, 64)))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
    qtbot.wait(100)
    foot = widget.message.mapTo(widget.inner, widget.message.rect().bottomLeft()).y()
    assert foot < 0.6 * widget.inner.height()
    button = widget.box if name == "FFT" else widget.line
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.wait(100)
    assert widget.plot.height() > 0.3 * widget.inner.height()  # which has the room then


def test_names_of_layers_that_differ_at_their_ends_can_be_told(make_napari_viewer, qtbot):
    """They were cut after "image", where those of results begin to differ."""
    viewer = make_napari_viewer(show=True)
    name = "20261103_SrTiO3_camera_length_115_image"
    for end in ("", "_7", "_8"):
        viewer.add_image(np.zeros((8, 8)), name=name + end)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Detector")
    pictures = []
    for index in (0, 1, 2, -1):
        widget.layer.setCurrentIndex(index)
        qtbot.wait(20)
        pictures.append(widget.layer.grab().toImage())
    assert all(a != b for n, a in enumerate(pictures) for b in pictures[:n])


def _close_docks(viewer, qtbot):
    """So that only napari's own are left; what ours leave behind is a test of its own."""
    viewer.window.remove_dock_widget("all")
    qtbot.wait(20)


def test_a_dock_and_a_second_one_fit_into_napari_s_first_window(
    make_napari_viewer, qtbot, subtests
):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.random.default_rng(0).poisson(3, (64, 64)).astype(np.float32))
    window = viewer.window._qt_window
    for name in WIDGETS:
        viewer.window.resize(1089, 630)
        qtbot.waitUntil(lambda: (window.width(), window.height()) == (1089, 630))
        other = "Columns" if name != "Columns" else "SBD"
        with subtests.test(name):
            for one in (name, other):
                viewer.window.add_plugin_dock_widget("napari-sbd", one)
                qtbot.wait(50)
                assert (window.width(), window.height()) == (1089, 630), one
        _close_docks(viewer, qtbot)


def test_no_height_of_the_dock_is_left_empty_while_the_form_scrolls(make_napari_viewer, qtbot):
    """What has come of a step makes the form longer than it was when the dock was laid out."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1089, 630)
    viewer.add_image(np.random.default_rng(0).poisson(3, (64, 64)).astype(np.float32))
    area, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    qtbot.wait(100)
    flow.page(0).say("One sentence after the other. " * 20)
    qtbot.wait(100)
    assert flow.page(0).height() > 0.85 * area.height()


@pytest.mark.parametrize(
    "name, part",
    [
        ("Columns", "polarity"),
        ("Line profile", "across"),
        ("Figure", "rate"),
        ("Watch", "frames"),
    ],
)
def test_the_wheel_over_a_form_changes_no_choice_in_it(make_napari_viewer, qtbot, name, part):
    """Whoever scrolled a form changed the width of a profile, and the rate of a film."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
    qtbot.wait(50)
    box = getattr(widget, part)
    middle = QPointF(box.rect().center())

    def turn():
        wheel = QWheelEvent(
            middle,
            QPointF(box.mapToGlobal(middle.toPoint())),
            QPoint(0, 0),
            QPoint(0, -240),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, wheel)
        return box.currentText() if name == "Columns" else box.value()

    before = box.currentText() if name == "Columns" else box.value()
    assert turn() == before
    viewer.window._qt_window.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    assert turn() != before  # what one has clicked obeys


@pytest.mark.parametrize("name", ["Denoise", "Columns", "Train", "Batch", "Detector"])
def test_tab_goes_through_a_form_from_its_top_to_its_foot(make_napari_viewer, qtbot, name):
    """The button came before the fields for what it does."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
    qtbot.wait(100)
    reached, part = [], widget
    while (part := part.nextInFocusChain()) is not widget:
        takes = part.focusPolicy() & Qt.FocusPolicy.TabFocus and part.focusProxy() is None
        if takes and part.isVisible() and widget.inner.isAncestorOf(part):
            reached.append(part.mapTo(widget.inner, part.rect().topLeft()).y())
    assert len(reached) > 2
    assert np.diff(reached).min() > -12  # of one row, whose parts differ in height


def test_the_step_that_the_tab_key_reached_is_framed(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    viewer.window._qt_window.activateWindow()
    steps = widget.buttons
    qtbot.mouseClick(steps[0], Qt.MouseButton.LeftButton)  # without an image it says so
    qtbot.waitUntil(steps[0].hasFocus)
    before = widget.grab().toImage()

    def is_framed(step):
        above = step.mapTo(widget, QPoint(step.width() // 2, -2))
        return before.pixel(above) != widget.grab().toImage().pixel(above)

    assert not any(map(is_framed, steps))
    qtbot.keyClick(steps[0], Qt.Key.Key_Tab)
    assert steps[1].hasFocus()
    assert [is_framed(step) for step in steps] == [False, True, False, False, False]
    qtbot.keyClick(steps[1], Qt.Key.Key_Backtab)
    assert is_framed(steps[0])
    qtbot.mouseClick(steps[0], Qt.MouseButton.LeftButton)


def test_escape_brings_back_what_stood_in_a_field(make_napari_viewer, qtbot):
    """What was typed stayed, and was taken when the field was left; a refused word stayed too."""
    viewer = make_napari_viewer(show=True)
    data, attributes, _ = to_layer(Micrograph(np.ones((64, 64), np.float32), 0.0061, gain=2.0))
    layer = viewer.add_image(data, **attributes)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    viewer.window._qt_window.activateWindow()

    def typed(words, *keys):
        widget.gain.setFocus()
        qtbot.waitUntil(widget.gain.hasFocus)
        widget.gain.selectAll()
        qtbot.keyClicks(widget.gain, words)
        for key in keys:
            qtbot.keyClick(widget.gain, key)
        widget.offset.setFocus()
        return widget.gain.text(), micrograph_of(layer).gain

    escape, enter = Qt.Key.Key_Escape, Qt.Key.Key_Return
    assert typed("30", escape) == ("2", 2.0)
    assert typed("5", enter) == ("5", 5.0)
    assert typed("x", enter, escape) == ("5", 5.0)
    assert not widget.message.text()
    assert typed("6", enter, escape) == ("6", 6.0)
    assert typed("4") == ("4", 4.0)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_the_tab_key_reached_is_framed(make_napari_viewer, qtbot, theme):
    """Nothing showed where the keys go: napari's themes look the same with and without focus."""
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    viewer.window._qt_window.activateWindow()
    widget.pixel_size.setFocus()
    qtbot.waitUntil(widget.pixel_size.hasFocus)
    before = widget.inner.grab().toImage()
    for _ in range(2):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert widget.offset.hasFocus()
    corner = widget.offset.mapTo(widget.inner, widget.offset.rect().topLeft()) - QPoint(2, 2)
    assert before.pixel(corner) != widget.inner.grab().toImage().pixel(corner)
    # and where it is then, once what stands above has become longer

    def place():
        return widget.start.mapTo(widget.inner, QPoint(-2, -2))

    widget.start.setFocus(Qt.FocusReason.TabFocusReason)
    before = place()
    widget.warning.setText("Words that make the form longer. " * 9)
    widget.warning.show()
    qtbot.waitUntil(lambda: place().y() > before.y() + 20)
    qtbot.wait(100)
    corners = [part.pos() for part in widget.inner.children() if isinstance(part, FocusRing)]
    assert place() in corners


@pytest.mark.parametrize("country", ["Germany", "UnitedStates"])
@pytest.mark.parametrize("name, part", [("Line profile", "across"), ("Figure", "rate")])
def test_numbers_are_typed_with_point_or_comma(make_napari_viewer, qtbot, name, part, country):
    """With a German or an English window one of both made 25 of them."""
    languages = {"Germany": "German", "UnitedStates": "English"}
    before = QLocale()
    language = getattr(QLocale.Language, languages[country])
    QLocale.setDefault(QLocale(language, getattr(QLocale.Country, country)))
    try:
        _, widget = make_napari_viewer(show=True).window.add_plugin_dock_widget("napari-sbd", name)
        box = getattr(widget, part)
        for words in ("2,5", "2.5"):
            box.setValue(7)
            box.selectAll()
            qtbot.keyClicks(box.lineEdit(), words)
            qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Return)
            assert box.value() == 2.5
            assert box.text().startswith("2.5")  # as the fields of forms show numbers
    finally:
        QLocale.setDefault(before)


def test_what_has_come_of_a_task_is_in_view(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1089, 630)
    viewer.window.add_plugin_dock_widget("napari-sbd", "Columns")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    qtbot.wait(50)
    widget.start.click()
    assert "Open Sample" in widget.message.text()
    qtbot.waitUntil(lambda: not widget.message.visibleRegion().isEmpty())


def test_a_long_message_does_not_widen_the_dock(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Batch")
    narrowest = widget.minimumSizeHint().width()
    widget.say("x" * 500)
    assert widget.minimumSizeHint().width() == narrowest


def test_the_plots_of_the_detector_do_not_enlarge_a_small_window(make_napari_viewer, until):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1089, 630)
    mean = np.linspace(1, 20, 256)[None] * np.ones((256, 1))
    viewer.add_image(np.random.default_rng(0).poisson(mean).astype(np.float32))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Detector")
    widget.start.click()
    until(lambda: not widget.running)
    assert "gain" in widget.message.text()
    assert widget.plots.isVisible()
    assert viewer.window._qt_window.height() == 630


def test_no_words_are_cut_in_a_low_window(make_napari_viewer, qtbot):
    """A form scrolls before it cuts a text that needs several lines."""
    from qtpy.QtWidgets import QLabel

    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1089, 630)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.about.setText("A model whose reason takes many words " * 4 + "\nsums 5 x 5 pixels")
    widget.warning.setText("What may go wrong takes many words as well. " * 8)
    widget.warning.setVisible(True)
    widget.say("And what came of it. " * 12)
    qtbot.wait(100)

    def whole():
        texts = [one for one in widget.findChildren(QLabel) if one.wordWrap() and one.isVisible()]
        assert len(texts) >= 3
        for label in texts:
            assert label.height() >= label.heightForWidth(label.width()), label.text()

    qtbot.waitUntil(whole)


@pytest.mark.parametrize("name", WIDGETS)
def test_a_dock_that_is_closed_leaves_nothing_behind(make_napari_viewer, qtbot, name):
    """Nor does it complain when the collector finds it, with the viewer that napari handed it."""
    viewer = make_napari_viewer()
    viewer.add_image(np.random.default_rng(0).poisson(3, (64, 64)).astype(np.float32))
    for _ in range(2):
        dock, widget = viewer.window.add_plugin_dock_widget("napari-sbd", name)
        qtbot.wait(20)
        viewer.window.remove_dock_widget(dock)
        del dock, widget
        qtbot.wait(20)
        gc.collect()
        qtbot.wait(20)
    viewer.layers[0].name = "another"
    viewer.add_image(np.ones((64, 64), np.float32))
    viewer.layers.clear()


@pytest.mark.parametrize(("name", "button"), [("FFT", "box"), ("Line profile", "line")])
def test_the_main_dock_and_a_tool_share_the_height(make_napari_viewer, qtbot, name, button):
    """The tool is whole and the form nearly so in a window of 1080; in one of 800 both have their
    part, and the plot is not cut; what hands drag stays."""
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.random.default_rng(0).poisson(3, (64, 64)).astype(np.float32))
    for height in (1080, 800):
        viewer.window.resize(1400, height)
        main, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
        qtbot.waitUntil(lambda f=flow: f.page(0).dose.text() != "", timeout=60_000)
        dock, tool = viewer.window.add_plugin_dock_widget("napari-sbd", name)
        qtbot.wait(200)
        qtbot.mouseClick(getattr(tool, button), Qt.MouseButton.LeftButton)
        qtbot.wait(100)

        def shared(height=height, flow=flow, tool=tool):
            assert tool.plot.isVisible()
            assert tool.plot.visibleRegion().boundingRect().height() == tool.plot.height()
            assert tool.verticalScrollBar().maximum() <= (0 if height == 1080 else 40)
            assert flow.page(0).verticalScrollBar().maximum() < (120 if height == 1080 else 350)
            shares = [one.height() / height for one in (flow, tool)]
            assert min(shares) > 0.35, shares

        qtbot.waitUntil(shared)
        share = tool.height()
        window = viewer.window._qt_window
        window.resizeDocks([main, dock], [height // 4, height], Qt.Orientation.Vertical)
        qtbot.waitUntil(lambda tool=tool, share=share: abs(tool.height() - share) > 20)
        qtbot.wait(50)
        before = tool.height()
        qtbot.mouseClick(flow.buttons[4], Qt.MouseButton.LeftButton)
        qtbot.wait(200)
        assert tool.height() == before
        for one in (dock, main):
            viewer.window.remove_dock_widget(one)


def test_a_step_with_few_fields_leaves_the_height_to_the_tool(make_napari_viewer, qtbot):
    """Report is short: the table of Compare that is to come gets what Denoise would have."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(np.random.default_rng(0).poisson(3, (64, 64)).astype(np.float32))
    _, flow = viewer.window.add_plugin_dock_widget("napari-sbd", "SBD")
    qtbot.mouseClick(flow.buttons[4], Qt.MouseButton.LeftButton)
    qtbot.wait(100)
    _, tool = viewer.window.add_plugin_dock_widget("napari-sbd", "Compare")
    qtbot.waitUntil(lambda: tool.height() > max(380, tool.inner.minimumSizeHint().height() + 100))
