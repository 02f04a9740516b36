"""Segments, layers and surfaces after actions of the correction controller."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import study_cases
from Testing.Slicer.study_cases import (
    SHAPE,
    UNSEEN,
    ball,
    check_scene_is_session,
    crop_layers,
    lps_of,
    names,
    paint,
    status_of,
    truth,
    voxels,
)


def test_new_lesion_gets_segment_with_terminology_and_status(study, controller):
    import slicer
    import vtk

    from LiverTumorAttentionLib.correction import Add
    from LiverTumorAttentionLib.io.terminology import tumor_segment

    controller.do(Add(point=lps_of(study, UNSEEN[0])))
    segmentation = study.segmentation.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName("Tumor 4"))
    entry = vtk.reference("")
    assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
    assert "SCT^4147007^Mass" in str(entry)
    known = vtk.reference("")
    segmentation.GetSegment("Tumor_1").GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), known)
    assert str(entry) == str(known)
    np.testing.assert_allclose(segment.GetColor(), tumor_segment(5).color)
    assert segment.GetTag("LiverTumorAttention.Lesion", entry)
    assert str(entry) == "4"
    assert status_of(study, "Tumor 4") == "In progress"
    assert segmentation.GetNumberOfLayers() == 2, "it is in the layer of the others"


def test_restored_lesion_has_its_name_and_color(study, controller):
    from LiverTumorAttentionLib.correction import Remove

    segment = study.segmentation.GetSegmentation().GetSegment("Tumor_2")
    segment.SetName("segment VII")
    segment.SetColor(0.1, 0.2, 0.3)
    controller.do(Remove(lesion=2))
    assert names(study) == ["Liver", "Tumor 1", "Tumor 3"]
    controller.undo()
    assert names(study) == ["Liver", "Tumor 1", "segment VII", "Tumor 3"]
    check_scene_is_session(study, controller)
    again = study.segmentation.GetSegmentation().GetSegment("Tumor_2")
    assert again.GetColor() == (0.1, 0.2, 0.3)


def test_layers_extend_with_a_lesion(study):
    """The segments are stored for what they fill; surfaces of other segments stay."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Add, Grow

    crop_layers(study)
    liver = study.segmentation.GetClosedSurfaceInternalRepresentation("Liver")
    controller = CorrectionController(study)
    controller.do(Grow(lesion=1, distance_mm=9.0))
    controller.do(Add(point=lps_of(study, UNSEEN[0])))
    check_scene_is_session(study, controller)
    assert study.segmentation.GetClosedSurfaceInternalRepresentation("Liver") is liver


def test_other_segments_in_the_same_layer_keep_their_voxels(study):
    """A duct in the layer of the lesions where lesion 1 will grow, and a stent beside it in the box that changes."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Grow

    segmentation = study.segmentation.GetSegmentation()
    mask = ball((7, 14, 22), 2.4)
    layer = next(layer for layer in study.layers().all() if "Tumor_1" in layer.values)
    whole = tuple(slice(0, n) for n in SHAPE)
    in_layer, in_grid = layer.overlap(whole)
    import slicer

    segment = slicer.vtkSegment()
    segment.SetName("Duct")
    segment.SetLabelValue(9)
    segment.AddRepresentation("Binary labelmap", layer.image)
    segmentation.AddSegment(segment, "Duct")
    layer.voxels[in_layer][mask[in_grid]] = 9
    stent = slicer.vtkSegment()
    stent.SetName("Stent")
    stent.SetLabelValue(10)
    stent.AddRepresentation("Binary labelmap", layer.image)
    segmentation.AddSegment(stent, "Stent")
    beside = ball((7, 24, 25), 0.5)
    layer.voxels[in_layer][beside[in_grid]] = 10
    layer.image.GetPointData().GetScalars().Modified()
    np.testing.assert_array_equal(voxels(study, "Duct"), mask)
    controller = CorrectionController(study)
    controller.do(Grow(lesion=1, distance_mm=6.0))
    assert (voxels(study, "Tumor 1") & mask).any()
    np.testing.assert_array_equal(voxels(study, "Stent"), beside)
    np.testing.assert_array_equal(voxels(study, "Duct"), mask)
    check_scene_is_session(study, controller)
    controller.undo()
    np.testing.assert_array_equal(voxels(study, "Duct"), mask)
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)


def test_liver_with_holes_gets_released_voxels(scene, tmp_path):
    """Segments that exclude each other, as the Segment Editor makes them: the liver has holes where lesions are."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Remove

    study = study_cases.add_study(scene, tmp_path)
    paint(study, "Liver", truth() == 1)
    controller = CorrectionController(study)
    controller.do(Remove(lesion=1))
    np.testing.assert_array_equal(voxels(study, "Liver"), (truth() == 1) | (truth() == 2))


def test_segmentation_without_liver(study):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionLib.correction import Accept, Add, Reject

    study.segmentation.GetSegmentation().RemoveSegment("Liver")
    controller = CorrectionController(study)
    controller.do(Reject(lesion=1))
    controller.do(Accept(lesion=2))
    assert names(study) == ["Tumor 1", "Tumor 2", "Tumor 3"]
    with pytest.raises(PanelError, match="outside of the liver"):
        controller.do(Add(point=lps_of(study, UNSEEN[0])))


def test_first_lesion_of_a_liver_without_lesions(scene, tmp_path):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Add

    study = study_cases.add_study(scene, tmp_path, labels=np.minimum(truth(), 1))
    controller = CorrectionController(study)
    assert controller.rows() == []
    controller.do(Add(point=lps_of(study, UNSEEN[0])))
    check_scene_is_session(study, controller)
    assert names(study) == ["Liver", "Tumor 1"]
    controller.undo()
    assert names(study) == ["Liver"]


def test_surfaces_are_updated_with_the_lesions(study, controller):
    from LiverTumorAttentionLib.correction import Add, Grow, Reject

    segmentation = study.segmentation.GetSegmentation()
    surface = study.segmentation.GetClosedSurfaceInternalRepresentation
    liver, width = surface("Liver"), np.ptp(np.reshape(surface("Tumor_1").GetBounds(), (3, 2)), axis=1)
    controller.do(Grow(lesion=1, distance_mm=3.0))
    grown = np.ptp(np.reshape(surface("Tumor_1").GetBounds(), (3, 2)), axis=1)
    np.testing.assert_allclose(grown - width, 6.0, atol=1.5)
    controller.do(Add(point=lps_of(study, UNSEEN[0])))
    new = segmentation.GetSegmentIdBySegmentName("Tumor 4")
    middle = np.reshape(surface(new).GetBounds(), (3, 2)).mean(axis=1)
    assert np.linalg.norm(middle - study_cases.ras_of(study, UNSEEN[0])) < 3.0
    controller.do(Reject(lesion=1))
    assert surface("Tumor_1").GetNumberOfPoints() == 0
    assert surface("Liver") is liver
    controller.undo()
    assert surface("Tumor_1").GetNumberOfPoints()


def test_no_surfaces_are_added_to_a_segmentation_without(study):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Grow

    study.segmentation.RemoveClosedSurfaceRepresentation()
    controller = CorrectionController(study)
    controller.do(Grow(lesion=1, distance_mm=3.0))
    assert not study.segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
