"""Labels of a data set: the classes that names and values stand for, 0 background, 1 liver, 2 tumor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.config_parsing import nearest, whole_number
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.terminology import Description, segment_kind
from LiverTumorAttentionLib.voxels.labels import WHOLE_TOLERANCE

CLASSES = {"background": 0, "liver": 1, "tumor": 2}
"""Values of the classes in this project's label maps."""
OWN_VALUES: Mapping[int, int] = {0: 0, 1: 1, 2: 2}
"""Of label maps that hold this project's values already."""


def class_of(name: str) -> str | None:
    """Return "background", "liver" or "tumor" for the name of a label; None for any other name.

    "liver tumor" and "cancer" are tumors, "kidney tumor" is None: the table is that of segmentations.
    """
    kind = segment_kind(Description(name=name))
    return kind if kind in CLASSES else None


def values_of(names: Mapping[str, Iterable[int]], given: Mapping[str, str], where: str) -> dict[int, int]:
    """Return {value in the file: class} for a label map whose values have names.

    names: {name: its values}; several for a region, as in {"liver": (1, 2), "tumor": (2,)}: the value of a
    tumor is one, whatever other regions hold it. given: classes by name that the user gave; the name "other"
    stands for all names without a known class. Voxels of a label called "ignore" are left out: they are an error
    when they occur. where: the file, for messages.
    Raises `InputError` for a name without a known class, or when none is the liver.
    """
    unknown = set(given) - set(names) - {"other"}
    if unknown:
        raise InputError(f"{where} has no label called {min(unknown)!r}{nearest(min(unknown), names)}")
    classes = {
        name: given.get(name) or class_of(name) or given.get("other") for name in names if name != "ignore"
    }
    lost = [name for name, kind in classes.items() if kind is None]
    if lost:
        raise InputError(
            f"the label {lost[0]!r} in {where} is neither liver nor tumor by its name: say what it is with "
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
    """Return `OWN_VALUES` with the classes that the user gave for other values, such as {"3": "background"}."""
    values = dict(OWN_VALUES)
    for key, kind in labels.items():
        value = whole_number(key)
        if value is None:
            raise InputError(f"--label {key}={kind}: name the value in the label map, such as 3={kind}")
        values[value] = CLASSES[kind]
    return values


_UNKNOWN = 255


def classes_of(voxels: NDArray[np.number], values: Mapping[int, int], name: str) -> NDArray[np.uint8]:
    """Return the class of every voxel.

    voxels: int16 or float32 (z, y, x). values: what each value means.
    Raises `InputError` that counts the voxels of every value that is not named, or that is no whole number.
    """
    result = np.empty(voxels.shape, np.uint8)
    unknown: Counter[int] = Counter()
    broken = 0
    # Slice by slice, so that a large volume is never held as wide indices.
    for out, plane in zip(result, voxels, strict=True):
        whole = plane if plane.dtype.kind in "iu" else np.rint(plane)
        if whole is not plane:
            broken += int(np.count_nonzero(np.abs(plane - whole) > WHOLE_TOLERANCE))
        out[:] = _UNKNOWN
        for value, kind in values.items():
            out[whole == value] = kind
        strange, counts = np.unique(whole[out == _UNKNOWN], return_counts=True)
        unknown.update({int(value): int(count) for value, count in zip(strange, counts, strict=True)})
    if broken:
        raise InputError(
            f"{broken} voxels of the {name} lie between whole numbers, so it was interpolated: "
            "resample it with nearest neighbour"
        )
    if unknown:
        raise _unknown_values(unknown, values, name)
    return result


def _unknown_values(unknown: Counter[int], values: Mapping[int, int], name: str) -> InputError:
    listed = ", ".join(f"{value} ({count} voxels)" for value, count in unknown.most_common(5))
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    known = ", ".join(str(value) for value in sorted(values))
    value = unknown.most_common(1)[0][0]
    return InputError(
        f"the {name} holds values that nobody explained: {listed}{more}, beside the known {known}: correct it, or "
        f"say what they mean where the layout takes --label, such as --label {value}=background"
    )
