"""Nodes in, nodes out: what a run needs from the scene, and what it leaves there. No widgets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from LiverTumorAttentionGui.correction.controllers import CorrectionControllers
from LiverTumorAttentionGui.correction.new_findings import Findings
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.parameters import SegmentationParameters
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.review.registration_verdict import Verdict, read_verdict
from LiverTumorAttentionGui.scene.node_attributes import ARTERIAL_ROLE, PORTAL_ROLE
from LiverTumorAttentionGui.scene.probability_node import ProbabilityLoader
from LiverTumorAttentionGui.scene.registration_nodes import KeptRegistration, RegistrationLoader
from LiverTumorAttentionGui.scene.result_loading import ResultLoader
from LiverTumorAttentionGui.scene.tumor_table import fill_tumor_table
from LiverTumorAttentionGui.scene.volume_export import VolumeWriter
from LiverTumorAttentionLib.analysis.tumor_columns import RUN_NODE_COLUMNS
from LiverTumorAttentionLib.pipeline.arterial_policy import NOT_SAVED, is_usable

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

PORTAL_FILE = "portal.nrrd"
ARTERIAL_FILE = "arterial.nrrd"
SEGMENTATION_FILE = "segmentation.seg.nrrd"
TABLE_FILE = "tumors.csv"
REPORT_FILE = "report.json"
REGISTERED_FILE = "registered.nrrd"
TRANSFORM_FILE = "transform.h5"
PROBABILITY_FILE = "probability.nrrd"


@dataclass(frozen=True, kw_only=True)
class SegmentationRequest:
    """One run.

    portal, arterial: the two volumes. model: its id. device: where it runs. output: the node to replace, None for
    a new one. keep_registered: whether the registered arterial volume and its transform go into the scene;
    keep_probability: whether the probability of tumour does. threshold: probability of a tumour voxel;
    minimum_diameter_mm: of a tumour; None for what the model says.
    """

    portal: slicer.vtkMRMLScalarVolumeNode
    arterial: slicer.vtkMRMLScalarVolumeNode | None = None
    model: str
    device: str = "auto"
    output: slicer.vtkMRMLSegmentationNode | None = None
    keep_registered: bool = False
    keep_probability: bool = True
    threshold: float | None = None
    minimum_diameter_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class SegmentationResult:
    """What a run put into the scene, the child's report, and one sentence about it.

    verdict: on the registration; None without an arterial volume. kept: None unless it was asked for and usable.
    probability: the volume; None unless it was asked for. merged: whether the findings were taken in as drafts beside
    lesions that a person had accepted, rejected or changed.
    """

    segmentation: slicer.vtkMRMLSegmentationNode
    table: slicer.vtkMRMLTableNode
    summary: str
    warnings: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    kept: KeptRegistration | None = None
    probability: slicer.vtkMRMLScalarVolumeNode | None = None
    merged: bool = False


class LiverTumorAttentionLogic(ScriptedLoadableModuleLogic):
    """Prepares a run for the child process, loads what it leaves, and hands out the controllers to correct it."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._controllers = CorrectionControllers()

    def controller(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionController:
        """Return the controller at which a segmentation is corrected: the same one as long as its volume stands.

        Raises `PanelError` when it cannot be corrected.
        """
        return self._controllers.controller(segmentation)

    def close_controllers(self) -> None:
        """Close all controllers, such as before the scene goes. What was corrected is in the scene."""
        self._controllers.forget()

    def getParameterNode(self) -> SegmentationParameters:  # the name is Slicer's
        """Return the panel's choices, which are kept in the scene."""
        node = super().getParameterNode()
        return SegmentationParameters(node)  # type: ignore[call-arg]  # the decorator makes this constructor

    def problem(
        self,
        portal: slicer.vtkMRMLScalarVolumeNode | None,
        arterial: slicer.vtkMRMLScalarVolumeNode | None,
        model: str,
    ) -> str:
        """Return why a run cannot start, in one sentence; empty when it can."""
        if portal is None:
            return "Choose the portal venous CT first."
        if portal is arterial:
            return (
                "The portal venous and the arterial CT are the same volume: choose two, or no arterial one."
            )
        if not model:
            return "No model is installed: install the extension again."
        return ""

    def prepare(self, request: SegmentationRequest, folder: Path) -> list[str]:
        """Write the volumes into `folder`; return the command line's arguments. Raises `PanelError`."""
        problem = self.problem(request.portal, request.arterial, request.model)
        if problem:
            raise PanelError(problem)
        portal = folder / PORTAL_FILE
        VolumeWriter(request.portal, "portal venous").write(portal)
        arguments = ["segment", "--portal", str(portal)]
        if request.arterial is not None:
            arterial = folder / ARTERIAL_FILE
            VolumeWriter(request.arterial, "arterial").write(arterial)
            arguments += ["--arterial", str(arterial)]
            if request.keep_registered:
                arguments += ["--save-registered", str(folder / REGISTERED_FILE)]
                arguments += ["--save-transform", str(folder / TRANSFORM_FILE)]
        if request.keep_probability:
            arguments += ["--save-probability", str(folder / PROBABILITY_FILE)]
        if request.threshold is not None:
            arguments += ["--threshold", f"{request.threshold:g}"]
        if request.minimum_diameter_mm is not None:
            arguments += ["--minimum-diameter", f"{request.minimum_diameter_mm:g}"]
        arguments += ["--model", request.model, "--device", request.device, "--progress", "json"]
        arguments += ["--output", str(folder / SEGMENTATION_FILE)]
        return arguments + ["--table", str(folder / TABLE_FILE), "--report", str(folder / REPORT_FILE)]

    def load(self, request: SegmentationRequest, folder: Path) -> SegmentationResult:
        """Put the result in `folder` into the scene. Raises `PanelError`, and then the scene is unchanged.

        Where the request's output holds lesions that a person accepted, rejected or changed, these stay, and the
        findings are drafts beside them; otherwise its content is replaced.
        """
        if request.portal.GetScene() is None:
            raise PanelError("The portal venous volume was removed during the run: the result is not loaded.")
        report = _read_report(folder / REPORT_FILE)
        verdict = read_verdict(report.get("registration"))
        refused = verdict is not None and not is_usable(verdict)
        registration = None
        if request.keep_registered and is_usable(verdict):
            registration = RegistrationLoader(folder / REGISTERED_FILE, folder / TRANSFORM_FILE)
        probability = ProbabilityLoader(folder / PROBABILITY_FILE) if request.keep_probability else None
        findings = Findings(
            folder / SEGMENTATION_FILE, portal=request.portal, report=report, controllers=self._controllers
        )
        placed = findings.place(request.output)
        under_transform = findings.under_transform
        kept = chances = None
        if registration is not None:
            kept = registration.place(
                placed.node, portal=request.portal, arterial=request.arterial, under_transform=under_transform
            )
        if probability is not None:
            chances = probability.place(placed.node, portal=request.portal, under_transform=under_transform)
        findings.link(placed, kept=kept, probability=chances)
        loader = ResultLoader(request.portal)
        table = fill_tumor_table(placed.node, findings.tumors(placed), RUN_NODE_COLUMNS)
        loader.mark_role(request.portal, PORTAL_ROLE)
        if request.arterial is not None and request.arterial.GetScene() is not None:
            loader.mark_role(request.arterial, ARTERIAL_ROLE)
        return SegmentationResult(
            segmentation=placed.node,
            table=table,
            summary=" ".join([_summary(report, beside=placed.controller is not None), *placed.notes]),
            warnings=_warnings(report) + ([NOT_SAVED] if request.keep_registered and refused else []),
            report=report,
            verdict=verdict,
            kept=kept,
            probability=chances,
            merged=placed.controller is not None,
        )


class SegmentationRun(ChildRun[SegmentationResult]):
    """Segments in the child for one request, and puts the result into the scene. Used once."""

    def __init__(self, logic: LiverTumorAttentionLogic, request: SegmentationRequest, **options: Any) -> None:
        """options: see `ChildRun`."""
        super().__init__(**options)
        self._logic = logic
        self._request = request

    def prepare(self, folder: Path) -> list[str]:
        """Write the volumes; see `LiverTumorAttentionLogic.prepare`."""
        return self._logic.prepare(self._request, folder)

    def collect(self, folder: Path) -> SegmentationResult:
        """Put the result into the scene; see `LiverTumorAttentionLogic.load`."""
        return self._logic.load(self._request, folder)


def _read_report(path: Path) -> dict[str, Any]:
    """Return the child's report. Raises `PanelError` when it is missing or not one."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        for tumor in report["tumors"]:
            if len(tumor["centroid_lps_mm"]) != 3 or "number" not in tumor:
                raise ValueError("a tumour without number or centroid")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PanelError(
            "The report of the computation cannot be read, so its result is not loaded: please report this."
        ) from error
    return report


def _warnings(report: dict[str, Any]) -> list[str]:
    return [str(warning) for warning in report.get("warnings") or []]


def _summary(report: dict[str, Any], *, beside: bool) -> str:
    """Return the result in one sentence. beside: decisions stand, so that the study does not hold what was found."""
    tumors = report["tumors"]
    liver_ml = (report.get("liver") or {}).get("volume_ml")
    liver = f" Liver: {float(liver_ml):.0f} mL." if liver_ml is not None else ""
    if not tumors:
        return f"{'The run found no tumor' if beside else 'No tumor was found'}.{liver}"
    total_ml = sum(float(tumor.get("volume_ml") or 0.0) for tumor in tumors)
    count = "1 tumor" if len(tumors) == 1 else f"{len(tumors)} tumors"
    return f"{'The run found ' if beside else ''}{count}, {total_ml:.1f} mL in all.{liver}"
