"""A panel with a study in it, and how tests read and use its table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from Testing.Slicer import study_cases


def make_panel(click_model: Path | None = None) -> Any:
    """Return a panel that has been entered; without models, and with all packages installed."""
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    installer = SimpleNamespace(ensure=lambda: None, ensure_requirements=lambda: None)
    panel = SegmentationPanel(
        LiverTumorAttentionLogic(), models=list, installer=installer, click_model=click_model
    )
    panel.enter()
    return panel


def choose_study(panel: Any, scene: Any, folder: Path) -> Any:
    """Add a study with three tumors and a probability, choose it in the panel, and return it.

    The probability is 0.9 in the tumors, 0.6 around the first, and 0.4 in the dark spot that is no tumor yet.
    """
    import slicer

    from LiverTumorAttentionGui.scene.node_attributes import PROBABILITY_REFERENCE

    study = study_cases.add_study(scene, folder)
    center, radius = study_cases.BALLS[1]
    values = 0.4 * study_cases.ball(*study_cases.UNSEEN)
    values = np.maximum(values, 0.6 * study_cases.ball(center, radius + 2))
    values = np.where(study_cases.truth() > 1, 0.9, values)
    chances = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "chances")
    slicer.util.updateVolumeFromArray(chances, values.astype(np.float32))
    chances.CopyOrientation(study.portal)
    study.segmentation.SetNodeReferenceID(PROBABILITY_REFERENCE, chances.GetID())
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    assert panel.active_case.controller is not None, panel.active_case.problem
    return study


def rows(panel: Any) -> list[list[str]]:
    """Return the texts of the table of tumors."""
    table = panel.ui.lesionTable
    return [
        [table.item(row, column).text() for column in range(table.columnCount)]
        for row in range(table.rowCount)
    ]


def select(panel: Any, *indices: int) -> None:
    """Select rows, as a user does with the mouse."""
    import qt

    table = panel.ui.lesionTable
    table.clearSelection()
    how = qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows
    for index in indices:
        table.selectionModel().select(table.model().index(index, 0), how)


def voxels(panel: Any, number: int) -> int:
    """Return how many voxels a tumor has in the session."""
    return int(np.count_nonzero(panel.active_case.controller.session.labels == number + 1))
