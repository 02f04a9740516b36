"""Names that may tell who a patient is, kept out of what is written unless the user asks for them.

Files, folders and series are often named after patients. Reports say of them no more than the kind of file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "…"
"""Stands where a name was left out."""
_QUOTED = re.compile(r"'.*'|\".*\"|\u201c.*\u201d", re.DOTALL)
_SUFFIX = re.compile(
    r"\.(nii|nii\.gz|seg\.nrrd|nrrd|mha|mhd|dcm|csv|json|html?|png|h5|tfm|txt|zip)", re.IGNORECASE
)


def without_names(message: str) -> str:
    """Return a message without what it quotes: names of files, series and segments.

    All from the first to the last quotation mark of a kind goes, since a name may hold one itself.
    """
    return _QUOTED.sub(lambda found: f"{found[0][0]}{HIDDEN}{found[0][-1]}", message)


def without_name(path: str) -> str:
    """Return the kind of a file by its suffix, such as "….nii.gz"; "…" for a folder, a series or any other text."""
    start = path.find(".", max(path.rfind("/"), path.rfind("\\")) + 1)
    while start >= 0:
        if _SUFFIX.fullmatch(path[start:]):
            return HIDDEN + path[start:].lower()
        start = path.find(".", start + 1)
    return HIDDEN


def settings_without_names(values: Mapping[str, Any], plain: frozenset[str]) -> dict[str, Any]:
    """Return settings whose texts are left out but for their kind of file, also those in lists.

    plain: the settings whose text is one of a few words of the program, which stays.
    """

    def told(value: Any) -> Any:
        if isinstance(value, str):
            return without_name(value)
        return [told(each) for each in value] if isinstance(value, list | tuple) else value

    return {name: value if name in plain else told(value) for name, value in values.items()}
