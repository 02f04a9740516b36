"""Base of the jobs: JSON values, what is read and written, and what a report tells of it.

Paths are strings, as they come from a command line or a JSON file. Every job refuses values out of range, two results
in one file, and a result over a file that is read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.file_identity import check_apart, check_given
from LiverTumorAttentionLib.identifying_names import settings_without_names, without_names

J = TypeVar("J", bound="Job")


PLAIN_SETTINGS = frozenset({"model", "device", "averaging", "operating_point"})
"""Settings whose text is no name."""


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """Base of all jobs."""

    @classmethod
    def from_dict(cls: type[J], values: Mapping[str, Any]) -> J:
        """Build a job from JSON values. Raises `InputError` naming an unknown key and the nearest known one."""
        return from_mapping(cls, values, where="job")

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON values, from which `from_dict` builds the same one."""
        return asdict(self)

    @abstractmethod
    def inputs(self) -> dict[str, str | None]:
        """Return the files and folders that the run reads, by what they hold; None where one is not given."""

    @abstractmethod
    def outputs(self) -> dict[str, str | None]:
        """Return the files that the run writes, by what they hold; None where one is not asked for."""

    def folders(self) -> dict[str, str | None]:
        """Return the folders that the run fills, made where they are missing, likewise."""
        return {}

    def _check_files(self) -> None:
        """Raise `InputError` when a name is empty, two results would be one file, or one would replace an input."""
        read, written, filled = self.inputs(), self.outputs(), self.folders()
        check_given({**read, **filled, **written})
        check_apart(written, read)


@dataclass(frozen=True, kw_only=True)
class ReportedJob(Job):
    """Base of jobs whose report tells their settings."""

    paths: bool = False
    """Whether the report holds the names of files, folders and series; they may be those of patients."""

    def reported_settings(self, model: str) -> dict[str, Any]:
        """Return the settings for the report: with `paths` those of `to_dict`, else without names.

        model: id of the model that was used, which stands in place of its path.
        """
        values = self.to_dict()
        return values if self.paths else settings_without_names({**values, "model": model}, PLAIN_SETTINGS)

    def reported_warnings(self, warnings: Iterable[str]) -> list[str]:
        """Return the warnings for the report, likewise."""
        return [warning if self.paths else without_names(warning) for warning in warnings]


@dataclass(frozen=True, kw_only=True)
class LabelledJob(Job):
    """Base of jobs that read a segmentation of any origin."""

    labels: tuple[str, ...] = ()
    """What segments or label values are, where their code or name does not say it: "NAME=meaning", the meaning one of
    liver, tumor, vessel, ignore."""
