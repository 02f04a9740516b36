"""Another day: the saved scene in a process that never saw it. Tells what it finds there, goes on, tells that too.

    python -m Testing.Slicer.story.fresh SCENE.mrml ORDERS.json ANSWER.json

Orders: study, pictures, page, missed_ras, left_open. Answer: what `returning` compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from Testing.bench import slicer_like

_VIEW_KINDS = ("Slice", "SliceComposite", "View", "Camera")


def main(scene: Path, orders: dict[str, Any]) -> dict[str, Any]:
    """Open the scene and the panel, and go on as a radiologist would."""
    slicer_like.start()
    from Testing.bench.scenes import load_scene
    from Testing.Slicer.story.memory import panel_memory, scene_memory

    loaded = load_scene(scene)
    _forget_views(loaded)
    segmentation = loaded.GetFirstNodeByName(orders["study"])
    answer: dict[str, Any] = {"scene": scene_memory(segmentation)}
    from Testing.Slicer.story.telling import Telling

    story = Telling(Path(orders["pictures"]), scene.parent, orders["page"])
    try:
        assert story.segmentation is segmentation, story.ui.correctStatusLabel.text
        answer["panel"] = panel_memory(story.panel)
        answer["steps"] = [entry.action.tool for entry in story.panel.active_case.controller.session.entries]
        story.hands.press("planUpdateButton")
        story.hands.rest()
        answer["margin"] = story.ui.marginLabel.text
        answer["resection"] = story.ui.resectionLabel.text
        story.album.show(segmentation.GetNodeReference("PortalVenous"))
        place = tuple(orders["missed_ras"])
        story.album.page("Another day: the scene is loaded again.", "correct", "review", at=place)
        answer |= _go_on(story, place, orders["left_open"])
        story.hands.run("segmentButton")
        answer["third_run"] = scene_memory(segmentation)["lesions"]
        answer["third_rows"] = story.hands.rows()
    finally:
        story.close()
    return answer


def _forget_views(scene: Any) -> None:
    """Remove the nodes of the saved views: Slicer's open views take them over, the bench opens its own."""
    for kind in _VIEW_KINDS:
        nodes = scene.GetNodesByClass(f"vtkMRML{kind}Node")
        for index in range(nodes.GetNumberOfItems()):
            scene.RemoveNode(nodes.GetItemAsObject(index))


def _go_on(story: Any, place: tuple[float, float, float], left_open: int) -> dict[str, Any]:
    """Draw a lesion once more under a new number, and take it all back."""
    from Testing.Slicer.story.memory import scene_memory

    story.hands.select(left_open)
    story.hands.press("removeSelectedButton")
    story.hands.use("addButton", place)
    told = {"after_adding": sorted(story.hands.rows())}
    story.album.page("Going on: the lesion is drawn again, under the next number.", "correct", at=place)
    story.hands.press("undoButton")
    story.hands.press("undoButton")
    told["can_undo_more"] = bool(story.ui.undoButton.enabled)
    told["after_undoing"] = scene_memory(story.segmentation)["lesions"]
    return told


if __name__ == "__main__":
    written = main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    Path(sys.argv[3]).write_text(json.dumps(written), encoding="utf-8")
