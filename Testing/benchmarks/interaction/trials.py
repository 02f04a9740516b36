"""All trials of a phantom, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from LiverTumorAttentionLib.correction import ClickModel
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.models.interaction_model import InteractionPackage
from LiverTumorAttentionLib.phantoms import Lesion
from LiverTumorAttentionLib.pipeline.refine import read_click_model
from Testing.benchmarks.interaction.counting import Row
from Testing.benchmarks.interaction.growcut import GrowCut
from Testing.benchmarks.interaction.ours import Ours
from Testing.benchmarks.interaction.report import WITH_MODEL
from Testing.benchmarks.interaction.scenes import Scene, from_network, missed, scene_of
from Testing.benchmarks.interaction.task import Task, Tool
from Testing.benchmarks.interaction.threshold import PlainThreshold
from Testing.benchmarks.interaction.user import segment
from Testing.benchmarks.registration.pair_store import ROOT, fingerprint

__all__ = ["ROOT", "SOURCES", "TOOLS", "WITH_MODEL", "trials_of"]
TOOLS: dict[str, Callable[[Task], Tool]] = {"ours": Ours, "GrowCut": GrowCut, "threshold": PlainThreshold}
STARTS = {"nothing": missed, "network": from_network}
HERE = "Testing/benchmarks/interaction"
SOURCES = (
    "LiverTumorAttentionLib/correction/*.py",
    "LiverTumorAttentionLib/correction/algorithm/*.py",
    "LiverTumorAttentionLib/correction/click_network/*.py",
    "LiverTumorAttentionLib/inference/click_predictor.py",
    "LiverTumorAttentionLib/networks/click_unet.py",
    "LiverTumorAttentionLib/correction/tools/add_remove.py",
    "LiverTumorAttentionLib/correction/tools/strokes.py",
    "LiverTumorAttentionLib/phantoms/*.py",
    "LiverTumorAttentionLib/registration/*.py",
    "LiverTumorAttentionLib/postprocessing/*.py",
    "LiverTumorAttentionLib/data/models/demonstration/*",
    *(f"{HERE}/{name}.py" for name in ("task", "user", "ours", "growcut", "threshold", "scenes", "trials")),
)
"""What a trial depends on."""


def trials_of(
    seed: int, size: str, scratch: Path, tools: Sequence[str] = tuple(TOOLS), model: Path | None = None
) -> list[Row]:
    """Return the trials of a phantom: from an earlier run, or made now.

    tools: of TOOLS; a model that answers clicks adds one. Each tool's trials are kept by themselves.
    """
    used: dict[str, Callable[[Task], Tool]] = {name: TOOLS[name] for name in tools}
    if model is not None:
        used[WITH_MODEL] = partial(Ours, clicks=_click_model(model))
    found: list[Row] = []
    scene: Scene | None = None
    for name, tool in used.items():
        of = fingerprint(SOURCES)
        if name == WITH_MODEL and model is not None:
            of += "-" + InteractionPackage(model).description.sha256[:12]
        path = scratch / f"trials-{size}-{seed}-{name.replace(' ', '-')}-{of}.json"
        if not path.exists():
            scene = scene or scene_of(seed, size)
            rows = list(_made(seed, scene, name, tool))
            scratch.mkdir(parents=True, exist_ok=True)
            with replacing(path) as partial_file:
                partial_file.write_text(json.dumps(rows), encoding="utf-8")
        found += json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def _click_model(path: Path) -> ClickModel:
    """Return the network of a model, once in every process."""
    return read_click_model(str(path))


def _made(seed: int, scene: Scene, name: str, tool: Callable[[Task], Tool]) -> Iterator[Row]:
    """Yield the trials of every lesion and start with a tool."""
    for lesion in scene.lesions:
        truth = scene.truth == lesion.instance
        for start, task_of in STARTS.items():
            task = task_of(scene, truth)
            spent = segment(tool(task), truth, task.spacing_mm)
            yield _about(seed, lesion) | {
                "start": start,
                "found": task.start is not None,
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
