"""The run of `review` that writes DICOM objects into the patient's study: SEG, structured report, RT Structure Set."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.process.dicom_packages import SCRIPT
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.review.report_run import (
    write_anatomy,
    write_plan,
    write_run_report,
    write_signed,
    write_volume,
)
from LiverTumorAttentionGui.scene.dicom_source import DicomSource, add_to_database
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    import SimpleITK as sitk


@dataclass(frozen=True, kw_only=True)
class RegisteredPhase:
    """A registered phase. image: on the portal grid, HU. source: the series that it was registered from."""

    image: sitk.Image
    source: DicomSource


KINDS = {"--seg": "SEG", "--sr": "SR", "--rtstruct": "RTSTRUCT"}
"""Options of `review` and the end of the name of the file that each writes."""
_CANCELLED = _("Cancelled. No DICOM object was written.")


class DicomRun(ChildRun[tuple[Path, ...]]):
    """Writes the objects in a child process: all of them or none. Used once.

    study: the case; its vessels, Couinaud segments and the report of its run go along. instances: its segmentation,
    uint16 on the portal grid in world coordinates. log: of corrections, which says who signed. source: the portal
    series, of the database, or a folder. packages: the folder that the child needs on its path, empty for none.
    target: the folder for the files; None for the database. name: of the case, for the files. phases: what the
    structured report refers to beside the portal series, by phase. plan: for the structured report, what
    `ScenePlan.as_json` returned; None without a plan.
    """

    def __init__(
        self,
        study: Study,
        instances: sitk.Image,
        log: str,
        source: DicomSource | Path,
        *,
        packages: str,
        target: Path | None,
        name: str,
        phases: Mapping[str, RegisteredPhase] | None = None,
        plan: Mapping[str, Any] | None = None,
        on_progress: Callable[[float, str], None],
        on_finished: Callable[[Outcome], None],
        on_warning: Callable[[str], None] = lambda _: None,
        **options: Any,
    ) -> None:
        super().__init__(
            on_progress=on_progress,
            on_warning=on_warning,
            on_finished=lambda outcome, _: on_finished(outcome),
            script=SCRIPT,
            **options,
        )
        self._study, self._instances, self._log, self._source = study, instances, log, source
        self._packages, self._target, self._name = packages, target, name
        self._phases, self._plan = phases or {}, plan

    def prepare(self, folder: Path) -> list[str]:
        """Write the input files. Raises `PanelError`."""
        with as_panel_error():
            segmentation = write_signed(self._instances, self._log, folder)
        arguments = [self._packages, "review", *self._portal(folder), "--segmentation", str(segmentation)]
        for phase, registered in self._phases.items():
            path = write_volume(registered.image, folder / f"{phase}.nrrd")
            arguments += [f"--{phase}", str(path)]
            arguments += _series(registered.source, folder, f"--{phase}-source", f"--{phase}-series")
        arguments += write_run_report(self._study.report, folder)
        arguments += write_anatomy(self._study, self._instances, folder)
        arguments += write_plan(self._plan, folder)
        for option, path in self._made(folder).items():
            arguments += [option, str(path)]
        return [*arguments, "--progress", "json"]

    def collect(self, folder: Path) -> tuple[Path, ...]:
        """Copy the files to their destination, or into the database."""
        from LiverTumorAttentionLib.io import replacing_all

        made = list(self._made(folder).values())
        if not all(path.is_file() for path in made):
            raise PanelError(_("The computation left no whole DICOM objects behind: please report this."))
        if self._target is None:
            add_to_database(made)
            return ()
        wanted = [self._target / path.name for path in made]
        with as_panel_error(), replacing_all(wanted, name="DICOM object") as temporary:
            for source, target in zip(made, wanted, strict=True):
                shutil.copyfile(source, temporary[target])
        return tuple(wanted)

    def _portal(self, folder: Path) -> list[str]:
        if isinstance(self._source, Path):
            return ["--portal", str(self._source)]
        return _series(self._source, folder, "--portal", "--series")

    def _made(self, folder: Path) -> dict[str, Path]:
        """Return where the child writes, by option."""
        return {option: folder / f"{self._name} {kind}.dcm" for option, kind in KINDS.items()}

    def _process_finished(self, outcome: Outcome) -> None:
        if outcome.status == "cancelled":
            outcome = Outcome(status="cancelled", message=_CANCELLED)
        super()._process_finished(outcome)


def _series(source: DicomSource, folder: Path, option: str, which: str) -> list[str]:
    """Return the options for a series: its folder, or copies of its files where they lie in several."""
    if source.folder is not None:
        return [option, str(source.folder), which, source.series]
    copies = folder / option.strip("-")
    copies.mkdir()
    for number, file in enumerate(source.files):
        shutil.copyfile(file, copies / f"{number:05d}.dcm")
    return [option, str(copies)]
