"""The whole way with a bundle of MONAI: dropped, asked about, chosen, segmented, corrected, measured, reported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.Slicer.sections.test_import_dialog import drop
from Testing.Slicer.test_real_child import node_from

SPACING_MM = (2.0, 2.2, 3.0)


@pytest.fixture
def panel(scene, tmp_path, monkeypatch):
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "models"))
    logic = LiverTumorAttentionLogic()
    logic.moduleName = "LiverTumorAttention"
    panel = SegmentationPanel(logic)
    panel.enter()
    yield panel
    panel.cleanup()


def segment(node, name: str, portal) -> np.ndarray:
    import slicer

    identity = node.GetSegmentation().GetSegmentIdBySegmentName(name)
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, identity, portal) != 0


def test_a_dropped_bundle_goes_the_whole_way(panel, scene, wait_until, tmp_path: Path):
    pytest.importorskip("monai", reason="MONAI is in the extra for tests")
    from Testing.Library.monai_bundles import phantom, threshold_bundle

    bundle = threshold_bundle(tmp_path / "tiny")
    image = phantom(spacing=SPACING_MM)
    hu = sitk.GetArrayFromImage(image)

    panel.ui.manageModelsButton.click()
    dialog = panel._inputs._manager
    assert drop(dialog.widget, bundle)
    wait_until(lambda: dialog._import_dialog is not None, "what it leaves open is asked")
    dialog._import_dialog.ui.confirmImportButton.click()
    wait_until(lambda: not dialog.ui.modelProgressBar.enabled, "the bundle is converted")
    assert dialog.ui.messageLabel.text == "The model was imported."
    dialog.ui.modelTable.selectRow(1)
    shown = dialog.ui.detailsBrowser.toPlainText()
    assert "Needs: the Python package MONAI" in shown
    assert "Trained on" in shown
    assert "phantoms" in shown

    portal = node_from(scene, image, "PV")
    panel.ui.portalSelector.setCurrentNode(portal)
    chosen = panel.ui.modelComboBox.findData("tiny-liver")
    assert chosen >= 0
    panel.ui.modelComboBox.setCurrentIndex(chosen)
    panel.ui.deviceComboBox.setCurrentIndex(panel.ui.deviceComboBox.findData("cpu"))
    panel.ui.segmentButton.click()
    wait_until(lambda: not panel.running, "the real child has ended")
    node = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert node is not None, panel.ui.statusLabel.text
    liver, tumor = segment(node, "Liver", portal), segment(node, "Tumor 1", portal)
    assert np.mean(tumor == (hu > 150)) > 0.999  # the network works on a grid of its own
    assert np.mean(liver == (hu > 0)) > 0.99

    panel.ui.studySelector.setCurrentNode(node)
    assert panel.ui.lesionTable.rowCount == 1
    panel.ui.lesionTable.selectRow(0)
    before = tumor.sum()
    assert panel.ui.lesionThresholdSlider.enabled, panel.ui.lesionThresholdSlider.toolTip
    panel.ui.lesionThresholdSlider.value = 0.95
    wait_until(
        lambda: 0 < segment(node, "Tumor 1", portal).sum() < before, "its own threshold, by its probability"
    )
    panel.ui.undoButton.click()
    assert segment(node, "Tumor 1", portal).sum() == before

    panel.ui.measureButton.click()
    assert panel.ui.reviewTable.rowCount == 1
    page = tmp_path / "case.html"
    panel.review.export.choose_file = lambda _parent, _name: str(page)
    panel.ui.reportButton.click()
    wait_until(lambda: not panel.review.export.running, "the report is written")
    numbers = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    volume_ml = before * float(np.prod(SPACING_MM)) / 1000.0
    assert numbers["tumors"][0]["measurement"]["volume_ml"] == pytest.approx(volume_ml)
    assert "tiny-liver" in page.with_suffix(".json").read_text(encoding="utf-8")
    assert "ot for clinical use" in page.read_text(encoding="utf-8")
