"""Centering of views, and the comparison of both phases."""

from __future__ import annotations

import pytest

from Testing.Slicer import cases


def test_views_are_centered_on_a_point(scene):
    import slicer

    from LiverTumorAttentionGui.scene.slice_views import center_3d, jump_to

    slices = []
    for name in ("Red", "Yellow", "Green"):
        view = slicer.vtkMRMLSliceNode()
        view.SetLayoutName(name)
        view.SetOrientation({"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}[name])
        slices.append(scene.AddNode(view))
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode")
    camera.SetFocalPoint(1, 1, 1)
    camera.SetPosition(1, 301, 1)
    jump_to(scene, (12.0, -34.0, 56.0))
    for view in slices:
        assert [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)] == pytest.approx([12, -34, 56])
    center_3d(scene, (12.0, -34.0, 56.0))
    assert camera.GetFocalPoint() == pytest.approx((12, -34, 56))
    assert camera.GetPosition() == pytest.approx((12, 266, 56))


def test_comparison_shows_both_phases_in_all_slice_views(scene):
    from LiverTumorAttentionGui.scene.slice_views import PhaseComparison

    portal, arterial, registered = (cases.add_volume(scene, name) for name in ("PV", "ART", "ART registered"))
    views = [scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode") for _ in range(3)]
    for view in views:
        view.SetBackgroundVolumeID(arterial.GetID())
    comparison = PhaseComparison(portal, registered)

    def shown():
        return {
            (v.GetBackgroundVolumeID(), v.GetForegroundVolumeID(), v.GetForegroundOpacity()) for v in views
        }

    comparison.toggle()
    assert shown() == {(portal.GetID(), registered.GetID(), 0.5)}
    comparison.toggle()
    assert shown() == {(portal.GetID(), None, 0.0)}
    comparison.toggle()
    for view in views:
        view.SetForegroundVolumeID(None)  # by the user, in the slice views' own controls
    comparison.toggle()
    assert shown() == {(portal.GetID(), registered.GetID(), 0.5)}
