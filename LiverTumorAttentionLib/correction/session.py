"""A correction session: actions on the lesions of one case, each a step of undo and an entry of the log."""

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
from LiverTumorAttentionLib.correction.click_model import ClickModel
from LiverTumorAttentionLib.correction.edits import Edit
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.correction.sign_off import (
    REOPENED,
    SIGNED,
    SignOff,
    bodies_of,
    check_decided,
    sign_off_in_force,
)
from LiverTumorAttentionLib.correction.undo import Step, perform
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box


class Action(Protocol):
    """One use of a tool: a frozen dataclass of JSON values; its classes are in `tools`."""

    tool: ClassVar[str]

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        """Return the action's edit; nothing is changed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the log. model: of the network's result; time: UTC, ISO 8601; checksum: of the action's result.

    answered_by: name of the network that answered a click (`ClickModel.name`); None for the random walker, and for
    actions that are no clicks.
    """

    action: Action
    model: str | None
    time: str
    checksum: int
    answered_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of an action, an undo or a redo.

    boxes: in which labels changed (z, y, x); empty when none did. lesions: numbers of the lesions that were changed,
    added or removed. subject: the lesion to show. note: a sentence for the user, possibly empty.
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
    clock: gives the time of an entry. clicks: the network that answers clicks; None for the random walker.
    """

    def __init__(
        self, case: CorrectionCase, *, clock: Callable[[], str] = _now, clicks: ClickModel | None = None
    ) -> None:
        self.case = case
        self._map = LesionMap(case, clicks)
        self._clock = clock
        self._inherited: tuple[Entry, ...] = ()
        self._origin: int | None = None
        self._done: list[tuple[Entry, Step]] = []
        self._undone: list[tuple[Entry, Step]] = []
        self._signing: list[SignOff] = []
        self._signed: SignOff | None = None

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
        """The log: the actions in force, those of earlier sessions first."""
        return self._inherited + tuple(entry for entry, _ in self._done)

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    @property
    def signing(self) -> tuple[SignOff, ...]:
        """Who signed the case and who reopened it, in order."""
        return tuple(self._signing)

    @property
    def sign_off(self) -> SignOff | None:
        """The sign-off that is in force; None for a draft."""
        return self._signed

    def sign(self, reader: str) -> SignOff:
        """Sign the case: from now on nothing changes it. reader: the name of who stands by it.

        Raises `InputError` while a lesion is not decided, for a name that is none, and for a signed case.
        """
        self._check_open()
        check_decided(number for number, lesion in self.lesions.items() if lesion.status == "draft")
        entry = SignOff(kind=SIGNED, reader=reader.strip(), time=self._clock(), bodies=bodies_of(self.labels))
        self._signing.append(entry)
        self._signed = entry
        return entry

    def reopen(self, reader: str, reason: str) -> SignOff:
        """Reopen a signed case. Raises `InputError` for a draft, and for a name or reason that is none."""
        if self._signed is None:
            raise InputError("the case is not signed, so there is nothing to reopen: change it as it is")
        entry = SignOff(kind=REOPENED, reader=reader.strip(), time=self._clock(), reason=reason.strip())
        self._signing.append(entry)
        self._signed = None
        return entry

    def _check_open(self) -> None:
        """Raise `InputError` for a signed case."""
        if self._signed is not None:
            raise InputError(
                f"the case was {self._signed.sentence()}, and is locked: reopen it with a reason to change it"
            )

    @property
    def undone(self) -> tuple[Entry, ...]:
        """The undone actions; `redo` does the last one."""
        return tuple(entry for entry, _ in self._undone)

    def instances(self) -> sitk.Image:
        """Return the segmentation as it stands, uint16 on the portal grid. Takes a pass over the volume."""
        image = sitk.GetImageFromArray(self._map.labels)
        image.CopyInformation(self.case.portal)
        return image

    def preview(self, action: Action, progress: Progress | None = None) -> Edit:
        """Return the edit of an action without doing it, for interactive previews."""
        return action.edit(self._map, progress or Progress())

    def do(self, action: Action, progress: Progress | None = None) -> Outcome:
        """Do an action. Raises `InputError` when it cannot be done, `Cancelled`; then nothing has changed."""
        self._check_open()
        edit = action.edit(self._map, progress or Progress())
        step = perform(self._map, edit)
        if step.is_empty:
            return Outcome(boxes=(), lesions=(), subject=edit.subject, note=edit.note or "nothing changed")
        entry = Entry(
            action=action,
            model=self.case.model,
            time=self._clock(),
            checksum=step.checksum(),
            answered_by=edit.answered_by,
        )
        self._done.append((entry, step))
        self._undone.clear()
        return replace(_outcome(step), subject=edit.subject, note=edit.note)

    def undo(self) -> Outcome:
        """Undo the last action. Raises `InputError` when there is none."""
        self._check_open()
        if not self._done:
            raise InputError("there is nothing to undo: make a correction first")
        entry, step = self._done.pop()
        step.apply(self._map, backward=True)
        self._undone.append((entry, step))
        return _outcome(step)

    def redo(self) -> Outcome:
        """Redo the action that was undone last. Raises `InputError` when there is none."""
        self._check_open()
        if not self._undone:
            raise InputError("there is nothing to redo: undo a correction first")
        entry, step = self._undone.pop()
        step.apply(self._map)
        self._done.append((entry, step))
        return _outcome(step)

    def answer_by(self, clicks: ClickModel | None) -> None:
        """Let a network answer clicks from now on; None for the random walker."""
        self._map.clicks = clicks

    def replace_volumes(self, *, arterial: sitk.Image | None, probability: sitk.Image | None) -> None:
        """Use another arterial volume and probability from now on, such as those of a new run.

        Both as in `CorrectionCase`. Raises `InputError` when a grid differs; then nothing has changed.
        """
        case = replace(self.case, arterial=arterial, probability=probability)
        self._origin = self.start_checksum
        self.case = case
        self._map.replace_volumes(case)

    @property
    def start_checksum(self) -> int:
        """Checksum of the labels before the first action of the log."""
        return self.case.start_checksum if self._origin is None else self._origin

    @property
    def next_number(self) -> int:
        """The number that the next new lesion gets."""
        return self._map.next_number

    def inherit(
        self,
        entries: tuple[Entry, ...],
        records: Mapping[int, Lesion],
        *,
        next_number: int,
        start_checksum: int,
        signing: tuple[SignOff, ...] = (),
    ) -> None:
        """Continue an earlier session: its log, records, numbers and sign-off. For a session without actions.

        A sign-off holds where the segmentation is as it was signed.
        """
        if self.entries:
            raise ValueError("only a session without actions can continue an earlier one")
        self._inherited, self._origin = entries, start_checksum
        self._map.lesions.update(records)
        self._map.next_number = max(next_number, self._map.next_number)
        self._signing = list(signing)
        self._signed = sign_off_in_force(signing, self.labels)


def _outcome(step: Step) -> Outcome:
    return Outcome(boxes=step.boxes, lesions=tuple(sorted(step.after)))
