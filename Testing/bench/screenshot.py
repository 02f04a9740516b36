"""A picture of the panel, for the README: `python -m Testing.bench.screenshot Resources/Screenshots/panel.png`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from Testing.bench import slicer_like

WIDTH = 460


def build_panel() -> Any:
    """Return the panel with two volumes chosen, as a user sees it before a run."""
    import slicer

    scene = slicer.mrmlScene
    from LiverTumorAttentionGui.logic import LiverTumorAttentionLogic
    from LiverTumorAttentionGui.models import ModelChoice, installed_models
    from LiverTumorAttentionGui.widget import SegmentationPanel

    def models() -> list[ModelChoice]:
        example = ModelChoice(
            id="demonstration",
            title="Demonstration",
            statement="demonstration, trained on synthetic data, not for clinical use",
        )
        return installed_models() or [example]

    panel = SegmentationPanel(LiverTumorAttentionLogic(), models=models)
    panel.enter()
    volumes = [
        scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name) for name in ("CT portal", "CT arterial")
    ]
    panel.ui.portalSelector.setCurrentNode(volumes[0])
    panel.ui.arterialSelector.setCurrentNode(volumes[1])
    return panel


def save(path: Path) -> None:
    """Write the picture."""
    from PySide6 import QtGui, QtWidgets

    application = slicer_like.start()
    application.setStyle("Fusion")
    application.setFont(QtGui.QFont("DejaVu Sans", 9))
    panel = build_panel()
    QtWidgets.QWidget.resize(panel.widget, WIDTH, QtWidgets.QWidget.sizeHint(panel.widget).height())
    panel.widget.show()
    application.processEvents()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not panel.widget.grab().save(str(path)):
        raise SystemExit(f"cannot write {path}")
    panel.cleanup()


if __name__ == "__main__":
    save(Path(sys.argv[1] if len(sys.argv) > 1 else "Resources/Screenshots/panel.png"))
