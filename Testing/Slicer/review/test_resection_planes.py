"""Resection planes: where they are placed, what they resect, and their observation while they are dragged."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import ball_cases
from Testing.Slicer.ball_cases import ball_ml, beyond_ml, put


def test_first_plane_halves_the_liver_and_resects_the_right(case, plan):
    plane = plan.add_plane()
    computed = plan.resection()
    assert computed.liver_ml == pytest.approx(ball_ml(ball_cases.LIVER_MM), rel=0.01)
    assert computed.resected_percent == pytest.approx(50.0, abs=0.2)
    assert plane.GetNormalWorld() == pytest.approx((1, 0, 0), abs=1e-6)
    np.testing.assert_allclose(plane.GetOriginWorld(), case.ras_beside_centre((0, 0, 0)), atol=0.05)
    from LiverTumorAttentionLib.analysis.planning import CutPlane, Planner

    x, y, z = plane.GetOriginWorld()
    library = Planner(case.instances).resection(CutPlane(point_lps_mm=(-x, -y, z), normal_lps=(-1, 0, 0)))
    assert computed.resected_ml == pytest.approx(library.resected_ml, rel=1e-6)


@pytest.mark.parametrize(("tumor", "clearance_mm"), [(None, None), (1, None), (1, 0.0), (2, 400.0)])
def test_first_plane_equals_that_of_all_voxels(application, tumor, clearance_mm):
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


def test_normal_points_to_the_resected_part(case, plan):
    plane = plan.add_plane()
    direction = np.array([0.3, -0.5, 0.8])
    direction /= np.linalg.norm(direction)
    put(plane, case.ras_beside_centre((0, 0, 0)) + 12.0 * direction, direction)
    assert plan.resection().resected_ml == pytest.approx(beyond_ml(12.0), rel=0.02)
    put(plane, case.ras_beside_centre((0, 0, 0)) + 12.0 * direction, -direction)
    assert plan.resection().remnant_ml == pytest.approx(beyond_ml(12.0), rel=0.02)


def test_plane_at_a_tumor_resects_it_with_clearance(case, plan):
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


def test_dragging_is_debounced_to_its_last_position(scene, wait_until, application):
    from LiverTumorAttentionGui.review.planning import ScenePlan

    case = ball_cases.make(scene)
    plan = ScenePlan(case.study, case.instances)
    plane = plan.add_plane()
    calls = []
    plan.on_changed(lambda: calls.append(plan.resection().resected_ml))
    wait_until(lambda: calls, "the new plane is reported")
    calls.clear()
    for step in range(200):
        put(plane, case.ras_beside_centre((0, 0, 0)) + (0.05 * step, 0, 0), (1, 0, 0))
    assert calls == [], "nothing is computed inside the event"
    wait_until(lambda: calls, "the drag is reported")
    assert len(calls) == 1
    assert calls[0] == pytest.approx(beyond_ml(0.05 * 199), rel=0.02)
    plane.SetName("renamed")
    plane.GetDisplayNode().SetOpacity(0.5)
    for _ in range(20):
        application.processEvents()
    import time

    time.sleep(0.05)
    application.processEvents()
    assert len(calls) == 1, "what does not move the plane is not reported"
    scene.RemoveNode(plane)  # by the user, in another module
    plan.on_changed(lambda: None)
    plan._listeners[0] = lambda: calls.append(plan.resection())
    wait_until(lambda: len(calls) == 2, "the removal is reported")
    assert calls[1] is None
    assert plan.planes() == []
    plan.close()


def test_closed_plan_has_no_observers(scene, application):
    import gc
    import time
    import weakref

    from LiverTumorAttentionGui.review.planning import ScenePlan

    case = ball_cases.make(scene)
    plan = ScenePlan(case.study, case.instances)
    plane = plan.add_plane()
    calls = []
    plan.on_changed(lambda: calls.append(1))
    put(plane, (1, 2, 3), (0, 1, 0))
    planes = weakref.ref(plan._planes)
    plan.close()
    put(plane, (1, 2, 4), (0, 1, 0))
    time.sleep(0.05)
    application.processEvents()
    assert calls == []
    del plan
    gc.collect()
    assert planes() is None, "neither a plane nor the scene refers to it"
