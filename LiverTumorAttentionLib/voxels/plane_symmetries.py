"""Symmetries of the axial plane: flips and quarter turns of volumes (z, y, x), and the sets of them to average over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from LiverTumorAttentionLib.voxels.boxes import Box


@dataclass(frozen=True, kw_only=True)
class PlaneSymmetry:
    """One of the eight symmetries of a square: rows and columns are swapped, then mirrored.

    Swapped and mirrored along one of the two, it is a quarter turn.
    """

    swapped: bool
    """Whether rows and columns are swapped, first."""
    mirrored_rows: bool
    """Whether the order of the rows is reversed (anterior and posterior of a volume in LPS order)."""
    mirrored_columns: bool
    """Whether the order of the columns is reversed (left and right)."""

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return not (self.swapped or self.mirrored_rows or self.mirrored_columns)

    def applied(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array with its last two axes changed, as a view of it."""
        if self.swapped:
            array = array.swapaxes(-1, -2)
        return array[..., self._rows, self._columns]

    def undone(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the array that `applied` returned this of, as a view."""
        array = array[..., self._rows, self._columns]
        return array.swapaxes(-1, -2) if self.swapped else array

    def applied_to_box(self, box: Box, shape: tuple[int, ...]) -> Box:
        """Return where a box of an array of `shape` lies in what `applied` returns of that array."""
        *before, rows, columns = zip(box, shape, strict=True)
        if self.swapped:
            rows, columns = columns, rows
        return (
            *(side for side, _ in before),
            _mirrored(*rows) if self.mirrored_rows else rows[0],
            _mirrored(*columns) if self.mirrored_columns else columns[0],
        )

    @property
    def _rows(self) -> slice:
        return slice(None, None, -1 if self.mirrored_rows else 1)

    @property
    def _columns(self) -> slice:
        return slice(None, None, -1 if self.mirrored_columns else 1)


def _mirrored(side: slice, length: int) -> slice:
    return slice(length - side.stop, length - side.start)


def _symmetries(*swapped: bool) -> tuple[PlaneSymmetry, ...]:
    return tuple(
        PlaneSymmetry(swapped=swap, mirrored_rows=rows, mirrored_columns=columns)
        for swap in swapped
        for rows in (False, True)
        for columns in (False, True)
    )


SYMMETRIES: dict[str, tuple[PlaneSymmetry, ...]] = {
    "none": _symmetries(False)[:1],
    "flips": _symmetries(False),
    "flips-and-turns": _symmetries(False, True),
}
"""The symmetries that a run averages over, by the name of the option; the first of each is the identity."""
