"""The findings of a run in the scene: a segmentation of their own, or drafts beside lesions the user decided on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.labelmap_layers import LabelLayers
from LiverTumorAttentionGui.scene.node_attributes import (
    COUINAUD_REFERENCE,
    LOG_ATTRIBUTE,
    PHASE_NAMES,
    PORTAL_REFERENCE,
    REPORT_ATTRIBUTE,
    TRANSFORM_REFERENCE,
    VESSELS_REFERENCE,
)
from LiverTumorAttentionGui.scene.result_files import read_segmentation
from LiverTumorAttentionGui.scene.result_nodes import place_segmentation
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.controllers import CorrectionControllers
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController


@dataclass(frozen=True, kw_only=True)
class PlacedFindings:
    """The segmentation node that holds the findings.

    controller: of the segmentation whose decisions the findings were merged with; None without any.
    notes: sentences for the user.
    """

    node: slicer.vtkMRMLSegmentationNode
    controller: CorrectionController | None = None
    notes: tuple[str, ...] = ()


class Findings:
    """The segmentation of a run, read outside of the scene, so that a damaged file changes nothing."""

    def __init__(
        self,
        path: Path,
        *,
        portal: slicer.vtkMRMLScalarVolumeNode,
        report: dict[str, Any],
        controllers: CorrectionControllers,
    ) -> None:
        """Raises `PanelError` when the file cannot be read or holds no liver."""
        self._found = read_segmentation(path)
        self._portal = portal
        self._report = report
        self._controllers = controllers
        self.under_transform = WorldVolume(portal, _("portal venous")).moves_with_transform

    def place(self, output: slicer.vtkMRMLSegmentationNode | None) -> PlacedFindings:
        """Put the findings into the scene. Raises `PanelError`, and then the scene is unchanged.

        output: the node to be filled; None, or a removed node, for a new one. Its content is replaced, or merged
        with where the user decided on lesions. A node whose decisions are about another volume is left unchanged.
        """
        if output is None or output.GetScene() is None:
            return PlacedFindings(node=self._replace_content(None))
        try:
            controller = self._controller_of_decisions(output)
        except PanelError as error:
            note = _(
                "{output} holds decisions that cannot be read, so the result is a new segmentation."
            ).format(output=output.GetName())
            return PlacedFindings(node=self._replace_content(None), notes=(note, str(error)))
        if controller is None:
            return PlacedFindings(node=self._replace_content(output))
        if controller.study.portal is not self._portal:
            note = _(
                "{output} holds decisions about another volume, so the result is a new segmentation."
            ).format(output=output.GetName())
            return PlacedFindings(node=self._replace_content(None), notes=(note,))
        outcome = controller.merge(self._instances(controller), model=self._model())
        note = _("{first}{rest}; what was decided or edited stays as it was.").format(
            first=outcome.note[:1].upper(), rest=outcome.note[1:]
        )
        return PlacedFindings(node=output, controller=controller, notes=(note,))

    def link(
        self,
        placed: PlacedFindings,
        *,
        phases: Mapping[str, slicer.vtkMRMLScalarVolumeNode],
        probability: slicer.vtkMRMLScalarVolumeNode | None,
    ) -> None:
        """Link the segmentation to its volumes and store the report; links of another volume are removed.

        phases: those that the run registered, by name. What an earlier run registered stays.
        """
        node = placed.node
        same = node.GetNodeReference(PORTAL_REFERENCE) in (None, self._portal)
        earlier = {
            phase: node.GetNodeReference(names.reference) if same else None
            for phase, names in PHASE_NAMES.items()
        }
        vessels = node.GetNodeReference(VESSELS_REFERENCE) if same else None
        if not same:
            node.SetNodeReferenceID(COUINAUD_REFERENCE, None)
        if not same and "arterial" not in phases:
            node.SetNodeReferenceID(TRANSFORM_REFERENCE, None)
        registered = {**earlier, **phases}
        Study.link(node, self._portal, probability=probability, vessels=vessels, **registered)
        node.SetAttribute(REPORT_ATTRIBUTE, json.dumps(self._report))
        if placed.controller is not None:
            placed.controller.replace_volumes()

    def tumors(self, placed: PlacedFindings) -> list[dict[str, Any]]:
        """Return the rows of the table: those of the report, or of the present lesions after a merge."""
        if placed.controller is None:
            return list(self._report["tumors"])
        from LiverTumorAttentionLib.analysis import measure_tumors, run_findings, with_lesion_probabilities

        case = placed.controller.session.case
        study = placed.controller.study
        measured = measure_tumors(
            placed.controller.instances(),
            case.portal,
            case.arterial,
            case.probability,
            delayed=study.registered_image("delayed"),
            native=study.registered_image("native"),
        )
        judged = with_lesion_probabilities(measured, run_findings(self._report))
        return [asdict(each) for each in judged]

    def _replace_content(
        self, target: slicer.vtkMRMLSegmentationNode | None
    ) -> slicer.vtkMRMLSegmentationNode:
        """Return the target with its content replaced by the findings, or a new node."""
        if target is not None:
            self._controllers.close(target)
            target.RemoveAttribute(LOG_ATTRIBUTE)
        return place_segmentation(
            self._found, portal=self._portal, target=target, under_transform=self.under_transform
        )

    def _controller_of_decisions(self, output: slicer.vtkMRMLSegmentationNode) -> CorrectionController | None:
        """Return the controller of a segmentation with decisions of the user, else None. Raises `PanelError`."""
        from LiverTumorAttentionGui.scene.segments import has_accepted_lesion

        if not output.GetAttribute(LOG_ATTRIBUTE) and not has_accepted_lesion(output.GetSegmentation()):
            return None
        controller = self._controllers.get(output)
        return controller if controller.has_decisions else None

    def _instances(self, controller: CorrectionController) -> sitk.Image:
        """Return the findings on the grid of a controller's study."""
        from LiverTumorAttentionGui.scene.segments import lesions_of

        node = slicer.vtkMRMLSegmentationNode()
        node.SetAndObserveSegmentation(self._found)
        lesions = {each: number + 1 for number, each in lesions_of(self._found).items()}
        grid = controller.study.grid
        return grid.image(LabelLayers(node, grid).read(lesions))

    def _model(self) -> str | None:
        model = self._report.get("model")
        return str(model["id"]) if isinstance(model, dict) and "id" in model else None
