"""Step 15: the scene is saved, and everything is found and gone on with in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from Testing.bench.scenes import save_scene
from Testing.patience import PATIENCE_S
from Testing.Slicer.story.memory import panel_memory, scene_memory
from Testing.Slicer.story.telling import Telling

ROOT = Path(__file__).resolve().parents[3]


def come_back_another_day(story: Telling) -> None:
    """Whatever the scene and the panel held is there again, and the work goes on from it."""
    scene, panel = scene_memory(story.segmentation), panel_memory(story.panel)
    steps = [entry.action.tool for entry in story.panel.active_case.controller.session.entries]
    saved = save_scene(story.folder / "saved")
    answer = _in_a_fresh_process(story, saved)
    for part, value in scene.items():
        assert answer["scene"][part] == value, part
    for part, value in panel.items():
        assert answer["panel"][part] == value, part
    assert answer["steps"] == steps, "the log of what was done"
    assert answer["margin"] == story.noted["margin"]
    assert answer["resection"] == story.noted["resection"]
    _went_on(story, scene["lesions"], answer)


def _went_on(story: Telling, lesions: dict[str, Any], answer: dict[str, Any]) -> None:
    known = {int(number) for number in lesions}
    left_open = story.noted["left_open"]
    assert answer["after_adding"] == sorted(known - {left_open} | {max(known) + 1})
    assert answer["after_undoing"] == lesions
    assert not answer["can_undo_more"], "what was done another day is not undone by accident"
    for number in (*story.noted["accepted"], *story.noted["false"]):
        name = str(number)
        assert answer["third_run"][name] == lesions[name], f"Tumor {number} after a run of another day"
    assert set(answer["third_run"]) == set(lesions), "nothing that was rejected is back under another number"


def _in_a_fresh_process(story: Telling, saved: Path) -> dict[str, Any]:
    """Return what `fresh` answers."""
    orders, answer = story.folder / "orders.json", story.folder / "answer.json"
    asked = {
        "study": story.segmentation.GetName(),
        "pictures": str(story.album.folder.resolve()),
        "page": story.album.next_number,
        "missed_ras": story.truth.deepest(story.noted["missed"]),
        "left_open": story.noted["left_open"],
    }
    orders.write_text(json.dumps(asked), encoding="utf-8")
    command = [sys.executable, "-m", "Testing.Slicer.story.fresh", str(saved), str(orders), str(answer)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert process.returncode == 0, process.stderr[-4000:]
    return dict(json.loads(answer.read_text(encoding="utf-8")))
