"""A segmentation run: its inputs from the scene, the child process, and its result as nodes. No widgets."""

from __future__ import annotations

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
from LiverTumorAttentionGui.scene.node_attributes import ARTERIAL_ROLE, PORTAL_ROLE, ROLE_ATTRIBUTE
from LiverTumorAttentionGui.scene.result_files import read_report, read_transform, read_volume
from LiverTumorAttentionGui.scene.result_nodes import (
    RegistrationNodes,
    fill_tumor_table,
    place_probability,
    place_registration,
)
from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume
from LiverTumorAttentionLib.pipeline.arterial_policy import NOT_SAVED, is_usable
from LiverTumorAttentionLib.tumor_columns import RUN_NODE_COLUMNS

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
    """The inputs and settings of a run."""

    portal: slicer.vtkMRMLScalarVolumeNode
    """The portal venous CT."""
    arterial: slicer.vtkMRMLScalarVolumeNode | None = None
    """The late arterial CT; None for a run without."""
    model: str
    """Id of the model."""
    device: str = "auto"
    """One of `parameters.DEVICES`."""
    output: slicer.vtkMRMLSegmentationNode | None = None
    """The node to fill; None for a new one."""
    keep_registered: bool = False
    """Whether the registered arterial volume and its transform are added to the scene."""
    keep_probability: bool = True
    """Whether the probability of tumor is added to the scene."""
    threshold: float | None = None
    """Probability from which a voxel is tumor; None for the model's own."""
    minimum_diameter_mm: float | None = None
    """Smallest diameter of a finding; None for the model's own."""


@dataclass(frozen=True, kw_only=True)
class SegmentationResult:
    """What a run put into the scene, and what it reported."""

    segmentation: slicer.vtkMRMLSegmentationNode
    """The study: liver and tumors."""
    table: slicer.vtkMRMLTableNode
    """One row a tumor."""
    summary: str
    """The result in one sentence, with notes on where it was put."""
    warnings: list[str] = field(default_factory=list)
    """Sentences for the user."""
    report: dict[str, Any] = field(default_factory=dict)
    """The report of the command line."""
    verdict: Verdict | None = None
    """Quality of the registration; None without an arterial volume."""
    registration: RegistrationNodes | None = None
    """Nodes of the registration; None unless requested and not refused."""
    probability: slicer.vtkMRMLScalarVolumeNode | None = None
    """The probability of tumor; None unless requested."""
    merged: bool = False
    """Whether the findings were added as drafts to a study with accepted, rejected or changed lesions."""


class LiverTumorAttentionLogic(ScriptedLoadableModuleLogic):
    """Prepares a run for the child process, loads its result, and owns the correction controllers."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._controllers = CorrectionControllers()

    def controller(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionController:
        """Return the correction controller of a segmentation: the same one while its volume is unchanged.

        Raises `PanelError` when the segmentation cannot be corrected.
        """
        return self._controllers.get(segmentation)

    def close_controllers(self) -> None:
        """Close all correction controllers; all corrections are in the scene."""
        self._controllers.close()

    def getParameterNode(self) -> SegmentationParameters:  # the name is Slicer's
        """Return the panel's parameters, which are stored in the scene."""
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
        WorldVolume(request.portal, "portal venous").write(portal)
        arguments = ["segment", "--portal", str(portal)]
        if request.arterial is not None:
            arterial = folder / ARTERIAL_FILE
            WorldVolume(request.arterial, "arterial").write(arterial)
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
        """Load the result in `folder` into the scene. Raises `PanelError`, and then the scene is unchanged.

        Where the request's output contains lesions that a person accepted, rejected or changed, the findings are added
        to it as drafts; otherwise its content is replaced. All files are read before the scene is changed.
        """
        portal, arterial = request.portal, request.arterial
        if portal.GetScene() is None:
            raise PanelError("The portal venous volume was removed during the run: the result is not loaded.")
        report = read_report(folder / REPORT_FILE)
        verdict = read_verdict(report.get("registration"))
        refused = verdict is not None and not is_usable(verdict)
        registered = probability_voxels = None
        if request.keep_registered and is_usable(verdict):
            registered = read_volume(folder / REGISTERED_FILE, "registered arterial volume")
            transform = read_transform(folder / TRANSFORM_FILE)
        if request.keep_probability:
            probability_voxels = read_volume(folder / PROBABILITY_FILE, "probability of tumor")
        findings = Findings(
            folder / SEGMENTATION_FILE, portal=portal, report=report, controllers=self._controllers
        )
        placed = findings.place(request.output)
        under_transform = findings.under_transform
        registration = probability = None
        if registered is not None:
            registration = place_registration(
                placed.node,
                registered,
                transform,
                portal=portal,
                arterial=arterial,
                under_transform=under_transform,
            )
        if probability_voxels is not None:
            probability = place_probability(
                placed.node, probability_voxels, portal=portal, under_transform=under_transform
            )
        findings.link(placed, registration=registration, probability=probability)
        table = fill_tumor_table(placed.node, findings.tumors(placed), RUN_NODE_COLUMNS)
        portal.SetAttribute(ROLE_ATTRIBUTE, PORTAL_ROLE)
        if arterial is not None and arterial.GetScene() is not None:
            arterial.SetAttribute(ROLE_ATTRIBUTE, ARTERIAL_ROLE)
        merged = placed.controller is not None
        warnings = [str(warning) for warning in report.get("warnings") or []]
        return SegmentationResult(
            segmentation=placed.node,
            table=table,
            summary=" ".join([_summary(report, merged=merged), *placed.notes]),
            warnings=warnings + ([NOT_SAVED] if request.keep_registered and refused else []),
            report=report,
            verdict=verdict,
            registration=registration,
            probability=probability,
            merged=merged,
        )


class SegmentationRun(ChildRun[SegmentationResult]):
    """One segmentation in the child process, from the volumes to the nodes. Used once."""

    def __init__(self, logic: LiverTumorAttentionLogic, request: SegmentationRequest, **options: Any) -> None:
        """options: see `ChildRun`."""
        super().__init__(**options)
        self._logic = logic
        self._request = request

    def prepare(self, folder: Path) -> list[str]:
        """Write the volumes; see `LiverTumorAttentionLogic.prepare`."""
        return self._logic.prepare(self._request, folder)

    def collect(self, folder: Path) -> SegmentationResult:
        """Load the result into the scene; see `LiverTumorAttentionLogic.load`."""
        return self._logic.load(self._request, folder)


def _summary(report: dict[str, Any], *, merged: bool) -> str:
    """Return the result in one sentence. merged: the study contains more than what the run found."""
    tumors = report["tumors"]
    liver_ml = (report.get("liver") or {}).get("volume_ml")
    liver = f" Liver: {float(liver_ml):.0f} mL." if liver_ml is not None else ""
    if not tumors:
        return f"{'The run found no tumor' if merged else 'No tumor was found'}.{liver}"
    total_ml = sum(float(tumor.get("volume_ml") or 0.0) for tumor in tumors)
    count = "1 tumor" if len(tumors) == 1 else f"{len(tumors)} tumors"
    return f"{'The run found ' if merged else ''}{count}, {total_ml:.1f} mL in all.{liver}"
