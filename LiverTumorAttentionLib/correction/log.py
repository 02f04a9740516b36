"""The log of a session as JSON, stored beside a segmentation or in its header; replay and resumption from it.

Points are LPS mm. Actions that were undone are not in the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, shown
from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.click_model import ClickModel
from LiverTumorAttentionLib.correction.lesions import STATUSES, Lesion, Seed, Status
from LiverTumorAttentionLib.correction.log_codec import Grid, PackedMask
from LiverTumorAttentionLib.correction.session import Action, CorrectionSession, Entry
from LiverTumorAttentionLib.correction.sign_off import SignOff
from LiverTumorAttentionLib.correction.tools import TOOLS
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import parse_json
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import Point

FORMAT = "liver-tumor-attention corrections 1"
HEADER_KEY = "LiverTumorAttention_Corrections"
"""Key of the log in the header of a .seg.nrrd, and of the attribute of a segmentation node."""
TOLERANCE_MM = 1e-2
"""Largest distance between corners of grids that are the same."""


@dataclass(frozen=True, kw_only=True)
class LesionRecord:
    """The fields of `Lesion` that the labels do not hold."""

    number: int
    status: str
    edited: bool
    include: tuple[Seed, ...] = ()
    exclude: tuple[Seed, ...] = ()
    region: PackedMask | None = None
    outlines: tuple[tuple[Point, ...], ...] = ()
    phase: str | None = None


@dataclass(frozen=True, kw_only=True)
class CorrectionLog:
    """A session without its labels.

    start: checksum of the labels before the first action. model: id of the network's model. signing: who signed the
    case and who reopened it.
    """

    grid: Grid
    start: int
    model: str | None
    entries: tuple[Entry, ...]
    lesions: tuple[LesionRecord, ...]
    next_number: int
    signing: tuple[SignOff, ...] = ()

    @classmethod
    def of(cls, session: CorrectionSession) -> CorrectionLog:
        """Return the log of a session as it stands."""
        lesions = (session.lesions[number] for number in sorted(session.lesions))
        return cls(
            grid=Grid.of(session.case.portal),
            start=session.start_checksum,
            model=session.case.model,
            entries=session.entries,
            lesions=tuple(
                LesionRecord(**{name: getattr(each, name) for name in LesionRecord.__dataclass_fields__})
                for each in lesions
            ),
            next_number=session.next_number,
            signing=session.signing,
        )

    def to_text(self) -> str:
        """Return the log as one line of JSON."""
        values = {
            "format": FORMAT,
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "model": self.model,
            "grid": asdict(self.grid),
            "start": self.start,
            "actions": [
                {
                    "tool": entry.action.tool,
                    "parameters": asdict(cast(Any, entry.action)),
                    "model": entry.model,
                    "time": entry.time,
                    "checksum": entry.checksum,
                    **({} if entry.answered_by is None else {"answered_by": entry.answered_by}),
                }
                for entry in self.entries
            ],
            "lesions": [asdict(lesion) for lesion in self.lesions],
            "next_number": self.next_number,
            "signing": [asdict(entry) for entry in self.signing],
        }
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_text(cls, text: bytes | str) -> CorrectionLog:
        """Read a log. Raises `InputError` for text that is no log, is of a later version, or damaged."""
        values = parse_json(text, "the log of corrections")
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise InputError(
                f"this is no log of corrections that this version can read (it asks for '{FORMAT}'): "
                "choose another file, or use the version that wrote it"
            )
        read = from_mapping(_Document, values, where="the log of corrections")
        for lesion in read.lesions:
            if lesion.status not in STATUSES:
                raise InputError(
                    f"the log of corrections: lesion {lesion.number} cannot be {shown(lesion.status)}; "
                    f"it is one of {', '.join(STATUSES)}"
                    ": correct the log, or use a copy of it"
                )
        return cls(
            grid=read.grid,
            start=read.start,
            model=read.model,
            entries=tuple(_entry(value, k) for k, value in enumerate(read.actions, start=1)),
            lesions=read.lesions,
            next_number=read.next_number,
            signing=read.signing,
        )

    def check_fits(self, case: CorrectionCase) -> None:
        """Raise `InputError` when the log belongs to a volume on another grid."""
        other = Grid.of(case.portal)
        if other.size != tuple(self.grid.size) or not np.allclose(
            other.corners_mm(), self.grid.corners_mm(), rtol=0, atol=TOLERANCE_MM
        ):
            raise InputError(
                f"the log of corrections is about a volume of {self.grid.size} voxels and the portal volume has "
                f"{other.size}, or lies elsewhere: give the volume that was corrected"
            )


def action_of(tool: object, parameters: object, where: str) -> Action:
    """Return the action that a log or a prompt names. Raises `InputError` for an unknown tool or parameter."""
    if not isinstance(tool, str) or tool not in TOOLS:
        raise InputError(f"{where}: there is no tool {shown(tool)}{nearest(str(tool), TOOLS)}")
    return cast(Action, from_mapping(cast(type, TOOLS[tool]), parameters, where=where))


def replay(
    case: CorrectionCase,
    log: CorrectionLog,
    progress: Progress | None = None,
    *,
    clicks: ClickModel | None = None,
) -> CorrectionSession:
    """Return a session with the actions of a log done again, from the segmentation before the first of them.

    clicks: the network that answered clicks; needed where the log names one.
    Raises `InputError` when the grid or the segmentation is another one, when another network answered clicks, or when
    the result of an action differs from the logged one: with other volumes, or by another version.
    """
    progress = progress or Progress()
    log.check_fits(case)
    times = iter([entry.time for entry in log.entries])
    session = CorrectionSession(case, clock=lambda: next(times))
    if case.start_checksum != log.start:
        raise InputError(
            "this is not the segmentation that the log of corrections begins with: give the one that was corrected"
        )
    for number, entry in enumerate(log.entries, start=1):
        progress.update((number - 1) / len(log.entries), entry.action.tool)
        session.answer_by(_answering(entry, number, clicks))
        session.do(entry.action, progress.part((number - 1) / len(log.entries), number / len(log.entries)))
        done = session.entries[-1:]
        if len(session.entries) != number or done[0].checksum != entry.checksum:
            raise InputError(
                f"action {number} of the log ({entry.action.tool}) came out differently than when it was logged: "
                "the volumes are not the same, or the log is from another version"
                ": give the volumes that were corrected, or use that version"
            )
    session.answer_by(clicks)
    return session


def _answering(entry: Entry, number: int, clicks: ClickModel | None) -> ClickModel | None:
    """Return what answers an entry again. Raises `InputError` where that is another network than the logged one."""
    if entry.answered_by is None:
        return None
    if clicks is None or clicks.name != entry.answered_by:
        there = "none is given" if clicks is None else f"{clicks.name} is given"
        raise InputError(
            f"action {number} of the log ({entry.action.tool}) was answered by the network {entry.answered_by}, and "
            f"{there}: give that model"
        )
    return clicks


def resume(case: CorrectionCase, log: CorrectionLog, clicks: ClickModel | None = None) -> CorrectionSession:
    """Return a session that continues a log. case.instances: the segmentation that was saved with it.

    clicks: the network that answers clicks from now on; None for the random walker.

    Raises `InputError` when the log belongs to another grid, or has lesions that the segmentation has not.
    """
    log.check_fits(case)
    session = CorrectionSession(case, clicks=clicks)
    records: dict[int, Lesion] = {}
    for known in log.lesions:
        there = session.lesions.get(known.number)
        box = known.region.box if known.region is not None else there.box if there is not None else None
        if box is None:
            raise InputError(
                f"the log of corrections knows lesion {known.number}, but the segmentation has none of this number: "
                "give the segmentation that was saved with the log"
            )
        record = Lesion(number=known.number, box=box, status=cast(Status, known.status), edited=known.edited)
        records[known.number] = replace(
            record,
            include=known.include,
            exclude=known.exclude,
            region=known.region,
            outlines=known.outlines,
            phase=known.phase,
        )
    session.inherit(
        log.entries, records, next_number=log.next_number, start_checksum=log.start, signing=log.signing
    )
    return session


@dataclass(frozen=True, kw_only=True)
class _Document:
    """The fields of the JSON."""

    format: str
    notice: str
    version: str
    model: str | None
    grid: Grid
    start: int
    actions: tuple[dict, ...]
    lesions: tuple[LesionRecord, ...]
    next_number: int
    signing: tuple[SignOff, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _EntryValues:
    tool: str
    parameters: dict
    model: str | None
    time: str
    checksum: int
    answered_by: str | None = None


def _entry(value: object, number: int) -> Entry:
    where = f"the log of corrections: action {number}"
    read = from_mapping(_EntryValues, value, where=where)
    action = action_of(read.tool, read.parameters, where)
    return Entry(
        action=action,
        model=read.model,
        time=read.time,
        checksum=read.checksum,
        answered_by=read.answered_by,
    )
