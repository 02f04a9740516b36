"""Corrections are restored from the log: in a saved scene, on a reoriented or moved volume, with a damaged log."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.Slicer import cases, study_cases
from Testing.Slicer.study_cases import (
    BALLS,
    GRIDS,
    UNSEEN,
    check_scene_is_session,
    lps_of,
    names,
    truth,
    voxels,
)


def saved_and_loaded(scene, study, folder):
    """Save the scene into a folder, close it, load it again, and return its segmentation node."""
    for node, name in ((study.portal, "portal.nrrd"), (study.segmentation, "study.seg.nrrd")):
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(str(folder / name))
        assert node.GetStorageNode().WriteData(node)
    scene.SetURL(str(folder / "scene.mrml"))
    scene.SetRootDirectory(str(folder))
    assert scene.Commit()
    scene.Clear(1)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    scene.SetURL(str(folder / "scene.mrml"))
    assert scene.Connect()
    return scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")


def check_voxels(study, controller, without=()):
    for row in controller.rows():
        if row.number not in without:
            np.testing.assert_array_equal(
                voxels(study, row.name), controller.session.labels == row.number + 1
            )


def test_session_is_restored_from_a_saved_scene(scene, tmp_path):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import HEADER_KEY, Accept, Add, Reject, Remove, Revise

    portal = study_cases.add_portal(scene, GRIDS["plain"])
    study = study_cases.add_study(scene, tmp_path, portal=portal)
    controller = CorrectionController(study)
    for action in (
        Reject(lesion=1),
        Accept(lesion=2),
        Add(point=lps_of(study, UNSEEN[0])),
        Remove(lesion=4),
        Add(point=lps_of(study, UNSEEN[0])),
    ):
        controller.do(action)
    labels, entries, rows = controller.session.labels.copy(), controller.session.entries, controller.rows()
    log = study.segmentation.GetAttribute(HEADER_KEY)
    controller.close()
    node = saved_and_loaded(scene, study, tmp_path)
    assert node.GetAttribute(HEADER_KEY) == log
    study = Study.of(node)
    again = CorrectionController(study)
    assert not again.note
    np.testing.assert_array_equal(again.session.labels, labels)
    assert again.session.entries == entries
    assert [(row.number, row.status, row.edited) for row in again.rows()] == [
        (row.number, row.status, row.edited) for row in rows
    ]
    assert again.session.next_number == 6
    check_scene_is_session(study, again)
    again.do(Revise(lesion=1))
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    check_scene_is_session(study, again)


def test_log_is_reoriented_with_a_left_handed_volume(scene, study, controller, tmp_path):
    """Slicer's reader turns the volume and not its segmentation: the log follows, with all that it holds in voxels."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Accept, Grow, MergeFindings, Reject, Revise

    controller.do(Accept(lesion=2))
    controller.do(Reject(lesion=1))
    controller.close()
    study = Study.of(saved_and_loaded(scene, study, tmp_path))
    again = CorrectionController(study)
    assert not again.note
    labels = again.session.labels
    turned = truth()[::-1]
    np.testing.assert_array_equal(labels, np.where(turned == 2, 1, turned))
    assert [row.status for row in again.rows()] == ["rejected", "accepted", "draft"]
    check_voxels(study, again, without=[1])
    outcome = again.do(MergeFindings.of(again.session.case, study.grid.image(turned.copy()), model="another"))
    assert outcome.note
    assert 2 not in again.session.labels, "what was rejected does not come back"
    assert len(again.rows()) == 3
    again.do(Revise(lesion=1))
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), turned == 2)
    again.do(Grow(lesion=1, distance_mm=9.0))
    check_voxels(study, again)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("flipped", [(), (0,), (0, 2), (0, 1, 2)])
def test_reoriented_log_has_the_same_positions(axes, flipped):
    """Masks and seeds, in lesions and in actions, hold the same places of the patient; points stay."""
    import SimpleITK as sitk

    from LiverTumorAttentionGui.correction.session_restore import reoriented
    from LiverTumorAttentionLib.correction import (
        CorrectionCase,
        CorrectionLog,
        CorrectionSession,
        Draw,
        Drawing,
        Include,
        PackedMask,
        Reject,
    )
    from LiverTumorAttentionLib.correction.log_codec import Grid

    portal = sitk.GetImageFromArray(study_cases.hounsfield())
    portal.SetSpacing((0.8, 0.9, 3.0))
    portal.SetOrigin((5.0, -7.0, 11.0))
    instances = sitk.GetImageFromArray(truth())
    instances.CopyInformation(portal)
    session = CorrectionSession(CorrectionCase(portal=portal, instances=instances))
    painted = np.zeros((2, 3, 4), bool)
    painted[0, 1, :3] = painted[1, 0, 0] = True
    box = (slice(9, 11), slice(12, 15), slice(33, 37))
    session.do(Draw(drawings=(Drawing(mask=PackedMask.of(box, painted), lesion=None),)))
    z, y, x = BALLS[2][0]
    session.do(Include(stroke=(session.case.point_at((z, y, x + 5)),)))
    session.do(Reject(lesion=1))
    log = CorrectionLog.of(session)
    after = sitk.Flip(sitk.PermuteAxes(portal, axes), [axis in flipped for axis in range(3)])
    reordered = reoriented(log, Grid.of(after))
    reordered.check_fits(CorrectionCase(portal=after, instances=sitk.Cast(after * 0 + 1, sitk.sitkUInt16)))

    def places(packed, image):
        voxels = np.argwhere(packed.mask()) + packed.corner
        points = [image.TransformIndexToPhysicalPoint([int(n) for n in voxel[::-1]]) for voxel in voxels]
        return sorted(tuple(np.round(point, 6)) for point in points)

    def seeds(log, image):
        found = [seed.voxel for lesion in log.lesions for seed in (*lesion.include, *lesion.exclude)]
        return [np.round(image.TransformIndexToPhysicalPoint(voxel[::-1]), 6).tolist() for voxel in found]

    drawn = [each.entries[0].action.drawings[0].mask for each in (log, reordered)]
    assert places(drawn[0], portal) == places(drawn[1], after)
    regions = [next(lesion.region for lesion in each.lesions if lesion.region) for each in (log, reordered)]
    assert places(regions[0], portal) == places(regions[1], after)
    assert seeds(log, portal) == seeds(reordered, after)
    assert seeds(log, portal)
    assert reordered.entries[1] == log.entries[1], "points are unchanged"
    if axes == (0, 1, 2) and not flipped:
        assert reordered is log


def test_log_is_not_restored_on_a_mirrored_volume(scene, study, controller):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Reject

    controller.do(Reject(lesion=1))
    controller.close()
    mirror = cases.put_under_transform(scene, study.portal, [[-1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0]])
    study.segmentation.SetAndObserveTransformNodeID(mirror.GetID())
    again = CorrectionController(Study.of(study.segmentation))
    assert "cannot be resumed" in again.note
    assert [row.number for row in again.rows()] == [2, 3]


def test_session_is_restored_on_a_moved_volume(scene, study, controller):
    """Volume and segmentation under a transform: the log's points move along, so that it can be replayed."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Accept, Add, CorrectionCase, CorrectionLog, Reject, replay

    start = study.instances()
    controller.do(Add(point=lps_of(study, UNSEEN[0])))
    controller.do(Reject(lesion=1))
    labels = controller.session.labels.copy()
    transform = cases.put_under_transform(scene, study.portal, cases.TURN_AND_SHIFT)
    study.segmentation.SetAndObserveTransformNodeID(transform.GetID())
    assert not controller.is_valid
    with pytest.raises(PanelError, match="was moved, changed or removed"):
        controller.do(Accept(lesion=2))
    moved = Study.of(study.segmentation)
    again = CorrectionController(moved)
    assert not again.note
    np.testing.assert_array_equal(again.session.labels, labels)
    assert again.session.lesions[1].status == "rejected"
    start = moved.grid.image(study_cases.sitk_array(start))
    case = CorrectionCase(portal=moved.portal_image(), instances=start)
    np.testing.assert_array_equal(replay(case, CorrectionLog.of(again.session)).labels, labels)


@pytest.mark.parametrize("text", ["no log", '{"format": "another"}', "flat grid"])
def test_damaged_log_leaves_accepted_lesions(scene, study, controller, text):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import HEADER_KEY, Accept

    controller.do(Accept(lesion=2))
    if text == "flat grid":
        log = json.loads(study.segmentation.GetAttribute(HEADER_KEY))
        log["grid"]["direction"] = [0.0] * 9
        text = json.dumps(log)
    study.segmentation.SetAttribute(HEADER_KEY, text)
    again = CorrectionController(study)
    assert "cannot be resumed" in again.note
    assert [row.status for row in again.rows()] == ["draft", "accepted", "draft"]


def test_accepted_and_rejected_lesions_are_restored_without_their_segments(scene, study, controller):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Accept, Reject

    controller.do(Accept(lesion=2))
    controller.do(Reject(lesion=1))
    controller.close()
    segmentation = study.segmentation.GetSegmentation()
    for each in ("Tumor_1", "Tumor_3"):
        segmentation.RemoveSegment(each)
    again = CorrectionController(study)
    assert [(row.number, row.status) for row in again.rows()] == [(1, "rejected"), (2, "accepted")]
    assert names(study) == ["Liver", "Tumor 1", "Tumor 2"]


def test_segment_status_of_slicer_accepts_a_lesion(study):
    import slicer

    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetSegmentStatus(study.segmentation.GetSegmentation().GetSegment("Tumor_3"), logic.Completed)
    assert [row.status for row in CorrectionController(study).rows()] == ["draft", "draft", "accepted"]
