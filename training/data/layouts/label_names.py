"""What a label map's names mean: background, liver or tumour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.terminology import recognise

CLASSES = {"background": 0, "liver": 1, "tumor": 2}
"""Values of the classes in this project's label maps."""
OWN_VALUES: Mapping[int, int] = {0: 0, 1: 1, 2: 2}
"""Of label maps that hold this project's values already."""

_TUMOR = re.compile(r"cancer|malign|krebs")
_ELSEWHERE = re.compile(
    r"kidney|renal|nier|pancrea|pankrea|lung|pulm|colon|bowel|spleen|splen|milz|adrenal|stomach|gastr|"
    r"gall|bladder|oesoph|esoph|prostat|uter|ovar|bone|brain|breast|lymph|node\b"
)
"""Organs whose tumours are not those of the liver."""


def class_of(name: str) -> str | None:
    """Return "background", "liver" or "tumor" for the name of a label; None for one that tells neither.

    "liver tumor" and "cancer" are tumours, "kidney tumor" is not told.
    """
    text = name.lower().replace("_", " ")
    if text.strip() == "background":
        return "background"
    if _ELSEWHERE.search(text):
        return None
    return "tumor" if _TUMOR.search(text) else recognise(text) or None


def values_of(names: Mapping[str, Iterable[int]], told: Mapping[str, str], where: str) -> dict[int, int]:
    """Return {value in the file: class} for a label map whose values have names.

    names: {name: its values}; several for a region, as in {"liver": (1, 2), "tumor": (2,)}: the value of a
    tumour is one, whatever other regions hold it. told: classes by name that the user gave; the name "other"
    stands for all names that tell nothing. Voxels of a label called "ignore" are left out: they are an error
    when they occur. where: the file, for messages.
    Raises `InputError` for a name that tells nothing, or when none is the liver.
    """
    unknown = set(told) - set(names) - {"other"}
    if unknown:
        raise InputError(f"{where} has no label called {min(unknown)!r}{nearest(min(unknown), names)}")
    classes = {
        name: told.get(name) or class_of(name) or told.get("other") for name in names if name != "ignore"
    }
    lost = [name for name, kind in classes.items() if kind is None]
    if lost:
        raise InputError(
            f"the label {lost[0]!r} in {where} is neither liver nor tumour by its name: say what it is with "
            f"--label '{lost[0]}=background' (or liver, or tumor), or --label other=background for all such"
        )
    found: dict[int, int] = {0: 0}
    for name, kind in classes.items():
        for value in names[name]:
            found[value] = max(found.get(value, 0), CLASSES[kind or "background"])
    if CLASSES["liver"] not in found.values():
        raise InputError(
            f"none of the labels in {where} is the liver ({', '.join(names)}): say which with --label NAME=liver"
        )
    return found


def told_values(labels: Mapping[str, str]) -> dict[int, int]:
    """Return `OWN_VALUES` with what the user told about other values, such as {"3": "background"}."""
    values = dict(OWN_VALUES)
    for key, kind in labels.items():
        if not key.isdigit():
            raise InputError(f"--label {key}={kind}: name the value in the label map, such as 3={kind}")
        values[int(key)] = CLASSES[kind]
    return values
