"""What DICOM headers say of volumes that are no DICOM themselves, as JSON: {input: {name of a fact: value}}."""

from __future__ import annotations

import os
from collections.abc import Mapping

from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, shown
from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.phases.headers import SeriesFacts


def read_headers(path: str | os.PathLike[str]) -> dict[str, SeriesFacts]:
    """Return the facts by input, one of `ROLES`.

    Raises `InputError` for what is no JSON, an unknown input or fact, naming the nearest one, and a value of a wrong
    type.
    """
    values = read_json(path, "file of headers")
    if not isinstance(values, dict):
        raise InputError(
            f"the file of headers '{path}' must have named fields, got {shown(values)}: give {{input: {{fact: value}}}}"
        )
    for role in values:
        if role not in ROLES:
            raise InputError(
                f"the file of headers '{path}': unknown input {shown(role)}{nearest(role, ROLES)}: name one of "
                f"{', '.join(ROLES)}"
            )
    return {
        role: from_mapping(SeriesFacts, facts, where=f"the file of headers '{path}': {role}")
        for role, facts in values.items()
    }


def known_facts(
    own: Mapping[str, SeriesFacts | None], path: str | os.PathLike[str] | None
) -> dict[str, SeriesFacts | None]:
    """Return the facts of volumes by input: their own where they are DICOM, else what the file says of them.

    own: None for a volume that is no DICOM. path: of the file; None without one. Raises `InputError` as `read_headers`.
    """
    told = {} if path is None else read_headers(path)
    return {role: facts or told.get(role) for role, facts in own.items()}
