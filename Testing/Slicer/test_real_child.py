"""The panel's button and the real child process: the real command line on a generated case."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from Testing.Slicer import cases


def constant_model(folder: Path) -> str:
    """Install a model whose networks call every voxel liver and tumor; return its id.

    The networks and the way through are the real ones; only the last layer's weights say the same everywhere.
    """
    import torch
    from safetensors.torch import save

    from LiverTumorAttentionLib.networks import build_network

    target = folder / "constant"
    target.mkdir(parents=True)
    stages = []
    for name, network, phases in (
        ("liver", "resseg", ["portal"]),
        ("tumor", "paresseg", ["portal", "arterial"]),
    ):
        arguments = {"in_channels": 3, "classes": 2, "width": 4}
        weights = build_network(network, **arguments).state_dict()
        last = [key for key, value in weights.items() if key.endswith("bias") and value.shape == (2,)][-1]
        weights[last.replace("bias", "weight")].zero_()
        weights[last] = torch.tensor([-6.0, 6.0])
        content = save({key: value.contiguous() for key, value in weights.items()})
        (target / f"{name}.safetensors").write_bytes(content)
        stages.append(
            {
                "name": name,
                "network": network,
                "arguments": arguments,
                "weights": f"{name}.safetensors",
                "sha256": hashlib.sha256(content).hexdigest(),
                "phases": phases,
                "intensity": {"window_hu": [-70, 180]},
                "grid": {"in_plane_spacing_mm": 6.0, "slice_spacing_range_mm": [12.0, 12.0]},
                "slices": {"neighbours": 1, "tile": [96, 96], "overlap": 0.25},
                "missing_phase": "portal" if name == "tumor" else "refuse",
            }
        )
    labels = [
        {"value": 1, "name": "Liver", "scheme": "SCT", "code": "10200004", "meaning": "Liver"},
        {"value": 2, "name": "Tumor", "scheme": "SCT", "code": "4147007", "meaning": "Mass"},
    ]
    description = {
        "format": 2,
        "id": "constant",
        "title": "Constant",
        "version": "1",
        "licence": "Apache-2.0",
        "statement": "for tests",
        "intended_use": "tests",
        "stages": stages,
        "labels": labels,
    }
    (target / "model.json").write_text(json.dumps(description))
    return "constant"


@pytest.fixture(scope="module")
def phantom(application):
    """A small two-phase phantom with lesions."""
    from LiverTumorAttentionLib.phantoms import generate_phantom

    return generate_phantom(3, size="small", lesions=2)


def node_from(scene, image, name):
    """Add a SimpleITK image to the scene as a volume node."""
    import SimpleITK as sitk
    import slicer

    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(image))
    node.SetIJKToRASMatrix(cases.matrix(np.diag([-1.0, -1.0, 1.0, 1.0]) @ cases.ijk_to_lps(image)))
    return node


def middle_of(image):
    """Return the middle of a volume, half as wide in the plane: registration takes less time."""
    x, y, z = image.GetSize()
    return image[x // 4 : -x // 4, y // 4 : -y // 4, z // 6 : -z // 6]


def test_real_child_from_the_button_to_the_node(scene, phantom, wait_until, tmp_path, monkeypatch):
    """The button, the real child, the real command line; the node is the child's file, voxel by voxel."""
    import shutil

    import slicer

    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic
    from LiverTumorAttentionLib.io import read_instances

    class KeepsFiles(LiverTumorAttentionLogic):
        def load(self, request, folder):
            shutil.copytree(folder, tmp_path / "kept")
            return super().load(request, folder)

    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "models"))
    chosen = constant_model(tmp_path / "models")
    logic = KeepsFiles()
    logic.moduleName = "LiverTumorAttention"
    panel = SegmentationPanel(logic)
    panel.enter()
    portal = node_from(scene, phantom.portal, "PV")
    turn = ((1, 0, 0, 12), (0, np.cos(0.1), -np.sin(0.1), -7), (0, np.sin(0.1), np.cos(0.1), 40))
    cases.put_under_transform(scene, portal, turn)
    panel.ui.portalSelector.setCurrentNode(portal)
    panel.ui.modelComboBox.setCurrentIndex(panel.ui.modelComboBox.findData(chosen))
    panel.ui.deviceComboBox.setCurrentIndex(panel.ui.deviceComboBox.findData("cpu"))
    stages = set()

    def ended() -> bool:
        stages.add(panel.ui.stageLabel.text)
        return not panel.running

    began = time.monotonic()
    panel.ui.segmentButton.click()
    wait_until(ended, "the real child has ended")
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1, panel.ui.statusLabel.text
    print(f"the real child took {time.monotonic() - began:.1f} s through {sorted(stages)}")
    assert len(stages) > 3
    node = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    import SimpleITK as sitk

    written = sitk.GetArrayFromImage(read_instances(tmp_path / "kept" / "segmentation.seg.nrrd"))
    assert written.shape == slicer.util.arrayFromVolume(portal).shape
    segments = node.GetSegmentation()
    liver = slicer.util.arrayFromSegmentBinaryLabelmap(
        node, segments.GetSegmentIdBySegmentName("Liver"), portal
    )
    assert written.max() >= 2
    np.testing.assert_array_equal(liver != 0, written > 0)
    assert segments.GetNumberOfSegments() == 1 + written.max() - 1
    for number in range(1, written.max()):
        tumor = slicer.util.arrayFromSegmentBinaryLabelmap(
            node, segments.GetSegmentIdBySegmentName(f"Tumor {number}"), portal
        )
        np.testing.assert_array_equal(tumor != 0, written == number + 1)
    assert portal.GetAttribute("LiverRole") == "PortalVenous"
    panel.cleanup()


def test_real_registration_is_kept_in_the_scene(scene, phantom, wait_until, tmp_path, monkeypatch):
    """The real child registers; what is kept lies on the portal volume, and the node moves as the file says."""
    import shutil

    import SimpleITK as sitk
    import slicer
    import vtk

    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    class KeepsFiles(LiverTumorAttentionLogic):
        def load(self, request, folder):
            shutil.copytree(folder, tmp_path / "kept")
            return super().load(request, folder)

    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "models"))
    chosen = constant_model(tmp_path / "models")
    logic = KeepsFiles()
    logic.moduleName = "LiverTumorAttention"
    panel = SegmentationPanel(logic)
    panel.enter()
    images = [middle_of(image) for image in (phantom.portal, phantom.arterial)]
    portal, arterial = (
        node_from(scene, image, name) for image, name in zip(images, ("PV", "ART"), strict=True)
    )
    panel.ui.portalSelector.setCurrentNode(portal)
    panel.ui.arterialSelector.setCurrentNode(arterial)
    panel.ui.advancedGroupBox.collapsed = False
    panel.ui.modelComboBox.setCurrentIndex(panel.ui.modelComboBox.findData(chosen))
    panel.ui.deviceComboBox.setCurrentIndex(panel.ui.deviceComboBox.findData("cpu"))
    panel.ui.segmentButton.click()
    wait_until(lambda: not panel.running, "the real child has ended")
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1, panel.ui.statusLabel.text
    report = json.loads((tmp_path / "kept" / "report.json").read_text())["registration"]
    print(panel.ui.registrationLabel.text, panel.ui.registrationLabel.toolTip)
    assert report["grade"] != "refused"
    assert panel.ui.registrationLabel.text.startswith(f"Registration: {report['grade']}. ")
    assert panel.ui.compareButton.enabled

    registered = scene.GetFirstNodeByName("ART registered")
    written = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "kept" / "registered.nrrd")))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(registered), written)
    matrices = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    for volume, matrix in zip((portal, registered), matrices, strict=True):
        volume.GetIJKToRASMatrix(matrix)
    np.testing.assert_allclose(*([m.GetElement(r, c) for r in range(3) for c in range(4)] for m in matrices))
    transform = sitk.ReadTransform(str(tmp_path / "kept" / "transform.h5"))
    to_world = vtk.vtkGeneralTransform()
    scene.GetFirstNodeByName("ART to PV").GetTransformToWorld(to_world)
    center = images[0].TransformContinuousIndexToPhysicalPoint([size / 2 for size in images[0].GetSize()])
    for offset in np.random.default_rng(0).uniform(-40, 40, (20, 3)):
        point = np.array(center) + offset
        there = np.array(transform.TransformPoint(point.tolist()))
        back = np.array(to_world.TransformPoint(there * (-1, -1, 1))) * (-1, -1, 1)
        np.testing.assert_allclose(back, point, atol=0.1)
    panel.cleanup()


def test_real_child_refuses_what_is_no_ct(scene, wait_until, tmp_path, monkeypatch):
    """An image of 0 to 255 is no CT: the command line's own sentence appears, and the scene stays as it was."""
    import slicer

    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "models"))
    constant_model(tmp_path / "models")
    panel = SegmentationPanel(LiverTumorAttentionLogic())
    panel.enter()
    volume = cases.add_volume(scene, ijk_to_ras=np.diag([8.0, 8.0, 8.0, 1.0]), shape=(20, 40, 40))
    slicer.util.updateVolumeFromArray(
        volume, np.random.default_rng(0).integers(0, 255, (20, 40, 40), np.uint8)
    )
    panel.ui.portalSelector.setCurrentNode(volume)
    nodes = scene.GetNumberOfNodes()
    panel.ui.segmentButton.click()
    wait_until(lambda: not panel.running, "the real child has ended")
    print(panel.ui.statusLabel.text)
    assert "portal" in panel.ui.statusLabel.text
    assert "unexpectedly" not in panel.ui.statusLabel.text
    assert "color" in panel.ui.statusLabel.styleSheet
    assert scene.GetNumberOfNodes() == nodes
    panel.cleanup()
