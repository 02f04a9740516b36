"""Fixtures: a study outside of the panel, and its correction controller."""

from __future__ import annotations

import pytest

from Testing.Slicer import study_cases


@pytest.fixture
def study(scene, tmp_path):
    return study_cases.add_study(scene, tmp_path)


@pytest.fixture
def controller(study):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

    return CorrectionController(study)
