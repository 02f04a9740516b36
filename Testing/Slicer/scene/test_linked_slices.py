"""Two slice views that move together: places follow the transform, an offset that was centered by hand stays."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def views(scene):
    made = []
    for tag in ("One", "Two"):
        view = scene.AddNewNodeByClass("vtkMRMLSliceNode", tag)
        view.SetLayoutName(tag)
        view.SetOrientation("Axial")
        view.SetDimensions(100, 80, 1)
        view.SetFieldOfView(250.0, 200.0, 1.0)
        made.append(view)
    return made


@pytest.fixture
def way():
    """A turn by 90 degrees about z, then a shift."""
    import vtk

    transform = vtk.vtkTransform()
    transform.Translate(10.0, -20.0, 30.0)
    transform.RotateZ(90.0)
    return transform


def middle(view):
    return np.array([view.GetSliceToRAS().GetElement(row, 3) for row in range(3)])


def test_each_follows_the_other_through_the_transform(views, way):
    from LiverTumorAttentionGui.scene.linked_slices import LinkedSlices

    one, two = views
    one.JumpSliceByCentering(5.0, 7.0, 40.0)
    linked = LinkedSlices(one, two, way)
    np.testing.assert_allclose(middle(two), (10 - 7, -20 + 5, 70), atol=1e-6)
    one.SetSliceOffset(44.0)
    np.testing.assert_allclose(middle(two), (3, -15, 74), atol=1e-6)
    two.JumpSliceByCentering(10.0, -20.0, 30.0)
    np.testing.assert_allclose(middle(one), (0, 0, 0), atol=1e-6)
    np.testing.assert_allclose(middle(two), (10, -20, 30), atol=1e-6)
    linked.leave()
    one.SetSliceOffset(9.0)
    np.testing.assert_allclose(middle(two), (10, -20, 30), atol=1e-6)


def test_lesions_that_were_centered_stay_in_the_middle(views, way):
    from LiverTumorAttentionGui.scene.linked_slices import LinkedSlices

    one, two = views
    linked = LinkedSlices(one, two, way)
    linked.center((0.0, 0.0, 0.0), (13.0, -20.0, 26.0))
    np.testing.assert_allclose(middle(one), (0, 0, 0), atol=1e-6)
    np.testing.assert_allclose(middle(two), (13, -20, 26), atol=1e-6)
    one.SetSliceOffset(2.0)
    np.testing.assert_allclose(middle(two), (13, -20, 28), atol=1e-6)
    two.SetSliceOffset(30.0)
    np.testing.assert_allclose(middle(one), (0, 0, 4), atol=1e-6)
    linked.center(None, (10.0, -20.0, 31.0))
    np.testing.assert_allclose(middle(one), (0, 0, 1), atol=1e-6)
    linked.center((0.0, 0.0, 5.0), None)
    np.testing.assert_allclose(middle(two), (10, -20, 35), atol=1e-6)


def test_they_zoom_together(views, way):
    from LiverTumorAttentionGui.scene.linked_slices import LinkedSlices

    one, two = views
    two.SetFieldOfView(250.0, 150.0, 1.0)
    LinkedSlices(one, two, way)
    one.SetFieldOfView(125.0, 100.0, 1.0)
    np.testing.assert_allclose(two.GetFieldOfView(), (125, 75, 1))
    two.SetFieldOfView(50.0, 30.0, 1.0)
    np.testing.assert_allclose(one.GetFieldOfView(), (50, 40, 1))


def test_a_bent_transform_goes_both_ways(views):
    import vtk

    from LiverTumorAttentionGui.scene.linked_slices import LinkedSlices

    bent = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for place, moved in (
        ((0, 0, 0), (4, 0, 0)),
        ((100, 0, 0), (100, 8, 0)),
        ((0, 100, 0), (0, 100, 6)),
        ((0, 0, 100), (0, 3, 108)),
        ((60, 60, 60), (66, 58, 63)),
    ):
        source.InsertNextPoint(*place)
        target.InsertNextPoint(*moved)
    bent.SetSourceLandmarks(source)
    bent.SetTargetLandmarks(target)
    bent.SetBasisToR()
    one, two = views
    linked = LinkedSlices(one, two, bent)
    linked.center((0.0, 0.0, 100.0), None)
    np.testing.assert_allclose(middle(two), (0, 3, 108), atol=0.01)
    two.JumpSliceByCentering(66.0, 58.0, 63.0)
    np.testing.assert_allclose(middle(one), (60, 60, 60), atol=0.05)
