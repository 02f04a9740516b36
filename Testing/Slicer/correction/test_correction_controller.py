"""Corrections in the scene: segments, statuses, numbers, log and surfaces follow every action and outlive the scene."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.Slicer import cases, study_cases
from Testing.Slicer.study_cases import (
    BALLS,
    GRIDS,
    SHAPE,
    UNSEEN,
    ball,
    check_scene_is_session,
    crop_layers,
    names,
    truth,
    voxels,
)


@pytest.fixture
def study(scene, tmp_path):
    return study_cases.add_study(scene, tmp_path)


@pytest.fixture
def controller(study):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

    return CorrectionController(study)


def lps(study, voxel):
    return study.to_lps(study_cases.ras_of(study, voxel))


def paint(study, name, mask, *, exactly=True):
    """Do to a segment what the Segment Editor does at the end of a stroke, with Slicer's own function."""
    import slicer

    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    whole = study.layers().new_image(tuple(slice(0, n) for n in SHAPE))
    voxel_array(whole)[...] = mask
    segment_id = study.segmentation.GetSegmentation().GetSegmentIdBySegmentName(name)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mode = logic.MODE_REPLACE if exactly else logic.MODE_MERGE_MAX
    assert logic.SetBinaryLabelmapToSegment(whole, study.segmentation, segment_id, mode)


def status(study, name):
    import slicer

    segmentation = study.segmentation.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(name))
    return slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentStatusAsHumanReadableString(
        slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentStatus(segment)
    )


# Actions ---------------------------------------------------------------------------------------------------


def test_rows_say_what_there_is(study, controller):
    from LiverTumorAttentionLib.correction import Reject

    controller.do(Reject(lesion=2))
    rows = {row.number: row for row in controller.rows()}
    assert list(rows) == [1, 2, 3]
    assert [rows[n].status for n in rows] == ["draft", "rejected", "draft"]
    assert rows[2].volume_ml == 0
    assert rows[2].center_ras is None
    voxel_ml = 0.8 * 0.9 * 3.0 / 1000
    for number in (1, 3):
        center, radius = BALLS[number]
        assert rows[number].volume_ml == pytest.approx(np.count_nonzero(ball(center, radius)) * voxel_ml)
        np.testing.assert_allclose(rows[number].center_ras, study_cases.ras_of(study, center), atol=1e-4)
        assert rows[number].name == f"Tumor {number}"


def test_every_action_is_written_taken_back_and_done_again(study, controller):
    from LiverTumorAttentionLib.correction import (
        HEADER_KEY,
        Accept,
        Add,
        Exclude,
        Grow,
        Merge,
        Reject,
        Remove,
    )

    places = [lps(study, center) for center, _ in BALLS.values()]
    actions = [
        Add(point=lps(study, UNSEEN[0])),
        Grow(lesion=2, distance_mm=3.0),
        Accept(lesion=2),
        Reject(lesion=1),
        Exclude(stroke=(lps(study, (9, 14, 37)),), lesion=4),
        Merge(lesions=(3, 4)),
        Remove(point=places[2]),
    ]
    logs = []
    for action in actions:
        logs.append((study.segmentation.GetAttribute(HEADER_KEY), names(study)))
        outcome = controller.do(action)
        assert outcome.lesions
        check_scene_is_session(study, controller)
        tools = [each["tool"] for each in json.loads(study.segmentation.GetAttribute(HEADER_KEY))["actions"]]
        assert tools == [each.tool for each in actions[: len(tools)]]
    assert names(study) == ["Liver", "Tumor 1", "Tumor 2"]
    for log, before in reversed(logs):
        controller.undo()
        check_scene_is_session(study, controller)
        assert study.segmentation.GetAttribute(HEADER_KEY) == log
        assert names(study) == before
    np.testing.assert_array_equal(controller.session.labels, truth())
    assert not controller.can_undo
    for _ in actions:
        controller.redo()
        check_scene_is_session(study, controller)
    assert not controller.can_redo
    assert [status(study, f"Tumor {n}") for n in (1, 2)] == ["Flagged", "Completed"]


def test_new_lesion_gets_a_segment_like_the_others(study, controller):
    import slicer
    import vtk

    from LiverTumorAttentionLib.correction import Add
    from LiverTumorAttentionLib.io.terminology import tumor_segment

    controller.do(Add(point=lps(study, UNSEEN[0])))
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
    assert status(study, "Tumor 4") == "In progress"
    assert segmentation.GetNumberOfLayers() == 2, "it lies beside the others"


def test_a_lesion_that_comes_back_looks_as_it_did(study, controller):
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


def test_what_the_library_refuses_changes_nothing(study, controller):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionLib.correction import HEADER_KEY, Accept, Add, Grow, Threshold
    from LiverTumorAttentionLib.errors import Cancelled
    from LiverTumorAttentionLib.progress import Progress

    controller.do(Accept(lesion=1))
    log = study.segmentation.GetAttribute(HEADER_KEY)
    seen = []
    controller.add_listener(seen.append)
    for action, words in (
        (Grow(lesion=1, distance_mm=2.0), r"^Lesion 1 is accepted: .*\.$"),
        (Threshold(lesion=2, probability=0.5), "kept no probability"),
        (Add(point=(0.0, 0.0, 0.0)), "outside of the portal volume"),
        (Grow(lesion=9, distance_mm=2.0), "There is no lesion 9"),
    ):
        with pytest.raises(PanelError, match=words):
            controller.do(action)
        with pytest.raises(PanelError, match=words):
            controller.preview(action)
    stopped = Progress(cancelled=lambda: True)
    with pytest.raises(Cancelled):
        controller.do(Add(point=lps(study, UNSEEN[0])), stopped)
    with pytest.raises(PanelError, match="nothing to redo"):
        controller.redo()
    controller.undo()
    with pytest.raises(PanelError, match="nothing to undo"):
        controller.undo()
    controller.redo()
    np.testing.assert_array_equal(controller.session.labels, truth())
    check_scene_is_session(study, controller)
    assert study.segmentation.GetAttribute(HEADER_KEY) == log
    assert len(seen) == 2


def test_listeners_hear_each_change_until_they_leave(study, controller):
    from LiverTumorAttentionLib.correction import Accept

    seen = []
    controller.add_listener(seen.append)
    outcome = controller.do(Accept(lesion=1))
    assert seen == [outcome]
    controller.remove_listener(seen.append)
    controller.close()
    controller.undo()
    assert seen == [outcome]


# Where the voxels lie --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [cases.TURN_AND_SHIFT, cases.SHEAR], ids=["moved", "sheared"])
def test_actions_under_a_transform(scene, tmp_path, rows):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Grow, Reject

    portal = study_cases.add_portal(scene)
    cases.put_under_transform(scene, portal, rows)
    study = study_cases.add_study(scene, tmp_path, portal=portal)
    controller = CorrectionController(study)
    controller.do(Grow(point=lps(study, BALLS[1][0]), distance_mm=3.0))
    controller.do(Reject(lesion=3))
    np.testing.assert_array_equal(study_cases.sitk_array(study.instances()), controller.session.labels)
    if rows is cases.TURN_AND_SHIFT:
        check_scene_is_session(study, controller)


def test_layers_grow_where_a_lesion_does(study):
    """The segments are stored for what they fill; surfaces of others survive it."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Add, Grow

    crop_layers(study)
    liver = study.segmentation.GetClosedSurfaceInternalRepresentation("Liver")
    controller = CorrectionController(study)
    controller.do(Grow(lesion=1, distance_mm=9.0))
    controller.do(Add(point=lps(study, UNSEEN[0])))
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


def test_liver_beside_its_lesions_gets_what_they_give_up(scene, tmp_path):
    """Segments that exclude each other, as the Segment Editor makes them: the liver has holes where lesions are."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Remove

    study = study_cases.add_study(scene, tmp_path)
    paint(study, "Liver", truth() == 1)
    controller = CorrectionController(study)
    controller.do(Remove(lesion=1))
    np.testing.assert_array_equal(voxels(study, "Liver"), (truth() == 1) | (truth() == 2))


def test_without_a_liver(study):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionLib.correction import Accept, Add, Reject

    study.segmentation.GetSegmentation().RemoveSegment("Liver")
    controller = CorrectionController(study)
    controller.do(Reject(lesion=1))
    controller.do(Accept(lesion=2))
    assert names(study) == ["Tumor 1", "Tumor 2", "Tumor 3"]
    with pytest.raises(PanelError, match="outside of the liver"):
        controller.do(Add(point=lps(study, UNSEEN[0])))


def test_first_lesion_of_a_liver_without_any(scene, tmp_path):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Add

    study = study_cases.add_study(scene, tmp_path, labels=np.minimum(truth(), 1))
    controller = CorrectionController(study)
    assert controller.rows() == []
    controller.do(Add(point=lps(study, UNSEEN[0])))
    check_scene_is_session(study, controller)
    assert names(study) == ["Liver", "Tumor 1"]
    controller.undo()
    assert names(study) == ["Liver"]


def test_surfaces_follow_the_lesions(study, controller):
    from LiverTumorAttentionLib.correction import Add, Grow, Reject

    segmentation = study.segmentation.GetSegmentation()
    surface = study.segmentation.GetClosedSurfaceInternalRepresentation
    liver, width = surface("Liver"), np.ptp(np.reshape(surface("Tumor_1").GetBounds(), (3, 2)), axis=1)
    controller.do(Grow(lesion=1, distance_mm=3.0))
    grown = np.ptp(np.reshape(surface("Tumor_1").GetBounds(), (3, 2)), axis=1)
    np.testing.assert_allclose(grown - width, 6.0, atol=1.5)
    controller.do(Add(point=lps(study, UNSEEN[0])))
    new = segmentation.GetSegmentIdBySegmentName("Tumor 4")
    middle = np.reshape(surface(new).GetBounds(), (3, 2)).mean(axis=1)
    assert np.linalg.norm(middle - study_cases.ras_of(study, UNSEEN[0])) < 3.0
    controller.do(Reject(lesion=1))
    assert surface("Tumor_1").GetNumberOfPoints() == 0
    assert surface("Liver") is liver
    controller.undo()
    assert surface("Tumor_1").GetNumberOfPoints()


def test_no_surfaces_where_nobody_wants_them(study):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Grow

    study.segmentation.RemoveClosedSurfaceRepresentation()
    controller = CorrectionController(study)
    controller.do(Grow(lesion=1, distance_mm=3.0))
    assert not study.segmentation.GetSegmentation().ContainsRepresentation("Closed surface")


# Preview ---------------------------------------------------------------------------------------------------


def test_preview_is_shown_and_leaves_no_trace(study, controller):
    from LiverTumorAttentionLib.correction import HEADER_KEY, Accept, Add, Grow, Remove

    controller.do(Accept(lesion=2))
    before, log = names(study), study.segmentation.GetAttribute(HEADER_KEY)
    controller.preview(Grow(lesion=1, distance_mm=3.0))
    assert np.count_nonzero(voxels(study, "Tumor 1")) > np.count_nonzero(truth() == 2)
    controller.preview(Add(point=lps(study, UNSEEN[0])))
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    assert voxels(study, "Tumor 4")[UNSEEN[0]]
    controller.preview(Remove(lesion=3))
    assert not voxels(study, "Tumor 3").any()
    controller.end_preview()
    controller.end_preview()
    assert names(study) == before
    assert study.segmentation.GetAttribute(HEADER_KEY) == log
    np.testing.assert_array_equal(controller.session.labels, truth())
    check_scene_is_session(study, controller)
    controller.preview(Grow(lesion=1, distance_mm=3.0))
    controller.do(Grow(lesion=3, distance_mm=1.0))
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    assert len(controller.session.entries) == 2, "what was only shown is no action"


# Painting --------------------------------------------------------------------------------------------------


def test_painting_is_one_action(study, controller):
    assert controller.apply_manual_edits() is None
    one, two = ball((7, 15, 15), 6.0), ball((8, 26, 31), 3.0)
    paint(study, "Tumor 1", one)
    paint(study, "Tumor 2", two)
    outcome = controller.apply_manual_edits()
    assert outcome.lesions == (1, 2)
    np.testing.assert_array_equal(controller.session.labels == 2, one)
    np.testing.assert_array_equal(controller.session.labels == 3, two)
    check_scene_is_session(study, controller)
    assert [row.edited for row in controller.rows()] == [True, True, False]
    assert len(controller.session.entries) == 1
    assert controller.apply_manual_edits() is None
    controller.undo()
    np.testing.assert_array_equal(controller.session.labels, truth())
    check_scene_is_session(study, controller)


def test_painting_is_taken_in_before_the_next_action(study, controller):
    from LiverTumorAttentionLib.correction import Accept

    painted = ball((7, 15, 15), 6.0)
    paint(study, "Tumor 1", painted)
    controller.do(Accept(lesion=2))
    assert [entry.action.tool for entry in controller.session.entries] == ["draw", "accept"]
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), painted)
    check_scene_is_session(study, controller)


def test_accepted_and_rejected_lesions_are_put_back(study, controller):
    """The brush goes over an accepted lesion, into a rejected one, and widens a draft onto the accepted one."""
    from LiverTumorAttentionLib.correction import Accept, Reject

    controller.do(Accept(lesion=1))
    controller.do(Reject(lesion=2))
    paint(study, "Tumor 1", np.zeros(SHAPE, bool))
    paint(study, "Tumor 2", ball(BALLS[2][0], 5.0))
    paint(study, "Tumor 3", ball((6, 22, 14), 9.0))
    outcome = controller.apply_manual_edits()
    assert outcome.note == "Lesion 1 is accepted and was put back, lesion 2 is rejected and was put back."
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    assert not voxels(study, "Tumor 2").any()
    np.testing.assert_array_equal(voxels(study, "Tumor 3"), ball((6, 22, 14), 9.0) & (truth() != 2))
    check_scene_is_session(study, controller)


def test_deleted_segments(study, controller):
    """A draft is removed with its segment; an accepted lesion gets its segment again."""
    from LiverTumorAttentionLib.correction import Accept

    controller.do(Accept(lesion=1))
    segmentation = study.segmentation.GetSegmentation()
    segmentation.RemoveSegment("Tumor_1")
    segmentation.RemoveSegment("Tumor_2")
    controller.apply_manual_edits()
    assert names(study) == ["Liver", "Tumor 1", "Tumor 3"]
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    check_scene_is_session(study, controller)
    assert status(study, "Tumor 1") == "Completed"
    controller.undo()
    assert names(study) == ["Liver", "Tumor 1", "Tumor 2", "Tumor 3"]
    check_scene_is_session(study, controller)


def test_a_segment_that_was_painted_becomes_a_lesion(study, controller):
    segmentation = study.segmentation.GetSegmentation()
    made = segmentation.AddEmptySegment("", "")
    name = segmentation.GetSegment(made).GetName()
    painted = ball(*UNSEEN)
    paint(study, name, painted)
    assert controller.apply_manual_edits() is None, "nobody said that it is a lesion"
    outcome = controller.apply_manual_edits([made])
    assert (outcome.subject, outcome.lesions) == (4, (4,))
    row = controller.rows()[-1]
    assert (row.number, row.segment_id, row.name, row.edited) == (4, made, "Tumor 4", True)
    np.testing.assert_array_equal(voxels(study, "Tumor 4"), painted)
    check_scene_is_session(study, controller)
    controller.undo()
    controller.redo()
    check_scene_is_session(study, controller)


def test_painting_that_is_refused_is_taken_back(study, controller):
    """A new lesion on nothing but another lesion's voxels."""
    import slicer

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    image = study.layers().new_image(tuple(slice(0, n) for n in SHAPE))
    voxel_array(image)[...] = truth() == 2
    segment = slicer.vtkSegment()
    segment.SetName("mine")
    segment.AddRepresentation("Binary labelmap", image)
    study.segmentation.GetSegmentation().AddSegment(segment, "mine")
    with pytest.raises(PanelError, match="belongs to other lesions"):
        controller.apply_manual_edits(["mine"])
    np.testing.assert_array_equal(controller.session.labels, truth())
    assert not controller.can_undo


# Going on --------------------------------------------------------------------------------------------------


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


def test_a_scene_that_was_saved_is_gone_on_from(scene, tmp_path):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import HEADER_KEY, Accept, Add, Reject, Remove, Revise

    portal = study_cases.add_portal(scene, GRIDS["plain"])
    study = study_cases.add_study(scene, tmp_path, portal=portal)
    controller = CorrectionController(study)
    for action in (
        Reject(lesion=1),
        Accept(lesion=2),
        Add(point=lps(study, UNSEEN[0])),
        Remove(lesion=4),
        Add(point=lps(study, UNSEEN[0])),
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


def test_a_left_handed_volume_is_turned_by_saving(scene, study, controller, tmp_path):
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
def test_a_log_follows_voxels_in_another_order(axes, flipped):
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
    told = reoriented(log, Grid.of(after))
    told.check_fits(CorrectionCase(portal=after, instances=sitk.Cast(after * 0 + 1, sitk.sitkUInt16)))

    def places(packed, image):
        voxels = np.argwhere(packed.mask()) + packed.corner
        points = [image.TransformIndexToPhysicalPoint([int(n) for n in voxel[::-1]]) for voxel in voxels]
        return sorted(tuple(np.round(point, 6)) for point in points)

    def seeds(log, image):
        found = [seed.voxel for lesion in log.lesions for seed in (*lesion.include, *lesion.exclude)]
        return [np.round(image.TransformIndexToPhysicalPoint(voxel[::-1]), 6).tolist() for voxel in found]

    drawn = [each.entries[0].action.drawings[0].mask for each in (log, told)]
    assert places(drawn[0], portal) == places(drawn[1], after)
    regions = [next(lesion.region for lesion in each.lesions if lesion.region) for each in (log, told)]
    assert places(regions[0], portal) == places(regions[1], after)
    assert seeds(log, portal) == seeds(told, after)
    assert seeds(log, portal)
    assert told.entries[1] == log.entries[1], "a point lies where it lay"
    if axes == (0, 1, 2) and not flipped:
        assert told is log


def test_a_log_is_not_mirrored_onto_another_volume(scene, study, controller):
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


def check_voxels(study, controller, without=()):
    for row in controller.rows():
        if row.number not in without:
            np.testing.assert_array_equal(
                voxels(study, row.name), controller.session.labels == row.number + 1
            )


def test_a_volume_that_was_moved_is_gone_on_with(scene, study, controller):
    """Volume and segmentation under a transform: the log's points move along, so that it can be replayed."""
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Accept, Add, CorrectionCase, CorrectionLog, Reject, replay

    start = study.instances()
    controller.do(Add(point=lps(study, UNSEEN[0])))
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
def test_a_damaged_log_costs_no_accepted_lesion(scene, study, controller, text):
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


def test_a_log_outlives_segments_that_were_deleted_without_it(scene, study, controller):
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


def test_slicers_own_status_accepts_a_lesion(study):
    import slicer

    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetSegmentStatus(study.segmentation.GetSegmentation().GetSegment("Tumor_3"), logic.Completed)
    assert [row.status for row in CorrectionController(study).rows()] == ["draft", "draft", "accepted"]


# New findings ----------------------------------------------------------------------------------------------


def test_new_findings_leave_what_was_decided_or_edited(study, controller):
    from LiverTumorAttentionLib.correction import Accept, Add, Reject, Shrink

    controller.do(Accept(lesion=1))
    controller.do(Reject(lesion=2))
    controller.do(Shrink(lesion=3, distance_mm=1.0))
    controller.do(Add(point=lps(study, UNSEEN[0])))
    before = controller.session.labels.copy()
    found = np.minimum(truth(), 1)
    found[ball(BALLS[1][0], 7.0)] = 2
    found[ball(BALLS[2][0], 5.0)] = 3
    found[ball((11, 33, 38), 3.0)] = 4
    outcome = controller.merge(study.grid.image(found), model="other")
    assert outcome.lesions == (5,)
    after = before.copy()
    after[ball((11, 33, 38), 3.0)] = 6
    np.testing.assert_array_equal(controller.session.labels, after)
    check_scene_is_session(study, controller)
    assert [row.edited for row in controller.rows()] == [False, False, True, True, False]
    controller.undo()
    np.testing.assert_array_equal(controller.session.labels, before)
    check_scene_is_session(study, controller)


def test_findings_on_another_grid_are_refused(study, controller):
    from LiverTumorAttentionGui.errors import PanelError

    image = study.grid.image(truth())
    image.SetOrigin((0, 0, 0))
    with pytest.raises(PanelError, match="do not lie on the same grid"):
        controller.merge(image, model=None)
    check_scene_is_session(study, controller)


# The logic's controllers -----------------------------------------------------------------------------------------


def test_one_controller_per_segmentation_until_its_volume_changes(scene, tmp_path):
    import slicer

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    logic = LiverTumorAttentionLogic()
    study = study_cases.add_study(scene, tmp_path)
    other = study_cases.add_study(scene, tmp_path)
    controller = logic.controller(study.segmentation)
    study.portal.SetAttribute("LiverRole", "PortalVenous")
    assert logic.controller(study.segmentation) is controller
    assert logic.controller(other.segmentation) is not controller
    slicer.util.updateVolumeFromArray(study.portal, study_cases.hounsfield() + 1)
    changed = logic.controller(study.segmentation)
    assert changed is not controller
    logic.close_controllers()
    assert logic.controller(study.segmentation) is not changed
    scene.RemoveNode(study.portal)
    with pytest.raises(PanelError, match="no longer in the scene"):
        logic.controller(study.segmentation)
    scene.Clear(0)
    assert logic._controllers._open == [], "memory is given back"
