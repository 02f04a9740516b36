"""A study: a segmentation node with its volumes, tied by node references that are saved with the scene."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.labelmap_layers import LabelLayers
from LiverTumorAttentionGui.scene.node_attributes import (
    COUINAUD_REFERENCE,
    PHASE_NAMES,
    PORTAL_REFERENCE,
    PROBABILITY_REFERENCE,
    REPORT_ATTRIBUTE,
    VESSELS_REFERENCE,
)
from LiverTumorAttentionGui.scene.voxel_grid import (
    VoxelGrid,
    WorldVolume,
    matrix_to_array,
    matrix_to_world,
    voxel_array,
)
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis import Vessels


Point = tuple[float, float, float]
ImageState = tuple[str, int, bytes | int]
"""Of a cached image: id of the node, modification time of the voxels, and position in the world."""


class Study:
    """A segmentation with its volumes.

    portal: the portal venous volume. arterial, delayed, native: those phases, registered onto it; None without.
    probability: of tumor; None without. vessels: a segmentation of vessels; None without.
    """

    def __init__(
        self, segmentation: slicer.vtkMRMLSegmentationNode, portal: slicer.vtkMRMLScalarVolumeNode
    ) -> None:
        """Raises `PanelError` when the portal venous volume cannot be used."""
        self.segmentation = segmentation
        self.portal = portal
        self._world_portal = WorldVolume(portal, _("portal venous"))
        self._images: dict[str, tuple[ImageState, VoxelGrid, sitk.Image]] = {}

    @classmethod
    def of(cls, segmentation: slicer.vtkMRMLSegmentationNode) -> Study:
        """Return the study of a segmentation.

        Raises `PanelError` when its portal venous volume is missing or has no voxels, or when the segmentation does not
        lie on that volume's voxels.
        """
        portal = _volume(segmentation, PORTAL_REFERENCE) or _volume(
            segmentation, segmentation.GetReferenceImageGeometryReferenceRole()
        )
        if portal is None:
            raise PanelError(
                _(
                    "The portal venous volume of {segmentation} is no longer in the scene: load it, or "
                    "segment again."
                ).format(segmentation=segmentation.GetName())
            )
        study = cls(segmentation, portal)
        study.layers().all()
        return study

    @classmethod
    def link(
        cls,
        segmentation: slicer.vtkMRMLSegmentationNode,
        portal: slicer.vtkMRMLScalarVolumeNode,
        *,
        arterial: slicer.vtkMRMLScalarVolumeNode | None = None,
        delayed: slicer.vtkMRMLScalarVolumeNode | None = None,
        native: slicer.vtkMRMLScalarVolumeNode | None = None,
        probability: slicer.vtkMRMLScalarVolumeNode | None = None,
        vessels: slicer.vtkMRMLSegmentationNode | None = None,
    ) -> Study:
        """Set the references of a segmentation to its volumes, and remove those not given. Raises `PanelError`."""
        study = cls(segmentation, portal)
        phases = {"arterial": arterial, "delayed": delayed, "native": native}
        for role, node in (
            (PORTAL_REFERENCE, portal),
            *((names.reference, phases[phase]) for phase, names in PHASE_NAMES.items()),
            (PROBABILITY_REFERENCE, probability),
            (VESSELS_REFERENCE, vessels),
        ):
            segmentation.SetNodeReferenceID(role, node.GetID() if node is not None else None)
        study.layers().all()
        return study

    @property
    def arterial(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        return self.registered("arterial")

    def registered(self, phase: str) -> slicer.vtkMRMLScalarVolumeNode | None:
        """Return the volume of a phase, one of `PHASE_NAMES`, registered onto the portal venous one."""
        return _volume(self.segmentation, PHASE_NAMES[phase].reference)

    @property
    def probability(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        return _volume(self.segmentation, PROBABILITY_REFERENCE)

    @property
    def vessels(self) -> slicer.vtkMRMLSegmentationNode | None:
        return self._segmentation(VESSELS_REFERENCE)

    @property
    def couinaud(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The segmentation of the Couinaud segments; None without one."""
        return self._segmentation(COUINAUD_REFERENCE)

    @property
    def report(self) -> dict[str, Any]:
        """The report of the run that found the lesions; empty without one."""
        try:
            values = json.loads(self.segmentation.GetAttribute(REPORT_ATTRIBUTE) or "{}")
        except ValueError:
            return {}
        return values if isinstance(values, dict) else {}

    @property
    def model(self) -> str | None:
        """Id of the model that found the lesions; None when they were drawn by hand."""
        model = self.report.get("model")
        return str(model["id"]) if isinstance(model, dict) and "id" in model else None

    @property
    def grid(self) -> VoxelGrid:
        """The portal venous volume's voxels in the world."""
        if self._world_portal.moves_with_transform:
            return VoxelGrid.of(self.portal.GetImageData(), self._world_portal.ijk_to_world)
        self.portal_image()
        return self._images["portal"][1]

    def layers(self) -> LabelLayers:
        """Return the segmentation's label maps on the grid. Raises `PanelError`."""
        return LabelLayers(self.segmentation, self.grid)

    def portal_image(self) -> sitk.Image:
        """Return the portal venous volume in the world, HU, LPS."""
        return self._image("portal", self.portal, self._world_portal)

    def arterial_image(self) -> sitk.Image | None:
        """Return the registered arterial volume on the portal grid; `OUTSIDE_HU` outside its field of view."""
        return self.registered_image("arterial")

    def registered_image(self, phase: str) -> sitk.Image | None:
        """Return a registered phase on the portal grid, likewise; None where there is none."""
        return self._on_portal(phase, self.registered(phase), OUTSIDE_HU)

    def probability_image(self) -> sitk.Image | None:
        """Return the probability of tumor on the portal grid."""
        return self._on_portal("probability", self.probability, 0)

    def instances(self) -> sitk.Image:
        """Return the segments as one image on the portal grid (uint16): 1 liver, n + 1 lesion n.

        Where lesions overlap, an accepted one keeps its voxels. Raises `PanelError`.
        """
        from LiverTumorAttentionGui.scene import segments

        segmentation = self.segmentation.GetSegmentation()
        lesions = segments.lesions_of(segmentation)
        accepted = [
            n
            for n, each in lesions.items()
            if segments.status_of(segmentation.GetSegment(each)) == "accepted"
        ]
        chosen: dict[str, int] = {}
        liver = segments.liver_of(segmentation)
        if liver is not None:
            chosen[liver] = 1
        for number in sorted(lesions, key=lambda n: n in accepted):
            chosen[lesions[number]] = number + 1
        layers = self.layers()
        return layers.grid.image(layers.read(chosen))

    def vessel_map(self) -> Vessels | None:
        """Return the vessels on the portal grid; None when there are none."""
        from LiverTumorAttentionGui.scene.vessel_map import vessels_on_grid

        return None if self.vessels is None else vessels_on_grid(self.grid, self.vessels)

    def to_lps(self, ras: Iterable[float]) -> Point:
        """Return a point in world RAS mm in LPS mm, as the library has it."""
        x, y, z = (float(value) for value in ras)
        return -x, -y, z

    def to_ras(self, lps: Iterable[float]) -> Point:
        """Return a point in LPS mm in world RAS mm, as the scene has it."""
        return self.to_lps(lps)

    def _segmentation(self, role: str) -> slicer.vtkMRMLSegmentationNode | None:
        node = self.segmentation.GetNodeReference(role)
        return node if node is not None and node.IsA("vtkMRMLSegmentationNode") else None

    def _image(self, role: str, node: slicer.vtkMRMLScalarVolumeNode, volume: WorldVolume) -> sitk.Image:
        """Return a volume in the world, as int16 or float32, cached until its voxels or its position change."""
        from LiverTumorAttentionLib.io.volumes import compact

        to_world = matrix_to_world(node)
        own = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(own)
        place = (
            (to_world @ matrix_to_array(own)).round(6).tobytes()
            if to_world is not None
            else _transform_mtime(node)
        )
        key = (node.GetID(), node.GetImageData().GetMTime(), place)
        cached = self._images.get(role)
        if cached is None or cached[0] != key:
            copy = volume.node()
            matrix = vtk.vtkMatrix4x4()
            copy.GetIJKToRASMatrix(matrix)
            grid = VoxelGrid.of(copy.GetImageData(), matrix)
            image = compact(
                grid.image(voxel_array(copy.GetImageData()))
            )  # unsigned voxels hold no `OUTSIDE_HU`
            cached = self._images[role] = (key, grid, image)
        return cached[2]

    def _on_portal(
        self, role: str, node: slicer.vtkMRMLScalarVolumeNode | None, outside: float
    ) -> sitk.Image | None:
        if node is None or node.GetImageData() is None:
            return None
        image = self._image(role, node, WorldVolume(node, role))
        portal = self.portal_image()
        if self._images[role][1].same_as(self._images["portal"][1]):
            return image
        return sitk.Resample(image, portal, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, outside)


def _volume(segmentation: slicer.vtkMRMLSegmentationNode, role: str) -> slicer.vtkMRMLScalarVolumeNode | None:
    node = segmentation.GetNodeReference(role)
    return node if node is not None and node.IsA("vtkMRMLScalarVolumeNode") else None


def _transform_mtime(node: slicer.vtkMRMLScalarVolumeNode) -> int:
    return int(node.GetParentTransformNode().GetTransformToWorldMTime())
