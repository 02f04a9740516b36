"""Two slice views of two volumes that move together through a transform between the volumes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import slicer
import vtk

Ras = tuple[float, float, float]


class LinkedSlices:
    """Links two slice nodes until `leave`: the middle of one lies where the transform takes that of the other.

    to_second: from points of the first view's volume to those of the second's, world RAS mm. What lies between that
    place and where the second view was centered by hand stays (`center`). Fields of view are as large as each other.
    """

    def __init__(
        self,
        first: slicer.vtkMRMLSliceNode,
        second: slicer.vtkMRMLSliceNode,
        to_second: vtk.vtkAbstractTransform,
    ) -> None:
        self._views = first, second
        self._ways = to_second, to_second.GetInverse()
        self._offset = np.zeros(3)
        self._moving = False
        self._tags = [
            view.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follower(index))
            for index, view in enumerate(self._views)
        ]
        self._follow(0)

    def center(self, first: Ras | None, second: Ras | None) -> None:
        """Center the views on a place of each; None leaves it to the transform, without an offset from then on."""
        self._offset = np.zeros(3)
        if first is not None and second is not None:
            self._offset = np.array(second) - self._ways[0].TransformPoint(first)
        index, ras = (0, first) if first is not None else (1, second)
        if ras is not None:
            self._views[index].JumpSliceByCentering(*ras)
            self._follow(index)

    def leave(self) -> None:
        """Link them no more."""
        for view, tag in zip(self._views, self._tags, strict=True):
            view.RemoveObserver(tag)
        self._tags = []

    def _follower(self, index: int) -> Callable[..., None]:
        return lambda *_: self._follow(index)

    def _follow(self, index: int) -> None:
        """Move the other view after one that was moved."""
        if self._moving:
            return
        moved, other = self._views[index], self._views[1 - index]
        matrix = moved.GetSliceToRAS()
        middle = np.array([matrix.GetElement(row, 3) for row in range(3)])
        if index == 0:
            place = np.array(self._ways[0].TransformPoint(middle)) + self._offset
        else:
            place = np.array(self._ways[1].TransformPoint(middle - self._offset))
        self._moving = True
        try:
            other.JumpSliceByCentering(*place)
            width, _height, _depth = moved.GetFieldOfView()
            own_width, own_height, own_depth = other.GetFieldOfView()
            if width > 0 and own_width > 0 and abs(width - own_width) > 1e-6 * width:
                other.SetFieldOfView(width, own_height * width / own_width, own_depth)
        finally:
            self._moving = False
