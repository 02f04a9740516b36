"""What is known of one case of a prepared folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from training.data.case import SourceCase
from training.data.preparation.sources import SourceFile, source_from, source_values

DONE = "done"
FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A case that was prepared, or why it was not."""

    source: SourceCase
    """Where it came from."""
    state: str
    """"done" or "failed"."""
    reason: str | None = None
    """Why it failed."""
    files: Mapping[str, SourceFile] = field(default_factory=dict)
    """The files that it was made from, by what they are."""
    registration: str | None = None
    """The grade of its registration, "good", "doubtful" or "refused", where the phases were registered."""
    seconds: float = 0.0
    """How long it took."""

    def made_of(self) -> Any:
        """Return all of the source that decides the prepared arrays; where files lie is no part of it."""
        labels = [[label.values, label.mask_class] for label in self.source.labels]
        return labels, {what: file.sha256 for what, file in self.files.items()}

    def values(self) -> dict[str, Any]:
        """Return the entry as values for JSON."""
        return {
            "source": source_values(self.source),
            "state": self.state,
            "reason": self.reason,
            "files": {what: asdict(file) for what, file in self.files.items()},
            "registration": self.registration,
            "seconds": round(self.seconds, 2),
        }

    @classmethod
    def read(cls, values: dict[str, Any]) -> Entry:
        """Return the entry that `values` wrote down. Raises `KeyError` or `TypeError` for anything else."""
        return cls(
            source=source_from(values["source"]),
            state=values["state"],
            reason=values["reason"],
            files={what: SourceFile(**file) for what, file in values["files"].items()},
            registration=values["registration"],
            seconds=values["seconds"],
        )
