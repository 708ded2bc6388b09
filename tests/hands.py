"""Mouse and keys in a viewer's canvas and in plots, as a person's hands have them."""

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


class Hands:
    """Events for the canvas of a viewer whose window is shown.

    Parameters
    ----------
    viewer, qtbot
        Of the test.
    """

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas

    def ready(self):
        """Let docks find their places; show all of the image."""
        self.qtbot.wait(200)
        self.viewer.reset_view()
        self.qtbot.wait(100)

    def at(self, layer, y, x):
        """The place on the canvas of a pixel of an image layer."""
        height, width = self.canvas.size
        zoom, centre = self.viewer.scene.camera.zoom, self.viewer.scene.camera.center[-2:]
        wy, wx = np.asarray(layer.data_to_world((y, x))[-2:])
        return QPoint(
            round(width / 2 + (wx - centre[1]) * zoom), round(height / 2 + (wy - centre[0]) * zoom)
        )

    def drag(self, layer, start, end, watch=None):
        """Press at a pixel, move to another in steps, release; look on after each move."""
        native = self.canvas.native
        mouse(native, QEvent.Type.MouseMove, self.at(layer, *start), NONE)
        self.qtbot.wait(50)
        mouse(native, QEvent.Type.MouseButtonPress, self.at(layer, *start))
        self.qtbot.wait(50)
        for share in (0.25, 0.5, 0.75, 1.0):
            place = np.add(start, share * np.subtract(end, start))
            mouse(native, QEvent.Type.MouseMove, self.at(layer, *place))
            self.qtbot.wait(120)
            if watch is not None:
                watch()
        mouse(native, QEvent.Type.MouseButtonRelease, self.at(layer, *end))
        self.qtbot.wait(120)

    def click(self, layer, y, x):
        """Click a pixel."""
        place, native = self.at(layer, y, x), self.canvas.native
        mouse(native, QEvent.Type.MouseMove, place, NONE)
        self.qtbot.wait(50)
        mouse(native, QEvent.Type.MouseButtonPress, place)
        mouse(native, QEvent.Type.MouseButtonRelease, place)
        self.qtbot.wait(100)

    def plot_place(self, plot, x, y):
        """The place in a matplotlib plot of a point of its axes."""
        plot.draw()
        across, up = plot.axes.transData.transform((x, y)) / plot.device_pixel_ratio
        return QPoint(round(across), round(plot.height() - up))

    def click_plot(self, plot, x, y):
        """Click a point of a plot."""
        self.qtbot.mouseClick(plot, LEFT, pos=self.plot_place(plot, x, y))
        self.qtbot.wait(50)

    def drag_plot(self, plot, start, end):
        """Drag from a point (x, y) of a plot to another."""
        places = [self.plot_place(plot, *point) for point in (start, end)]
        mouse(plot, QEvent.Type.MouseMove, places[0], NONE)
        mouse(plot, QEvent.Type.MouseButtonPress, places[0])
        self.qtbot.wait(50)
        mouse(plot, QEvent.Type.MouseMove, places[1])
        self.qtbot.wait(50)
        mouse(plot, QEvent.Type.MouseButtonRelease, places[1])
        self.qtbot.wait(50)


def mouse(native, kind, place, button=LEFT):
    """Send one event."""
    where, far = QPointF(place), QPointF(native.mapToGlobal(place))
    held = NONE if kind == QEvent.Type.MouseButtonRelease else button
    pressed = NONE if kind == QEvent.Type.MouseMove else button
    event = QMouseEvent(kind, where, far, pressed, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(native, event)
