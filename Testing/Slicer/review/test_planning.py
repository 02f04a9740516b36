"""The plan of a study: margin, combination of planes, weight, and the same plan in a loaded scene."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.bench import slicer_like
from Testing.Slicer import ball_cases
from Testing.Slicer.ball_cases import ball_ml, plan_segment, put


def test_margin_segment_has_the_reported_volume(case, plan):
    from LiverTumorAttentionLib.analysis.planning import Planner

    computed = plan.set_margin(6.0, [1])
    radius, place = ball_cases.TUMORS[0]
    assert computed.volume_ml == pytest.approx(ball_ml(radius + 6.0), rel=0.06)
    shown = plan_segment(case, "Margin")
    # Slicer's segment statistics: voxels times the volume of one.
    assert np.count_nonzero(shown) * case.voxel_ml == pytest.approx(computed.volume_ml, rel=1e-9)
    import SimpleITK as sitk

    library = Planner(case.instances).margin(6.0, [1])
    np.testing.assert_array_equal(shown, sitk.GetArrayFromImage(library.mask) > 0)
    center = case.ras(np.argwhere(shown).mean(axis=0)[::-1])
    np.testing.assert_allclose(center, case.ras_beside_centre(place), atol=0.3)
    node = case.study.segmentation.GetNodeReference("MarginSegmentation")
    assert node is not case.study.segmentation
    assert node.GetSegmentation().GetSegment("Margin").GetName() == "Margin 6 mm"
    assert case.study.segmentation.GetSegmentation().GetNumberOfSegments() == 3, (
        "the study's segments are separate"
    )
    surface = node.GetSegmentation().GetSegment("Margin").GetRepresentation("Closed surface")
    sides = np.diff(np.reshape(surface.GetBounds(), (3, 2))).ravel()
    assert sides.max() == pytest.approx(2 * (radius + 6.0), rel=0.2), "it is shown in 3D, too"
    both = plan.set_margin(3.0)
    surface = node.GetSegmentation().GetSegment("Margin").GetRepresentation("Closed surface")
    assert np.diff(np.reshape(surface.GetBounds(), (3, 2))).max() > 30.0, "and follows"
    np.testing.assert_array_equal(plan_segment(case, "Margin"), sitk.GetArrayFromImage(both.mask) > 0)


def test_refused_margin_leaves_the_previous_one(case, plan):
    from LiverTumorAttentionGui.errors import PanelError

    plan.set_margin(4.0)
    before = plan_segment(case, "Margin").copy()
    with pytest.raises(PanelError, match="at most 100 mm, got 250 mm"):
        plan.set_margin(250.0)
    with pytest.raises(PanelError, match="There is no tumor 9: choose from 1, 2"):
        plan.set_margin(5.0, [9])
    assert (plan.margin_mm, plan.margin_tumors) == (4.0, None)
    np.testing.assert_array_equal(plan_segment(case, "Margin"), before)
    assert plan.set_margin(0.0) is None
    assert plan.margin_mm is None
    assert plan.margin() is None
    assert case.study.segmentation.GetNodeReference("MarginSegmentation") is None


def test_margin_is_updated_with_a_corrected_segmentation(case, plan, wait_until):
    """The second tumor is rejected: the margin around both becomes one around the first."""
    both = plan.set_margin(4.0)
    plan.set_instances(ball_cases.image(ball_cases.labels(ball_cases.TUMORS[:1]), case.grid))
    alone = plan.margin().volume_ml
    assert alone < both.volume_ml - 1
    wait_until(
        lambda: np.count_nonzero(plan_segment(case, "Margin")) * case.voxel_ml == pytest.approx(alone),
        "the segment follows",
    )
    plan.set_instances(ball_cases.image(ball_cases.labels(()), case.grid))
    wait_until(
        lambda: case.study.segmentation.GetNodeReference("MarginSegmentation") is None,
        "the margin around nothing is gone",
    )


def test_planes_combine_as_wedge_or_either_side(case, plan):
    """Two planes through the middle at a right angle: a quarter beyond both, three beyond either."""
    center = case.ras_beside_centre((0, 0, 0))
    for normal in ((1, 0, 0), (0, 0, 1)):
        put(plan.add_plane(), center, normal)
    assert plan.combine == "all"
    assert plan.resection().resected_percent == pytest.approx(25.0, abs=0.3)
    plan.combine = "any"
    assert plan.resection().resected_percent == pytest.approx(75.0, abs=0.3)
    changes = []
    plan.on_changed(lambda: changes.append(1))
    plan.weight_kg = 2.0
    plan.combine = "any"
    assert len(changes) == 1, "the same choice again is no change"
    computed = plan.resection()
    assert computed.remnant_ml_per_kg == pytest.approx(computed.remnant_parenchyma_ml / 2.0)


def test_plane_beside_the_liver_is_refused(case, plan, wait_until):
    from LiverTumorAttentionGui.errors import PanelError

    plane = plan.add_plane()
    plan.show_resected(True)
    put(plane, case.ras_beside_centre((0, 0, 0)) + (80, 0, 0), (1, 0, 0))
    with pytest.raises(PanelError, match=r"^The plane does not pass through the liver: .* (49|50) mm away"):
        plan.resection()
    wait_until(lambda: not plan.resected_shown, "the resected part is removed")
    with pytest.raises(PanelError, match="does not pass through the liver"):
        plan.show_resected(True)
    assert not plan.resected_shown
    assert len(plan.planes()) == 1


def test_implausible_weight_and_unknown_combination_are_refused(case, plan):
    from LiverTumorAttentionGui.errors import PanelError

    plan.weight_kg = 70.5
    with pytest.raises(PanelError, match=r"between 1 and 400 kg, got 0\.2 kg"):
        plan.weight_kg = 0.2
    with pytest.raises(PanelError, match="got 'both'"):
        plan.combine = "both"
    assert (plan.weight_kg, plan.combine) == (70.5, "all")


@pytest.mark.parametrize("moved", [False, True], ids=["own grid", "under a transform"])
def test_loaded_scene_gives_the_same_plan(scene, tmp_path, moved):
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
    computed, margin = plan.resection(), plan.margin()
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
    assert again.resection().resected_ml == pytest.approx(computed.resected_ml, rel=1e-5)
    assert again.resection().remnant_ml_per_kg == pytest.approx(computed.remnant_ml_per_kg, rel=1e-5)
    reread = again.as_json()
    for before, after in zip(
        written["resections"][0]["planes"], reread["resections"][0]["planes"], strict=True
    ):
        for key in ("point_lps_mm", "normal_lps"):
            assert after[key] == pytest.approx(before[key], abs=1e-4)
    again.close()
    slicer_like.new_scene()


def test_json_is_read_by_the_report(case, plan):
    from LiverTumorAttentionLib.progress import Progress
    from LiverTumorAttentionLib.report.plan import compute_plan
    from LiverTumorAttentionLib.report.wanted_plan import WantedPlan

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
    assert plan.as_json()["margins"] == [{"margin_mm": 5.0, "tumors": [1]}], "tumor 2 is gone"
