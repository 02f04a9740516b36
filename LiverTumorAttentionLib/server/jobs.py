"""Jobs of a server: in the order of their arrival through one engine, each watched until it is fetched or forgotten.

All of this runs in the server's event loop; the engine's calls, which may wait, in one thread beside it, one at a time.
What computes are the engine's processes.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.cohort.engine import ANSWERED, DIED, LOST, UNFIT, Engine, Event
from LiverTumorAttentionLib.cohort.schedule import MOST_LOSSES, anew
from LiverTumorAttentionLib.cohort.task import DONE as TASK_DONE
from LiverTumorAttentionLib.cohort.task import Task
from LiverTumorAttentionLib.json_values import load_json
from LiverTumorAttentionLib.remote.protocol import (
    DONE,
    FAILED,
    RUNNING,
    WAITING,
    JobRequest,
    JobState,
    ResultFile,
)
from LiverTumorAttentionLib.server.refusal import Refusal, unknown
from LiverTumorAttentionLib.server.settings import ServerSettings
from LiverTumorAttentionLib.server.store import Store
from LiverTumorAttentionLib.server.work import (
    ANSWER_FILE,
    PROGRESS_FILE,
    result_path,
    write_request,
)
from LiverTumorAttentionLib.wording import counted, duration_in_words

POLL_S = 0.2
HOUSEKEEPING_S = 1.0
TOO_MANY = 429
TOO_LONG = (
    "the case was computed for longer than {limit}, the most that this server gives it: crop it to the liver"
)
DIED_TWICE = (
    "its process {end}, also when it was tried again: the server may have too little memory for this case: crop it to "
    "the liver"
)
LOST_OFTEN = "its computer was lost {count} times ({end}): tell who runs the server, and segment again"
COULD_NOT_BEGIN = (
    "a computer of the server could not begin ({lacks}): tell who runs the server, and segment again"
)


@dataclass(kw_only=True)
class ServedJob:
    """A job. state: as in a `JobState`. heard: when its client last asked for it.

    begun: when its worker was first seen at it, or None.
    """

    folder: Path
    request: JobRequest
    task: Task
    state: str = WAITING
    heard: float = field(default_factory=time.monotonic)
    begun: float | None = None
    message: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    deaths: int = 0
    losses: int = 0
    dropped: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more is done for it."""
        return self.state in (DONE, FAILED)


class Jobs:
    """All jobs of a server."""

    def __init__(self, settings: ServerSettings, store: Store, engine: Engine) -> None:
        self._settings, self._store, self._engine = settings, store, engine
        self._jobs: dict[tuple[int, str], ServedJob] = {}
        self._flying: list[ServedJob] = []
        self._wake = asyncio.Event()
        self._stopping = False

    def knows(self, owner: int, identifier: str) -> bool:
        """Return whether there is a job of this identifier."""
        return (owner, identifier) in self._jobs

    def add(self, owner: int, identifier: str, request: JobRequest, settings: dict[str, Any]) -> ServedJob:
        """Add a job of volumes that have arrived. Raises `Refusal`.

        settings: of the `SegmentationJob`, the model by its path here.
        """
        if len(self._jobs) >= self._settings.most_jobs:
            raise Refusal(
                TOO_MANY,
                f"the server has {counted(len(self._jobs), 'case')}, its most: try again later, or compute on your own "
                "computer",
            )
        headers = {role: self._store.upload(owner, name).header for role, name in request.volumes.items()}
        folder = self._store.new_job_folder()
        names = {role: f"{role}.voxels" for role in headers}
        try:
            write_request(folder, request, headers)
            self._store.take(owner, list(request.volumes.values()), folder, list(names.values()))
        except BaseException:
            self._store.remove_job_folder(folder)
            raise
        task = Task(
            name=folder.name,
            inputs={role: str(folder / name) for role, name in names.items()},
            settings=settings,
            identity={},
            folder=str(folder / "work"),
            version=__version__,
            runner=self._settings.runner,
        )
        job = self._jobs[owner, identifier] = ServedJob(folder=folder, request=request, task=task)
        self._wake.set()
        return job

    def find(self, owner: int, identifier: str) -> ServedJob:
        """Return a job, which is heard of. Raises `Refusal`."""
        job = self._jobs.get((owner, identifier))
        if job is None:
            raise unknown("case")
        job.heard = time.monotonic()
        return job

    def state(self, job: ServedJob) -> JobState:
        """Return what is told of a job."""
        if job.state == WAITING:
            waiting = [each for each in self._jobs.values() if each.state == WAITING]
            return JobState(state=WAITING, position=waiting.index(job))
        if job.state == RUNNING and job.begun is None:  # a cluster may keep it waiting
            return JobState(state=WAITING)
        if job.state == FAILED:
            return JobState(state=FAILED, message=job.message)
        if job.state == DONE:
            return JobState(state=DONE, fraction=1.0, **job.answer)
        try:
            told = load_json(Path(job.task.folder) / PROGRESS_FILE, most_bytes=1 << 16)
        except (OSError, ValueError):
            told = {}
        return JobState(state=RUNNING, **told)

    def result(self, job: ServedJob, number: int) -> tuple[Path, ResultFile]:
        """Return where a result of a job lies. Raises `Refusal`."""
        files = job.answer.get("files", ())
        if not 0 <= number < len(files):
            raise unknown("result")
        file = ResultFile(**files[number])
        return result_path(Path(job.task.folder), file, dict(job.request.outputs)), file

    def drop(self, owner: int, identifier: str) -> None:
        """End a job, if it is there, and delete what belongs to it."""
        job = self._jobs.pop((owner, identifier), None)
        if job is not None:
            job.dropped = True
            if job not in self._flying:
                self._store.remove_job_folder(job.folder)
            self._wake.set()

    async def run(self) -> None:
        """Run the jobs until `stop` is called; then end all that still runs. Raises what the engine raises."""
        try:
            while not self._stopping:
                self._wake.clear()  # first, so that what is told while the engine works wakes it as well
                await self._begin_waiting()
                await self._end_dropped()
                if self._flying:
                    for event in await asyncio.to_thread(self._engine.events, POLL_S):
                        self._happened(event)
                elif not any(job.state == WAITING for job in self._jobs.values()):
                    await self._wake.wait()
        finally:
            await asyncio.to_thread(self._engine.close)

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping = True
        self._wake.set()

    async def keep_house(self) -> None:
        """Delete what is older than asked, until this is cancelled."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            keep_s = 60 * self._settings.keep_minutes
            silent_s = min(keep_s, self._settings.silent_seconds)
            self._store.drop_older(silent_s)
            now = time.monotonic()
            for (owner, identifier), job in list(self._jobs.items()):
                if now - job.heard > (keep_s if job.ended else silent_s):
                    self.drop(owner, identifier)

    async def _begin_waiting(self) -> None:
        waiting = [job for job in self._jobs.values() if job.state == WAITING]
        most = await asyncio.to_thread(lambda: self._engine.most) if waiting else 0
        for job in waiting[: max(0, most - len(self._flying))]:
            if job.dropped:
                continue
            job.state = RUNNING
            self._flying.append(job)
            await asyncio.to_thread(self._engine.submit, job.task, again=job.deaths > 0)

    async def _end_dropped(self) -> None:
        limit_s = 60 * self._settings.case_minutes
        for job in list(self._flying):
            if job.begun is None and Path(job.task.folder).is_dir():
                job.begun = time.monotonic()
            overdue = job.begun is not None and time.monotonic() - job.begun > limit_s
            if not (job.dropped or overdue):
                continue
            await asyncio.to_thread(self._engine.cancel, job.task)
            self._flying.remove(job)
            if job.dropped:
                self._store.remove_job_folder(job.folder)
            else:
                self._fail(job, TOO_LONG.format(limit=duration_in_words(limit_s)))

    def _happened(self, event: Event) -> None:
        job = next((each for each in self._flying if each.task == event.task), None)
        if job is None:
            return
        if event.kind == ANSWERED:
            self._flying.remove(job)
            self._answered(job, event)
        elif event.kind == DIED:
            job.deaths += 1
            self._again(job, job.deaths > 1, DIED_TWICE.format(end=event.message))
        elif event.kind == LOST:
            job.losses += 1
            self._again(job, job.losses > MOST_LOSSES, LOST_OFTEN.format(count=job.losses, end=event.message))
        elif event.kind == UNFIT:
            self._flying.remove(job)
            self._fail(job, COULD_NOT_BEGIN.format(lacks=event.message))

    def _again(self, job: ServedJob, enough: bool, message: str) -> None:
        """Let a job begin anew whose worker is gone, before those that came later; or give it up."""
        self._flying.remove(job)
        if enough:
            self._fail(job, message)
            return
        job.task, job.state, job.begun = anew(job.task), WAITING, None

    def _answered(self, job: ServedJob, event: Event) -> None:
        if job.dropped:
            self._store.remove_job_folder(job.folder)
            return
        if event.answer["state"] != TASK_DONE:
            self._fail(job, str(event.answer.get("message", "")))
            return
        try:
            job.answer = load_json(Path(job.task.folder) / ANSWER_FILE)
        except (OSError, ValueError) as error:
            self._fail(job, f"the result is gone from the server's disk ({error}): segment again")
            return
        job.state, job.heard = DONE, time.monotonic()
        self._remove_volumes(job)

    def _fail(self, job: ServedJob, message: str) -> None:
        job.state, job.message, job.heard = FAILED, message, time.monotonic()
        self._store.remove_job_folder(job.folder)

    def _remove_volumes(self, job: ServedJob) -> None:
        for path in job.task.inputs.values():
            Path(path).unlink(missing_ok=True)
        self._store.measure(job.folder)
