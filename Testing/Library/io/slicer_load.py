"""Load segmentations with Slicer's own storage node and say what it sees; run as a script.

python slicer_load.py FOLDER

For each ``X.seg.nrrd`` in FOLDER, ``X.npz`` holds for each segment n: ``name_n``, ``color_n``, ``terminology_n``,
``mask_n`` (z, y, x) on the grid that Slicer gives it, ``matrix_n`` (image to world, RAS) and ``start_n`` (its first
index i, j, k). Slicer also saves each again, cropped to what is segmented, as ``X.copy.seg.nrrd``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy


def load(path: str) -> slicer.vtkMRMLSegmentationNode:
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(path)
    if not storage.ReadData(node):
        sys.exit(f"Slicer does not read {path}")
    return node


def describe(node: slicer.vtkMRMLSegmentationNode) -> dict[str, np.ndarray]:
    segmentation = node.GetSegmentation()
    result: dict[str, np.ndarray] = {}
    reference = segmentation.GetConversionParameter("Reference image geometry")
    result["reference"] = np.array(reference)
    for index in range(segmentation.GetNumberOfSegments()):
        segment_id = segmentation.GetNthSegmentID(index)
        segment = segmentation.GetSegment(segment_id)
        labelmap = slicer.vtkOrientedImageData()
        node.GetBinaryLabelmapRepresentation(segment_id, labelmap)
        extent = labelmap.GetExtent()
        shape = [extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in (2, 1, 0)]
        matrix = vtk.vtkMatrix4x4()
        labelmap.GetImageToWorldMatrix(matrix)
        tag = vtk.reference("")
        segment.GetTag("TerminologyEntry", tag)
        result[f"id_{index}"] = np.array(segment_id)
        result[f"name_{index}"] = np.array(segment.GetName())
        result[f"color_{index}"] = np.array(segment.GetColor())
        result[f"terminology_{index}"] = np.array(str(tag))
        result[f"mask_{index}"] = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape) > 0
        result[f"matrix_{index}"] = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
        result[f"start_{index}"] = np.array(extent[::2])
    result["count"] = np.array(segmentation.GetNumberOfSegments())
    return result


def main() -> None:
    for path in sorted(Path(sys.argv[1]).glob("*.seg.nrrd")):
        node = load(str(path))
        stem = path.name.removesuffix(".seg.nrrd")
        np.savez(path.with_name(f"{stem}.npz"), **describe(node))
        storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
        storage.SetFileName(str(path.with_name(f"{stem}.copy.seg.nrrd")))
        storage.SetCropToMinimumExtent(True)
        if not storage.WriteData(node):
            sys.exit(f"Slicer does not write {path}")


if __name__ == "__main__":
    main()
