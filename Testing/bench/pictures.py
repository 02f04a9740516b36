"""Pictures of the scene without a screen, by Slicer's own displayable managers, beside a picture of the panel."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from Testing.bench.slice_view import SliceView
from Testing.bench.three_d_view import ThreeDView

SIZE = 420
_SLICES = {"axial": ("Red", "Axial"), "sagittal": ("Yellow", "Sagittal"), "coronal": ("Green", "Coronal")}
_CAPTION_HEIGHT = 40
_GAP = 6


class Views:
    """The four views of Slicer's usual layout, on the scene of `slicer.mrmlScene`; close them before it goes.

    The slice nodes Red, Yellow and Green and the camera are in the scene, so a module's jumps show in the pictures.
    """

    def __init__(self, size: int = SIZE) -> None:
        scene, logic = slicer.mrmlScene, slicer.app.applicationLogic()
        logic.SetSliceLogics(vtk.vtkCollection())
        logic.SetViewLogics(vtk.vtkCollection())
        self._slices = {
            name: SliceView(scene, logic, color, orientation, size)
            for name, (color, orientation) in _SLICES.items()
        }
        self.three_d = ThreeDView(scene, logic, size)

    def __enter__(self) -> Views:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def show(self, volume: Any) -> None:
        """Show the volume in the slice views, all of it in view."""
        for view in self._slices.values():
            view.show(volume)

    def __getitem__(self, name: str) -> SliceView:
        """Return the view "axial", "sagittal" or "coronal"."""
        return self._slices[name]

    def pictures(self, ras: tuple[float, float, float] | None = None, fit: bool = True) -> list[np.ndarray]:
        """Return axial, coronal and sagittal slices and the 3D view, as (row, column, 3).

        ras: a world point (mm) to jump to first; without it, the views stay where they are.
        fit: whether the 3D view shows the whole scene, or what its camera looks at.
        """
        slices = [self._slices[name].picture(ras) for name in ("axial", "coronal", "sagittal")]
        return [*slices, self.three_d.picture(fit)]

    def close(self) -> None:
        """Take the views' windows away."""
        for view in (*self._slices.values(), self.three_d):
            view.close()


def of_widget(widget: Any) -> QtGui.QImage:
    """Return a picture of a widget, such as the panel."""
    return QtWidgets.QWidget.grab(widget).toImage()


def save_step(path: Path, caption: str, views: list[np.ndarray], panel: Any = None) -> None:
    """Write one step of a story: the panel at the left, the views two and two at its side, the caption below.

    Raises `OSError` when the picture cannot be written.
    """
    images = [_image(view) for view in views]
    beside = of_widget(panel) if panel is not None else QtGui.QImage()
    left = beside.width() + _GAP if not beside.isNull() else 0
    cell = max((max(image.width(), image.height()) for image in images), default=0) + _GAP
    columns = min(2, len(images))
    rows = -(-len(images) // 2)
    size = QtCore.QSize(left + columns * cell, max(beside.height(), rows * cell) + _CAPTION_HEIGHT)
    page = QtGui.QImage(size, QtGui.QImage.Format.Format_RGB32)
    page.fill(QtCore.Qt.GlobalColor.white)
    painter = QtGui.QPainter(page)
    painter.drawImage(0, 0, beside)
    for index, image in enumerate(images):
        row, column = divmod(index, 2)
        painter.drawImage(left + column * cell, row * cell, image)
    area = QtCore.QRect(8, size.height() - _CAPTION_HEIGHT, size.width() - 16, _CAPTION_HEIGHT)
    wrapped = QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.TextFlag.TextWordWrap
    painter.drawText(area, wrapped, caption)
    painter.end()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not page.save(str(path)):
        raise OSError(f"cannot write {path}")


def _image(view: np.ndarray) -> QtGui.QImage:
    rows, columns, _ = view.shape
    # The copy owns its memory; the array's may go.
    return QtGui.QImage(view.data, columns, rows, 3 * columns, QtGui.QImage.Format.Format_RGB888).copy()
