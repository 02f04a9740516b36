"""Prepare the cases of a data set into one folder, as many at a time as there are cores.

A run that was stopped resumes where it was: a case's folder is complete or does not exist, and what
the manifest does not know yet is taken over from the folders.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import making_folder
from LiverTumorAttentionLib.progress import Progress
from training.data.case import SourceCase
from training.data.preparation.entry import DONE, FAILED, Entry
from training.data.preparation.manifest import CASES_FOLDER, MANIFEST_FILE, Manifest
from training.data.preparation.plan import Preparation, differences, key_of
from training.data.preparation.prepare_case import clear, prepare_case, read_entry, renew
from training.data.preparation.sources import looked_at, source_values, used_files
from training.parallel import each

LOCK_FILE = ".lock"


class Cohort:
    """A folder of prepared cases that is being filled; made by `opened`."""

    def __init__(self, folder: Path, preparation: Preparation, entries: Mapping[str, Entry]) -> None:
        self.folder = folder
        self.preparation = preparation
        self.entries = dict(entries)
        """Every case that was prepared, or why it was not, by name."""
        self._settings = preparation.settings()
        self._key = key_of(self._settings)

    @property
    def manifest(self) -> Manifest:
        """What the folder holds now."""
        return Manifest(folder=self.folder, settings=self._settings, entries=self.entries)

    def missing(self, sources: Sequence[SourceCase], progress: Progress | None = None) -> list[SourceCase]:
        """Return the cases that are not prepared, or from files that have changed since.

        Raises `InputError` for names that cannot be those of folders.
        """
        _check_names(sources)
        progress = progress or Progress()
        found = []
        for number, source in enumerate(sources):
            progress.update(number / len(sources), source.name)
            if not self._is_current(source):
                found.append(source)
        progress.update(1.0)
        return found

    def leave_out(self, source: SourceCase, reason: str) -> None:
        """Note that a case is not prepared, and why."""
        self.entries[source.name] = Entry(source=source, state=FAILED, reason=reason)
        self.manifest.write()

    def prepare(
        self,
        sources: Sequence[SourceCase],
        *,
        processes: int | None = None,
        progress: Progress | None = None,
    ) -> list[Entry]:
        """Prepare cases; return their entries as they are done. A case that cannot be prepared stops no other.

        Raises `OutputError` when the folder cannot be written, and `Cancelled`; what is done by then stays.
        """
        work = functools.partial(prepare_case, self.preparation, self._key, self.folder / CASES_FOLDER)
        entries = []
        for number, result in each(
            work, sources, processes=processes, progress=progress, name=lambda case: case.name
        ):
            if isinstance(result, InputError):  # its process died
                result = Entry(source=sources[number], state=FAILED, reason=str(result))
            if isinstance(result, Exception):
                raise result
            self.entries[sources[number].name] = result
            entries.append(result)
            self.manifest.write()
        return entries

    def _is_current(self, source: SourceCase) -> bool:
        """Whether a case is prepared from what its files hold now; where only facts have changed, they are updated."""
        known = self.entries.get(source.name)
        if known is None or known.state != DONE:
            return False
        try:
            files = {
                what: looked_at(path, known.files.get(what))
                for what, path in used_files(source, self.preparation).items()
            }
        except InputError:
            return False  # preparing it says what is wrong
        now = Entry(
            source=source, state=DONE, files=files, registration=known.registration, seconds=known.seconds
        )
        if now.made_of() != known.made_of():
            return False
        if files != known.files or source_values(source) != source_values(known.source):
            self.entries[source.name] = renew(self.folder / CASES_FOLDER, now, source, self._key)
            self.manifest.write()
        return True


@contextmanager
def opened(folder: Path, preparation: Preparation) -> Iterator[Cohort]:
    """Open a folder of prepared cases, made where it is missing, for as long as the block runs.

    Raises `InputError` when it was prepared by other settings, naming them, or is being filled by another run;
    `OutputError` when it cannot be written.
    """
    with making_folder(folder, name="folder of prepared cases", parents=True):
        lock = filelock.FileLock(folder / LOCK_FILE)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise InputError(
                f"'{folder}' is being prepared by another run: wait for it or choose another folder"
            ) from error
        try:
            entries = _entries(folder, preparation)
            cohort = Cohort(folder, preparation, entries)
            cohort.manifest.write()
            try:
                yield cohort
            finally:
                clear(folder / CASES_FOLDER)
        finally:
            lock.release()


def _entries(folder: Path, preparation: Preparation) -> dict[str, Entry]:
    """Return what is known of the cases in a folder: done is what lies there whole."""
    settings = preparation.settings()
    known: dict[str, Entry] = {}
    if (folder / MANIFEST_FILE).exists():
        there = Manifest.read(folder)
        different = differences(there.settings, settings)
        if different:
            raise InputError(
                f"'{folder}' was prepared with other settings ({different}): choose another folder"
            )
        known = {name: entry for name, entry in there.entries.items() if entry.state != DONE}
    cases = folder / CASES_FOLDER
    clear(cases)
    for case in sorted(cases.iterdir()) if cases.is_dir() else ():
        entry = read_entry(case, key_of(settings))
        if entry is not None and entry.source.name == case.name:
            known[entry.source.name] = entry
    return known


def _check_names(sources: Sequence[SourceCase]) -> None:
    seen: dict[str, str] = {}
    for source in sources:
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", source.name):
            raise InputError(
                f"a case is called {source.name!r}: names are made of letters, digits, dot, dash and underscore"
                ": rename it"
            )
        if source.name.lower() in seen:
            raise InputError(
                f"two cases are called {source.name!r} (large and small letters are one): rename one of them"
            )
        seen[source.name.lower()] = source.name
