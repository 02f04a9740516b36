"""The folder of a cohort's results: one run at a time, cases that appear whole, one model and one set of settings.

FOLDER/cohort.json                  model with its checksum, settings, versions, counts
FOLDER/cases.csv, lesions.csv, failures.csv, timings.csv, overview.html
FOLDER/CASE/inputs.json, result/    as the panel's worklist opens it; see `pipeline.worklist`
FOLDER/CASE/thumbnail.jpg, done.json
FOLDER/.work/                       what is not whole yet
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.cohort.case_record import RECORD_FILE, CaseRecord, read_record, write_record
from LiverTumorAttentionLib.cohort.search import MANIFEST_FILE
from LiverTumorAttentionLib.ending import uninterrupted
from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.io import check_folder, making_folder, replacing
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.pipeline.outputs import write_json
from LiverTumorAttentionLib.pipeline.worklist import (
    DAMAGED,
    DRAFT,
    REPORT_FILE,
    RESULT_FOLDER,
    SIGNED,
    WorklistCase,
)
from LiverTumorAttentionLib.regular_file import reason

FORMAT = 1
WORK_FOLDER, LOCK_FILE = ".work", ".lock"


class CohortFolder:
    """The folder of one cohort's results."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest: dict[str, Any] = {}

    @contextlib.contextmanager
    def opened(self, identity: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
        """Keep the folder for this run.

        identity: model and settings, with which every result of the folder is made. Raises `InputError` where another
        run has the folder, it holds something else, or results of another model or other settings.
        """
        with making_folder(self.path, name="cohort", parents=True), locked(self.path):
            self.check(identity, resume=resume)
            shutil.rmtree(self.path / WORK_FOLDER, ignore_errors=True)
            try:
                # Here, not in a worker: a computer that does not see it sees another folder under its name.
                with making_folder(self.path / WORK_FOLDER, name="cohort"):
                    yield
            finally:
                with uninterrupted():
                    shutil.rmtree(self.path / WORK_FOLDER, ignore_errors=True)

    def check(self, identity: Mapping[str, Any], *, resume: bool) -> None:
        """Raise `InputError` as `opened` does, but for another run; nothing is written."""
        there = self.path / MANIFEST_FILE
        check_folder(self.path, name="cohort", parents=True)
        if not there.is_file():
            inside = sorted(self.path.iterdir()) if self.path.is_dir() else []
            others = [path for path in inside if path.name not in (LOCK_FILE, WORK_FOLDER)]
            if others:
                raise InputError(
                    f"the folder '{self.path}' holds '{others[0].name}' and is none of a cohort: give a new folder"
                )
            self._manifest = {"identity": dict(identity), "versions": [__version__]}
            return
        found = read_json(there, "manifest of the cohort")
        if not isinstance(found, dict) or not isinstance(found.get("identity"), dict):
            raise InputError(f"'{there}' is no manifest of a cohort: give a new folder")
        if not resume:
            raise InputError(
                f"the folder '{self.path}' holds a cohort already: go on with it by --resume, or give a new folder"
            )
        check_same(found["identity"], identity, self.path)
        versions = [version for version in found.get("versions", []) if version != __version__]
        self._manifest = {"identity": dict(identity), "versions": [*versions, __version__]}

    @property
    def earlier_versions(self) -> list[str]:
        """Other versions of this software that made results of this folder."""
        return list(self._manifest["versions"][:-1])

    def write_manifest(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest. facts: what more it tells of the run, such as the model and the counts."""
        values = {"notice": NOT_FOR_CLINICAL_USE, "format": FORMAT, **facts, **self._manifest}
        with replacing(self.path / MANIFEST_FILE, name="manifest") as part:
            write_json(part, values)

    def case(self, name: str) -> Path:
        """Return the folder of a case."""
        return self.path / name

    def work_folder(self, name: str) -> Path:
        """Return a new name for a case that is being written."""
        return self.path / WORK_FOLDER / f"{name}.{secrets.token_hex(4)}"

    def record(self, name: str) -> CaseRecord | None:
        """Return the record of a finished case whose report is there; None for any other."""
        place = self.case(name)
        return read_record(place) if (place / RESULT_FOLDER / REPORT_FILE).is_file() else None

    def is_read(self, name: str) -> bool:
        """Return whether a reader has worked on the result of a case, or may have: its log cannot be read."""
        place = self.case(name)
        if not place.is_dir():
            return False
        return WorklistCase(name=name, place=place, volumes={}).status().kind in (DRAFT, SIGNED, DAMAGED)

    def update_record(self, name: str, record: CaseRecord) -> None:
        """Note the times of change of inputs whose content is the same."""
        with contextlib.suppress(OSError):
            part = self.work_folder(name)
            part.mkdir(parents=True)
            write_record(part, record)
            os.replace(part / RECORD_FILE, self.case(name) / RECORD_FILE)
            part.rmdir()

    def publish(self, name: str, written: Path) -> None:
        """Put a whole case in its place; the result that was there goes. Raises `OutputError`."""
        target = self.case(name)
        try:
            with uninterrupted():
                if target.exists():
                    os.replace(target, self.work_folder(name))
                os.replace(written, target)
        except OSError as error:
            raise OutputError(
                f"the result of the case {name!r} cannot be put into '{self.path}' ({reason(error).lower()}): free "
                "some space or check the permissions, and go on with --resume"
            ) from error


def check_same(there: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    """Raise `InputError` where results of a folder were made with another model or other settings than these."""
    differing = sorted(key for key in {*there, *now} if there.get(key) != now.get(key))
    if not differing:
        return
    told = ", ".join(f"{key} {_shown(there.get(key))} there, {_shown(now.get(key))} now" for key in differing)
    raise InputError(
        f"the results in '{path}' were made with another model or other settings ({told}), and one folder never mixes "
        "them: give a new folder, or the model and the settings of this one"
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 20 else f"{text[:13]}…'"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which the system gives back however this process ends."""
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _lock(handle)
        except (BlockingIOError, PermissionError) as error:
            raise InputError(
                f"another run works in '{folder}': wait for it, cancel it, or give a new folder"
            ) from error
        except OSError as error:
            raise InputError(
                f"the folder '{folder}' cannot be locked against a second run ({reason(error).lower()}), as on some "
                "network shares: give a folder on another disk"
            ) from error
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Lock a file. Raises `BlockingIOError`, or `PermissionError` on Windows, where another process has the lock."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
