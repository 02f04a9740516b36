"""Fixtures: a study of balls, and a plan of it."""

from __future__ import annotations

import pytest

from Testing.Slicer import ball_cases


@pytest.fixture(params=[False, True], ids=["own grid", "under a transform"])
def case(scene, request):
    return ball_cases.make(scene, moved=request.param, vessels=True)


@pytest.fixture
def plan(case):
    from LiverTumorAttentionGui.review.planning import ScenePlan

    made = ScenePlan(case.study, case.instances)
    yield made
    made.close()
