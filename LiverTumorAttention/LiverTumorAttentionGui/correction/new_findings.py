"""What a run found, in the scene: a segmentation of its own, or drafts beside what a person decided."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.labelmap_layers import LabelLayers
from LiverTumorAttentionGui.scene.node_attributes import (
    LOG_ATTRIBUTE,
    PORTAL_REFERENCE,
    REGISTERED_REFERENCE,
    REPORT_ATTRIBUTE,
    TRANSFORM_REFERENCE,
    VESSELS_REFERENCE,
)
from LiverTumorAttentionGui.scene.result_files import read_segmentation
from LiverTumorAttentionGui.scene.result_nodes import RegistrationNodes, place_segmentation
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.controllers import CorrectionControllers
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Where the findings went. controller: that of the decisions beside which they are; None where they stand alone.

    notes: sentences for the user.
    """

    node: slicer.vtkMRMLSegmentationNode
    controller: CorrectionController | None = None
    notes: tuple[str, ...] = ()


class Findings:
    """The segmentation that a run left. It is read outside of the scene, so that a damaged one changes nothing."""

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
        self.under_transform = WorldVolume(portal, "portal venous").moves_with_transform

    def place(self, output: slicer.vtkMRMLSegmentationNode | None) -> Placed:
        """Put the findings into the scene. Raises `PanelError`, and then the scene is unchanged.

        output: the node that is wanted. It is replaced, merged with where a person decided something, or left alone
        where that is about another volume; None, or a node that was removed, for a new one.
        """
        if output is None or output.GetScene() is None:
            return Placed(node=self._alone(None))
        try:
            controller = self._decided(output)
        except PanelError as error:
            note = f"{output.GetName()} holds decisions that cannot be read, so the result is a new segmentation."
            return Placed(node=self._alone(None), notes=(note, str(error)))
        if controller is None:
            return Placed(node=self._alone(output))
        if controller.study.portal is not self._portal:
            note = f"{output.GetName()} holds decisions about another volume, so the result is a new segmentation."
            return Placed(node=self._alone(None), notes=(note,))
        outcome = controller.merge(self._instances(controller), model=self._model())
        note = f"{outcome.note[:1].upper()}{outcome.note[1:]}; what was decided or edited stays as it was."
        return Placed(node=output, controller=controller, notes=(note,))

    def link(
        self,
        placed: Placed,
        *,
        registration: RegistrationNodes | None,
        probability: slicer.vtkMRMLScalarVolumeNode | None,
    ) -> None:
        """Tie the segmentation to its volumes and to the run's report; what belongs to another volume is let go."""
        node = placed.node
        same = node.GetNodeReference(PORTAL_REFERENCE) in (None, self._portal)
        arterial = (
            registration.volume
            if registration
            else node.GetNodeReference(REGISTERED_REFERENCE)
            if same
            else None
        )
        vessels = node.GetNodeReference(VESSELS_REFERENCE) if same else None
        if not same and registration is None:
            node.SetNodeReferenceID(TRANSFORM_REFERENCE, None)
        Study.link(node, self._portal, arterial=arterial, probability=probability, vessels=vessels)
        node.SetAttribute(REPORT_ATTRIBUTE, json.dumps(self._report))
        if placed.controller is not None:
            placed.controller.see_new_volumes()

    def tumors(self, placed: Placed) -> list[dict[str, Any]]:
        """Return the table's rows: the run's own, or those of the lesions that there are now."""
        if placed.controller is None:
            return list(self._report["tumors"])
        from LiverTumorAttentionLib.analysis import measure_tumors

        case = placed.controller.session.case
        measured = measure_tumors(placed.controller.instances(), case.portal, case.arterial, case.probability)
        return [asdict(each) for each in measured]

    def _alone(self, target: slicer.vtkMRMLSegmentationNode | None) -> slicer.vtkMRMLSegmentationNode:
        """Return the target with its content replaced, or a new node."""
        if target is not None:
            self._controllers.forget(target)
            target.RemoveAttribute(LOG_ATTRIBUTE)
        return place_segmentation(
            self._found, portal=self._portal, target=target, under_transform=self.under_transform
        )

    def _decided(self, output: slicer.vtkMRMLSegmentationNode) -> CorrectionController | None:
        """Return the controller of a segmentation in which a person decided something. Raises `PanelError`."""
        from LiverTumorAttentionGui.scene.segments import has_accepted_lesion

        if not output.GetAttribute(LOG_ATTRIBUTE) and not has_accepted_lesion(output.GetSegmentation()):
            return None
        controller = self._controllers.controller(output)
        return controller if controller.has_decisions else None

    def _instances(self, controller: CorrectionController) -> sitk.Image:
        """Return the findings on the grid of a controller."""
        from LiverTumorAttentionGui.scene.segments import lesions_of

        node = slicer.vtkMRMLSegmentationNode()
        node.SetAndObserveSegmentation(self._found)
        lesions = {each: number + 1 for number, each in lesions_of(self._found).items()}
        grid = controller.study.grid
        return grid.image(LabelLayers(node, grid).read(lesions))

    def _model(self) -> str | None:
        model = self._report.get("model")
        return str(model["id"]) if isinstance(model, dict) and "id" in model else None
