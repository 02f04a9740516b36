"""Seconds of a click in 512 x 512 x 200 voxels of two phases: each of our tools, and GrowCut at the same places.

With a model that answers clicks, its seconds for the same clicks too: the random walker's answer, which it improves,
is part of them.

Each click is taken back before the next one. To add, the liver is empty, and a lesion is clicked on in its middle and
at two more places well inside. To include and exclude, lesions stand moved by half their radius along one axis, so
that a part of each is missing and a part is too much; the middle of either is clicked on.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction import (
    Action,
    Add,
    ClickModel,
    CorrectionCase,
    CorrectionSession,
    Exclude,
    Include,
)
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom
from LiverTumorAttentionLib.pipeline.refine import read_click_model
from LiverTumorAttentionLib.voxels.boxes import Box, expanded_box, margin_voxels
from Testing.benchmarks.interaction.counting import Row
from Testing.benchmarks.interaction.growcut import ROOM_MM, SHELL_MM, GrowCut
from Testing.benchmarks.interaction.task import Click, Mask, Task, Voxel
from Testing.benchmarks.interaction.trials import SOURCES, WITH_MODEL
from Testing.benchmarks.interaction.user import middle
from Testing.benchmarks.networks import OtherPrograms
from Testing.benchmarks.registration.pair_store import fingerprint

SEEDS = (330, 331)
DIAMETERS_MM = (70.0, 45.0, 30.0, 22.0, 16.0, 12.0, 9.0, 6.0)
SLICES, MATRIX = 200, 512
INSIDE_SHARE = 0.5
"""Places of a lesion at least so deep, of its depth, are clicked on too."""


def measured(
    scratch: Path, seeds: tuple[int, ...] = SEEDS, matrix: int = MATRIX, model: Path | None = None
) -> Row:
    """Return the seconds of clicks by tool, ours and GrowCut's, and what came before the first; kept in a file.

    model: folder of one that answers clicks, for a tool more.
    """
    name = "-".join(str(seed) for seed in seeds)
    clicks = None if model is None else read_click_model(str(model))
    if clicks is not None:
        name += f"-{clicks.sha256[:12]}"
    code = fingerprint((*SOURCES, "Testing/benchmarks/interaction/speed.py"))
    path = scratch / f"speed-{matrix}-{name}-{code}.json"
    if not path.exists():
        others = OtherPrograms()
        rows = [row for seed in seeds for row in _clicks_of(seed, matrix, clicks)]
        scratch.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            result = {"matrix": matrix, "cores": os.cpu_count(), "others": others.share(), "rows": rows}
            partial.write_text(json.dumps(result), encoding="utf-8")
    found: Row = json.loads(path.read_text(encoding="utf-8"))
    return found


def _clicks_of(seed: int, matrix: int, clicks: ClickModel | None) -> Iterator[Row]:
    phantom = generate_phantom(
        seed,
        size="full",
        matrix=matrix,
        slices=SLICES,
        thickness_mm=1.0,
        lesion_diameters_mm=DIAMETERS_MM,
        max_displacement_mm=0.0,
    )
    truth = sitk.GetArrayFromImage(phantom.instances).astype(np.uint16)
    about = {"seed": seed}
    yield from (about | row for row in _additions(phantom, truth, clicks))
    for axis in range(3):
        yield from (about | row for row in _corrections(phantom, truth, axis, clicks))


def _additions(phantom: Phantom, truth: NDArray[np.uint16], clicks: ClickModel | None) -> Iterator[Row]:
    """Yield the opening of a session, its first click (which measures the liver), and clicks that add."""
    labels = np.minimum(truth, 1)
    start = time.perf_counter()
    session = CorrectionSession(_case(phantom, labels))
    yield {"click": "open", "ours": time.perf_counter() - start}
    first = True
    for value, box in _lesions(truth):
        for click in _inside(truth[box] == value, box, session.case.spacing_mm):
            action = Add(point=session.case.point_at(click.voxel))
            if first:
                yield {"click": "first", "ours": _previewed(session, action)}
                first = False
            yield from _both("add", session, action, _cropped(phantom, labels, None, box), click, clicks)


def _corrections(
    phantom: Phantom, truth: NDArray[np.uint16], axis: int, clicks: ClickModel | None
) -> Iterator[Row]:
    """Yield a click on what is missing and one on what is too much, of lesions that were moved along an axis."""
    spacing = phantom.portal.GetSpacing()[::-1]
    labels = moved_lesions(truth, axis, spacing)
    session = CorrectionSession(_case(phantom, labels))
    for value, box in _lesions(np.maximum(truth, labels)):
        wanted, there = truth[box] == value, labels[box] == value
        for kind, tool, part in (
            ("include", Include, wanted & ~there),
            ("exclude", Exclude, there & ~wanted),
        ):
            if not part.any() or not there.any():
                continue
            click = _click(*middle(part, spacing), box, include=kind == "include")
            action = tool(stroke=(session.case.point_at(click.voxel),), lesion=value - 1)
            _previewed(session, action)
            yield from _both(kind, session, action, _cropped(phantom, labels, value, box), click, clicks)


def _both(
    kind: str,
    session: CorrectionSession,
    action: Action,
    task: tuple[Task, tuple[int, ...]],
    click: Click,
    clicks: ClickModel | None,
) -> Iterator[Row]:
    """Yield the seconds of a click with our tools and with GrowCut; nothing where ours refuses it."""
    seconds: Row = {}
    for name, model in {"ours": None, **({} if clicks is None else {WITH_MODEL: clicks})}.items():
        session.answer_by(model)
        start = time.perf_counter()
        try:
            session.do(action)
        except InputError:
            return
        finally:
            session.answer_by(None)
        seconds[name] = time.perf_counter() - start
        session.undo()
    place, corner = task
    z, y, x = (i - low for i, low in zip(click.voxel, corner, strict=True))
    grower = GrowCut(place)
    grower.prepare()
    start = time.perf_counter()
    grower.click(replace(click, voxel=(z, y, x)))
    yield {"click": kind, **seconds, "GrowCut": time.perf_counter() - start}


def moved_lesions(truth: NDArray[np.uint16], axis: int, spacing_mm: tuple[float, ...]) -> NDArray[np.uint16]:
    """Return lesions moved by half their radius along an axis, in the liver and in no other lesion."""
    labels = np.minimum(truth, 1)
    for value, box in _lesions(truth):
        places = np.argwhere(truth[box] == value) + [side.start for side in box]
        radius = (3 * len(places) * float(np.prod(spacing_mm)) / (4 * np.pi)) ** (1 / 3)
        places[:, axis] += max(1, round(radius / 2 / spacing_mm[axis]))
        places = places[places[:, axis] < truth.shape[axis]]
        free = np.isin(truth[tuple(places.T)], (1, value)) & (labels[tuple(places.T)] == 1)
        labels[tuple(places[free].T)] = value
    return labels


def _lesions(labels: NDArray[np.uint16]) -> Iterator[tuple[int, Box]]:
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if value > 1 and box is not None:
            yield value, box


def _inside(lesion: Mask, box: Box, spacing_mm: tuple[float, ...]) -> list[Click]:
    """Return a click on the middle of a lesion, and on the first and the last place that is deep enough."""
    depth = ndimage.distance_transform_edt(np.pad(lesion, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    deep = np.argwhere(depth >= INSIDE_SHARE * depth.max())
    places = [middle(lesion, spacing_mm)[0], tuple(deep[0]), tuple(deep[-1])]
    return [_click(place, float(depth[place]), box, include=True) for place in places]


def _click(place: Voxel, depth_mm: float, box: Box, *, include: bool) -> Click:
    z, y, x = (int(i) + side.start for i, side in zip(place, box, strict=True))
    return Click(voxel=(z, y, x), include=include, depth_mm=depth_mm)


def _previewed(session: CorrectionSession, action: Action) -> float:
    """Return the seconds of an action that changes nothing."""
    start = time.perf_counter()
    with contextlib.suppress(InputError):
        session.preview(action)
    return time.perf_counter() - start


def _case(phantom: Phantom, labels: NDArray[np.uint16]) -> CorrectionCase:
    instances = sitk.GetImageFromArray(labels)
    instances.CopyInformation(phantom.portal)
    return CorrectionCase(portal=phantom.portal, arterial=phantom.arterial, instances=instances)


def _cropped(
    phantom: Phantom, labels: NDArray[np.uint16], start: int | None, box: Box
) -> tuple[Task, tuple[int, ...]]:
    """Return the task of a lesion with room for GrowCut's box around it, and the corner of what was cut out."""
    spacing = phantom.portal.GetSpacing()[::-1]
    margin = margin_voxels(ROOM_MM + SHELL_MM, spacing)
    part = expanded_box(box, margin, labels.shape)
    portal = phantom.portal[tuple(reversed(part))]
    hu = sitk.GetArrayFromImage(portal)
    task = Task(portal=portal, arterial=None, probability=None, labels=labels[part], start=start, hu=hu)
    return task, tuple(side.start for side in part)
