"""All trials of a phantom, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.phantoms import Lesion
from Testing.benchmarks.interaction.counting import Row
from Testing.benchmarks.interaction.growcut import GrowCut
from Testing.benchmarks.interaction.ours import Ours
from Testing.benchmarks.interaction.scenes import Scene, from_network, missed, scene_of
from Testing.benchmarks.interaction.task import Task, Tool
from Testing.benchmarks.interaction.threshold import PlainThreshold
from Testing.benchmarks.interaction.user import segment
from Testing.benchmarks.registration.pair_store import ROOT, fingerprint

__all__ = ["ROOT", "SOURCES", "trials_of"]
TOOLS: dict[str, Callable[[Task], Tool]] = {"ours": Ours, "GrowCut": GrowCut, "threshold": PlainThreshold}
STARTS = {"nothing": missed, "network": from_network}
HERE = "Testing/benchmarks/interaction"
SOURCES = (
    "LiverTumorAttentionLib/correction/*.py",
    "LiverTumorAttentionLib/correction/algorithm/*.py",
    "LiverTumorAttentionLib/correction/tools/add_remove.py",
    "LiverTumorAttentionLib/correction/tools/strokes.py",
    "LiverTumorAttentionLib/phantoms/*.py",
    "LiverTumorAttentionLib/registration/*.py",
    "LiverTumorAttentionLib/postprocessing/*.py",
    "LiverTumorAttentionLib/data/models/demonstration/*",
    *(f"{HERE}/{name}.py" for name in ("task", "user", "ours", "growcut", "threshold", "scenes", "trials")),
)
"""What a trial depends on."""


def trials_of(seed: int, size: str, scratch: Path) -> list[Row]:
    """Return the trials of a phantom: from an earlier run, or made now."""
    path = scratch / f"trials-{size}-{seed}-{fingerprint(SOURCES)}.json"
    if not path.exists():
        rows = list(_made(seed, scene_of(seed, size)))
        scratch.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(json.dumps(rows), encoding="utf-8")
    found: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _made(seed: int, scene: Scene) -> Iterator[Row]:
    """Yield the trials of every lesion, start and tool."""
    for lesion in scene.lesions:
        truth = scene.truth == lesion.instance
        for start, task_of in STARTS.items():
            task = task_of(scene, truth)
            about = _about(seed, lesion) | {"start": start, "found": task.start is not None}
            for name, tool in TOOLS.items():
                spent = segment(tool(task), truth, task.spacing_mm)
                yield about | {
                    "tool": name,
                    "dice": [round(value, 4) for value in spent.dice],
                    "seconds": [round(value, 4) for value in spent.seconds],
                }


def _about(seed: int, lesion: Lesion) -> Row:
    return {
        "seed": seed,
        "lesion": lesion.instance,
        "kind": lesion.kind,
        "diameter_mm": round(lesion.diameter_mm, 1),
    }
