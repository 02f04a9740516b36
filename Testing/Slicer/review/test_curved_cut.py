"""A curved cut in the scene: drawn where its points are, alone or one resection with planes, saved with the scene."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import ball_cases

RISE_MM = 6.0


def add_list(case, offsets_mm, name="curve"):
    """Add a list of points beside the liver's center, along the grid's axes, and choose it for the curved cut."""
    scene = case.study.segmentation.GetScene()
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    for offset in offsets_mm:
        node.AddControlPointWorld([float(v) for v in case.ras_beside_centre(offset)])
    case.study.segmentation.SetNodeReferenceID("CurvedCut", node.GetID())
    return node


def vault(rise_mm=RISE_MM, base_mm=4.0):
    """Points of a vault over the middle of the liver, along z of the grid."""
    return [
        (x, y, base_mm + rise_mm * (1 - (x / 20) ** 2))
        for x in (-20.0, 0.0, 20.0)
        for y in (-15.0, 0.0, 15.0)
    ]


@pytest.fixture(params=[False, True], ids=["own grid", "under a transform"])
def case(request, scene):
    return ball_cases.make(scene, moved=request.param)


@pytest.fixture
def plan(case):
    from LiverTumorAttentionGui.review.planning import ScenePlan

    plan = ScenePlan(case.study, case.instances)
    yield plan
    plan.close()


def drawn_points(plan):
    """Return the points of the model in the world, RAS mm."""
    import slicer
    import vtk

    node = plan.points.model.node
    to_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetParentTransformNode(), None, to_world)
    own = slicer.util.arrayFromModelPoints(node)
    return np.array([to_world.TransformPoint(point) for point in own])


def test_it_is_drawn_where_its_points_are(case, plan):
    points = add_list(case, vault())
    plan.points.draw()
    model = plan.points.model
    assert model.node is case.study.segmentation.GetNodeReference("CurvedCutModel")
    assert model.visible
    display = model.node.GetDisplayNode()
    assert display.GetVisibility2D(), "its line is seen in the slice views"
    places = drawn_points(plan)
    for index in range(points.GetNumberOfControlPoints()):
        point = np.array(points.GetNthControlPointPositionWorld(index))
        assert np.linalg.norm(places - point, axis=1).min() < 2.5
    heights = plan.points.surface().height_mm(places * [-1, -1, 1])
    assert np.abs(heights).max() < 1e-3
    center = case.ras_beside_centre((0, 0, 0))
    reach = np.linalg.norm(places - center, axis=1).max()
    assert reach < ball_cases.LIVER_MM + 12, "it ends where the liver ends"
    assert reach > ball_cases.LIVER_MM - 3


def test_it_follows_its_points_and_goes_with_them(case, plan):
    points = add_list(case, vault())
    plan.points.draw()
    node, before = plan.points.model.node, drawn_points(plan)
    plan.points.model.visible = False
    for index in range(points.GetNumberOfControlPoints()):
        place = np.array(points.GetNthControlPointPositionWorld(index)) + [0.0, 0.0, 3.0]
        points.SetNthControlPointPositionWorld(index, *place.tolist())
    plan.points.draw()
    assert plan.points.model.node is node
    assert not plan.points.model.visible, "what was hidden stays so"
    assert np.abs(drawn_points(plan).mean(axis=0) - before.mean(axis=0))[2] == pytest.approx(3.0, abs=1.0)
    case.study.segmentation.SetNodeReferenceID("CurvedCut", None)
    plan.points.draw()
    assert plan.points.model.node is None
    assert node.GetScene() is None


def test_one_that_misses_the_liver_is_not_drawn(case, plan):
    from LiverTumorAttentionGui.errors import PanelError

    points = add_list(case, vault())
    plan.points.draw()
    for index in range(points.GetNumberOfControlPoints()):
        place = np.array(points.GetNthControlPointPositionWorld(index)) + [0.0, 0.0, 90.0]
        points.SetNthControlPointPositionWorld(index, *place.tolist())
    plan.points.draw()
    assert plan.points.model.node is None
    with pytest.raises(PanelError, match="does not pass through the liver"):
        plan.points.curved()


def test_with_planes_it_is_one_resection(case, plan):
    from LiverTumorAttentionGui.review.plan_settings import PlanSettings
    from LiverTumorAttentionLib.progress import Progress
    from LiverTumorAttentionLib.report.plan import compute_plan
    from LiverTumorAttentionLib.report.wanted_plan import WantedPlan

    add_list(case, vault())
    plane = plan.add_plane()
    plane.SetOriginWorld(case.ras_beside_centre((0, 2, 0)).tolist())
    plane.SetNormalWorld([0.0, 1.0, 0.1])
    alone, planes = plan.points.curved().resected_ml, plan.resection().resected_ml
    assert [set(each) for each in plan.as_json()["resections"]] == [
        {"combine", "planes"},
        {"name", "surface"},
    ]
    assert not plan.points.with_planes
    PlanSettings(case.study.segmentation).curved_with_planes = True
    assert plan.points.with_planes
    both = plan.points.curved().resected_ml
    plan.combine = "any"
    either = plan.points.curved().resected_ml
    assert both < min(alone, planes) < max(alone, planes) < either
    assert both + either == pytest.approx(alone + planes, rel=2e-3)
    plan.show_resected(True)
    shown = ball_cases.plan_segment(case, "ResectedPart").sum() * case.voxel_ml
    assert shown == pytest.approx(either, rel=0.03)
    written = plan.as_json()
    (resection,) = written["resections"]
    assert resection["name"] == "Curved cut and planes"
    computed = compute_plan(WantedPlan.from_dict(written), case.instances, None, None, Progress())
    assert computed.resections[0].plan.resected_ml == pytest.approx(either)
    plan.remove_plane(plane)
    assert not plan.points.with_planes, "without a plane the curved cut cuts alone"
    assert plan.points.curved().resected_ml == pytest.approx(alone)


def test_it_survives_saving_and_loading(case, plan, tmp_path):
    from LiverTumorAttentionGui.review.plan_settings import PlanSettings
    from LiverTumorAttentionGui.review.planning import ScenePlan
    from LiverTumorAttentionGui.scene.study import Study
    from Testing.bench import slicer_like
    from Testing.bench.scenes import load_scene, save_scene

    add_list(case, vault())
    PlanSettings(case.study.segmentation).curved_with_planes = True
    plan.points.draw()
    plan.points.model.visible = False
    drawn, name = drawn_points(plan), case.study.segmentation.GetName()
    resected = plan.points.curved().resected_ml
    plan.close()
    loaded = load_scene(save_scene(tmp_path / "saved"))
    segmentation = loaded.GetFirstNodeByName(name)
    again = ScenePlan(Study.of(segmentation), case.instances)
    assert PlanSettings(segmentation).curved_with_planes
    np.testing.assert_allclose(drawn_points(again), drawn, atol=1e-3)
    model = again.points.model.node
    assert not again.points.model.visible
    again.points.draw()
    assert again.points.model.node is model
    assert loaded.GetNumberOfNodesByClass("vtkMRMLModelNode") == 1 + _slice_models(loaded)
    assert again.points.curved().resected_ml == pytest.approx(resected, rel=1e-4)
    again.close()
    slicer_like.new_scene()


def _slice_models(scene):
    """Return how many models are those of slice views, hidden from editors."""
    count = scene.GetNumberOfNodesByClass("vtkMRMLModelNode")
    nodes = [scene.GetNthNodeByClass(index, "vtkMRMLModelNode") for index in range(count)]
    return sum(bool(node.GetHideFromEditors()) for node in nodes)
