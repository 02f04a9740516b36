"""A correction session: actions on the lesions of one case, each one step of undo and one entry of the log."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Protocol

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.edits import Edit
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.correction.undo import Step, perform
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box


class Action(Protocol):
    """One use of a tool: a frozen dataclass of JSON values, of which there is one a file in `tools`."""

    tool: ClassVar[str]

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        """Return what the action does to the lesions, and change nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the log. model: of the network's result; time: UTC, ISO 8601; checksum: of what came of it."""

    action: Action
    model: str | None
    time: str
    checksum: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an action, an undo or a redo did.

    boxes: where labels changed (z, y, x); empty when nothing did. lesions: numbers of the lesions that changed, were
    made or went. subject: the lesion to look at. note: a sentence for the user, possibly empty.
    """

    boxes: tuple[Box, ...]
    lesions: tuple[int, ...]
    subject: int | None = None
    note: str = ""


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


class CorrectionSession:
    """The lesions of a case under correction.

    Whatever an action raises (`InputError`, `Cancelled`), the state is as it was before.
    clock: gives the time of an entry.
    """

    def __init__(self, case: CorrectionCase, *, clock: Callable[[], str] = _now) -> None:
        self.case = case
        self._map = LesionMap(case)
        self._clock = clock
        self._inherited: tuple[Entry, ...] = ()
        self._origin: int | None = None
        self._done: list[tuple[Entry, Step]] = []
        self._undone: list[tuple[Entry, Step]] = []

    @property
    def labels(self) -> NDArray[np.uint16]:
        """The labels (z, y, x): 0 background, 1 liver, n + 1 lesion n; a view that cannot be written."""
        view = self._map.labels.view()
        view.flags.writeable = False
        return view

    @property
    def lesions(self) -> Mapping[int, Lesion]:
        """The lesions by number, rejected ones included."""
        return MappingProxyType(self._map.lesions)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The log: what was done and not taken back, also before this session."""
        return self._inherited + tuple(entry for entry, _ in self._done)

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    @property
    def undone(self) -> tuple[Entry, ...]:
        """What was taken back and can be done again; the last is the one that `redo` does."""
        return tuple(entry for entry, _ in self._undone)

    def instances(self) -> sitk.Image:
        """Return the segmentation as it stands, uint16 on the portal grid. Takes a pass over the volume."""
        image = sitk.GetImageFromArray(self._map.labels)
        image.CopyInformation(self.case.portal)
        return image

    def preview(self, action: Action, progress: Progress | None = None) -> Edit:
        """Return what an action would do, and do nothing: for a slider that is being dragged."""
        return action.edit(self._map, progress or Progress())

    def do(self, action: Action, progress: Progress | None = None) -> Outcome:
        """Do an action. Raises `InputError` when it cannot be done, `Cancelled`; then nothing has changed."""
        edit = action.edit(self._map, progress or Progress())
        step = perform(self._map, edit)
        if step.changes_nothing:
            return Outcome(boxes=(), lesions=(), subject=edit.subject, note=edit.note or "nothing changed")
        entry = Entry(action=action, model=self.case.model, time=self._clock(), checksum=step.checksum())
        self._done.append((entry, step))
        self._undone.clear()
        return replace(_outcome(step), subject=edit.subject, note=edit.note)

    def undo(self) -> Outcome:
        """Take the last action back. Raises `InputError` when there is none."""
        if not self._done:
            raise InputError("there is nothing to undo")
        entry, step = self._done.pop()
        step.take(self._map, back=True)
        self._undone.append((entry, step))
        return _outcome(step)

    def redo(self) -> Outcome:
        """Do the action again that was taken back last. Raises `InputError` when there is none."""
        if not self._undone:
            raise InputError("there is nothing to redo")
        entry, step = self._undone.pop()
        step.take(self._map)
        self._done.append((entry, step))
        return _outcome(step)

    def see(self, *, arterial: sitk.Image | None, probability: sitk.Image | None) -> None:
        """Go on with another arterial volume and probability, such as those of a new run.

        Both as in `CorrectionCase`. Raises `InputError` when a grid differs; then nothing has changed.
        """
        case = replace(self.case, arterial=arterial, probability=probability)
        self._origin = self.start_checksum
        self.case = case
        self._map.see(case)

    @property
    def start_checksum(self) -> int:
        """Of the labels that the first action of the log met."""
        return self.case.start_checksum if self._origin is None else self._origin

    @property
    def next_number(self) -> int:
        """The number that the next new lesion gets."""
        return self._map.next_number

    def take_over(
        self,
        entries: tuple[Entry, ...],
        records: Mapping[int, Lesion],
        *,
        next_number: int,
        start_checksum: int,
    ) -> None:
        """Go on from an earlier session: its log, its decisions, its numbers. For a session that did nothing yet."""
        if self.entries:
            raise ValueError("only a fresh session can go on from an earlier one")
        self._inherited, self._origin = entries, start_checksum
        self._map.lesions.update(records)
        self._map.next_number = max(next_number, self._map.next_number)


def _outcome(step: Step) -> Outcome:
    return Outcome(boxes=step.boxes, lesions=tuple(sorted(step.after)))
