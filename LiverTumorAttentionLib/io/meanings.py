"""What the user says segments or label values are, and the warning of those that are left out."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.io.terminology import Description, segment_kind
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER
from LiverTumorAttentionLib.wording import counted

MEANINGS = ("liver", "tumor", "vessel", "ignore")
MOST_NAMES = 5
"""How many segments a warning names."""


class Meanings:
    """Meanings of segments by name, and of label values by number, such as ``["Segment_2=tumor", "5=liver"]``.

    Names are compared without regard to capitals and to how accents are composed.
    Raises `InputError` for a text that is not NAME=meaning, or a name given twice.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._names: dict[str, str] = {}
        self._given: dict[str, str] = {}
        self._used: set[str] = set()
        self._seen: tuple[str, ...] = ()
        for text in texts:
            name, equals, meaning = (part.strip() for part in text.rpartition("="))
            if not equals or not name or meaning not in MEANINGS:
                raise InputError(
                    f"the label {text!r} cannot be read: write NAME=meaning, where the meaning is one of "
                    f"{', '.join(MEANINGS)}"
                )
            if _key(name) in self._given:
                raise InputError(f"the label {name!r} is given twice: say once what it is")
            self._given[_key(name)] = meaning
            self._names[_key(name)] = name

    def kinds(self, described: Sequence[Description]) -> list[str]:
        """Return the kind of each segment: as the user says, else as `segment_kind` does."""
        self._note([each.name for each in described])
        return [self._given.get(_key(each.name)) or segment_kind(each) for each in described]

    def applied(self, image: sitk.Image) -> sitk.Image:
        """Return a label map with the values that the user named as 1 liver, 2 and more tumor, 0 all else."""
        if not self._given:
            return image
        voxels = sitk.GetArrayFromImage(image)
        values = np.flatnonzero(np.bincount(voxels.reshape(-1)))
        self._note([str(value) for value in values if value])
        table = np.arange(int(values.max()) + 1, dtype=voxels.dtype)
        for value in values:
            meaning = self._given.get(str(value))
            if meaning is not None and value:
                tumor = value if value >= FIRST_TUMOR else FIRST_TUMOR
                table[value] = {"liver": LIVER, "tumor": tumor}.get(meaning, 0)
        result = sitk.GetImageFromArray(table[voxels])
        result.CopyInformation(image)
        return result

    def check_used(self) -> None:
        """Raise `InputError` for a name that none of the files that were read has."""
        for key, name in self._names.items():
            if key not in self._used:
                near = nearest(name, self._seen)
                raise InputError(
                    f"no segment or value is called {name!r}, to be {self._given[key]}{near}"
                    ": give a name that the file has"
                )

    def _note(self, names: list[str]) -> None:
        if not self._given:
            return
        self._used.update(_key(name) for name in names)
        self._seen = tuple(dict.fromkeys((*self._seen, *names)))


NO_MEANINGS = Meanings()


def warn_left_out(segments: Iterable[tuple[str, str]], *, used: Sequence[str], what: str) -> None:
    """Warn of the segments, given by name and kind, that are none of the kinds that are used."""
    text = left_out_text(segments, used=used, what=what)
    if text:
        how = "say what a segment is with --label NAME=liver, tumor, vessel or ignore"
        warnings.warn(f"{text}; {how}", InputWarning, stacklevel=3)


def left_out_text(segments: Iterable[tuple[str, str]], *, used: Sequence[str], what: str) -> str:
    """Say which segments, given by name and kind, are none of the kinds that are used, and why; "" for none.

    What the user told to ignore, and the background, are left out without a word.
    """
    left = [(name, kind) for name, kind in segments if kind not in (*used, "ignore", "background")]
    if not left:
        return ""
    why = {
        "liver": "liver",
        "tumor": "tumor",
        "vessel": "vessel",
        "elsewhere": "another organ, or a lesion of one",
        "neither": "a margin, an abscess or the like",
        "": "neither liver nor tumor by code or name",
    }
    listed = "; ".join(f"\u201c{name}\u201d ({why[kind]})" for name, kind in left[:MOST_NAMES])
    more = f"; and {len(left) - MOST_NAMES} more" if len(left) > MOST_NAMES else ""
    return f"{counted(len(left), 'segment')} of the {what} left out: {listed}{more}"


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()
