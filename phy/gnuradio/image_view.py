"""The block that shows images in a QT GUI flowgraph. Runs under GNU Radio's interpreter."""

from typing import Any

import numpy as np
import pmt
from gnuradio import gr
from PyQt5 import QtCore, QtGui, QtWidgets

_PORT = pmt.intern("image")


class _ImageBox(QtWidgets.QGroupBox):  # type: ignore[misc]
    """Shows an image in a box that grows with the window."""

    arrived = QtCore.pyqtSignal(object)

    def __init__(self, title: str) -> None:
        QtWidgets.QGroupBox.__init__(self, title)
        self._label = QtWidgets.QLabel(alignment=QtCore.Qt.AlignCenter)
        self._label.setMinimumSize(256, 192)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self._label)
        self.arrived.connect(self._show)

    def _show(self, pixels: Any) -> None:
        height, width, _ = pixels.shape
        image = QtGui.QImage(pixels.tobytes(), width, height, 3 * width, QtGui.QImage.Format_RGB888)
        pixmap = QtGui.QPixmap.fromImage(image)
        self._label.setPixmap(pixmap.scaled(self._label.size(), QtCore.Qt.KeepAspectRatio))


class image_view(gr.basic_block):  # type: ignore[misc]  # noqa: N801 - GNU Radio's spelling
    """Shows PDUs of RGB pixels with `height` and `width` (message port image) in `widget`."""

    def __init__(self, title: str = "image") -> None:
        gr.basic_block.__init__(self, "TaskWave image view", None, None)
        self.widget = _ImageBox(title)
        self.message_port_register_in(_PORT)
        self.set_msg_handler(_PORT, self._take)

    def _take(self, message: Any) -> None:
        values = pmt.to_python(pmt.car(message))
        pixels = np.array(pmt.u8vector_elements(pmt.cdr(message)), dtype=np.uint8)
        # Messages come in the block's thread, which must not touch widgets; the GUI's thread handles the signal.
        self.widget.arrived.emit(pixels.reshape(values["height"], values["width"], 3))
