"""The record of a finished case, `done.json`: what it was computed from. It is written last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.cohort.fingerprint import InputFile
from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.pipeline.outputs import write_json

RECORD_FILE = "done.json"


@dataclass(frozen=True, kw_only=True)
class CaseRecord:
    """What a result was computed from.

    fingerprint: of inputs and settings. files: the inputs. version: of this software. identity: model and settings.
    """

    fingerprint: str
    files: tuple[InputFile, ...]
    version: str
    identity: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "fingerprint": self.fingerprint,
            "version": self.version,
            "identity": dict(self.identity),
            "files": [file.to_dict() for file in self.files],
        }

    @classmethod
    def from_dict(cls, values: Any, where: str) -> CaseRecord:
        """Read JSON values. Raises `InputError`."""
        if (
            not isinstance(values, Mapping)
            or not isinstance(values.get("files"), list)
            or not isinstance(values.get("identity"), Mapping)
        ):
            raise InputError(
                f"{where} is no record of a case: remove it, so that the case is segmented again"
            )
        files = tuple(from_mapping(InputFile, each, where=where) for each in values["files"])
        plain = {key: values.get(key, "") for key in ("fingerprint", "version")}
        return cls(files=files, identity=values["identity"], **plain)


def write_record(folder: Path, record: CaseRecord) -> None:
    """Write the record of a case into its folder."""
    write_json(folder / RECORD_FILE, record.to_dict(), indent=1)


def read_record(folder: Path) -> CaseRecord | None:
    """Return the record of a case; None where there is none, or none that can be read: the case is run again then."""
    path = folder / RECORD_FILE
    try:
        return CaseRecord.from_dict(read_json(path, "record of the case"), f"'{path}'")
    except InputError:
        return None
