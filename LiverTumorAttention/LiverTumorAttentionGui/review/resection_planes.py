"""Resection planes as markups planes, whose normals point to the resected part, and where a new one is placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import PLANE_REFERENCE
from LiverTumorAttentionGui.scene.node_links import add_referenced_node, referenced_nodes
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.signals import Debounce
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import CutPlane
    from LiverTumorAttentionLib.voxels.geometry import ImageAxes

NOTIFY_MS = 20
"""Delay between the move of a plane and the call of the listener: at most 50 calls a second."""
CLEARANCE_MM = 10.0
"""Distance of a new plane from its tumor where no margin is set."""
INSIDE_SHARE = 0.05
"""Least distance of a new plane from the far end of the liver, as a share of the liver's extent."""
_COLOR = (0.35, 0.55, 0.95)
_TO_THE_RIGHT = np.array([-1.0, 0.0, 0.0])  # LPS


class ResectionPlanes:
    """The plane nodes of one study.

    on_changed: called from the event loop when a plane was moved, rotated, added or removed, here or elsewhere.
    """

    def __init__(self, study: Study, on_changed: Callable[[], None]) -> None:
        self._study = study
        self._on_changed = on_changed
        self._notify_later = Debounce(self._notify, NOTIFY_MS, restart=False)
        self._scene = study.segmentation.GetScene()
        self._observed: dict[str, tuple[slicer.vtkMRMLMarkupsPlaneNode, list[int]]] = {}
        self._removed_tag: int | None = self._scene.AddObserver(
            slicer.vtkMRMLScene.NodeRemovedEvent, self._changed
        )
        self._observe()
        self._known = self.cuts()

    def nodes(self) -> list[slicer.vtkMRMLMarkupsPlaneNode]:
        """Return the planes that have a position and a normal."""
        return [
            node
            for node in referenced_nodes(self._study.segmentation, PLANE_REFERENCE)
            if node.GetIsPlaneValid()
        ]

    def cuts(self) -> tuple[CutPlane, ...]:
        """Return the planes for the library."""
        from LiverTumorAttentionLib.analysis.planning import CutPlane

        to_lps = self._study.to_lps
        return tuple(
            CutPlane(
                point_lps_mm=to_lps(tuple(node.GetOriginWorld())),
                normal_lps=_ras_to_lps(tuple(node.GetNormalWorld())),
            )
            for node in self.nodes()
        )

    def add(self, cut: CutPlane, size_mm: float) -> slicer.vtkMRMLMarkupsPlaneNode:
        """Add a plane and return its node. size_mm: length of the sides that are drawn."""
        number = len(referenced_nodes(self._study.segmentation, PLANE_REFERENCE)) + 1
        node = add_referenced_node(
            self._study.segmentation, "vtkMRMLMarkupsPlaneNode", f"Resection plane {number}", PLANE_REFERENCE
        )
        node.SetDescription(
            _("What lies on the side of the arrow is resected. {notice}").format(notice=NOT_FOR_CLINICAL_USE)
        )
        node.SetSizeMode(slicer.vtkMRMLMarkupsPlaneNode.SizeModeAbsolute)
        node.SetSize(size_mm, size_mm)
        # As sequences: MRML takes three separate numbers for coordinates in the node's own frame.
        node.SetOriginWorld(list(self._study.to_ras(cut.point_lps_mm)))
        node.SetNormalWorld(list(_ras_to_lps(cut.normal_lps)))
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSelectedColor(*_COLOR)
        display.SetNormalVisibility(True)
        display.SetHandlesInteractive(True)
        display.SetPointLabelsVisibility(False)
        display.SetFillOpacity(0.35)
        self._observe()
        self._notify_later.request()
        return node

    def remove(self, node: slicer.vtkMRMLMarkupsPlaneNode) -> None:
        """Remove a plane of this study."""
        self._scene.RemoveNode(node)

    def close(self) -> None:
        """Remove all observers."""
        self._notify_later.cancel()
        self._remove_observers()

    def __del__(self) -> None:
        # A node that outlives this object would call an object that is being collected.
        self._remove_observers()

    def _remove_observers(self) -> None:
        for node, tags in self._observed.values():
            for tag in tags:
                node.RemoveObserver(tag)
        self._observed.clear()
        if self._removed_tag is not None:
            self._scene.RemoveObserver(self._removed_tag)
            self._removed_tag = None

    def _observe(self) -> None:
        """Observe the planes that the study refers to now, and no others."""
        wanted = {node.GetID(): node for node in referenced_nodes(self._study.segmentation, PLANE_REFERENCE)}
        for gone in set(self._observed) - set(wanted):
            node, tags = self._observed.pop(gone)
            for tag in tags:
                node.RemoveObserver(tag)
        for new in set(wanted) - set(self._observed):
            events = (
                vtk.vtkCommand.ModifiedEvent,
                slicer.vtkMRMLMarkupsNode.PointModifiedEvent,
                slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
            )
            node = wanted[new]
            self._observed[new] = (node, [node.AddObserver(event, self._changed) for event in events])

    def _changed(self, _node: object, _event: str) -> None:
        self._notify_later.request()

    def _notify(self) -> None:
        """Call the listener if a cut has changed: nodes are modified for other reasons, too."""
        self._observe()
        cuts = self.cuts()
        if cuts != self._known:
            self._known = cuts
            self._on_changed()


def _ras_to_lps(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a direction of RAS as one of LPS, or the other way round."""
    return -vector[0], -vector[1], vector[2]


@dataclass(frozen=True, kw_only=True)
class PlacedPlane:
    """A plane and the length of its sides as it is drawn, so that it crosses the whole liver."""

    cut: CutPlane
    size_mm: float


def place_plane(instances: sitk.Image, tumor: int | None, clearance_mm: float | None) -> PlacedPlane:
    """Return where a new plane is placed.

    Without a tumor: through the liver's center, resecting the right part. With one: between it and the liver's
    center, at the clearance from the tumor, resecting it.
    instances: 0 background, 1 liver, n + 1 tumor n. clearance_mm: `CLEARANCE_MM` when None.
    Raises `PanelError` when there is no liver or no such tumor.
    """
    from LiverTumorAttentionLib.analysis.planning import CutPlane
    from LiverTumorAttentionLib.voxels.geometry import ImageAxes

    axes = ImageAxes.of(instances)
    values = sitk.GetArrayViewFromImage(instances)
    liver = _Extent.of(values > 0, axes)
    if liver is None:
        raise PanelError(
            _("The segmentation has no liver to plan on: choose another segmentation, or segment again.")
        )
    size_mm = float(np.ptp(liver.ends_mm, axis=0).max())
    point, normal = liver.center_mm, _TO_THE_RIGHT
    if tumor is not None:
        lesion = _Extent.of(values == tumor + 1, axes)
        if lesion is None:
            raise PanelError(_("There is no tumor {tumor}: choose another one.").format(tumor=tumor))
        offset = lesion.center_mm - liver.center_mm
        length = float(np.linalg.norm(offset))
        normal = offset / length if length > 1.0 else _TO_THE_RIGHT
        heights = (liver.ends_mm - liver.center_mm) @ normal
        clearance = CLEARANCE_MM if clearance_mm is None else clearance_mm
        wanted = float(((lesion.ends_mm - liver.center_mm) @ normal).min()) - clearance
        lowest = float(heights.min()) + INSIDE_SHARE * float(np.ptp(heights))
        # The center of the plane is the projection of the tumor's center, where the user is looking.
        sideways = offset - (offset @ normal) * normal
        point = liver.center_mm + sideways + max(wanted, lowest) * normal
    cut = CutPlane(
        point_lps_mm=(float(point[0]), float(point[1]), float(point[2])),
        normal_lps=(float(normal[0]), float(normal[1]), float(normal[2])),
    )
    return PlacedPlane(cut=cut, size_mm=1.2 * size_mm)


@dataclass(frozen=True, kw_only=True)
class _Extent:
    """Center and extent of a mask, LPS mm. ends_mm: first and last voxel of each of its rows, (n, 3).

    The farthest voxel in any direction is the end of a row, so the other voxels of a large liver are not needed.
    """

    center_mm: np.ndarray
    ends_mm: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray, axes: ImageAxes) -> _Extent | None:
        """Return the extent of a mask (z, y, x); None when it is empty."""
        from LiverTumorAttentionLib.voxels.boxes import bounding_box, box_start

        box = bounding_box(mask)
        if box is None:
            return None
        part, start = mask[box], box_start(box)
        row_voxels = np.count_nonzero(part, axis=2)
        along = (row_voxels.sum(axis=1), row_voxels.sum(axis=0), np.count_nonzero(part, axis=(0, 1)))
        center = [np.average(np.arange(len(counts)), weights=counts) for counts in along]
        z, y = np.nonzero(row_voxels)
        first = part.argmax(axis=2)[z, y]
        last = part.shape[2] - 1 - part[:, :, ::-1].argmax(axis=2)[z, y]
        ends = np.stack([np.tile(z, 2), np.tile(y, 2), np.concatenate([first, last])], axis=1)
        return cls(center_mm=axes.position_mm(start + center), ends_mm=axes.position_mm(start + ends))
