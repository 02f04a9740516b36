"""The run of `review`: writes the report of a study where the user wants it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.review.couinaud import SceneCouinaud
from LiverTumorAttentionGui.review.vessel_nodes import SceneVessels
from LiverTumorAttentionGui.scene.node_attributes import PHASE_NAMES
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis import Vessels

_CANCELLED = _("Cancelled. No report was written.")
_CUTS = {"resections", "segment_resections", "vessel_cuts"}
"""Keys of a plan that fill its table; one of margins alone has none."""
_REPORT_KEYS = {"version", "registration"}
"""`review` refuses a run's report without these."""


@dataclass(frozen=True, kw_only=True)
class ReportFiles:
    """The files of a report.

    page: HTML. table: the tumor table, CSV. numbers: all numbers, JSON. plan_table: the table of the plan, CSV; None
    without a plan.
    """

    page: Path
    table: Path
    numbers: Path
    plan_table: Path | None = None

    @classmethod
    def beside(cls, page: Path, *, with_plan: bool = False) -> ReportFiles:
        """Return the files of a report by the path of its page. with_plan: whether the plan has a table."""
        return cls(
            page=page,
            table=page.with_suffix(".csv"),
            numbers=page.with_suffix(".json"),
            plan_table=page.with_name(f"{page.stem}-plan.csv") if with_plan else None,
        )

    def by_option(self) -> dict[str, Path]:
        """Return the files by the option of `review` that writes them."""
        files = {"--output": self.page, "--csv": self.table, "--json": self.numbers}
        return files if self.plan_table is None else {**files, "--plan-csv": self.plan_table}


class ReportRun(ChildRun[ReportFiles]):
    """Writes a report in the child process: all of its files or none. Used once.

    study: the study. instances: its segmentation: uint16 on the portal grid in world coordinates, without rejected
    tumors. output: path of the page (.html); table and numbers are written beside it under the same name,
    and the table of the plan as "<name>-plan.csv" where it has a resection or a cut.
    plan: what `ScenePlan.as_json` returned; None without a plan. log: of corrections, which says who signed.
    patient_name: shown at the head of the page; empty for none. on_finished: called with the outcome.
    options: see `ChildRun`.
    """

    def __init__(
        self,
        study: Study,
        instances: sitk.Image,
        output: Path,
        *,
        plan: Mapping[str, Any] | None = None,
        log: str = "",
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
        self._plan = plan
        self._wanted = self._files(Path(output))
        self._log = log
        self._patient_name = patient_name.strip()

    def prepare(self, folder: Path) -> list[str]:
        """Write the input files; see `write_case`. Raises `PanelError`, also where the report cannot be written."""
        from LiverTumorAttentionLib.io import check_writable

        with as_panel_error():
            check_writable(self._wanted.page, suffixes=(".html", ".htm"), name="page")
            for path in self._wanted.by_option().values():
                check_writable(path, name="report")
        arguments = ["review", *write_case(self._study, self._instances, folder, self._log)]
        arguments += write_plan(self._plan, folder)
        if self._patient_name:
            arguments += ["--patient-name", self._patient_name]
        for option, path in self._made(folder).by_option().items():
            arguments += [option, str(path)]
        return [*arguments, "--progress", "json"]

    def collect(self, folder: Path) -> ReportFiles:
        """Copy the files to their destination."""
        from LiverTumorAttentionLib.io import replacing_all

        made = list(self._made(folder).by_option().values())
        if not all(path.is_file() for path in made):
            raise PanelError(_("The computation left no whole report behind: please report this."))
        wanted = list(self._wanted.by_option().values())
        with as_panel_error(), replacing_all(wanted, name="report") as temporary:
            for source, target in zip(made, wanted, strict=True):
                shutil.copyfile(source, temporary[target])
        return self._wanted

    def _made(self, folder: Path) -> ReportFiles:
        """Return where the child writes, apart from the files that it reads."""
        return self._files(folder / "made.html")

    def _files(self, page: Path) -> ReportFiles:
        return ReportFiles.beside(page, with_plan=bool(_CUTS & set(self._plan or ())))

    def _process_finished(self, outcome: Outcome) -> None:
        if outcome.status == "cancelled":
            outcome = Outcome(status="cancelled", message=_CANCELLED)
        super()._process_finished(outcome)


def write_case(study: Study, instances: sitk.Image, folder: Path, log: str = "") -> list[str]:
    """Write a study's volumes, segmentation, vessels, Couinaud segments and run's report; return `review`'s options.

    instances: uint16 on the portal grid. log: of corrections. Files are in world coordinates. Raises `PanelError`.
    """

    files: dict[str, Path] = {}
    for option, image in (
        ("--portal", study.portal_image()),
        *((f"--{phase}", study.registered_image(phase)) for phase in PHASE_NAMES),
        ("--probability", study.probability_image()),
    ):
        if image is not None:
            files[option] = write_volume(image, folder / f"{option.strip('-')}.nrrd")
    with as_panel_error():
        files["--segmentation"] = write_signed(instances, log, folder)
    return [
        *write_run_report(study.report, folder),
        *(argument for option, path in files.items() for argument in (option, str(path))),
        *write_anatomy(study, instances, folder),
    ]


def write_anatomy(study: Study, instances: sitk.Image, folder: Path) -> list[str]:
    """Write a study's vessels and Couinaud segments, those that there are; return `review`'s options for them.

    instances: uint16 on the portal grid in world coordinates. Raises `PanelError`.
    """
    arguments = []
    with as_panel_error():
        vessels = study.vessel_map()
        segments = None if study.couinaud is None else SceneCouinaud(study).on_liver(instances)
    if vessels is not None:
        arguments += ["--vessels", str(write_vessels(vessels, folder, SceneVessels(study).warnings))]
    if segments is not None:
        path = write_couinaud_labels(segments.labels, segments.source, folder)
        arguments += ["--segments", str(path)]
    return arguments


def write_plan(plan: Mapping[str, Any] | None, folder: Path) -> list[str]:
    """Write a plan, as `ScenePlan.as_json` returned it; return `review`'s option for it, none without a plan."""
    if plan is None:
        return []
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return ["--plan", str(path)]


def write_run_report(report: Mapping[str, Any], folder: Path) -> list[str]:
    """Write the report of the run that made a segmentation; return the option for it, none for what is no report."""
    if not set(report) >= _REPORT_KEYS:
        return []
    path = folder / "report.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    return ["--report", str(path)]


def write_signed(instances: sitk.Image, log: str, folder: Path) -> Path:
    """Write a segmentation with its log of corrections, which says who signed; return its path."""
    from LiverTumorAttentionLib.correction import HEADER_KEY
    from LiverTumorAttentionLib.io import write_segmentation

    path = folder / "segmentation.seg.nrrd"
    write_segmentation(path, instances, notes={HEADER_KEY: log} if log else {})
    return path


def write_volume(image: sitk.Image, path: Path) -> Path:
    """Write a temporary volume, uncompressed for speed."""
    try:
        sitk.WriteImage(image, str(path), useCompression=False)
    except RuntimeError as error:
        raise PanelError(
            _("The volumes cannot be written to {folder}: free some disk space and try again.").format(
                folder=path.parent
            )
        ) from error
    return path


def write_vessels(vessels: Vessels, folder: Path, warnings: Sequence[str] = ()) -> Path:
    """Write the vessels with their names as segments of one layer; return their path.

    warnings: what their proposal warned of, for the report to say.
    """
    from LiverTumorAttentionLib.io.seg_nrrd import write_layers
    from LiverTumorAttentionLib.pipeline.liver_vessels import proposal_fields

    pairs = proposal_fields("", warnings)
    for index, (value, name) in enumerate(vessels.names.items()):
        fields = {"ID": f"Vessel_{value}", "Name": name, "LabelValue": str(value), "Layer": "0"}
        pairs |= {f"Segment{index}_{field}": text for field, text in fields.items()}
    path = folder / "vessels.seg.nrrd"
    write_layers(path, vessels.array.astype(np.uint16)[np.newaxis], vessels.labels, pairs)
    return path


def write_couinaud_labels(labels: sitk.Image, source: str, folder: Path) -> Path:
    """Write Couinaud segments and who told them; return their path. labels: 1 to 8 on the portal grid."""
    from LiverTumorAttentionLib.io.couinaud_segments import write_couinaud
    from LiverTumorAttentionLib.pipeline.liver_segments import SOURCE_KEY

    path = folder / "given.seg.nrrd"
    with as_panel_error():
        write_couinaud(path, labels, {SOURCE_KEY: source} if source else {})
    return path
