"""Pictures of a story: the panel beside the views, one page a step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PySide6 import QtGui, QtWidgets

from Testing.bench import rendering
from Testing.bench.pictures import Views, save_step

PANEL_WIDTH = 460
FIELD_OF_VIEW_MM = 240.0
_SETTLING = 8
NOTE = "Synthetic case. Not for clinical use."
_SECTIONS = {
    "inputs": "inputsButton",
    "segment": "segmentSectionButton",
    "correct": "correctButton",
    "review": "reviewButton",
}


class Album:
    """Writes one PNG a step into a folder. Where nothing can be drawn, the pages show the panel alone.

    first: the number of the first page.
    """

    def __init__(self, folder: Path, panel: Any, first: int = 1) -> None:
        self._panel = panel
        self.folder = folder
        self.next_number = first
        self._views = Views() if rendering.why_not() is None else None
        self._font = QtWidgets.QApplication.font()
        QtWidgets.QApplication.setFont(QtGui.QFont("DejaVu Sans", 9))
        panel.widget.show()

    def show(self, volume: Any) -> None:
        """Show a volume in the slice views, as Slicer does with one that was loaded."""
        if self._views is None:
            return
        self._views.show(volume)
        for name in ("axial", "coronal", "sagittal"):
            node = self._views[name].node
            depth = node.GetFieldOfView()[2]
            node.SetFieldOfView(FIELD_OF_VIEW_MM, FIELD_OF_VIEW_MM, depth)

    def page(self, title: str, *sections: str, at: tuple[float, float, float] | None = None) -> None:
        """Add a page. sections: those of the panel that are open; at: the world point (RAS, mm) that is looked at."""
        for name, button in _SECTIONS.items():
            getattr(self._panel.ui, button).collapsed = name not in sections
        self._fit_panel()
        views = []
        if self._views is not None:
            if at is not None:
                for name in ("axial", "coronal", "sagittal"):
                    self._views[name].node.JumpSliceByCentering(*at)
            views = self._views.pictures()
        name = re.sub(r"[^a-z]+", "-", title.split(":")[0].lower()).strip("-")
        path = self.folder / f"{self.next_number:02d}-{name}.png"
        save_step(path, f"{self.next_number}. {title} {NOTE}", views, self._panel.widget)
        self.next_number += 1

    def close(self) -> None:
        """Give windows and font back; the scene may go then."""
        if self._views is not None:
            self._views.close()
        self._panel.widget.hide()
        QtWidgets.QApplication.setFont(self._font)

    def _fit_panel(self) -> None:
        widget = self._panel.widget
        layout = QtWidgets.QWidget.layout(widget)
        for _ in range(_SETTLING):  # a box that was opened tells the one around it what it needs, and so on
            QtWidgets.QApplication.processEvents()
            QtWidgets.QWidget.resize(widget, PANEL_WIDTH, layout.totalHeightForWidth(PANEL_WIDTH))
        QtWidgets.QApplication.processEvents()
