"""A cohort from its input to its tables: every case through one engine, into one folder.

The run's own memory holds a name and a few numbers a case; reports and pictures stay on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.cohort.case_record import RECORD_FILE, CaseRecord
from LiverTumorAttentionLib.cohort.engine import PROGRESS, Engine, Event
from LiverTumorAttentionLib.cohort.engines import make_engine
from LiverTumorAttentionLib.cohort.fingerprint import look_unchanged
from LiverTumorAttentionLib.cohort.folder import CohortFolder
from LiverTumorAttentionLib.cohort.found_case import FoundCase
from LiverTumorAttentionLib.cohort.job import CohortJob
from LiverTumorAttentionLib.cohort.overview import write_overview
from LiverTumorAttentionLib.cohort.schedule import run_tasks
from LiverTumorAttentionLib.cohort.search import find_cases
from LiverTumorAttentionLib.cohort.tables import TIMING_FILE, read_timings, write_tables
from LiverTumorAttentionLib.cohort.task import DONE, FAILED, SEGMENT, UNCHANGED, Task
from LiverTumorAttentionLib.errors import Cancelled, InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.identifying_names import without_names
from LiverTumorAttentionLib.models import ModelPackage, find_model
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted, duration_in_words

SHOWN_EVERY_S = 15.0
"""Tables and page are written anew so often while the cohort runs, or more seldom: see `SHARE_OF_TIME`."""
SHARE_OF_TIME = 0.05
"""Of the run, at most, that writing them takes."""

OnCase = Callable[[str, str, str], None]
"""Told of each case that ends: its name, "done", "unchanged" or "failed", and the reason of a failure."""


@dataclass(kw_only=True)
class CohortSummary:
    """What a run did. done: segmented now. skipped: done before and unchanged. failures: reasons by case."""

    total: int = 0
    done: int = 0
    skipped: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The counts in words."""
        return (
            f"{counted(self.total, 'case')}: {self.done} segmented, {self.skipped} done before and unchanged, "
            f"{len(self.failures)} failed"
        )


def run_cohort(
    job: CohortJob,
    progress: Progress | None = None,
    on_case: OnCase | None = None,
    *,
    engine: Engine | None = None,
    runner: str = SEGMENT,
) -> CohortSummary:
    """Segment all cases of a cohort that are not done, and write tables and page.

    engine: instead of the one that the job names. runner: what runs a case; see `Task`. Both are for tests and trials.
    A case that fails does not end the run. Raises `InputError`, `ModelError`, `DeviceError`, `OutputError`, and
    `Cancelled`, after which all that is done stays and `resume` goes on.
    """
    progress = progress or Progress()
    package = find_model(str(job.case_settings()["model"]))
    return _Run(job, package, progress, on_case or (lambda *_: None), runner).run(engine)


class _Run:
    """One run of a cohort."""

    def __init__(
        self, job: CohortJob, package: ModelPackage, progress: Progress, on_case: OnCase, runner: str
    ) -> None:
        self._job, self._progress, self._on_case, self._runner = job, progress, on_case, runner
        self._settings = _absolute_model(job.case_settings())
        self._model = package.description
        self._identity = {
            **self._settings,
            "model": package.description.id,
            "model_sha256": hashlib.sha256(package.read("model.json")).hexdigest(),
            "volumes": job.volumes,
        }
        self._folder = CohortFolder(Path(os.path.abspath(job.output)))
        self._summary = CohortSummary()
        self._finished: dict[str, None] = {}
        self._fractions: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._names: list[str] = []
        self._doing = "starting"
        self._engine_facts: dict[str, Any] | None = None
        self._waiting: list[FoundCase] = []
        self._begun = self._shown = time.monotonic()
        self._pause_s = SHOWN_EVERY_S

    def run(self, engine: Engine | None) -> CohortSummary:
        self._folder.check(self._identity, resume=self._job.resume)
        source = Path(os.path.abspath(self._job.input))
        found = find_cases(source, self._progress.part(0.0, 0.0, "finding cases"))
        self._summary.total, self._summary.left_out = len(found.cases), found.left_out
        self._names = [case.name for case in found.cases]
        with self._folder.opened(self._identity, resume=self._job.resume):
            self._folder.write_manifest(self._facts())
            self._look_at_what_is_done(found.cases)
            self._seconds = read_timings(self._folder.path / TIMING_FILE)
            self._run_waiting(engine)
        if self._summary.failures and not self._finished:
            name, reason = next(iter(self._summary.failures.items()))
            raise InputError(
                f"none of {counted(self._summary.total, 'case')} could be segmented; {name}: {reason}; see "
                f"failures.csv in '{self._folder.path}' for the others"
            )
        return self._summary

    def _look_at_what_is_done(self, cases: list[FoundCase]) -> None:
        part = self._progress.part(0.0, 0.0, "looking at what is done")
        for number, case in enumerate(cases):
            part.update(number / len(cases))
            record = self._folder.record(case.name)
            if record is not None and self._is_done(case, record):
                self._finished[case.name] = None
                self._summary.skipped += 1
            else:
                self._waiting.append(case)
        stale = [p.parent.name for p in self._folder.path.glob(f"*/{RECORD_FILE}")]
        stale = sorted(set(stale) - set(self._names))
        if stale:
            are = "is" if len(stale) == 1 else "are"
            self._summary.warnings.append(
                f"{counted(len(stale), 'case')} of the folder of results, such as '{stale[0]}', {are} no longer in the "
                "input and left out of the tables"
            )
        others = set(self._folder.earlier_versions) if self._finished else set()
        if others:
            self._summary.warnings.append(
                f"some results of this folder were made by version {' and '.join(sorted(others))}, others by "
                f"{__version__}: the column software_version tells which"
            )

    def _is_done(self, case: FoundCase, record: CaseRecord) -> bool:
        return dict(record.identity) == self._identity and look_unchanged(case.inputs, record.files)

    def _run_waiting(self, engine: Engine | None) -> None:
        self._begun = time.monotonic()
        used = (engine or make_engine(self._job)) if self._waiting else None
        try:
            if used is not None:
                self._run_in(used)
        except Cancelled as error:
            self._conclude()
            raise Cancelled(
                f"cancelled; {len(self._finished)} of {counted(self._summary.total, 'case')} are done and stay: "
                "go on with --resume"
            ) from error
        except LiverTumorAttentionError:
            with contextlib.suppress(LiverTumorAttentionError):  # the first error is told
                self._conclude()
            raise
        self._conclude()

    def _run_in(self, engine: Engine) -> None:
        """Run what waits in an engine, and close it."""
        try:
            self._engine_facts = engine.describe()
            self._folder.write_manifest(self._facts())
            self._show(running=True)
            run_tasks(self._tasks(), engine, self._on_event, self._tick)
        finally:
            engine.close()

    def _conclude(self) -> None:
        """Write tables, page and manifest of a run that has ended, however it did."""
        self._show(running=False)
        self._folder.write_manifest(self._facts())

    def _tasks(self) -> Iterator[Task]:
        for case in self._waiting:
            record = self._folder.record(case.name)
            yield Task(
                name=case.name,
                inputs=case.inputs,
                settings=self._settings,
                identity=self._identity,
                folder=str(self._folder.work_folder(case.name)),
                version=__version__,
                volumes=self._job.volumes,
                paths=self._job.paths,
                known=record.fingerprint if record else None,
                is_read=self._folder.is_read(case.name),
                runner=self._runner,
            )

    def _on_event(self, event: Event) -> None:
        name = event.task.name
        if event.kind == PROGRESS:
            self._fractions[name] = event.fraction
        else:
            self._fractions.pop(name, None)
            self._end_case(event.task, dict(event.answer))
        self._doing = f"{name}: {event.message}" if event.message else name

    def _end_case(self, task: Task, answer: dict[str, Any]) -> None:
        state, message = answer["state"], str(answer.get("message", ""))
        if state == DONE:
            self._folder.publish(task.name, Path(task.folder))
            self._seconds[task.name] = answer["seconds"]
            self._summary.done += 1
        elif state == UNCHANGED:
            self._folder.update_record(task.name, CaseRecord.from_dict(answer["record"], "the record"))
            self._summary.skipped += 1
        else:
            shutil.rmtree(task.folder, ignore_errors=True)
            self._summary.failures[task.name] = message if self._job.paths else without_names(message)
        if state != FAILED:
            self._finished[task.name] = None
        self._on_case(task.name, state, message)

    def _tick(self) -> None:
        """Report progress, and write the tables and the page where that was long ago. Raises `Cancelled`."""
        self._tell_progress(self._doing)
        if time.monotonic() - self._shown > self._pause_s:
            self._show(running=True)

    def _tell_progress(self, doing: str) -> None:
        ended = len(self._finished) + len(self._summary.failures)
        now = len(self._waiting) - (self._summary.total - ended) + sum(self._fractions.values())
        left = ""
        elapsed = time.monotonic() - self._begun
        if now >= 1:
            left = f", {duration_in_words((len(self._waiting) - now) * elapsed / now)} left"
        failed = f", {len(self._summary.failures)} failed" if self._summary.failures else ""
        self._progress.update(
            (ended + sum(self._fractions.values())) / max(1, self._summary.total),
            f"{ended} of {counted(self._summary.total, 'case')}{failed}{left}; {doing}",
        )

    def _show(self, *, running: bool) -> None:
        """Write the tables and the page."""
        begun = time.monotonic()
        names = [name for name in self._names if name in self._finished]
        failures = {n: self._summary.failures[n] for n in self._names if n in self._summary.failures}
        seconds = {name: self._seconds[name] for name in names if name in self._seconds}
        write_tables(self._folder.path, names, failures, seconds)
        write_overview(
            self._folder.path,
            names,
            failures,
            seconds,
            self._summary.total,
            running=running,
            model=self._model,
        )
        self._shown = time.monotonic()
        self._pause_s = max(SHOWN_EVERY_S, (self._shown - begun) / SHARE_OF_TIME)

    def _facts(self) -> dict[str, Any]:
        return {
            "model": {
                "id": self._model.id,
                "title": self._model.title,
                "version": self._model.version,
                "sha256": self._model.checksums,
            },
            "engine": self._engine_facts,
            "cases": self._summary.total,
            "finished": len(self._finished),
            "failed": len(self._summary.failures),
            "left_out": [without_names(text) for text in self._summary.left_out],
        }


def _absolute_model(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with the path of a model as it holds in any folder; an id stays."""
    model = str(settings["model"])
    return {**settings, "model": os.path.abspath(model)} if os.path.exists(model) else settings
