"""The installed models: listed, imported, verified, removed. No widgets; nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import (
    CHILD_SCRIPT,
    ChildProcess,
    Event,
    OnProgress,
    python_executable,
)
from LiverTumorAttentionGui.process.protocol import Outcome, progress_of

if TYPE_CHECKING:
    from LiverTumorAttentionLib.models import InstalledModel, ModelDescription

DESCRIPTION_FILE = "model.json"

OnFinished = Callable[[Outcome], None]
OnQuestions = Callable[[Outcome, "Event | None"], None]
"""Called with the outcome, and what the model leaves open; None where that cannot be told."""


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """One entry of the model list: id, title, and the statement in its description.

    has_operating_points: whether it gives findings a lesion probability, by which a run keeps more or fewer of them.
    needs: phases that it cannot run without, beside the portal venous one.
    """

    id: str
    title: str
    statement: str
    has_operating_points: bool = False
    needs: tuple[str, ...] = ()


def installed_models() -> list[ModelChoice]:
    """Return the installed models; only their descriptions are read."""
    from LiverTumorAttentionLib.models import list_models

    return [
        ModelChoice(
            id=package.description.id,
            title=package.description.title,
            statement=package.description.statement,
            has_operating_points=package.description.candidates is not None,
            needs=package.description.needed_phases,
        )
        for package in list_models()
    ]


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One installed model, usable or not.

    title, id: the folder's name where the description cannot be read; version: empty then.
    size_bytes: of all its files together; None where one is missing.
    problem: why it is damaged, in one sentence; empty when no damage is known.
    """

    id: str
    title: str
    version: str
    size_bytes: int | None
    bundled: bool
    path: Path
    problem: str
    description: ModelDescription | None


class ModelCollection:
    """The installed models. Import and verification, which read up to gigabytes, run in a child process, one at a time.

    on_changed: called after a model was added or removed.
    script, program: what to run, and with which Python; for tests.
    """

    def __init__(
        self,
        *,
        on_changed: Callable[[], None] | None = None,
        script: Path = CHILD_SCRIPT,
        program: str | None = None,
    ) -> None:
        self._on_changed = on_changed or (lambda: None)
        self._script = script
        self._program = program or python_executable()
        self._process: ChildProcess | None = None
        self._verification_failures: dict[Path, str] = {}

    @property
    def busy(self) -> bool:
        """Whether a model is being imported or verified."""
        return self._process is not None

    def rows(self) -> list[ModelRow]:
        """Return the installed models, the bundled ones first, damaged ones with the reason."""
        from LiverTumorAttentionLib.models import survey_models

        return [self._row(model) for model in survey_models()]

    def ask_of(self, path: Path, *, on_progress: OnProgress, on_finished: OnQuestions) -> None:
        """Find out what a model leaves open before it can be imported: of one of this program, nothing.

        path: a zip, a model's folder, or the model.json in it. Raises `PanelError` while another action runs.
        """
        found: list[Event] = []

        def on_event(event: Event) -> None:
            if event["event"] == "questions":
                found.append(event)

        self._start(
            ["questions", str(_source(path))],
            on_progress,
            lambda outcome: on_finished(outcome, found[0] if found else None),
            on_event,
        )

    def import_model(
        self, path: Path, options: Sequence[str] = (), *, on_progress: OnProgress, on_finished: OnFinished
    ) -> None:
        """Copy a model into the user's models, after verifying or converting it; a damaged one changes nothing.

        path: a zip, a model's folder, or the model.json in it. options: answers to what it leaves open, as
        `models add` takes them. Raises `PanelError` while another action runs.
        """
        source = _source(path)

        def finished(outcome: Outcome) -> None:
            if outcome.status == "done":
                self._verification_failures.clear()
                self._on_changed()
            on_finished(outcome)

        self._start(["add", str(source), *options], on_progress, finished)

    def verify(self, row: ModelRow, *, on_progress: OnProgress, on_finished: OnFinished) -> None:
        """Compare a model's files with their checksums; `rows` then contains the result.

        Raises `PanelError` while another action runs.
        """

        def finished(outcome: Outcome) -> None:
            if outcome.status == "done":
                self._verification_failures.pop(row.path, None)
            elif outcome.status == "failed":
                self._verification_failures[row.path] = outcome.message
            on_finished(outcome)

        self._start(["verify", str(row.path)], on_progress, finished)

    def remove(self, row: ModelRow) -> None:
        """Delete a model that the user added. Raises `PanelError`, and then it is unchanged."""
        self._refuse_while_busy()
        from LiverTumorAttentionLib.models import remove_model

        with as_panel_error():
            remove_model(row.id if row.bundled else row.path.name)
        self._verification_failures.pop(row.path, None)
        self._on_changed()

    def cancel(self) -> None:
        """Cancel the running action; its `on_finished` follows with "cancelled"."""
        if self._process is not None:
            self._process.cancel()

    def abandon(self) -> None:
        """Kill the running action without calling its `on_finished`."""
        process, self._process = self._process, None
        if process is not None:
            process.abandon()

    def _row(self, model: InstalledModel) -> ModelRow:
        description = model.package.description if model.package is not None else None
        size = model.package.size_bytes() if model.package is not None and not model.problem else None
        return ModelRow(
            id=description.id if description else model.path.name,
            title=description.title if description else model.path.name,
            version=description.version if description else "",
            size_bytes=size,
            bundled=model.bundled,
            path=model.path,
            problem=model.problem or self._verification_failures.get(model.path, ""),
            description=description,
        )

    def _start(
        self,
        arguments: list[str],
        on_progress: OnProgress,
        on_finished: OnFinished,
        on_other: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._refuse_while_busy()

        def on_event(event: Event) -> None:
            if progress := progress_of(event):
                on_progress(*progress)
            else:
                on_other(event)

        def on_end(outcome: Outcome) -> None:
            self._process = None
            on_finished(outcome)

        self._process = ChildProcess(on_event, on_end)
        command = [str(self._script), "models", *arguments, "--progress", "json"]
        self._process.start(self._program, command)

    def _refuse_while_busy(self) -> None:
        if self.busy:
            raise PanelError(
                _("Another model is being imported or verified: wait for it, or cancel it first.")
            )


def _source(path: Path) -> Path:
    return path.parent if path.name == DESCRIPTION_FILE else path
