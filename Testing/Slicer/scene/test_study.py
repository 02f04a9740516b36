"""A study: its volumes, and its segments as one image, under any transform."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.Slicer import cases, study_cases
from Testing.Slicer.study_cases import GRIDS, LIVER, SHAPE, crop_layers, truth


def array(image):
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("rows", [None, cases.TURN_AND_SHIFT, cases.SHEAR], ids=["free", "moved", "sheared"])
def test_segments_are_read_as_one_image_in_the_world(scene, tmp_path, grid, rows):
    portal = study_cases.add_portal(scene, grid)
    if rows is not None:
        cases.put_under_transform(scene, portal, rows)
    study = study_cases.add_study(scene, tmp_path, portal=portal)
    image = study.instances()
    np.testing.assert_array_equal(array(image), truth())
    assert image.GetPixelIDTypeAsString() == "16-bit unsigned integer"
    assert image.GetSize() == study.portal_image().GetSize()
    to_world = np.vstack([rows, [0, 0, 0, 1]]) if rows is cases.TURN_AND_SHIFT else np.eye(4)
    expected = np.diag([-1, -1, 1, 1]) @ to_world @ np.vstack([grid, [0, 0, 0, 1]])
    for each in (image, study.portal_image()):
        np.testing.assert_allclose(cases.ijk_to_lps(each), expected, atol=1e-5)
    if rows is not cases.SHEAR:
        np.testing.assert_array_equal(array(study.portal_image()), study_cases.hounsfield())


def test_points_are_converted_between_ras_and_lps(scene, tmp_path):
    study = study_cases.add_study(scene, tmp_path)
    assert study.to_lps((1, -2, 3)) == (-1, 2, 3)
    assert study.to_ras(study.to_lps((1, -2, 3))) == (1, -2, 3)
    voxel = (7, 14, 20)
    lps = study.to_lps(study_cases.ras_of(study, voxel))
    assert study.portal_image().TransformPhysicalPointToIndex(lps) == voxel[::-1]


def test_segments_stored_for_their_own_extent(scene, tmp_path):
    study = study_cases.add_study(scene, tmp_path)
    crop_layers(study)
    assert all(layer.voxels.shape != SHAPE for layer in study.layers().all())
    np.testing.assert_array_equal(array(study.instances()), truth())


def test_segments_beyond_the_volume_are_cropped(scene, tmp_path):
    from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP
    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    study = study_cases.add_study(scene, tmp_path)
    layers = study.layers()
    image = layers.new_image((slice(-2, 4), slice(-3, 6), slice(40, 60)))
    voxel_array(image)[...] = 1
    segment = study.segmentation.GetSegmentation().GetSegment("Tumor_2")
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY_LABELMAP, image)
    expected = truth()
    expected[expected == 3] = 1
    expected[:4, :6, 40:] = 3
    np.testing.assert_array_equal(array(study.instances()), expected)


@pytest.mark.parametrize("segmentation_too", [True, False])
def test_segmentation_beside_its_volume_is_refused(scene, tmp_path, segmentation_too):
    """Both may move together; the segmentation alone may not."""
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.study import Study

    study = study_cases.add_study(scene, tmp_path)
    transform = cases.put_under_transform(scene, study.segmentation, cases.TURN_AND_SHIFT)
    if segmentation_too:
        study.portal.SetAndObserveTransformNodeID(transform.GetID())
        np.testing.assert_array_equal(array(Study.of(study.segmentation).instances()), truth())
        return
    with pytest.raises(PanelError, match="does not lie on the voxels of the portal venous volume"):
        Study.of(study.segmentation)


def test_missing_volumes_are_named(scene, tmp_path):
    import slicer

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.study import Study

    study = study_cases.add_study(scene, tmp_path)
    arterial = cases.add_volume(scene, "ART", shape=SHAPE)
    Study.link(study.segmentation, study.portal, arterial=arterial)
    assert Study.of(study.segmentation).arterial is arterial
    scene.RemoveNode(arterial)
    assert Study.of(study.segmentation).arterial is None
    assert Study.of(study.segmentation).arterial_image() is None
    assert Study.of(study.segmentation).probability_image() is None
    study.portal.SetAndObserveImageData(None)
    with pytest.raises(PanelError, match="has no voxels"):
        Study.of(study.segmentation)
    scene.RemoveNode(study.portal)
    with pytest.raises(PanelError, match="no longer in the scene: load it"):
        Study.of(study.segmentation)
    empty = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "made by hand")
    with pytest.raises(PanelError, match="portal venous volume of made by hand"):
        Study.of(empty)
    assert slicer.mrmlScene is scene


def test_unusable_geometry_is_refused(scene, tmp_path):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.study import Study

    study = study_cases.add_study(scene, tmp_path)
    sheared = np.array(cases.OBLIQUE)
    sheared[:, 1] += 0.3 * sheared[:, 0]
    study.portal.SetIJKToRASMatrix(cases.matrix(sheared))
    with pytest.raises(PanelError, match="do not stand at right angles"):
        Study.of(study.segmentation)


@pytest.mark.parametrize("kind", [np.float32, np.int16, np.uint16])
def test_volumes_on_other_grids_are_resampled_onto_the_portal_grid(scene, tmp_path, kind):
    """Every second voxel of a ramp; the ramp comes back, and -1024 where the volume saw nothing."""
    import slicer

    study = study_cases.add_study(scene, tmp_path)
    arterial = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "ART")
    ramp = np.broadcast_to(np.arange(0, 48, 2, dtype=kind), (16, 44, 24)).copy()
    slicer.util.updateVolumeFromArray(arterial, ramp)
    coarse = np.array(cases.OBLIQUE)
    coarse[:, 0] *= 2
    arterial.SetIJKToRASMatrix(cases.matrix(coarse))
    linked = type(study).link(study.segmentation, study.portal, arterial=arterial)
    found = array(linked.arterial_image())
    assert found.shape == SHAPE
    np.testing.assert_allclose(found[8, 20, :46], np.arange(46), atol=1e-3)
    assert (found[:, :, -1] == -1024).all()


def test_overlapping_lesions_leave_an_accepted_one_whole(scene, tmp_path):
    from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP
    from LiverTumorAttentionGui.scene.segments import set_number_and_status
    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    study = study_cases.add_study(scene, tmp_path)
    segmentation = study.segmentation.GetSegmentation()
    image = study.layers().new_image(LIVER)
    voxel_array(image)[...] = 1
    segment = segmentation.GetSegment("Tumor_3")
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY_LABELMAP, image)
    set_number_and_status(segmentation.GetSegment("Tumor_2"), 2, "accepted")
    labels = array(study.instances())
    np.testing.assert_array_equal(labels == 3, truth() == 3)
    assert (labels[LIVER][truth()[LIVER] != 3] == 4).all()


def test_study_without_liver_is_a_study(scene, tmp_path):
    study = study_cases.add_study(scene, tmp_path)
    study.segmentation.GetSegmentation().RemoveSegment("Liver")
    expected = truth()
    expected[expected == 1] = 0
    np.testing.assert_array_equal(array(study.instances()), expected)


def test_model_is_that_of_the_report(scene, tmp_path):
    study = study_cases.add_study(scene, tmp_path)
    assert study.model is None
    for text, model in (('{"model": {"id": "demo"}}', "demo"), ("[1]", None), ("no JSON", None)):
        study.segmentation.SetAttribute("LiverTumorAttention_Report", text)
        assert study.model == model
