"""A picture of the panel, for the README: `python -m Testing.bench.screenshot Resources/Screenshots/panel.png`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from Testing.bench import slicer_like

WIDTH = 460
SEED = 1014


def build_panel() -> Any:
    """Return the panel as a user sees it in the middle of the work: a synthetic case, corrected and planned on."""
    from LiverTumorAttentionGui.model_collection import ModelChoice, installed_models
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    def models() -> list[ModelChoice]:
        example = ModelChoice(
            id="demonstration",
            title="Demonstration",
            statement="demonstration, trained on synthetic data, not for clinical use",
        )
        return installed_models() or [example]

    panel = SegmentationPanel(LiverTumorAttentionLogic(), models=models)
    panel.enter()
    with tempfile.TemporaryDirectory() as folder:
        study = add_study(Path(folder))
    panel.ui.portalSelector.setCurrentNode(study.portal)
    panel.ui.arterialSelector.setCurrentNode(study.arterial)
    panel.ui.outputSelector.setCurrentNode(study.segmentation)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    work(panel)
    return panel


def add_study(folder: Path) -> Any:
    """Put a small synthetic case into the scene, as if its truth had been found, and return its study."""
    import numpy as np
    import SimpleITK as sitk
    import slicer
    from scipy import ndimage

    from LiverTumorAttentionGui.scene.result_files import read_segmentation
    from LiverTumorAttentionGui.scene.result_nodes import place_segmentation
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.io import write_segmentation
    from LiverTumorAttentionLib.phantoms import generate_phantom

    phantom = generate_phantom(
        SEED, lesions=3, thickness_mm=5.0, max_displacement_mm=0.0, arterial_offset_mm=0.0
    )
    labels = sitk.GetArrayFromImage(phantom.labels)
    parts, _ = ndimage.label(labels == 2)
    instances = np.where(labels > 0, 1, 0).astype(np.uint16)
    instances[parts > 0] = parts[parts > 0] + 1
    probability = ndimage.gaussian_filter((parts > 0).astype(np.float32), (0.5, 1.0, 1.0))

    portal = add_volume("CT portal", phantom.portal, sitk.GetArrayFromImage(phantom.portal))
    registered = sitk.Resample(
        phantom.arterial, phantom.portal, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, -1024
    )
    arterial = add_volume("CT arterial", phantom.portal, sitk.GetArrayFromImage(registered))
    chances = add_volume("CT portal tumor probability", phantom.portal, probability)
    found = sitk.GetImageFromArray(instances)
    found.CopyInformation(phantom.portal)
    path = folder / "found.seg.nrrd"
    write_segmentation(path, found)
    node = place_segmentation(read_segmentation(path), portal=portal, target=None, under_transform=True)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
    return Study.link(node, portal, arterial=arterial, probability=chances)


def add_volume(name: str, grid: Any, voxels: Any) -> Any:
    """Return a new volume node with voxels (z, y, x) on the grid of an image (LPS)."""
    import numpy as np
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, voxels)
    axes = np.eye(4)
    axes[:3, :3] = np.array(grid.GetDirection()).reshape(3, 3) * np.array(grid.GetSpacing())
    axes[:3, 3] = grid.GetOrigin()
    axes = np.diag([-1.0, -1.0, 1.0, 1.0]) @ axes
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(axes))
    return node


def work(panel: Any) -> None:
    """Accept a tumor, grow one, propose segments, measure, lay a margin and a plane: what the picture tells of."""
    ui = panel.ui
    ui.lesionTable.selectRow(0)
    ui.acceptButton.click()
    ui.lesionTable.selectRow(1)
    ui.distanceSpinBox.value = 3.0
    ui.growButton.click()
    ui.proposeSegmentsButton.click()
    while panel.review.busy:
        settle(0.1)
    ui.measureButton.click()
    ui.namedResectionComboBox.setCurrentIndex(1)
    ui.heightSpinBox.value = 172.0
    ui.marginGroupBox.checked = True
    ui.addPlaneButton.click()
    ui.weightSpinBox.value = 70.0
    settle()


def settle(seconds: float = 1.0) -> None:
    """Let the panel's own timers run out."""
    from PySide6 import QtWidgets

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QtWidgets.QApplication.processEvents()
        time.sleep(0.01)


def save(path: Path) -> None:
    """Write the picture."""
    from PySide6 import QtGui, QtWidgets

    application = slicer_like.start()
    application.setStyle("Fusion")
    application.setFont(QtGui.QFont("DejaVu Sans", 9))
    panel = build_panel()
    widget = panel.widget
    widget.show()
    height = QtWidgets.QWidget.layout(widget).totalHeightForWidth(WIDTH)
    QtWidgets.QWidget.resize(widget, WIDTH, max(height, QtWidgets.QWidget.sizeHint(widget).height()))
    settle(0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not widget.grab().save(str(path)):
        raise SystemExit(f"cannot write {path}")
    panel.cleanup()


if __name__ == "__main__":
    save(Path(sys.argv[1] if len(sys.argv) > 1 else "Resources/Screenshots/panel.png"))
