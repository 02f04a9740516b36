"""The log of a session as text: kept beside a segmentation or in its header, replayed, and gone on from.

Points are LPS mm. The log tells what is in force: an action that was undone is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.config_parsing import from_mapping, nearest
from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.lesions import STATUSES, Seed
from LiverTumorAttentionLib.correction.packed_mask import PackedMask
from LiverTumorAttentionLib.correction.session import Action, CorrectionSession, Entry
from LiverTumorAttentionLib.correction.tools import TOOLS
from LiverTumorAttentionLib.errors import InputError

FORMAT = "liver-tumor-attention corrections 1"
HEADER_KEY = "LiverTumorAttention_Corrections"
"""Key of the log in the header of a .seg.nrrd, and of the attribute of a segmentation node."""
TOLERANCE_MM = 1e-2


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The portal grid: voxels and spacing along x, y, z, origin in LPS mm, direction cosines row by row."""

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        return cls(
            size=image.GetSize(),
            spacing_mm=image.GetSpacing(),
            origin_mm=image.GetOrigin(),
            direction=image.GetDirection(),
        )

    def corners_mm(self) -> np.ndarray:
        """Return where the grid's corner voxels lie, (8, 3)."""
        index = np.array(list(np.ndindex(2, 2, 2))) * (np.array(self.size) - 1)
        return np.array(self.origin_mm) + (index * self.spacing_mm) @ np.reshape(self.direction, (3, 3)).T


@dataclass(frozen=True, kw_only=True)
class KnownLesion:
    """What the log keeps of a lesion beside its voxels; the fields of `Lesion`."""

    number: int
    status: str
    edited: bool
    include: tuple[Seed, ...] = ()
    exclude: tuple[Seed, ...] = ()
    region: PackedMask | None = None


@dataclass(frozen=True, kw_only=True)
class CorrectionLog:
    """All of a session that is not in its labels.

    start: checksum of the labels that the first action met. model: id of the network's model.
    """

    grid: Grid
    start: int
    model: str | None
    entries: tuple[Entry, ...]
    lesions: tuple[KnownLesion, ...]
    next_number: int

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
                KnownLesion(**{name: getattr(each, name) for name in KnownLesion.__dataclass_fields__})
                for each in lesions
            ),
            next_number=session.next_number,
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
                }
                for entry in self.entries
            ],
            "lesions": [asdict(lesion) for lesion in self.lesions],
            "next_number": self.next_number,
        }
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_text(cls, text: str) -> CorrectionLog:
        """Read a log. Raises `InputError` for what is none, of a later version, or damaged."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(f"the log of corrections is no JSON ({error}): choose another file") from error
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise InputError(
                f"this is no log of corrections that this version can read (it asks for '{FORMAT}'): "
                "choose another file, or use the version that wrote it"
            )
        read = from_mapping(_Document, values, where="the log of corrections")
        for lesion in read.lesions:
            if lesion.status not in STATUSES:
                raise InputError(
                    f"the log of corrections: lesion {lesion.number} cannot be {lesion.status!r}; "
                    f"it is one of {', '.join(STATUSES)}"
                )
        return cls(
            grid=read.grid,
            start=read.start,
            model=read.model,
            entries=tuple(_entry(value, k) for k, value in enumerate(read.actions, start=1)),
            lesions=read.lesions,
            next_number=read.next_number,
        )

    def check_fits(self, case: CorrectionCase) -> None:
        """Raise `InputError` when the log is about a volume on another grid."""
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
        raise InputError(f"{where}: there is no tool {tool!r}{nearest(str(tool), TOOLS)}")
    return cast(Action, from_mapping(cast(type, TOOLS[tool]), parameters, where=where))


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
    lesions: tuple[KnownLesion, ...]
    next_number: int


@dataclass(frozen=True, kw_only=True)
class _EntryValues:
    tool: str
    parameters: dict
    model: str | None
    time: str
    checksum: int


def _entry(value: object, number: int) -> Entry:
    where = f"the log of corrections: action {number}"
    read = from_mapping(_EntryValues, value, where=where)
    action = action_of(read.tool, read.parameters, where)
    return Entry(action=action, model=read.model, time=read.time, checksum=read.checksum)
