"""The curved cut of a study as a model: in the 3D view, and as its line in the slice views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import CURVED_CUT_MODEL_REFERENCE
from LiverTumorAttentionGui.scene.node_links import (
    add_referenced_node,
    referenced_nodes,
    remove_referenced_nodes,
)
from LiverTumorAttentionGui.scene.voxel_grid import matrix_to_world
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning.surface_mesh import SurfaceMesh

_COLOR = (0.35, 0.55, 0.95)
_OPACITY = 0.45
_LINE_WIDTH = 2


class CurvedCutModel:
    """The model node that a study's segmentation refers to; it exists while there is a cut to draw."""

    def __init__(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        self._segmentation = segmentation

    @property
    def node(self) -> slicer.vtkMRMLModelNode | None:
        """The model; None while there is none."""
        return next(iter(referenced_nodes(self._segmentation, CURVED_CUT_MODEL_REFERENCE)), None)

    @property
    def visible(self) -> bool:
        """Whether it is shown, or would be. Setting it without a model does nothing."""
        node = self.node
        return node is None or bool(node.GetDisplayVisibility())

    @visible.setter
    def visible(self, value: bool) -> None:
        node = self.node
        if node is not None:
            node.SetDisplayVisibility(value)

    def draw(self, mesh: SurfaceMesh, *, visible: bool = True) -> None:
        """Draw a cut, in place of what was drawn. visible: whether a model that is new is shown."""
        node = self.node
        if node is None:
            node = self._add_node(visible)
        node.SetAndObservePolyData(_poly_data(mesh, matrix_to_world(node)))

    def remove(self) -> None:
        """Remove the model, where there is one."""
        remove_referenced_nodes(self._segmentation, CURVED_CUT_MODEL_REFERENCE)

    def _add_node(self, visible: bool) -> slicer.vtkMRMLModelNode:
        name = f"{self._segmentation.GetName()} curved cut"
        node = add_referenced_node(self._segmentation, "vtkMRMLModelNode", name, CURVED_CUT_MODEL_REFERENCE)
        node.SetDescription(
            _("A cut through the points of a list, in thought alone. {notice}").format(
                notice=NOT_FOR_CLINICAL_USE
            )
        )
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetColor(*_COLOR)
        display.SetOpacity(_OPACITY)
        display.SetBackfaceCulling(False)  # it is seen from both sides
        display.SetVisibility2D(True)
        display.SetSliceIntersectionThickness(_LINE_WIDTH)
        display.SetVisibility(visible)
        return node


def _poly_data(mesh: SurfaceMesh, to_world: np.ndarray | None) -> vtk.vtkPolyData:
    """Return triangles with normals, RAS below a node's transform. to_world: of that, None where there is no linear."""
    world = np.ones((len(mesh.points_mm), 4))
    world[:, :3] = mesh.points_mm * [-1.0, -1.0, 1.0]
    own = world @ np.linalg.inv(np.eye(4) if to_world is None else to_world).T
    points = vtk.vtkPoints()
    points.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(own[:, :3]), deep=True))
    corners = np.full((len(mesh.triangles), 4), 3, np.int64)
    corners[:, 1:] = mesh.triangles
    cells = vtk.vtkCellArray()
    cells.ImportLegacyFormat(numpy_support.numpy_to_vtkIdTypeArray(corners.ravel(), deep=True))
    surface = vtk.vtkPolyData()
    surface.SetPoints(points)
    surface.SetPolys(cells)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputData(surface)
    normals.SplittingOff()
    normals.Update()
    return normals.GetOutput()
