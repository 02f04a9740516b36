"""A segmentation run: its inputs from the scene, the child process, and its result as nodes. No widgets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from LiverTumorAttentionGui.correction.controllers import CorrectionControllers
from LiverTumorAttentionGui.correction.new_findings import Findings
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.parameters import SegmentationParameters
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.review.registration_verdict import Verdict, read_verdict
from LiverTumorAttentionGui.run_summary import run_summary
from LiverTumorAttentionGui.scene.all_or_nothing import all_or_nothing
from LiverTumorAttentionGui.scene.input_volumes import is_derived
from LiverTumorAttentionGui.scene.node_attributes import (
    LOG_ATTRIBUTE,
    PHASE_NAMES,
    PORTAL_REFERENCE,
    PORTAL_ROLE,
    ROLE_ATTRIBUTE,
)
from LiverTumorAttentionGui.scene.node_links import referenced_nodes
from LiverTumorAttentionGui.scene.result_files import read_report, read_transform, read_volume
from LiverTumorAttentionGui.scene.result_nodes import (
    RegistrationNodes,
    VoxelsInWorld,
    fill_tumor_table,
    place_probability,
    place_registered,
    place_registration,
)
from LiverTumorAttentionGui.scene.series_facts import of_other_patient, series_facts, write_headers
from LiverTumorAttentionGui.scene.volume_state import VolumeState
from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume
from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.pipeline.arterial_policy import NOT_SAVED, is_usable
from LiverTumorAttentionLib.pipeline.worklist import (
    PHASE_FILES,
    PROBABILITY_FILE,
    REPORT_FILE,
    SEGMENTATION_FILE,
    TRANSFORM_FILE,
)
from LiverTumorAttentionLib.tumor_columns import RUN_NODE_COLUMNS

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

HEADERS_FILE = "headers.json"
PHASE_WORDS = {
    "portal": _("portal venous"),
    "arterial": _("arterial"),
    "delayed": _("delayed"),
    "native": _("native"),
}
"""Inputs in the user's words."""
PHASES_TITLE = _("Contrast phases")
"""Title of questions about the phases."""
FURTHER_ROLES = ("delayed", "native")
TABLE_FILE = "tumors.csv"


@dataclass(frozen=True, kw_only=True)
class ComputeServer:
    """A server of the site that computes runs. The token itself is read by the child process alone."""

    address: str
    """Such as "https://gpu.hospital.example:8642"."""
    token_file: str = ""
    """File whose first line is the token; empty for a server that wants none."""
    certificate: str = ""
    """PEM of who vouches for the server; empty where the system knows them."""

    def arguments(self) -> list[str]:
        """Return the options of the command line."""
        files = {"--token-file": self.token_file, "--server-certificate": self.certificate}
        given = [text for option, path in files.items() if path for text in (option, path)]
        return ["--server", self.address, *given]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The settings of a run, of a case in the scene or of one of a worklist."""

    model: str
    """Id of the model."""
    device: str = "auto"
    """One of `parameters.DEVICES`."""
    threshold: float | None = None
    """Probability from which a voxel is tumor; None for the model's own."""
    minimum_diameter_mm: float | None = None
    """Smallest diameter of a finding; None for the model's own."""
    operating_point: str | None = None
    """Which findings are kept by their lesion probability; None for a model that gives none."""
    phases_as_given: bool = False
    """Whether the user has said that the volumes are of the phases that they were chosen as."""
    server: ComputeServer | None = None
    """Where it is computed; None for this computer."""

    def arguments(self) -> list[str]:
        """Return the options of the command line."""
        arguments = ["--model", self.model, "--device", self.device, "--progress", "json"]
        if self.threshold is not None:
            arguments += ["--threshold", f"{self.threshold:g}"]
        if self.minimum_diameter_mm is not None:
            arguments += ["--minimum-diameter", f"{self.minimum_diameter_mm:g}"]
        if self.operating_point is not None:
            arguments += ["--operating-point", self.operating_point]
        if self.server is not None:
            arguments += self.server.arguments()
        return arguments + (["--phases-as-given"] if self.phases_as_given else [])


@dataclass(frozen=True, kw_only=True)
class SegmentationRequest(RunSettings):
    """The inputs and settings of a run on volumes of the scene."""

    portal: slicer.vtkMRMLScalarVolumeNode
    """The portal venous CT."""
    arterial: slicer.vtkMRMLScalarVolumeNode | None = None
    """The late arterial CT; None for a run without."""
    delayed: slicer.vtkMRMLScalarVolumeNode | None = None
    """The delayed CT; None for a run without."""
    native: slicer.vtkMRMLScalarVolumeNode | None = None
    """The CT without contrast; None for a run without."""
    output: slicer.vtkMRMLSegmentationNode | None = None
    """The node to fill; None for a new one."""
    keep_registered: bool = False
    """Whether the registered phases and the transform of the arterial one are added to the scene."""
    keep_probability: bool = True
    """Whether the probability of tumor is added to the scene."""
    inputs: tuple[VolumeState, ...] = field(init=False, repr=False, compare=False)
    """The volumes as they are when the request is made; the result is loaded only while they are the same."""

    def __post_init__(self) -> None:
        states = tuple(VolumeState.of(node, PHASE_WORDS[role]) for role, node in self.volumes().items())
        object.__setattr__(self, "inputs", states)

    def volumes(self) -> dict[str, slicer.vtkMRMLScalarVolumeNode]:
        """Return the volumes that there are, by what they are for, the portal venous one first."""
        nodes = {role: getattr(self, role) for role in ROLES}
        return {role: node for role, node in nodes.items() if node is not None}


@dataclass(frozen=True, kw_only=True)
class SegmentationResult:
    """What a run put into the scene, and what it reported."""

    segmentation: slicer.vtkMRMLSegmentationNode
    """The study: liver and tumors."""
    table: slicer.vtkMRMLTableNode
    """One row a tumor."""
    portal: slicer.vtkMRMLScalarVolumeNode
    """The portal venous CT of the run."""
    arterial: slicer.vtkMRMLScalarVolumeNode | None = None
    """The late arterial CT of the run; it may have been removed from the scene since."""
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
    further: dict[str, slicer.vtkMRMLScalarVolumeNode] = field(default_factory=dict)
    """The delayed and the native CT of the run, by phase; they may have been removed from the scene since."""
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

    def portal_of(self, study: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLScalarVolumeNode | None:
        """Return the portal venous CT that a study belongs to; None where it is not in the scene."""
        return study.GetNodeReference(PORTAL_REFERENCE)

    def problem(
        self,
        portal: slicer.vtkMRMLScalarVolumeNode | None,
        arterial: slicer.vtkMRMLScalarVolumeNode | None,
        model: str,
        *,
        delayed: slicer.vtkMRMLScalarVolumeNode | None = None,
        native: slicer.vtkMRMLScalarVolumeNode | None = None,
    ) -> str:
        """Return why a run cannot start, in one sentence; empty when it can."""
        if portal is None:
            return _("Choose the portal venous CT first.")
        given = {"portal": portal, "arterial": arterial, "delayed": delayed, "native": native}
        nodes = {role: node for role, node in given.items() if node is not None}
        for (first, one), (second, other) in itertools.combinations(nodes.items(), 2):
            if one is other:
                return _(
                    "The {value} and the {value2} CT are the same volume: choose two, or no {value2} one."
                ).format(value=PHASE_WORDS[first], value2=PHASE_WORDS[second])
        for node in nodes.values():
            if is_derived(node):
                return _(
                    "{node} is the result of a run, no CT as it was acquired: choose the CT itself."
                ).format(node=node.GetName())
            if node is not portal and of_other_patient(portal, node):
                return _(
                    "{node} is of another patient than {portal}: choose a CT of the same patient."
                ).format(node=node.GetName(), portal=portal.GetName())
        if not model:
            return _("No model is installed: install the extension again.")
        return ""

    def prepare(self, request: SegmentationRequest, folder: Path) -> list[str]:
        """Write the volumes into `folder`; return the command line's arguments. Raises `PanelError`."""
        further = {"delayed": request.delayed, "native": request.native}
        problem = self.problem(request.portal, request.arterial, request.model, **further)
        if problem:
            raise PanelError(problem)
        arguments = ["segment"]
        for role, node in request.volumes().items():
            path = folder / f"{role}.nrrd"
            WorldVolume(node, PHASE_WORDS[role]).write(path)
            arguments += [f"--{role}", str(path)]
            if request.keep_registered and role != "portal":
                option = "--save-registered" if role == "arterial" else f"--save-{role}"
                arguments += [option, str(folder / PHASE_FILES[role])]
        if request.keep_registered and request.arterial is not None:
            arguments += ["--save-transform", str(folder / TRANSFORM_FILE)]
        facts = {role: series_facts(node) for role, node in request.volumes().items()}
        arguments += ["--headers", str(write_headers(facts, folder / HEADERS_FILE))]
        if request.keep_probability:
            arguments += ["--save-probability", str(folder / PROBABILITY_FILE)]
        arguments += ["--output", str(folder / SEGMENTATION_FILE)]
        arguments += ["--table", str(folder / TABLE_FILE), "--report", str(folder / REPORT_FILE)]
        return arguments + request.arguments()

    def load(self, request: SegmentationRequest, folder: Path, *, log: str = "") -> SegmentationResult:
        """Load the result in `folder` into the scene. Raises `PanelError`, and then the scene is unchanged.

        log: of the corrections that were made of the result since; empty for none.

        Where the request's output contains lesions that a person accepted, rejected or changed, the findings are added
        to it as drafts; otherwise its content is replaced. All files are read before the scene is changed.
        """
        portal = request.portal
        if portal.GetScene() is None:
            raise PanelError(
                _(
                    "The portal venous volume was removed during the run: the result is not loaded"
                    ": load it, and segment again."
                )
            )
        for state in request.inputs:
            if state.node.GetScene() is not None:  # the result does not need the arterial volume any more
                state.check_unchanged()
        report = read_report(folder / REPORT_FILE)
        verdict = read_verdict(report.get("registration"))
        transform = probability_voxels = None
        verdicts = {"arterial": verdict, **_further_verdicts(report)}
        registered = {
            role: read_volume(folder / PHASE_FILES[role], _("registered {role} volume").format(role=role))
            for role in request.volumes()
            if role != "portal" and request.keep_registered and is_usable(verdicts.get(role))
        }
        if "arterial" in registered:
            transform = read_transform(folder / TRANSFORM_FILE)
        if request.keep_probability:
            probability_voxels = read_volume(folder / PROBABILITY_FILE, _("probability of tumor"))
        findings = Findings(
            folder / SEGMENTATION_FILE, portal=portal, report=report, controllers=self._controllers
        )
        with all_or_nothing(portal.GetScene(), *request.volumes().values(), *_nodes_of(request.output)):
            try:
                return self._place(
                    request, report, findings, verdicts, registered, transform, probability_voxels, log
                )
            except BaseException:
                if request.output is not None:
                    self._controllers.close(request.output)  # its session holds what is being taken back
                raise

    def _place(
        self,
        request: SegmentationRequest,
        report: dict[str, Any],
        findings: Findings,
        verdicts: Mapping[str, Verdict | None],
        registered: Mapping[str, VoxelsInWorld],
        transform: Any,
        probability_voxels: VoxelsInWorld | None,
        log: str,
    ) -> SegmentationResult:
        """Put a result that was read into the scene; see `load`."""
        portal, arterial = request.portal, request.arterial
        refused = [role for role, told in verdicts.items() if told is not None and not is_usable(told)]
        placed = findings.place(request.output)
        under_transform = findings.under_transform
        registration = probability = None
        phases = {}
        for role, voxels in registered.items():
            source = getattr(request, role)
            phases[role] = place_registered(
                placed.node, role, voxels, portal=portal, source=source, under_transform=under_transform
            )
        if "arterial" in phases:
            registration = place_registration(
                placed.node, phases["arterial"], transform, portal=portal, arterial=arterial
            )
        if probability_voxels is not None:
            probability = place_probability(
                placed.node, probability_voxels, portal=portal, under_transform=under_transform
            )
        findings.link(placed, phases=phases, probability=probability)
        if log:
            placed.node.SetAttribute(LOG_ATTRIBUTE, log)
            placed = replace(placed, controller=self._controllers.get(placed.node))
        table = fill_tumor_table(placed.node, findings.tumors(placed), RUN_NODE_COLUMNS)
        portal.SetAttribute(ROLE_ATTRIBUTE, PORTAL_ROLE)
        for role, names in PHASE_NAMES.items():
            source = getattr(request, role)
            if source is not None and source.GetScene() is not None:
                source.SetAttribute(ROLE_ATTRIBUTE, names.role)
        merged = placed.controller is not None
        warnings = [str(warning) for warning in report.get("warnings") or []]
        return SegmentationResult(
            segmentation=placed.node,
            table=table,
            portal=portal,
            arterial=arterial,
            summary=" ".join([run_summary(report, merged=merged), *placed.notes]),
            warnings=warnings + [NOT_SAVED.format(role) for role in refused if request.keep_registered],
            report=report,
            verdict=verdicts.get("arterial"),
            registration=registration,
            probability=probability,
            further={role: node for role, node in request.volumes().items() if role in FURTHER_ROLES},
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


def _further_verdicts(report: dict[str, Any]) -> dict[str, Verdict | None]:
    """Return the verdicts on the delayed and the native phase. Raises `PanelError`."""
    entries = report.get("further_registrations")
    return {role: read_verdict(entry) for role, entry in (entries or {}).items() if role in FURTHER_ROLES}


def _nodes_of(segmentation: slicer.vtkMRMLSegmentationNode | None) -> list[slicer.vtkMRMLNode]:
    """Return a segmentation and the nodes it refers to, which a new result replaces or changes."""
    if segmentation is None or segmentation.GetScene() is None:
        return []
    roles: list[str] = []
    segmentation.GetNodeReferenceRoles(roles)
    referenced = [node for role in roles for node in referenced_nodes(segmentation, role)]
    return [segmentation, *(node for node in referenced if not node.IsA("vtkMRMLStorageNode"))]
