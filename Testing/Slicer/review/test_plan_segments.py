"""The segments of a plan: the resected part beside the margin, also in a shared labelmap."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import ball_cases
from Testing.Slicer.ball_cases import plan_segment, put


def test_resected_part_is_shown_and_updated(case, plan, wait_until):
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
    )
    np.testing.assert_array_equal(plan_segment(case, "Margin"), margin)
    plan.show_resected(False)
    assert not plan.resected_shown
    np.testing.assert_array_equal(plan_segment(case, "Margin"), margin)
    plan.remove_plane(plane)
    with pytest.raises(PanelError, match="There is no plane yet"):
        plan.show_resected(True)


def test_segments_in_one_shared_labelmap_do_not_overwrite_each_other(scene, wait_until):
    """Slicer does so with segments that do not overlap, as when it saves them; then one of them moves."""
    from LiverTumorAttentionGui.review.planning import ScenePlan

    case = ball_cases.make(scene)
    plan = ScenePlan(case.study, case.instances)
    computed = plan.set_margin(3.0, [2])
    plane = plan.add_plane(tumor=1)
    plan.show_resected(True)
    node = case.study.segmentation.GetNodeReference("MarginSegmentation")
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    put(plane, plane.GetOriginWorld(), -np.array(plane.GetNormalWorld()))
    plan.show_resected(True)
    for name, volume_ml in (("Margin", computed.volume_ml), ("ResectedPart", plan.resection().resected_ml)):
        shown_ml = np.count_nonzero(plan_segment(case, name)) * case.voxel_ml
        assert shown_ml == pytest.approx(volume_ml, rel=0.03), name
    plan.close()
