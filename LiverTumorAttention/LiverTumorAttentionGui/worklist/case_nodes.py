"""The nodes of a worklist's case: its volumes and its segmentation, loaded into the scene and removed from it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import slicer

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.all_or_nothing import all_or_nothing
from LiverTumorAttentionGui.scene.node_attributes import (
    BASELINE_REFERENCE,
    CASE_ATTRIBUTE,
    CASE_ROLE_ATTRIBUTE,
    COUINAUD_REFERENCE,
    PLAN_REFERENCE,
    PLANE_REFERENCE,
    PORTAL_REFERENCE,
    VESSELS_REFERENCE,
)
from LiverTumorAttentionGui.scene.node_links import referenced_nodes
from LiverTumorAttentionGui.scene.volume_nodes import add_volume
from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic, SegmentationRequest
from LiverTumorAttentionGui.worklist.saved_state import remember_place, remember_saved
from LiverTumorAttentionLib.pipeline.worklist import (
    PHASE_FILES,
    PROBABILITY_FILE,
    REPORT_FILE,
    TRANSFORM_FILE,
    WorklistCase,
)

_FILES_OF = {
    role: (name, TRANSFORM_FILE) if role == "arterial" else (name,) for role, name in PHASE_FILES.items()
}
"""What a registered phase needs, by its role; without it the phase is shown as it was acquired alone."""
_NOT_OF_THE_CASE = (VESSELS_REFERENCE, BASELINE_REFERENCE, "transform")
"""Reference roles of nodes that are not the case's: vessels, an earlier study, a transform above the segmentation."""


@dataclass(frozen=True, kw_only=True)
class CaseNodes:
    """A case in the scene. volumes: by role, the portal venous one among them. segmentation: None without a result."""

    volumes: dict[str, slicer.vtkMRMLScalarVolumeNode]
    segmentation: slicer.vtkMRMLSegmentationNode | None

    @property
    def portal(self) -> slicer.vtkMRMLScalarVolumeNode:
        return self.volumes["portal"]


def load_case(logic: LiverTumorAttentionLogic, case: WorklistCase) -> CaseNodes:
    """Load a case as a run reads it, and its result with the log. Raises `PanelError`; the scene is unchanged then."""
    from LiverTumorAttentionLib.pipeline.worklist import log_of, read_volumes

    with as_panel_error():
        checksum = case.checksum()
        log = log_of(case.segmentation)
        images = read_volumes(case)
    scene = slicer.mrmlScene
    with all_or_nothing(scene):
        volumes = {role: add_volume(scene, image, f"{case.name} {role}") for role, image in images.items()}
        for role, node in volumes.items():
            remember_place(node, case.place, role)
        segmentation = None
        if log is not None:
            segmentation = _load_result(logic, case, volumes, log)
            with as_panel_error():
                if case.checksum() != checksum:
                    raise PanelError(
                        _("The segmentation of {name} was changed meanwhile: open it again.").format(
                            name=case.name
                        )
                    )
            remember_saved(segmentation, checksum)
    return CaseNodes(volumes=volumes, segmentation=segmentation)


def _load_result(
    logic: LiverTumorAttentionLogic,
    case: WorklistCase,
    volumes: dict[str, slicer.vtkMRMLScalarVolumeNode],
    log: str,
) -> slicer.vtkMRMLSegmentationNode:
    if not (case.result / REPORT_FILE).is_file():
        raise PanelError(
            _(
                "The segmentation of {name} has no {report_file} beside it, which every run writes: "
                "put it back, or remove {segmentation} to segment the case again."
            ).format(name=case.name, report_file=REPORT_FILE, segmentation=case.segmentation)
        )
    known = {each.name for each in fields(SegmentationRequest)}
    whole = {
        role for role, files in _FILES_OF.items() if all((case.result / name).is_file() for name in files)
    }
    given = {role: node for role, node in volumes.items() if role in known and role in {"portal", *whole}}
    request = SegmentationRequest(
        **given,
        model="",
        keep_registered=len(given) > 1,
        keep_probability=(case.result / PROBABILITY_FILE).is_file(),
    )
    segmentation = logic.load(request, case.result, log=log).segmentation
    logic.controller(
        segmentation
    )  # raises why it cannot be corrected, and writes the log as it goes on from here
    return segmentation


def cases_in_scene() -> list[CaseNodes]:
    """Return the cases of worklists that are in the scene."""
    portals = [node for node in _case_volumes() if node.GetAttribute(CASE_ROLE_ATTRIBUTE) == "portal"]
    found = [find_nodes(Path(node.GetAttribute(CASE_ATTRIBUTE))) for node in portals]
    return [nodes for nodes in found if nodes is not None]


def find_nodes(place: Path) -> CaseNodes | None:
    """Return the nodes of a case that is in the scene; None where it is not."""
    volumes = {
        node.GetAttribute(CASE_ROLE_ATTRIBUTE) or "": node
        for node in _case_volumes()
        if node.GetAttribute(CASE_ATTRIBUTE) == str(place)
    }
    if "portal" not in volumes:
        return None
    found = segmentations_of(volumes["portal"])
    return CaseNodes(volumes=volumes, segmentation=found[-1] if found else None)


def segmentations_of(
    portal: slicer.vtkMRMLScalarVolumeNode,
) -> list[slicer.vtkMRMLSegmentationNode]:
    """Return the segmentations that lie on a portal venous volume."""
    return [
        node
        for node in _nodes("vtkMRMLSegmentationNode")
        if node.GetNodeReference(PORTAL_REFERENCE) is portal
    ]


def has_plan(nodes: CaseNodes) -> bool:
    """Whether a case has cutting planes, margins or Couinaud segments, which no file of the case holds."""
    return any(
        referenced_nodes(segmentation, role)
        for segmentation in segmentations_of(nodes.portal)
        for role in (PLANE_REFERENCE, PLAN_REFERENCE, COUINAUD_REFERENCE)
    )


def remove_case(nodes: CaseNodes) -> None:
    """Remove a case from the scene, with what was made of it; vessels, which the user loaded, stay."""
    scene = nodes.portal.GetScene()
    doomed: list[slicer.vtkMRMLNode] = []
    for segmentation in segmentations_of(nodes.portal):
        roles: list[str] = []
        segmentation.GetNodeReferenceRoles(roles)
        doomed.append(segmentation)
        for role in roles:
            if role not in _NOT_OF_THE_CASE:
                doomed += referenced_nodes(segmentation, role)
    doomed += nodes.volumes.values()
    for node in doomed:
        if node.GetScene() is scene:
            scene.RemoveNode(node)


def _case_volumes() -> list[slicer.vtkMRMLScalarVolumeNode]:
    return [node for node in _nodes("vtkMRMLScalarVolumeNode") if node.GetAttribute(CASE_ATTRIBUTE)]


def _nodes(class_name: str) -> list[slicer.vtkMRMLNode]:
    scene = slicer.mrmlScene
    count = scene.GetNumberOfNodesByClass(class_name)
    return [scene.GetNthNodeByClass(index, class_name) for index in range(count)]
