"""Planning in the scene: margins and planes whose volumes are known, dragged, saved and handed over."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.bench import slicer_like
from Testing.Slicer import ball_cases


def ball_ml(radius_mm: float) -> float:
    return 4.0 / 3.0 * np.pi * radius_mm**3 / 1000.0


def beyond_ml(distance_mm: float) -> float:
    """Return the part of the liver's ball that lies farther than so along any direction."""
    height = ball_cases.LIVER_MM - distance_mm
    return np.pi * height**2 * (3 * ball_cases.LIVER_MM - height) / 3.0 / 1000.0


@pytest.fixture(params=[False, True], ids=["own grid", "under a transform"])
def case(scene, request):
    return ball_cases.make(scene, moved=request.param, vessels=True)


@pytest.fixture
def plan(case):
    from LiverTumorAttentionGui.review.planning import ScenePlan

    made = ScenePlan(case.study, case.instances)
    yield made
    made.close()


def plan_segment(case, name):
    """Return a segment of the plan on the portal grid (z, y, x)."""
    node = case.study.segmentation.GetNodeReference("MarginSegmentation")
    return ball_cases.segment_array(node, name, case.study.portal)


def put(plane, ras, normal):
    plane.SetOriginWorld(list(ras))
    plane.SetNormalWorld(list(normal))


# The margin -----------------------------------------------------------------------------------------------


def test_margin_is_a_segment_with_the_volume_that_is_told(case, plan):
    from LiverTumorAttentionLib.analysis.planning import Planner

    told = plan.set_margin(6.0, [1])
    radius, place = ball_cases.TUMORS[0]
    assert told.volume_ml == pytest.approx(ball_ml(radius + 6.0), rel=0.06)
    shown = plan_segment(case, "Margin")
    # Slicer's segment statistics: voxels times the volume of one.
    assert np.count_nonzero(shown) * case.voxel_ml == pytest.approx(told.volume_ml, rel=1e-9)
    import SimpleITK as sitk

    library = Planner(case.instances).margin(6.0, [1])
    np.testing.assert_array_equal(shown, sitk.GetArrayFromImage(library.mask) > 0)
    centre = case.ras(np.argwhere(shown).mean(axis=0)[::-1])
    np.testing.assert_allclose(centre, case.ras_beside_centre(place), atol=0.3)
    node = case.study.segmentation.GetNodeReference("MarginSegmentation")
    assert node is not case.study.segmentation
    assert node.GetSegmentation().GetSegment("Margin").GetName() == "Margin 6 mm"
    assert case.study.segmentation.GetSegmentation().GetNumberOfSegments() == 3, "the study's are its own"
    surface = node.GetSegmentation().GetSegment("Margin").GetRepresentation("Closed surface")
    sides = np.diff(np.reshape(surface.GetBounds(), (3, 2))).ravel()
    assert sides.max() == pytest.approx(2 * (radius + 6.0), rel=0.2), "it is seen in 3D, too"
    both = plan.set_margin(3.0)
    surface = node.GetSegmentation().GetSegment("Margin").GetRepresentation("Closed surface")
    assert np.diff(np.reshape(surface.GetBounds(), (3, 2))).max() > 30.0, "and follows"
    np.testing.assert_array_equal(plan_segment(case, "Margin"), sitk.GetArrayFromImage(both.mask) > 0)


def test_a_margin_that_cannot_be_leaves_the_one_that_was(case, plan):
    from LiverTumorAttentionGui.errors import PanelError

    plan.set_margin(4.0)
    before = plan_segment(case, "Margin").copy()
    with pytest.raises(PanelError, match="at most 100 mm, got 250 mm"):
        plan.set_margin(250.0)
    with pytest.raises(PanelError, match="There is no tumour 9: choose from 1, 2"):
        plan.set_margin(5.0, [9])
    assert (plan.margin_mm, plan.margin_tumors) == (4.0, None)
    np.testing.assert_array_equal(plan_segment(case, "Margin"), before)
    assert plan.set_margin(0.0) is None
    assert plan.margin_mm is None
    assert plan.margin() is None
    assert case.study.segmentation.GetNodeReference("MarginSegmentation") is None


def test_margin_follows_a_corrected_segmentation(case, plan, wait_until):
    """The second tumour is rejected: the margin around both becomes one around the first."""
    both = plan.set_margin(4.0)
    plan.set_instances(ball_cases.image(ball_cases.labels(ball_cases.TUMORS[:1]), case.grid))
    alone = plan.margin().volume_ml
    assert alone < both.volume_ml - 1
    wait_until(
        lambda: np.count_nonzero(plan_segment(case, "Margin")) * case.voxel_ml == pytest.approx(alone),
        "the segment follows",
        timeout_s=3,
    )
    plan.set_instances(ball_cases.image(ball_cases.labels(()), case.grid))
    wait_until(
        lambda: case.study.segmentation.GetNodeReference("MarginSegmentation") is None,
        "the margin around nothing is gone",
        timeout_s=3,
    )


# Planes ---------------------------------------------------------------------------------------------------


def test_first_plane_halves_the_liver_and_takes_out_the_right(case, plan):
    plane = plan.add_plane()
    told = plan.resection()
    assert told.liver_ml == pytest.approx(ball_ml(ball_cases.LIVER_MM), rel=0.01)
    assert told.resected_percent == pytest.approx(50.0, abs=0.2)
    assert plane.GetNormalWorld() == pytest.approx((1, 0, 0), abs=1e-6)
    np.testing.assert_allclose(plane.GetOriginWorld(), case.ras_beside_centre((0, 0, 0)), atol=0.05)
    from LiverTumorAttentionLib.analysis.planning import CutPlane, Planner

    x, y, z = plane.GetOriginWorld()
    library = Planner(case.instances).resection(CutPlane(point_lps_mm=(-x, -y, z), normal_lps=(-1, 0, 0)))
    assert told.resected_ml == pytest.approx(library.resected_ml, rel=1e-6)


@pytest.mark.parametrize(("tumor", "clearance_mm"), [(None, None), (1, None), (1, 0.0), (2, 400.0)])
def test_first_plane_lies_where_all_voxels_say(application, tumor, clearance_mm):
    """It is found by the ends of rows, which are a few of a large liver's voxels."""
    from LiverTumorAttentionGui.review.resection_planes import CLEARANCE_MM, INSIDE_SHARE, place_plane

    values = np.zeros((9, 12, 90), np.uint16)
    values[np.random.default_rng(0).random(values.shape) < 0.02] = 1
    values[3, 5, 10:16], values[6, 2:5, 70] = 2, 3
    grid = np.vstack([ball_cases.TURNED, [0, 0, 0, 1]])
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid

    def places(mask):
        return np.argwhere(mask)[:, ::-1] @ to_lps[:3, :3].T + to_lps[:3, 3]

    liver = places(values > 0)
    point, normal = liver.mean(axis=0), np.array([-1.0, 0.0, 0.0])
    if tumor:
        body = places(values == tumor + 1)
        way = body.mean(axis=0) - point
        normal = way / np.linalg.norm(way)
        heights = (liver - point) @ normal
        wanted = ((body - point) @ normal).min() - (CLEARANCE_MM if clearance_mm is None else clearance_mm)
        point = point + max(wanted, heights.min() + INSIDE_SHARE * np.ptp(heights)) * normal
    found = place_plane(ball_cases.image(values, grid), tumor, clearance_mm)
    np.testing.assert_allclose(found.cut.point_lps_mm, point, atol=1e-6)
    np.testing.assert_allclose(found.cut.normal_lps, normal, atol=1e-6)
    assert found.size_mm == pytest.approx(1.2 * np.ptp(liver, axis=0).max(), abs=1e-6)


def test_normal_points_to_what_is_taken_out(case, plan):
    plane = plan.add_plane()
    direction = np.array([0.3, -0.5, 0.8])
    direction /= np.linalg.norm(direction)
    put(plane, case.ras_beside_centre((0, 0, 0)) + 12.0 * direction, direction)
    assert plan.resection().resected_ml == pytest.approx(beyond_ml(12.0), rel=0.02)
    put(plane, case.ras_beside_centre((0, 0, 0)) + 12.0 * direction, -direction)
    assert plan.resection().remnant_ml == pytest.approx(beyond_ml(12.0), rel=0.02)


def test_plane_beside_a_tumour_takes_it_out_with_room(case, plan):
    plan.set_margin(5.0)
    plane = plan.add_plane(tumor=1)
    first, second = plan.resection().tumors
    assert first.status == "resected"
    assert first.margin_mm == pytest.approx(5.0, abs=1.5)
    assert second.status == "remnant"
    _, place = ball_cases.TUMORS[0]
    way = case.ras_beside_centre(place) - case.ras_beside_centre((0, 0, 0))
    np.testing.assert_allclose(plane.GetNormalWorld(), way / np.linalg.norm(way), atol=0.02)
    from LiverTumorAttentionGui.errors import PanelError

    with pytest.raises(PanelError, match="There is no tumor 5"):
        plan.add_plane(tumor=5)
    assert len(plan.planes()) == 1


def test_wedge_or_either_side(case, plan):
    """Two planes through the middle at a right angle: a quarter beyond both, three beyond either."""
    centre = case.ras_beside_centre((0, 0, 0))
    for normal in ((1, 0, 0), (0, 0, 1)):
        put(plan.add_plane(), centre, normal)
    assert plan.combine == "all"
    assert plan.resection().resected_percent == pytest.approx(25.0, abs=0.3)
    plan.combine = "any"
    assert plan.resection().resected_percent == pytest.approx(75.0, abs=0.3)
    heard = []
    plan.on_changed(lambda: heard.append(1))
    plan.weight_kg = 2.0
    plan.combine = "any"
    assert len(heard) == 1, "the same choice again is no change"
    told = plan.resection()
    assert told.remnant_ml_per_kg == pytest.approx(told.remnant_parenchyma_ml / 2.0)


def test_a_plane_beside_the_liver_says_so_and_changes_nothing(case, plan, wait_until):
    from LiverTumorAttentionGui.errors import PanelError

    plane = plan.add_plane()
    plan.show_resected(True)
    put(plane, case.ras_beside_centre((0, 0, 0)) + (80, 0, 0), (1, 0, 0))
    with pytest.raises(PanelError, match=r"^The plane does not pass through the liver: .* (49|50) mm away"):
        plan.resection()
    wait_until(lambda: not plan.resected_shown, "the part that is no more is taken away", timeout_s=3)
    with pytest.raises(PanelError, match="does not pass through the liver"):
        plan.show_resected(True)
    assert not plan.resected_shown
    assert len(plan.planes()) == 1


def test_weight_and_combination_that_are_none_are_refused(case, plan):
    from LiverTumorAttentionGui.errors import PanelError

    plan.weight_kg = 70.5
    with pytest.raises(PanelError, match=r"between 1 and 400 kg, got 0\.2 kg"):
        plan.weight_kg = 0.2
    with pytest.raises(PanelError, match="got 'both'"):
        plan.combine = "both"
    assert (plan.weight_kg, plan.combine) == (70.5, "all")


def test_resected_part_is_shown_and_follows(case, plan, wait_until):
    plan.set_margin(6.0, [1])
    margin = plan_segment(case, "Margin").copy()
    plane = plan.add_plane()
    from LiverTumorAttentionGui.errors import PanelError

    plan.show_resected(True)
    shown = plan_segment(case, "ResectedPart")
    assert np.count_nonzero(shown) * case.voxel_ml == pytest.approx(plan.resection().resected_ml, rel=0.03)
    places = np.argwhere(shown)[::97, ::-1]
    beyond = np.array([case.ras(place) for place in places]) - plane.GetOriginWorld()
    assert (beyond[:, 0] > -1e-6).all(), "all of it lies on the side of the normal"
    np.testing.assert_array_equal(plan_segment(case, "Margin"), margin, "though both overlap")
    put(plane, plane.GetOriginWorld(), (-1, 0, 0))
    wait_until(
        lambda: (
            not (plan_segment(case, "ResectedPart") & shown)[2:-2].all()
            and np.count_nonzero(plan_segment(case, "ResectedPart") & shown) < 0.05 * np.count_nonzero(shown)
        ),
        "the other half is shown",
        timeout_s=3,
    )
    np.testing.assert_array_equal(plan_segment(case, "Margin"), margin)
    plan.show_resected(False)
    assert not plan.resected_shown
    np.testing.assert_array_equal(plan_segment(case, "Margin"), margin)
    plan.remove_plane(plane)
    with pytest.raises(PanelError, match="There is no plane yet"):
        plan.show_resected(True)


def test_segments_that_slicer_laid_into_one_label_map_do_not_overwrite_each_other(scene, wait_until):
    """Slicer does so with segments that do not overlap, as when it saves them; then one of them moves."""
    from LiverTumorAttentionGui.review.planning import ScenePlan

    case = ball_cases.make(scene)
    plan = ScenePlan(case.study, case.instances)
    told = plan.set_margin(3.0, [2])
    plane = plan.add_plane(tumor=1)
    plan.show_resected(True)
    node = case.study.segmentation.GetNodeReference("MarginSegmentation")
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    put(plane, plane.GetOriginWorld(), -np.array(plane.GetNormalWorld()))
    plan.show_resected(True)
    for name, volume_ml in (("Margin", told.volume_ml), ("ResectedPart", plan.resection().resected_ml)):
        shown_ml = np.count_nonzero(plan_segment(case, name)) * case.voxel_ml
        assert shown_ml == pytest.approx(volume_ml, rel=0.03), name
    plan.close()


def test_dragging_is_told_seldom_but_to_the_end(scene, wait_until, application):
    from LiverTumorAttentionGui.review.planning import ScenePlan

    case = ball_cases.make(scene)
    plan = ScenePlan(case.study, case.instances)
    plane = plan.add_plane()
    heard = []
    plan.on_changed(lambda: heard.append(plan.resection().resected_ml))
    wait_until(lambda: heard, "the new plane is told of")
    heard.clear()
    for step in range(200):
        put(plane, case.ras_beside_centre((0, 0, 0)) + (0.05 * step, 0, 0), (1, 0, 0))
    assert heard == [], "nothing is computed inside the event"
    wait_until(lambda: heard, "the drag is told of")
    assert len(heard) == 1
    assert heard[0] == pytest.approx(beyond_ml(0.05 * 199), rel=0.02)
    plane.SetName("renamed")
    plane.GetDisplayNode().SetOpacity(0.5)
    for _ in range(20):
        application.processEvents()
    import time

    time.sleep(0.05)
    application.processEvents()
    assert len(heard) == 1, "what does not move the plane is not told of"
    scene.RemoveNode(plane)  # by the user, in another module
    plan.on_changed(lambda: None)
    plan._listeners[0] = lambda: heard.append(plan.resection())
    wait_until(lambda: len(heard) == 2, "the removal is told of")
    assert heard[1] is None
    assert plan.planes() == []
    plan.close()


def test_closed_plan_hears_nothing(scene, application):
    import gc
    import time
    import weakref

    from LiverTumorAttentionGui.review.planning import ScenePlan

    case = ball_cases.make(scene)
    plan = ScenePlan(case.study, case.instances)
    plane = plan.add_plane()
    heard = []
    plan.on_changed(lambda: heard.append(1))
    put(plane, (1, 2, 3), (0, 1, 0))
    planes = weakref.ref(plan._planes)
    plan.close()
    put(plane, (1, 2, 4), (0, 1, 0))
    time.sleep(0.05)
    application.processEvents()
    assert heard == []
    del plan
    gc.collect()
    assert planes() is None, "neither a plane nor the scene holds it"


# Kept in the scene ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [False, True], ids=["own grid", "under a transform"])
def test_a_loaded_scene_gives_the_same_plan(scene, tmp_path, moved):
    from LiverTumorAttentionGui.review.planning import ScenePlan
    from LiverTumorAttentionGui.scene.study import Study

    case = ball_cases.make(scene, moved=moved, left_handed=False)
    plan = ScenePlan(case.study, case.instances)
    plan.set_margin(6.25, [1])
    for normal in ((1, 0, 0.2), (0, 0.1, 1)):
        put(plan.add_plane(), case.ras_beside_centre((2, 1, 0)), normal)
    plan.combine = "any"
    plan.weight_kg = 71.3
    plan.show_resected(True)
    told, margin = plan.resection(), plan.margin()
    written = plan.as_json()
    name = case.study.segmentation.GetName()
    plan.close()

    fresh = ball_cases.rewritten(scene, tmp_path)
    segmentation = fresh.GetFirstNodeByName(name)
    again = ScenePlan(Study.of(segmentation), case.instances)
    assert (again.margin_mm, again.margin_tumors) == (6.25, (1,))
    assert (again.combine, again.weight_kg) == ("any", 71.3)
    assert again.resected_shown
    assert again.margin().volume_ml == margin.volume_ml
    assert again.resection().resected_ml == pytest.approx(told.resected_ml, rel=1e-5)
    assert again.resection().remnant_ml_per_kg == pytest.approx(told.remnant_ml_per_kg, rel=1e-5)
    reread = again.as_json()
    for before, after in zip(
        written["resections"][0]["planes"], reread["resections"][0]["planes"], strict=True
    ):
        for key in ("point_lps_mm", "normal_lps"):
            assert after[key] == pytest.approx(before[key], abs=1e-4)
    again.close()
    slicer_like.new_scene()


def test_json_is_what_the_report_reads(case, plan):
    from LiverTumorAttentionLib.progress import Progress
    from LiverTumorAttentionLib.report.plan import WantedPlan, compute_plan

    assert plan.as_json() is None
    plan.weight_kg = 70.0
    assert plan.as_json() is None, "a weight alone is no plan"
    plan.set_margin(5.0, [1, 2])
    put(plan.add_plane(), case.ras_beside_centre((3, 0, 0)), (0.2, 0.3, 0.9))
    wanted = WantedPlan.from_dict(json.loads(json.dumps(plan.as_json())))
    computed = compute_plan(wanted, case.instances, None, None, Progress())
    assert computed.resections[0].plan.resected_ml == pytest.approx(plan.resection().resected_ml)
    assert computed.resections[0].plan.remnant_ml_per_kg == pytest.approx(plan.resection().remnant_ml_per_kg)
    assert computed.margins[0].plan.volume_ml == plan.margin().volume_ml
    plan.set_instances(ball_cases.image(ball_cases.labels(ball_cases.TUMORS[:1]), case.grid))
    assert plan.as_json()["margins"] == [{"margin_mm": 5.0, "tumors": [1]}], "tumour 2 is gone"


# Handed over to Slicer-Liver --------------------------------------------------------------------------------


def tag(segment):
    import vtk

    text = vtk.reference("")
    segment.GetTag("TerminologyEntry", text)
    return str(text)


def test_hand_over_sets_what_slicer_liver_reads(case):
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
    said = export_to_slicer_liver(case.study)
    assert case.study.segmentation.GetAttribute("LiverSegmentation.Role") == "canonical"
    assert earlier.GetAttribute("LiverSegmentation.Role") is None
    assert case.study.portal.GetAttribute("LiverRole") == "PortalVenous"
    assert other.GetAttribute("LiverRole") is None
    assert "SCT^10200004^" in tag(segmentation.GetSegment("Liver"))
    assert "SCT^4147007^" in tag(segmentation.GetSegment("Tumor_2"))
    masses = [
        each for each in segmentation.GetSegmentIDs() if "SCT^4147007^" in tag(segmentation.GetSegment(each))
    ]
    assert masses == ["Tumor_2", "Tumor_1"], "the rejected one is not the first"
    vessel = case.study.vessels.GetSegmentation().GetNthSegment(0)
    assert "SCT^32764006^" in tag(vessel)
    assert "with the liver and 1 tumor" in said
    assert "No longer its own: earlier case, earlier CT." in said
    assert said.endswith("Not for clinical use.")
    assert ("Harden the transform" in said) == (case.study.segmentation.GetParentTransformNode() is not None)
