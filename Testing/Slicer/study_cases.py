"""A study in the scene: a liver with lesions whose place and brightness are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from Testing.Slicer import cases

SHAPE = (16, 44, 48)
LIVER = (slice(1, 15), slice(4, 40), slice(4, 44))
BALLS = {1: ((7, 14, 14), 5.0), 2: ((8, 26, 30), 4.0), 3: ((5, 30, 14), 3.5)}
"""Lesions: centre voxel (z, y, x), radius in voxels of a row."""
UNSEEN = ((9, 14, 34), 4.0)
"""A dark spot that is no lesion yet."""


GRIDS = {
    "oblique, left-handed": cases.OBLIQUE,
    "plain": ((-0.8, 0, 0, 10), (0, -0.9, 0, 20), (0, 0, 3, -50)),
    "turned": ((0, 0, 3.0, 0), (0.8, 0, 0, 5), (0, -0.9, 0, 7)),
}


def ball(center: tuple[int, int, int], radius: float) -> np.ndarray:
    """Return a ball (z, y, x); slices are 3 mm apart and voxels about 0.85 mm wide."""
    z, y, x = np.indices(SHAPE)
    away = ((z - center[0]) * 3.5) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2
    return away <= radius**2


def truth() -> np.ndarray:
    """Return the instances (z, y, x): 1 liver, n + 1 lesion n."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[LIVER] = 1
    for number, (center, radius) in BALLS.items():
        labels[ball(center, radius)] = number + 1
    return labels


def hounsfield() -> np.ndarray:
    """Return the portal phase (z, y, x): lesions dark in a bright liver."""
    voxels = np.full(SHAPE, -50.0)
    voxels[LIVER] = 110.0
    for center, radius in (*BALLS.values(), UNSEEN):
        voxels[ball(center, radius)] = 50.0
    noise = np.random.default_rng(0).normal(0.0, 5.0, SHAPE)
    return (voxels + noise).astype(np.int16)


def add_portal(scene: Any, ijk_to_ras: Any = cases.OBLIQUE) -> Any:
    """Add the portal venous volume."""
    import slicer

    node = cases.add_volume(scene, ijk_to_ras=ijk_to_ras, shape=SHAPE)
    slicer.util.updateVolumeFromArray(node, hounsfield())
    return node


def add_study(scene: Any, folder: Path, *, portal: Any = None, labels: np.ndarray | None = None) -> Any:
    """Add a study whose segments were written by the library and loaded as a run's result is."""
    from LiverTumorAttentionGui.scene.result_files import read_segmentation
    from LiverTumorAttentionGui.scene.result_nodes import place_segmentation
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume
    from LiverTumorAttentionLib.io import write_segmentation

    portal = portal if portal is not None else add_portal(scene)
    writer = WorldVolume(portal, "portal venous")
    spare = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    image = Study(spare, portal).grid.image(truth() if labels is None else labels)
    scene.RemoveNode(spare)
    path = folder / "made.seg.nrrd"
    write_segmentation(path, image)
    node = place_segmentation(
        read_segmentation(path), portal=portal, target=None, under_transform=writer.moves_with_transform
    )
    return Study.link(node, portal)


def voxels(study: Any, name: str) -> np.ndarray:
    """Return a segment's voxels on the portal volume, as Slicer's own function sees them."""
    import slicer

    segmentation = study.segmentation.GetSegmentation()
    segment_id = segmentation.GetSegmentIdBySegmentName(name)
    assert segment_id, f"there is no segment {name}"
    return slicer.util.arrayFromSegmentBinaryLabelmap(study.segmentation, segment_id, study.portal) != 0


def names(study: Any) -> list[str]:
    """Return the segments' names in their order."""
    segmentation = study.segmentation.GetSegmentation()
    return [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]


def ras_of(study: Any, voxel: tuple[int, int, int]) -> tuple[float, ...]:
    """Return where a voxel (z, y, x) lies in the world."""
    return tuple(float(v) for v in (study.grid.ijk_to_ras @ [*voxel[::-1], 1.0])[:3])


def lps_of(study: Any, voxel: tuple[int, int, int]) -> tuple[float, ...]:
    """Return the position of a voxel (z, y, x), LPS mm, below the transform of the volume."""
    return study.to_lps(ras_of(study, voxel))


def paint(study: Any, name: str, mask: np.ndarray, *, exactly: bool = True) -> None:
    """Write a mask to a segment as the Segment Editor does at the end of a stroke, with Slicer's own function."""
    import slicer

    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    whole = study.layers().new_image(tuple(slice(0, n) for n in SHAPE))
    voxel_array(whole)[...] = mask
    segment_id = study.segmentation.GetSegmentation().GetSegmentIdBySegmentName(name)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mode = logic.MODE_REPLACE if exactly else logic.MODE_MERGE_MAX
    assert logic.SetBinaryLabelmapToSegment(whole, study.segmentation, segment_id, mode)


def status_of(study: Any, name: str) -> str:
    """Return the status of a segment as Slicer words it."""
    import slicer

    segmentation = study.segmentation.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(name))
    return slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentStatusAsHumanReadableString(
        slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentStatus(segment)
    )


def check_scene_is_session(study: Any, controller: Any) -> None:
    """Check that the segments hold what the session says, voxel by voxel, and the liver the whole organ."""
    labels = controller.session.labels
    living = {n for n, lesion in controller.session.lesions.items() if lesion.status != "rejected"}
    assert {int(value) - 1 for value in np.unique(labels) if value > 1} == living
    assert [row.number for row in controller.rows()] == sorted(controller.session.lesions)
    for row in controller.rows():
        np.testing.assert_array_equal(voxels(study, row.name), labels == row.number + 1, err_msg=row.name)
    for name in names(study):
        if name == "Liver":
            np.testing.assert_array_equal(voxels(study, name)[LIVER], True)


def sitk_array(image: Any) -> np.ndarray:
    """Return the voxels of an image (z, y, x)."""
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(image)


def crop_layers(study: Any) -> None:
    """Crop the label maps to their voxels, as the Segment Editor does."""
    from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP
    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array
    from LiverTumorAttentionLib.voxels.boxes import bounding_box

    layers = study.layers()
    for layer in layers.all():
        inner = bounding_box(layer.voxels > 0)
        box = tuple(
            slice(int(n) + part.start, int(n) + part.stop) for n, part in zip(layer.first, inner, strict=True)
        )
        image = layers.new_image(box)
        voxel_array(image)[...] = layer.voxels[inner]
        for each in layer.values:
            layers.segmentation.GetSegment(each).AddRepresentation(BINARY_LABELMAP, image)
