"""The run of `review`: from a study in the scene to a page where the user wants it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.review.report_files import write_case
from LiverTumorAttentionGui.scene.study import Study

_CANCELLED = "Cancelled. No report was written."


@dataclass(frozen=True, kw_only=True)
class ReportResult:
    """The files of a report, all of them there: the page, the table as CSV, all numbers as JSON."""

    page: Path
    table: Path
    numbers: Path

    @classmethod
    def beside(cls, page: Path) -> ReportResult:
        """Return the files of a report whose page is to be called so."""
        return cls(page=page, table=page.with_suffix(".csv"), numbers=page.with_suffix(".json"))

    def by_option(self) -> dict[str, Path]:
        """Return the files by the option of `review` that asks for them."""
        return {"--output": self.page, "--csv": self.table, "--json": self.numbers}


class ReportRun(ChildRun[ReportResult]):
    """Writes a report in the child. Its files come to where the user wants them all together, or none does. Used once.

    study: of which case. instances: its segmentation as it stands: uint16 on the portal grid, in the world, without the
    rejected tumours. output: where the page goes (.html); table and numbers go beside it, under its name.
    plan: what `ScenePlan.as_json` returned; None without a plan. patient_name: what stands at the head of the page;
    empty for nothing. on_finished: called with the outcome alone, as everything that it says is in files.
    options: see `ChildRun`.
    """

    def __init__(
        self,
        study: Study,
        instances: sitk.Image,
        output: Path,
        *,
        plan: Mapping[str, Any] | None = None,
        patient_name: str = "",
        on_progress: Callable[[float, str], None],
        on_finished: Callable[[Outcome], None],
        on_warning: Callable[[str], None] = lambda _: None,
        **options: Any,
    ) -> None:
        super().__init__(
            on_progress=on_progress,
            on_warning=on_warning,
            on_finished=lambda outcome, _: on_finished(outcome),
            **options,
        )
        self._study = study
        self._instances = instances
        self._wanted = ReportResult.beside(Path(output))
        self._plan = plan
        self._patient_name = patient_name.strip()

    def prepare(self, folder: Path) -> list[str]:
        """Write the case; see `write_case`. Raises `PanelError`, also where the report could not be put later."""
        from LiverTumorAttentionLib.io import check_writable

        with as_panel_error():
            check_writable(self._wanted.page, suffixes=(".html", ".htm"), name="page")
            for path in self._wanted.by_option().values():
                check_writable(path, name="report")
        arguments = ["review", *write_case(self._study, self._instances, folder)]
        if self._plan is not None:
            (folder / "plan.json").write_text(json.dumps(self._plan), encoding="utf-8")
            arguments += ["--plan", str(folder / "plan.json")]
        if self._patient_name:
            arguments += ["--patient-name", self._patient_name]
        for option, path in self._made(folder).by_option().items():
            arguments += [option, str(path)]
        return [*arguments, "--progress", "json"]

    def collect(self, folder: Path) -> ReportResult:
        """Move the files to where the user wants them."""
        from LiverTumorAttentionLib.io import replacing_all

        made = list(self._made(folder).by_option().values())
        if not all(path.is_file() for path in made):
            raise PanelError("The computation left no whole report behind: please report this.")
        wanted = list(self._wanted.by_option().values())
        with as_panel_error(), replacing_all(wanted, name="report") as temporary:
            for source, target in zip(made, wanted, strict=True):
                shutil.copyfile(source, temporary[target])
        return self._wanted

    def _made(self, folder: Path) -> ReportResult:
        """Return where the child writes: names that none of the files that it reads has."""
        return ReportResult.beside(folder / "made.html")

    def _process_finished(self, outcome: Outcome) -> None:
        if outcome.status == "cancelled":
            outcome = Outcome(status="cancelled", message=_CANCELLED)
        super()._process_finished(outcome)
