"""The files that a run left, read into scenes of their own: a damaged file changes nothing in the user's scene."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import LIVER_SEGMENT

_BYTES = {
    "uint8": 1,
    "unsigned char": 1,
    "uint16": 2,
    "unsigned short": 2,
    "ushort": 2,
    "short": 2,
    "int16": 2,
    "signed char": 1,
    "int": 4,
    "unsigned int": 4,
    "float": 4,
    "long long int": 8,
    "unsigned long long int": 8,
    "double": 8,
}
_FIELDS = ("type", "dimension", "sizes", "space directions", "space origin", "kinds", "encoding")
_CHUNK = 1 << 20


def read_report(path: Path) -> dict[str, Any]:
    """Return the report of a run. Raises `PanelError` when it is missing or not one."""
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
        for tumor in report["tumors"]:
            if len(tumor["centroid_lps_mm"]) != 3 or "number" not in tumor:
                raise ValueError("a tumor without number or centroid")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PanelError(
            _(
                "The report of the computation cannot be read, so its result is not loaded: please "
                "report this."
            )
        ) from error
    return report


def read_segmentation(path: Path) -> slicer.vtkSegmentation:
    """Return the segmentation in a .seg.nrrd file. Raises `PanelError` when it is damaged or contains no liver."""
    segmentation = read_segments(path, "segmentation")
    if not segmentation.GetSegmentIdBySegmentName(LIVER_SEGMENT):
        raise PanelError(
            _("The segmentation that was computed cannot be read or holds no liver: please report this.")
        )
    return segmentation


def read_segments(path: Path, what: str) -> slicer.vtkSegmentation:
    """Return the segments in a .seg.nrrd file, none where Slicer cannot read it; raises `PanelError` if it is damaged.

    what: the user's word for it.
    """
    check_nrrd(path, what, fields=("Segment0_ID",))
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation = slicer.vtkSegmentation()
    if _read(private, slicer.vtkMRMLSegmentationStorageNode(), node, path):
        segmentation.DeepCopy(node.GetSegmentation())
    return segmentation


def read_volume(path: Path, what: str) -> tuple[vtk.vtkImageData, vtk.vtkMatrix4x4]:
    """Return the voxels and the matrix from voxel indices to the world. what: the user's word. Raises `PanelError`."""
    check_nrrd(path, what)
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    # Not the archetype reader, which reorients a left-handed grid.
    if not _read(private, slicer.vtkMRMLNRRDStorageNode(), node, path) or node.GetImageData() is None:
        raise PanelError(
            _("The {what} that was computed cannot be read: please report this.").format(what=what)
        )
    ijk_to_world = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(ijk_to_world)
    return node.GetImageData(), ijk_to_world


def read_transform(path: Path) -> vtk.vtkAbstractTransform:
    """Return the transform from portal venous to arterial points, both in the world. Raises `PanelError`.

    This is the direction of ITK's file, and what Slicer calls "from parent" of the node that moves the arterial volume.
    """
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLTransformNode")
    readable = path.is_file() and _read(private, slicer.vtkMRMLTransformStorageNode(), node, path)
    if not readable or node.GetTransformFromParent() is None:
        raise PanelError(_("The transform that was computed cannot be read: please report this."))
    return node.GetTransformFromParent()


def write_transform(node: slicer.vtkMRMLTransformNode, path: Path) -> None:
    """Write a transform so that `read_transform` reads it. Raises `PanelError`."""
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(path))
    if not storage.WriteData(node) or not path.is_file():
        raise PanelError(
            _("The transform cannot be written to {folder}: free some disk space and try again.").format(
                folder=path.parent
            )
        )


def check_nrrd(path: Path, what: str, fields: tuple[str, ...] = ()) -> None:
    """Raise `PanelError` unless the file is a NRRD with all of its voxels: Slicer's reader aborts on one that is not.

    what: the user's word for it. fields: required in the header besides those of every NRRD.
    """
    if not path.is_file():
        raise PanelError(_("The computation left no {what} behind: please report this.").format(what=what))
    try:
        with path.open("rb") as file:
            header = _header(file, fields)
            expected = math.prod(int(size) for size in header["sizes"].split()) * _BYTES[header["type"]]
            found = _data_length(file, header["encoding"])
    except (ValueError, KeyError, OSError, zlib.error, EOFError) as error:
        raise PanelError(
            _("The {what} that was computed cannot be read: please report this.").format(what=what)
        ) from error
    if found != expected:
        raise PanelError(
            _(
                "The {what} that was computed is damaged (it holds {found} of {expected} bytes): try again."
            ).format(what=what, found=found, expected=expected)
        )


def _read(
    scene: slicer.vtkMRMLScene,
    storage: slicer.vtkMRMLStorageNode,
    node: slicer.vtkMRMLStorableNode,
    path: Path,
) -> bool:
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    return bool(storage.ReadData(node))


def _header(file: BinaryIO, required: tuple[str, ...]) -> dict[str, str]:
    """Read the header up to its empty line; return its fields. Raises `ValueError` when one is missing."""
    if not file.readline(16).startswith(b"NRRD"):
        raise ValueError("not a NRRD file")
    fields: dict[str, str] = {}
    while line := file.readline().strip():
        name, separator, value = line.decode("utf-8", errors="replace").partition(":")
        if separator:
            fields[name] = value.lstrip("=").strip()
    missing = [name for name in (*_FIELDS, *required) if name not in fields]
    if missing:
        raise ValueError(f"no {missing[0]}")
    return fields


def _data_length(file: BinaryIO, encoding: str) -> int:
    """Return the number of bytes of voxels that follow the header."""
    if encoding == "raw":
        return sum(len(chunk) for chunk in iter(lambda: file.read(_CHUNK), b""))
    if encoding not in ("gzip", "gz"):
        raise ValueError(f"encoding {encoding}")
    stream = zlib.decompressobj(wbits=31)
    length = 0
    while chunk := file.read(_CHUNK):
        length += len(stream.decompress(chunk))
    return length + len(stream.flush())
