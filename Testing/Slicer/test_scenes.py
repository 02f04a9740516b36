"""A scene that was saved is the same in a process that never saw it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
# Runs in a process of its own, with the scene's file as argument.
READER = """
import json, sys
from pathlib import Path
from Testing.bench import scenes, slicer_like
slicer_like.start()
import slicer, vtk
scene = scenes.load_scene(Path(sys.argv[1]))
def first(kind): return scene.GetFirstNodeByClass("vtkMRML" + kind + "Node")
segmentation, volume, plane, table = map(first, ("Segmentation", "ScalarVolume", "MarkupsPlane", "Table"))
segments = segmentation.GetSegmentation()
logic = slicer.vtkSlicerSegmentationsModuleLogic
def facts(index):
    segment = segments.GetNthSegment(index)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segments.GetNthSegmentID(index), volume)
    lesion = vtk.mutable("")
    segment.GetTag("LiverTumorAttention.Lesion", lesion)
    return [segment.GetName(), str(lesion), logic.GetSegmentStatus(segment), int(array.sum())]
wrapped = scene.GetSingletonNode("LiverTumorAttention", "vtkMRMLScriptedModuleNode")
print(json.dumps({
    "segments": [facts(index) for index in range(segments.GetNumberOfSegments())],
    "portal": segmentation.GetNodeReference("PortalVenous").GetName(),
    "plane": segmentation.GetNthNodeReference("ResectionPlane", 0).GetName(),
    "log": segmentation.GetAttribute("LiverTumorAttention_Log"),
    "normal": list(plane.GetNormal()), "center": list(plane.GetCenter()), "size": list(plane.GetSize()),
    "volume": [int(slicer.util.arrayFromVolume(volume).sum()), list(volume.GetOrigin()), list(volume.GetSpacing())],
    "table": [table.GetNumberOfRows(), table.GetCellText(1, 0)],
    "margin": wrapped.GetParameter("margin"), "output": wrapped.GetNodeReference("output").GetName(),
    "visible": bool(segmentation.GetDisplayNode().GetSegmentVisibility(segments.GetNthSegmentID(1))),
}))
"""


@pytest.fixture
def saved(scene, tmp_path):
    """The file of a scene with one node of each kind that a study keeps."""
    import slicer
    import vtk

    from Testing.bench.scenes import save_scene

    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT portal: 1/2")
    array = np.zeros((6, 8, 10), np.int16)
    array[2:4, 2:6, 3:7] = 100
    slicer.util.updateVolumeFromArray(volume, array)
    volume.SetSpacing(0.5, 0.5, 2.0)
    volume.SetOrigin(10.0, -20.0, 30.0)
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Result")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for name in ("Liver", "Tumor 1"):
        segment = segmentation.GetSegmentation().AddEmptySegment(name, name)
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            (array > 0).astype(np.uint8), segmentation, segment, volume
        )
    tumor = segmentation.GetSegmentation().GetSegment("Tumor 1")
    tumor.SetTag("LiverTumorAttention.Lesion", "1")
    slicer.vtkSlicerSegmentationsModuleLogic.SetSegmentStatus(tumor, 2)
    segmentation.GetDisplayNode().SetSegmentVisibility("Tumor 1", False)
    plane = scene.AddNewNodeByClass("vtkMRMLMarkupsPlaneNode", "Cut")
    plane.SetCenter((1.0, 2.0, 3.0))
    plane.SetNormal((0.0, 0.6, 0.8))
    plane.SetSize(40.0, 50.0)
    segmentation.SetNodeReferenceID("PortalVenous", volume.GetID())
    segmentation.AddNodeReferenceID("ResectionPlane", plane.GetID())
    segmentation.SetAttribute("LiverTumorAttention_Log", json.dumps({"steps": ['a <b> & "c"', "größer"]}))
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Measures")
    column = vtk.vtkStringArray()
    column.SetName("Lesion")
    for text in ("Tumor 1", "Tumor 2"):
        column.InsertNextValue(text)
    table.AddColumn(column)
    parameters = slicer.vtkMRMLScriptedModuleNode()
    parameters.SetSingletonTag("LiverTumorAttention")
    parameters = scene.AddNode(parameters)
    parameters.SetParameter("margin", "12.5")
    parameters.SetNodeReferenceID("output", segmentation.GetID())
    return save_scene(tmp_path / "saved")


def test_everything_comes_back_in_a_fresh_process(saved):
    process = subprocess.run(
        [sys.executable, "-c", READER, str(saved)], cwd=ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.splitlines()[-1])
    assert found == {
        "segments": [["Liver", "", 0, 32], ["Tumor 1", "1", 2, 32]],
        "portal": "CT portal: 1/2",
        "plane": "Cut",
        "log": json.dumps({"steps": ['a <b> & "c"', "größer"]}),
        "normal": pytest.approx([0.0, 0.6, 0.8]),
        "center": pytest.approx([1.0, 2.0, 3.0]),
        "size": pytest.approx([40.0, 50.0]),
        "volume": [3200, [10.0, -20.0, 30.0], [0.5, 0.5, 2.0]],
        "table": [2, "Tumor 2"],
        "margin": "12.5",
        "output": "Result",
        "visible": False,
    }


def test_nodes_of_one_name_have_a_file_each(scene, tmp_path):
    import slicer

    from Testing.bench.scenes import save_scene

    for value in (1, 2):
        volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        volume.SetName("CT")
        slicer.util.updateVolumeFromArray(volume, np.full((2, 2, 2), value, np.int16))
    path = save_scene(tmp_path / "saved")
    assert {file.name for file in path.parent.iterdir()} == {"scene.mrml", "CT.nrrd", "CT_2.nrrd"}


def test_scene_that_is_not_there_is_said(scene, tmp_path):
    from Testing.bench.scenes import load_scene

    with pytest.raises(OSError, match=r"nothing\.mrml"):
        load_scene(tmp_path / "nothing.mrml")


def test_missing_data_is_said(saved):
    from Testing.bench.scenes import load_scene

    (saved.parent / "CT portal_ 1_2.nrrd").unlink()
    with pytest.raises(OSError, match="CT portal"):
        load_scene(saved)
