"""Draws the sample case's thumbnail: one slice in both phases, the tumour that the arterial phase shows outlined.

`python Resources/draw_thumbnail.py` generates the case and writes LiverTumorAttention/Resources/Icons/SampleCase.png.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "LiverTumorAttention")]

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from PySide6 import QtCore, QtGui  # noqa: E402

from LiverTumorAttentionGui.sample.sample_case import SampleCase  # noqa: E402
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom  # noqa: E402

TARGET = ROOT / "LiverTumorAttention" / "Resources" / "Icons" / "SampleCase.png"
WIDTH, HEIGHT = 260, 280
WINDOW_HU = (-60.0, 240.0)
FIELD_MM = (270.0, 144.0)
OUTLINE = QtGui.QColor("#f2b134")


def draw(phantom: Phantom) -> QtGui.QImage:
    """Return the thumbnail: portal venous above, arterial below."""
    show = next(lesion for lesion in phantom.lesions if lesion.kind == "FNH")
    tumor = phantom.instances == show.instance
    k = phantom.portal.TransformPhysicalPointToIndex(show.center_lps_mm)[2]
    window = _window(phantom, k)
    field = sitk.DisplacementFieldTransform(sitk.Cast(phantom.displacement, sitk.sitkVectorFloat64))
    arterial = sitk.Resample(phantom.arterial, phantom.portal, field, sitk.sitkLinear, -1024.0)
    image = QtGui.QImage(WIDTH, HEIGHT, QtGui.QImage.Format_RGB32)
    image.fill(QtCore.Qt.black)
    painter = QtGui.QPainter(image)
    painter.setRenderHint(QtGui.QPainter.SmoothPixmapTransform)
    painter.setRenderHint(QtGui.QPainter.Antialiasing)
    for row, volume in enumerate((phantom.portal, arterial)):
        place = QtCore.QRectF(0, row * HEIGHT / 2, WIDTH, HEIGHT / 2 - 1)
        painter.drawImage(place, _gray(volume, k), QtCore.QRectF(window))
        _outline(painter, sitk.GetArrayViewFromImage(tumor)[k], window, place)
    painter.end()
    return image


def _window(phantom: Phantom, k: int) -> QtCore.QRect:
    """Return the part of slice k that is shown, in pixels: the liver in its middle."""
    y, x = np.nonzero(sitk.GetArrayViewFromImage(phantom.labels)[k])
    spacing = phantom.portal.GetSpacing()
    width, height = (round(mm / s) for mm, s in zip(FIELD_MM, spacing[:2], strict=True))
    return QtCore.QRect(
        int(x.min() + x.max() - width) // 2, int(y.min() + y.max() - height) // 2, width, height
    )


def _gray(volume: sitk.Image, k: int) -> QtGui.QImage:
    low, high = WINDOW_HU
    values = np.clip((sitk.GetArrayViewFromImage(volume)[k] - low) / (high - low) * 255, 0, 255)
    pixels = np.ascontiguousarray(values.astype(np.uint8))
    height, width = pixels.shape
    return QtGui.QImage(pixels.tobytes(), width, height, width, QtGui.QImage.Format_Grayscale8).copy()


def _outline(painter: QtGui.QPainter, mask: np.ndarray, window: QtCore.QRect, place: QtCore.QRectF) -> None:
    """Draw the border of the mask along the edges of its pixels."""
    region = QtGui.QRegion()
    for y, x in np.argwhere(mask):
        region += QtCore.QRect(int(x), int(y), 1, 1)
    path = QtGui.QPainterPath()
    path.addRegion(region)
    scale = QtGui.QTransform()
    scale.translate(place.x(), place.y())
    scale.scale(place.width() / window.width(), place.height() / window.height())
    scale.translate(-window.x(), -window.y())
    painter.setPen(QtGui.QPen(OUTLINE, 1.6))
    painter.setBrush(QtCore.Qt.NoBrush)
    painter.drawPath(scale.map(path.simplified()))


if __name__ == "__main__":
    case = SampleCase()
    generated = generate_phantom(
        case.seed, size=case.size, lesions=case.lesions, slices=case.slices, thickness_mm=case.thickness_mm
    )
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    draw(generated).save(str(TARGET))
