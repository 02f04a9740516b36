"""Draws the icons of extension and module: a liver with a lesion, lit by four beams of attention.

`python Resources/draw_icon.py` writes Resources/LiverTumorAttention.png (128 x 128) and the module's copy.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui

ROOT = Path(__file__).resolve().parents[1]
TARGETS = (
    ROOT / "Resources" / "LiverTumorAttention.png",
    ROOT / "LiverTumorAttention" / "Resources" / "Icons" / "LiverTumorAttention.png",
)
SIZE = 128


def draw() -> QtGui.QImage:
    """Return the icon, on a transparent ground."""
    image = QtGui.QImage(SIZE, SIZE, QtGui.QImage.Format_ARGB32)
    image.fill(QtCore.Qt.transparent)
    painter = QtGui.QPainter(image)
    painter.setRenderHint(QtGui.QPainter.Antialiasing)
    liver = QtGui.QPainterPath(QtCore.QPointF(12, 44))
    liver.cubicTo(20, 18, 58, 18, 76, 30)
    liver.cubicTo(92, 24, 116, 28, 120, 40)
    liver.cubicTo(118, 60, 92, 62, 80, 72)
    liver.cubicTo(66, 88, 58, 110, 34, 110)
    liver.cubicTo(14, 108, 6, 72, 12, 44)
    shade = QtGui.QLinearGradient(20, 20, 80, 110)
    shade.setColorAt(0.0, QtGui.QColor("#c8553d"))
    shade.setColorAt(1.0, QtGui.QColor("#8c2f22"))
    painter.setPen(QtGui.QPen(QtGui.QColor("#5e1c14"), 3))
    painter.setBrush(shade)
    painter.drawPath(liver)
    center = QtCore.QPointF(44, 66)
    painter.setPen(QtGui.QPen(QtGui.QColor("#fff3d6"), 3))
    painter.setBrush(QtGui.QColor("#f2b134"))
    painter.drawEllipse(center, 11, 11)
    beam = QtGui.QPen(QtGui.QColor("#fff3d6"), 4, QtCore.Qt.SolidLine, QtCore.Qt.RoundCap)
    painter.setPen(beam)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        painter.drawLine(center + QtCore.QPointF(18 * dx, 18 * dy), center + QtCore.QPointF(25 * dx, 25 * dy))
    painter.end()
    return image


if __name__ == "__main__":
    for target in TARGETS:
        target.parent.mkdir(parents=True, exist_ok=True)
        draw().save(str(target))
