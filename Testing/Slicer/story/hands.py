"""What a person does at the panel: presses buttons, selects rows, clicks in slice views, drags planes, waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import slicer
from PySide6 import QtWidgets

from Testing.patience import PATIENCE_S

Ras = tuple[float, float, float]
_DRAG_STEPS = 12


class Hands:
    """Uses a panel and nothing beneath it. clicks: how often a mouse button was pressed."""

    def __init__(self, panel: Any) -> None:
        self.clicks = 0
        self._panel = panel
        self._ui = panel.ui

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Let the window live until a condition holds; what is raised in a slot meanwhile is raised here."""
        raised: list[BaseException] = []
        hook, sys.excepthook = sys.excepthook, lambda _kind, error, _trace: raised.append(error)
        end = time.monotonic() + timeout_s
        try:
            while not condition():
                assert time.monotonic() < end, f"timed out waiting until {what}"
                QtWidgets.QApplication.processEvents()
                if raised:
                    raise raised[0]
                time.sleep(0.01)
        finally:
            sys.excepthook = hook

    def rest(self, seconds: float = 0.5) -> None:
        """Look at the window for a while, so that its own timers run out."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, "the time is over")

    def press(self, name: str) -> None:
        """Press a button, which has to be there to be pressed."""
        button = getattr(self._ui, name)
        assert button.enabled, f"{name} cannot be pressed: {button.toolTip}"
        self.clicks += 1
        button.click()

    def run(self, name: str) -> None:
        """Press a button that starts a child process, and wait until it has ended."""
        self.press(name)
        assert self._panel.running, self._ui.statusLabel.text
        self.wait(lambda: not self._panel.running, f"the child of {name} has ended")

    def rows(self) -> dict[int, list[str]]:
        """Return the texts of the table of tumors by the tumors' numbers."""
        table = self._ui.lesionTable
        rows = [[table.item(r, c).text() for c in range(table.columnCount)] for r in range(table.rowCount)]
        return {int(row[0].removeprefix("Tumor ")): row for row in rows}

    def select(self, *numbers: int) -> None:
        """Select the rows of tumors, as with the mouse."""
        import qt

        table = self._ui.lesionTable
        table.clearSelection()
        self.clicks += min(len(numbers), 2)  # the first row, and the last one with Shift
        how = qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows
        for row, number in enumerate(self.rows()):
            if number in numbers:
                table.selectionModel().select(table.model().index(row, 0), how)

    def click(self, ras: Ras, *, last: bool = True) -> None:
        """Click in a slice view at a world point (RAS, mm), which Slicer places in the list that is being filled.

        last: whether it is the last click that the tool needs, and takes the points away.
        """
        scene = slicer.mrmlScene
        interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
        assert interaction.GetCurrentInteractionMode() == interaction.Place, (
            "a click would only move the view"
        )
        selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
        points = scene.GetNodeByID(selection.GetActivePlaceNodeID())
        self.clicks += 1
        points.AddControlPointWorld(*ras)
        if not last:
            self.rest(0.1)
            return
        self.wait(lambda: points.GetNumberOfDefinedControlPoints() == 0, "the click was handled")

    def choose(self, name: str, node: Any) -> None:
        """Choose a node in a selector: its list is opened, and an entry is clicked."""
        self.clicks += 2
        getattr(self._ui, name).setCurrentNode(node)

    def write(self, name: str, text: str) -> None:
        """Click into a text field and write."""
        self.clicks += 1
        getattr(self._ui, name).text = text

    def use(self, button: str, ras: Ras) -> None:
        """Switch a tool on, click once, and switch it off again."""
        self.press(button)
        self.click(ras)
        self.press(button)

    def drag(self, plane: Any, origin: Ras, normal: Ras) -> int:
        """Drag a plane's markup to a place (RAS, mm) in small steps; return how often its numbers changed meanwhile."""
        start, first = np.array(plane.GetOriginWorld()), np.array(plane.GetNormalWorld())
        shown = {self._ui.resectionLabel.text}
        for part in np.linspace(0.0, 1.0, _DRAG_STEPS + 1)[1:]:
            turned = (1 - part) * first + part * np.array(normal)
            plane.SetOriginWorld(list((1 - part) * start + part * np.array(origin)))
            plane.SetNormalWorld(list(turned / np.linalg.norm(turned)))
            self.rest(0.1)
            shown.add(self._ui.resectionLabel.text)
        return len(shown) - 1
