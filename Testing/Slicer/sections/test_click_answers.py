"""Clicks that a network improves, in the panel: its own process, started with a tool, ended with the case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from Testing.Library.commands.test_refine import click_model
from Testing.Slicer.panel_cases import choose_study, make_panel, rows


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return click_model(tmp_path_factory.mktemp("models") / "clicks")


@pytest.fixture
def panel(scene: Any, model: Path) -> Iterator[Any]:
    made = make_panel(click_model=model)
    yield made
    made.cleanup()


def add(panel: Any, study: Any, *, improved: bool = True) -> None:
    """Click on the spot that is no tumor yet."""
    from LiverTumorAttentionLib.correction import Add
    from Testing.Slicer import study_cases

    panel.ui.networkCheckBox.checked = improved
    panel.ui.addButton.click()
    point = study.to_lps(study_cases.ras_of(study, study_cases.UNSEEN[0]))
    assert panel.correct.perform(Add(point=point)) is not None, panel.ui.correctStatusLabel.text


def answered_by(panel: Any) -> list[str | None]:
    return [entry.answered_by for entry in panel.active_case.controller.session.entries]


def pid_of(panel: Any) -> int | None:
    return panel.correct._clicks._process.pid


def test_a_click_is_answered_by_the_network_and_the_log_names_it(panel, scene, tmp_path):
    study = choose_study(panel, scene, tmp_path)
    add(panel, study)
    (name,) = answered_by(panel)
    assert name is not None
    assert name.startswith("drawn sha256:")
    assert len(rows(panel)) == 4


def test_switched_off_the_random_walker_answers_alone(panel, scene, tmp_path):
    study = choose_study(panel, scene, tmp_path)
    assert not panel.ui.networkCheckBox.checked, "off until it is asked for"
    add(panel, study, improved=False)
    assert answered_by(panel) == [None]


def test_its_process_starts_with_a_tool_is_started_again_when_killed_and_ends_with_the_case(
    panel, scene, tmp_path
):
    import signal

    study = choose_study(panel, scene, tmp_path)
    assert pid_of(panel) is None
    panel.ui.networkCheckBox.checked = True
    panel.ui.includeButton.click()
    first = pid_of(panel)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    add(panel, study)
    second = pid_of(panel)
    assert second not in (None, first)
    panel.ui.studySelector.setCurrentNode(None)
    assert pid_of(panel) is None
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_a_network_that_cannot_run_is_told_and_the_scene_stays(panel, scene, tmp_path, monkeypatch):
    from LiverTumorAttentionGui.correction import click_answers
    from LiverTumorAttentionLib.correction import Add
    from Testing.Slicer import study_cases

    monkeypatch.setattr(click_answers, "python_executable", lambda: "/nowhere/PythonSlicer")
    study = choose_study(panel, scene, tmp_path)
    panel.ui.networkCheckBox.checked = True
    panel.ui.addButton.click()
    assert "could not be started" in panel.ui.correctStatusLabel.text
    point = study.to_lps(study_cases.ras_of(study, study_cases.UNSEEN[0]))
    assert panel.correct.perform(Add(point=point)) is None
    assert "could not be started" in panel.ui.correctStatusLabel.text
    assert len(rows(panel)) == 3


def test_without_a_model_nothing_is_offered(scene):
    made = make_panel()
    assert not made.ui.networkCheckBox.visible
    made.cleanup()
