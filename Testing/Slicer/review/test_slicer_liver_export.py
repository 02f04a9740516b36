"""Export of a study to Slicer-Liver: roles and terminology codes."""

from __future__ import annotations


def terminology_of(segment):
    import vtk

    text = vtk.reference("")
    segment.GetTag("TerminologyEntry", text)
    return str(text)


def test_export_sets_roles_and_terminology(case):
    import slicer

    from LiverTumorAttentionGui.review.slicer_liver_export import export_to_slicer_liver

    scene = case.study.segmentation.GetScene()
    earlier = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "earlier case")
    earlier.SetAttribute("LiverSegmentation.Role", "canonical")
    other = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "earlier CT")
    other.SetAttribute("LiverRole", "PortalVenous")
    segmentation = case.study.segmentation.GetSegmentation()
    status = slicer.vtkSlicerSegmentationsModuleLogic
    status.SetSegmentStatus(segmentation.GetSegment("Tumor_1"), status.Flagged)
    message = export_to_slicer_liver(case.study)
    assert case.study.segmentation.GetAttribute("LiverSegmentation.Role") == "canonical"
    assert earlier.GetAttribute("LiverSegmentation.Role") is None
    assert case.study.portal.GetAttribute("LiverRole") == "PortalVenous"
    assert other.GetAttribute("LiverRole") is None
    assert "SCT^10200004^" in terminology_of(segmentation.GetSegment("Liver"))
    assert "SCT^4147007^" in terminology_of(segmentation.GetSegment("Tumor_2"))
    masses = [
        each
        for each in segmentation.GetSegmentIDs()
        if "SCT^4147007^" in terminology_of(segmentation.GetSegment(each))
    ]
    assert masses == ["Tumor_2", "Tumor_1"], "the rejected one is not the first"
    vessel = case.study.vessels.GetSegmentation().GetNthSegment(0)
    assert "SCT^32764006^" in terminology_of(vessel)
    assert "with the liver and 1 tumor" in message
    assert "No longer its own: earlier case, earlier CT." in message
    assert message.endswith("Not for clinical use.")
    assert ("Harden the transform" in message) == (
        case.study.segmentation.GetParentTransformNode() is not None
    )
