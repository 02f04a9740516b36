"""What the tests put into a scene and into a result folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk


def matrix(rows: Any) -> Any:
    """Return a vtkMatrix4x4 with the given 3 x 4 or 4 x 4 values."""
    import vtk

    result = vtk.vtkMatrix4x4()
    for row, values in enumerate(np.asarray(rows, float)):
        for column, value in enumerate(values):
            result.SetElement(row, column, value)
    return result


# Oblique and left-handed: columns are axes times spacing (0.8, 0.9, 3 mm), turned by 20 degrees about S.
_C, _S = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
OBLIQUE = ((0.8 * _C, 0.9 * _S, 0, 12), (0.8 * _S, -0.9 * _C, 0, -30), (0, 0, 3.0, 100))


def add_volume(scene: Any, name: str = "PV", ijk_to_ras: Any = OBLIQUE, shape: Any = (6, 9, 11)) -> Any:
    """Add a volume of int16 noise, array (z, y, x), and return its node."""
    import slicer

    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    voxels = np.random.default_rng(0).integers(-100, 200, shape).astype(np.int16)
    slicer.util.updateVolumeFromArray(node, voxels)
    node.SetIJKToRASMatrix(matrix(ijk_to_ras))
    return node


def put_under_transform(scene: Any, node: Any, rows: Any) -> Any:
    """Put a node under a linear transform with the given matrix, and return the transform node."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "transform")
    transform.SetMatrixTransformToParent(matrix(rows))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


TURN_AND_SHIFT = ((0, -1, 0, 50), (1, 0, 0, -20), (0, 0, 1, 7))
SHEAR = ((1, 0.3, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))


def ijk_to_lps(image: sitk.Image) -> np.ndarray:
    """Return the 4 x 4 matrix from voxel indices (x, y, z) to LPS mm of an image."""
    result = np.eye(4)
    result[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    result[:3, 3] = image.GetOrigin()
    return result


def verdict(grade: str = "good", reason: str = "the two phases lie on each other") -> dict[str, Any]:
    """Return what the library says of a registration, with numbers that are easy to tell apart."""
    from LiverTumorAttentionLib.registration.verdict import RegistrationVerdict

    return RegistrationVerdict(
        grade=grade,  # type: ignore[arg-type]
        reason=reason,
        kept="deformable",
        similarity_before=0.0514,
        similarity_after=0.0917,
        liver_share_inside=0.97,
        jacobian_min=0.81,
        jacobian_max=1.24,
        folded_share=0.0,
        displacement_mean_mm=4.21,
        displacement_max_mm=11.96,
        liver_dice_before=0.83,
        liver_dice_after=0.94,
        liver_surface_before_mm=5.08,
        liver_surface_after_mm=1.52,
        inverse_error_mean_mm=0.84,
    ).as_dict()


def write_registration(folder: Path, transform: sitk.Transform | None = None, first: int = 0) -> np.ndarray:
    """Write registered volume and transform as the child would; return the voxels (z, y, x), counted from first."""
    from LiverTumorAttentionLib.io import write_image
    from LiverTumorAttentionLib.registration.transform_io import write_transform

    portal = sitk.ReadImage(str(folder / "portal.nrrd"))
    shape = sitk.GetArrayViewFromImage(portal).shape
    voxels = np.arange(first, first + np.prod(shape)).reshape(shape).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(portal)
    write_image(folder / "registered.nrrd", image)
    write_transform(folder / "transform.h5", transform or sitk.TranslationTransform(3, (7.0, -4.0, 3.0)))
    return voxels


def write_result(folder: Path, tumors: int = 2, registration: Any = None) -> np.ndarray:
    """Write segmentation and report as the child would, for the portal.nrrd in the folder.

    Returns the instances (z, y, x): 1 liver, 2, 3, … tumors.
    """
    from LiverTumorAttentionLib.io import write_image, write_segmentation

    portal = sitk.ReadImage(str(folder / "portal.nrrd"))
    instances = np.zeros(sitk.GetArrayViewFromImage(portal).shape, np.uint16)
    instances[1:5, 2:8, 2:9] = 1
    for number in range(tumors):
        instances[2 + number, 3 + number : 5 + number, 3:5] = 2 + number
    image = sitk.GetImageFromArray(instances)
    image.CopyInformation(portal)
    write_segmentation(folder / "segmentation.seg.nrrd", image)
    chances = sitk.GetImageFromArray((0.1 + 0.8 * (instances > 1)).astype(np.float32))
    chances.CopyInformation(portal)
    write_image(folder / "probability.nrrd", chances)
    rows = [
        {
            "number": number + 1,
            "volume_ml": 1.5,
            "longest_axial_diameter_mm": 12.0,
            "perpendicular_diameter_mm": 9.0,
            "centroid_lps_mm": [10.0, 20.0 + number, 30.0],
            "mean_hu_portal": 80.0,
            "mean_hu_arterial": None,
            "mean_probability": 0.9,
        }
        for number in range(tumors)
    ]
    report = {
        "tumors": rows,
        "liver": {"volume_ml": 1234.4},
        "registration": registration,
        "warnings": ["a warning"],
    }
    (folder / "report.json").write_text(json.dumps(report))
    return instances
