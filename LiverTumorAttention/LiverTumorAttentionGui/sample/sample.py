"""A synthetic two-phase case in the scene: generated on this computer by the child, nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.process.install import Installer
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.sample.sample_case import (
    ARTERIAL_FILE,
    LABELS_FILE,
    LESIONS_FILE,
    PORTAL_FILE,
    SampleCase,
)
from LiverTumorAttentionGui.scene.node_attributes import ARTERIAL_ROLE, PORTAL_ROLE, ROLE_ATTRIBUTE

if TYPE_CHECKING:
    import SimpleITK as sitk

PORTAL_NAME = "Sample portal venous"
ARTERIAL_NAME = "Sample arterial"
DESCRIPTION = (
    "Synthetic: a phantom generated on this computer by Liver Tumor Attention. It shows no patient. "
    "Not for clinical use."
)
WINDOW_HU, LEVEL_HU = 300.0, 90.0


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is in the phantom.

    labels: on the portal venous grid, 0 background, 1 liver, 2 tumour. lesions: the generator's record of each, the
    largest first, with its kind, its centre (`center_lps_mm`) and its mean HU in both phases.
    """

    labels: sitk.Image
    lesions: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The nodes of the sample; the truth only where it was asked for, and never in the scene."""

    portal: slicer.vtkMRMLScalarVolumeNode
    arterial: slicer.vtkMRMLScalarVolumeNode
    truth: Truth | None = None


def load_sample(
    on_progress: Callable[[float, str], None],
    on_finished: Callable[[Outcome, Sample | None], None],
    *,
    keep_truth: bool = False,
    case: SampleCase | None = None,
    installer: Installer | None = None,
) -> SampleRun:
    """Start to generate the sample and return at once; keep what is returned until `on_finished`.

    on_progress: (fraction 0 to 1, stage in words). on_finished: (outcome, sample), the sample None unless it is in the
    scene. Raises `PanelError` when the Python packages that the generator needs are not installed.
    """
    (installer or Installer()).ensure_requirements()
    run = SampleRun(
        case or SampleCase(),
        keep_truth=keep_truth,
        on_progress=on_progress,
        on_warning=lambda _message: None,
        on_finished=on_finished,
    )
    run.start()
    return run


class SampleRun(ChildRun[Sample]):
    """One generation, from the command to the nodes. Used once."""

    def __init__(self, case: SampleCase, *, keep_truth: bool = False, **options: Any) -> None:
        """options: see `ChildRun`."""
        super().__init__(**options)
        self._case = case
        self._keep_truth = keep_truth

    def prepare(self, folder: Path) -> list[str]:
        """Nothing is written; the child generates."""
        return self._case.arguments(folder)

    def collect(self, folder: Path) -> Sample:
        """Load what was generated; see `put_into_scene`."""
        return put_into_scene(folder, keep_truth=self._keep_truth)


def put_into_scene(folder: Path, *, keep_truth: bool = False) -> Sample:
    """Load what the generator left in `folder` and show it. Raises `PanelError`, and then nothing has changed."""
    read = [_read(folder / PORTAL_FILE), _read(folder / ARTERIAL_FILE)]
    truth = _read_truth(folder) if keep_truth else None
    portal = _add(*read[0], PORTAL_NAME, PORTAL_ROLE)
    arterial = _add(*read[1], ARTERIAL_NAME, ARTERIAL_ROLE)
    slicer.util.setSliceViewerLayers(background=portal, foreground=None, label=None, fit=True)
    return Sample(portal=portal, arterial=arterial, truth=truth)


def _read(path: Path) -> tuple[vtk.vtkImageData, vtk.vtkMatrix4x4]:
    """Return voxels and the matrix from voxel indices to RAS, read in a scene of its own."""
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    private.AddNode(storage)
    storage.SetFileName(str(path))
    if not path.is_file() or not storage.ReadData(node) or node.GetImageData() is None:
        raise PanelError("The sample that was generated cannot be read: try again, or free some disk space.")
    grid = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(grid)
    return node.GetImageData(), grid


def _read_truth(folder: Path) -> Truth:
    import SimpleITK as sitk

    record = json.loads((folder / LESIONS_FILE).read_text(encoding="utf-8"))
    return Truth(labels=sitk.ReadImage(str(folder / LABELS_FILE)), lesions=record["lesions"])


def _add(
    image: vtk.vtkImageData, grid: vtk.vtkMatrix4x4, name: str, role: str
) -> slicer.vtkMRMLScalarVolumeNode:
    scene = slicer.mrmlScene
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name))
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(grid)
    node.SetAttribute(ROLE_ATTRIBUTE, role)
    node.SetDescription(DESCRIPTION)
    node.CreateDefaultDisplayNodes()
    display = node.GetScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(WINDOW_HU, LEVEL_HU)
    return node
