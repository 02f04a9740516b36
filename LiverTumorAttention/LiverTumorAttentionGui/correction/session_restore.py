"""Go on with corrections where a scene left them: the log on the segmentation node, and Slicer's segment status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.correction.reoriented_log import to_lps, turned
from LiverTumorAttentionLib.correction import CorrectionCase, CorrectionLog, CorrectionSession, resume
from LiverTumorAttentionLib.correction.log import LesionRecord
from LiverTumorAttentionLib.correction.log_codec import Grid
from LiverTumorAttentionLib.errors import InputError

_PLACES = ("point", "points", "stroke")
UNREADABLE = (
    "The log of earlier corrections cannot be gone on from, so a new one begins; accepted lesions stay accepted. "
    "What was rejected before may come back with a new run."
)


def resumed(case: CorrectionCase, text: str | None, accepted: Iterable[int]) -> tuple[CorrectionSession, str]:
    """Return a session that goes on from a log, and a sentence for the user, possibly empty.

    case.instances: the segmentation as it stands. accepted: lesions whose segments say so, whatever the log says.
    A log that is damaged or about another volume is not gone on from. Lesions that the log knows and the segmentation
    has no longer count as removed.
    """
    fresh = CorrectionLog.of(CorrectionSession(case))
    log, note = fresh, ""
    if text:
        try:
            log = turned(CorrectionLog.from_text(text), Grid.of(case.portal))
            log = moved(log, case.portal)
            log.check_fits(case)
        except (InputError, ValueError, np.linalg.LinAlgError):  # or a grid that is none
            log, note = fresh, UNREADABLE
    there = {lesion.number for lesion in fresh.lesions}
    known = {lesion.number: lesion for lesion in log.lesions if lesion.number in there or lesion.region}
    for number in accepted:
        if number in there:
            lesion = known.get(number, LesionRecord(number=number, status="draft", edited=False))
            known[number] = replace(lesion, status="accepted", region=None)
    return resume(case, replace(log, lesions=tuple(known.values()))), note


def moved(log: CorrectionLog, portal: sitk.Image) -> CorrectionLog:
    """Return a log whose volume was moved since, under a transform, with all its points moved along."""
    now = Grid.of(portal)
    same_voxels = tuple(log.grid.size) == now.size and np.allclose(log.grid.spacing_mm, now.spacing_mm)
    if not same_voxels:
        return log
    matrix = to_lps(now) @ np.linalg.inv(to_lps(log.grid))
    if np.allclose(matrix, np.eye(4), atol=1e-6) or np.linalg.det(matrix) < 0:
        return log  # a mirrored volume was not moved
    entries = tuple(replace(entry, action=_moved_action(entry.action, matrix)) for entry in log.entries)
    return replace(log, grid=now, entries=entries)


def _moved_action(action: Any, matrix: np.ndarray) -> Any:
    """Return an action at the places that its points moved to."""
    changed = {}
    for name in _PLACES:
        value = getattr(action, name, None)
        if value is not None:
            points = np.atleast_2d(np.asarray(value, float)) @ matrix[:3, :3].T + matrix[:3, 3]
            places = tuple(tuple(float(number) for number in point) for point in points)
            changed[name] = places[0] if name == "point" else places
    return replace(cast(Any, action), **changed)
