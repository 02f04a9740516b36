"""A study in a scene whose sizes are known: balls in a ball, on oblique, left-handed and moved grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from Testing.Slicer import cases

# Left-handed and oblique: 1 x 1.25 x 2 mm, turned by 20 degrees about S.
_C, _S = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
TURNED = ((1.0 * _C, 1.25 * _S, 0, -30), (1.0 * _S, -1.25 * _C, 0, 40), (0, 0, 2.0, 100))
SHAPE = (40, 64, 80)  # z, y, x
LIVER_MM = 30.0
# Radius and place relative to the liver's centre, along the grid's own axes x, y, z, in mm.
TUMORS = ((8.0, (14.0, 0.0, 0.0)), (5.0, (-12.0, 5.0, 6.0)))
FAT_HU = -90
LIVER_HU, TUMOR_HU = 100, 60
ARTERIAL_LIVER_HU, ARTERIAL_TUMOR_HU = 80, 130


@dataclass
class Case:
    """The nodes of a study and what they hold. grid: 4 x 4, voxel indices (x, y, z) to RAS mm in the world."""

    study: Any
    instances: sitk.Image
    grid: np.ndarray

    def ras(self, index_xyz: Any) -> np.ndarray:
        """Return where a voxel lies, in RAS mm of the world."""
        return (self.grid @ [*np.asarray(index_xyz, float), 1.0])[:3]

    @property
    def voxel_ml(self) -> float:
        return float(abs(np.linalg.det(self.grid[:3, :3]))) / 1000.0

    @property
    def centre_index(self) -> np.ndarray:
        return (np.array(SHAPE[::-1]) - 1) / 2.0

    def ras_beside_centre(self, offset_mm: Any) -> np.ndarray:
        """Return the place that lies so far from the liver's centre along the grid's axes x, y, z."""
        return self.ras(self.centre_index + np.asarray(offset_mm) / spacing(self.grid))


def spacing(grid: np.ndarray) -> np.ndarray:
    """Return the lengths of a grid's steps along x, y and z."""
    return np.linalg.norm(np.asarray(grid)[:3, :3], axis=0)


def labels(tumors: Any = TUMORS) -> np.ndarray:
    """Return 0 background, 1 liver, 2, 3, … tumors, (z, y, x)."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in SHAPE[::-1]), indexing="ij")
    steps = spacing(TURNED)
    middle = (np.array(SHAPE[::-1]) - 1) / 2.0
    away = [(axis - m) * step for axis, m, step in zip((x, y, z), middle, steps, strict=True)]
    values = np.where(sum(d**2 for d in away) <= LIVER_MM**2, 1, 0)
    for number, (radius, place) in enumerate(tumors, start=1):
        ball = sum((d - p) ** 2 for d, p in zip(away, place, strict=True)) <= radius**2
        values[ball] = number + 1
    return values.transpose(2, 1, 0).astype(np.uint16)


def make(
    scene: Any,
    *,
    moved: bool = False,
    arterial: bool = True,
    vessels: bool = False,
    left_handed: bool = True,
) -> Case:
    """Put a study into a scene. moved: all of it stands under a transform that turns and shifts."""
    own = np.vstack([TURNED, [0, 0, 0, 1]])
    if not left_handed:
        own[:, 1] *= -1
    from LiverTumorAttentionGui.scene.study import Study

    values = labels()
    portal = _volume(scene, "PV", own, np.where(values > 1, TUMOR_HU, np.where(values > 0, LIVER_HU, FAT_HU)))
    second = _volume(
        scene,
        "ART",
        own,
        np.where(values > 1, ARTERIAL_TUMOR_HU, np.where(values > 0, ARTERIAL_LIVER_HU, FAT_HU)),
    )
    masks = {"Liver": values > 0} | {f"Tumor {v - 1}": values == v for v in range(2, values.max() + 1)}
    segmentation = _segmentation(scene, "PV liver tumors", own, portal, masks)
    nodes = [portal, second, segmentation]
    vessel_node = None
    if vessels:
        tube = np.zeros_like(values, bool)
        tube[10:30, 30:33, 50:53] = True
        vessel_node = _segmentation(scene, "vessels", own, portal, {"Portal vein": tube & (values == 1)})
        nodes.append(vessel_node)
    grid = own
    if moved:
        grid = np.vstack([cases.TURN_AND_SHIFT, [0, 0, 0, 1]]) @ own
        transform = cases.put_under_transform(scene, portal, cases.TURN_AND_SHIFT)
        for node in nodes[1:]:
            node.SetAndObserveTransformNodeID(transform.GetID())
    study = Study.link(segmentation, portal, arterial=second if arterial else None, vessels=vessel_node)
    return Case(study, image(values, grid), grid)


def image(values: np.ndarray, grid: np.ndarray) -> sitk.Image:
    """Return an image (z, y, x) on a grid that leads to RAS."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid
    made = sitk.GetImageFromArray(values)
    steps = spacing(lps)
    made.SetSpacing(steps.tolist())
    made.SetDirection((lps[:3, :3] / steps).ravel().tolist())
    made.SetOrigin(lps[:3, 3].tolist())
    return made


def _volume(scene: Any, name: str, own: np.ndarray, values: np.ndarray) -> Any:
    import slicer

    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, values.astype(np.int16))
    node.SetIJKToRASMatrix(cases.matrix(own))
    return node


def _segmentation(scene: Any, name: str, own: np.ndarray, portal: Any, masks: dict[str, np.ndarray]) -> Any:
    """Add a segmentation node; each segment has a layer of its own, so that they may overlap."""
    import slicer
    from vtk.util import numpy_support

    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetReferenceImageGeometryParameterFromVolumeNode(portal)
    node.CreateDefaultDisplayNodes()
    for index, (title, mask) in enumerate(masks.items()):
        voxels = slicer.vtkOrientedImageData()
        voxels.SetDimensions(*SHAPE[::-1])
        scalars = numpy_support.numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True)
        voxels.GetPointData().SetScalars(scalars)
        voxels.SetGeometryFromImageToWorldMatrix(cases.matrix(own))
        segment = slicer.vtkSegment()
        segment.SetName(title)
        segment.SetColor(0.1 + 0.2 * index, 0.5, 0.9)
        segment.AddRepresentation("Binary labelmap", voxels)
        node.GetSegmentation().AddSegment(segment, title.replace(" ", "_"))
    return node


def segment_array(node: Any, segment_id: str, portal: Any) -> np.ndarray:
    """Return a segment on the portal grid (z, y, x)."""
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, portal) != 0


def plan_segment(case: Case, segment_id: str) -> np.ndarray:
    """Return a segment of the case's plan on the portal grid (z, y, x)."""
    node = case.study.segmentation.GetNodeReference("MarginSegmentation")
    return segment_array(node, segment_id, case.study.portal)


def put(plane: Any, ras: Any, normal: Any) -> None:
    """Place a plane node: a point and the normal in the world."""
    plane.SetOriginWorld(list(ras))
    plane.SetNormalWorld(list(normal))


def ball_ml(radius_mm: float) -> float:
    """Return the volume of a ball."""
    return 4.0 / 3.0 * np.pi * radius_mm**3 / 1000.0


def beyond_ml(distance_mm: float) -> float:
    """Return the volume of the liver's ball beyond a plane at a distance from its center."""
    height = LIVER_MM - distance_mm
    return np.pi * height**2 * (3 * LIVER_MM - height) / 3.0 / 1000.0


def rewritten(scene: Any, folder: Any) -> Any:
    """Save the scene, read it into a fresh one, and return that."""
    from Testing.bench import slicer_like

    _know_markups(scene)
    url = str(folder / "scene.mrml")
    for index in range(scene.GetNumberOfNodes()):
        node = scene.GetNthNode(index)
        if not node.IsA("vtkMRMLStorableNode") or not node.GetSaveWithScene():
            continue
        node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        if storage is not None:
            storage.SetFileName(str(folder / f"{node.GetID()}.{storage.GetDefaultWriteFileExtension()}"))
            storage.WriteData(node)
    scene.SetURL(url)
    scene.Commit(url)
    fresh = slicer_like.new_scene()
    _know_markups(fresh)
    fresh.SetURL(url)
    fresh.Connect()
    return fresh


def _know_markups(scene: Any) -> None:
    """Let a scene read and write markups, which their module does."""
    import slicer

    if not scene.IsNodeClassRegistered("vtkMRMLMarkupsPlaneJsonStorageNode"):
        slicer.vtkSlicerMarkupsLogic().SetMRMLScene(scene)
