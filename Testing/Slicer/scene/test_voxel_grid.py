"""Volumes in world coordinates, written for the child process."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.io import read_volume
from Testing.Slicer import cases

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def rows_of(matrix):
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def test_volume_is_written_where_it_is(scene, tmp_path):
    import slicer

    from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

    volume = cases.add_volume(scene)
    WorldVolume(volume, "portal venous").write(tmp_path / "v.nrrd")
    image = sitk.ReadImage(str(tmp_path / "v.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), slicer.util.arrayFromVolume(volume))
    expected = LPS @ np.vstack([cases.OBLIQUE, [0, 0, 0, 1]])
    np.testing.assert_allclose(cases.ijk_to_lps(image), expected, atol=1e-5)
    assert np.linalg.det(expected[:3, :3]) < 0, "the case is left-handed"
    assert b"encoding: raw" in (tmp_path / "v.nrrd").read_bytes()[:1000]
    read = read_volume(
        tmp_path / "v.nrrd"
    )  # as the child process does, whose header check asks for every field
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(image))


def test_linear_transform_moves_the_grid(scene, tmp_path):
    import slicer

    from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

    volume = cases.add_volume(scene)
    cases.put_under_transform(scene, volume, cases.TURN_AND_SHIFT)
    writer = WorldVolume(volume, "portal venous")
    writer.write(tmp_path / "v.nrrd")
    image = sitk.ReadImage(str(tmp_path / "v.nrrd"))
    to_world = np.vstack([cases.TURN_AND_SHIFT, [0, 0, 0, 1]])
    expected = LPS @ to_world @ np.vstack([cases.OBLIQUE, [0, 0, 0, 1]])
    np.testing.assert_allclose(cases.ijk_to_lps(image), expected, atol=1e-5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), slicer.util.arrayFromVolume(volume))
    assert writer.moves_with_transform
    assert volume.GetTransformNodeID() is not None, "the scene is as it was"


@pytest.mark.parametrize("kind", ["shear", "warp"])
def test_other_transforms_resample_in_the_world(scene, tmp_path, kind):
    """The volume is a ramp along R, so its values tell where each voxel came from: x - 0.3 y, or x - 2."""
    import slicer
    import vtk

    from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

    volume = cases.add_volume(scene, ijk_to_ras=np.eye(4), shape=(4, 12, 20))
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32), (4, 12, 20)).copy()
    slicer.util.updateVolumeFromArray(volume, ramp)
    if kind == "shear":
        cases.put_under_transform(scene, volume, cases.SHEAR)
    else:
        points = vtk.vtkPoints()
        moved = vtk.vtkPoints()
        for corner in np.ndindex(2, 2, 2):
            position = np.array(corner) * 30.0 - 5
            points.InsertNextPoint(position)
            moved.InsertNextPoint(position + (2, 0, 0))
        spline = vtk.vtkThinPlateSplineTransform()
        spline.SetBasisToR()
        spline.SetSourceLandmarks(points)
        spline.SetTargetLandmarks(moved)
        node = scene.AddNewNodeByClass("vtkMRMLTransformNode")
        node.SetAndObserveTransformToParent(spline)
        volume.SetAndObserveTransformNodeID(node.GetID())
    writer = WorldVolume(volume, "portal venous")
    writer.write(tmp_path / "v.nrrd")
    assert not writer.moves_with_transform
    image = sitk.ReadImage(str(tmp_path / "v.nrrd"))
    for x, y in ((12, 3), (9, 8)):
        world_lps = (-float(x), -float(y), 2.0)
        index = image.TransformPhysicalPointToIndex(world_lps)
        expected = x - 0.3 * y if kind == "shear" else x - 2
        assert image[index] == pytest.approx(expected, abs=0.02)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume), ramp)


def test_volumes_that_are_no_ct_are_refused(scene, tmp_path):
    import vtk

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

    empty = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing")
    with pytest.raises(PanelError, match="arterial volume nothing has no voxels"):
        WorldVolume(empty, "arterial")
    colour = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photo")
    image = vtk.vtkImageData()
    image.SetDimensions(2, 2, 2)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    colour.SetAndObserveImageData(image)
    with pytest.raises(PanelError, match="has 3 values a voxel"):
        WorldVolume(colour, "portal venous")
    (tmp_path / "file").touch()
    with pytest.raises(PanelError, match="cannot be written"):
        WorldVolume(cases.add_volume(scene), "portal venous").write(tmp_path / "file" / "v.nrrd")
