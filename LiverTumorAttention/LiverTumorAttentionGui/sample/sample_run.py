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
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.process.install import Installer, PackageInstaller
from LiverTumorAttentionGui.process.installation import Installation
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
DESCRIPTION = _(
    "Synthetic: a phantom generated on this computer by Liver Tumor Attention. It shows no patient. "
    "Not for clinical use."
)
WINDOW_HU, LEVEL_HU = 300.0, 90.0


@dataclass(frozen=True, kw_only=True)
class PhantomTruth:
    """The ground truth of the phantom.

    labels: on the portal venous grid, 0 background, 1 liver, 2 tumor. lesions: the generator's record of each, the
    largest first, with its kind, its center (`center_lps_mm`) and its mean HU in both phases.
    """

    labels: sitk.Image
    lesions: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class SampleNodes:
    """The nodes of the sample. truth: None unless requested; it is not in the scene."""

    portal: slicer.vtkMRMLScalarVolumeNode
    arterial: slicer.vtkMRMLScalarVolumeNode
    truth: PhantomTruth | None = None


def load_sample(
    on_progress: Callable[[float, str], None],
    on_finished: Callable[[Outcome, SampleNodes | None], None],
    *,
    keep_truth: bool = False,
    case: SampleCase | None = None,
    installer: PackageInstaller | None = None,
) -> SampleRun:
    """Start the generation of the sample and return at once; keep a reference to the run until `on_finished`.

    on_progress: (fraction 0 to 1, stage in words). on_finished: (outcome, sample), the sample None unless it is in the
    scene. Raises `PanelError` when the Python packages that the generator needs are not installed.
    """
    (installer or Installation(Installer())).ensure_requirements()
    run = SampleRun(
        case or SampleCase(),
        keep_truth=keep_truth,
        on_progress=on_progress,
        on_warning=lambda _message: None,
        on_finished=on_finished,
    )
    run.start()
    return run


class SampleRun(ChildRun[SampleNodes]):
    """One generation of the sample in the child process. Used once."""

    def __init__(self, case: SampleCase, *, keep_truth: bool = False, **options: Any) -> None:
        """options: see `ChildRun`."""
        super().__init__(**options)
        self._case = case
        self._keep_truth = keep_truth

    def prepare(self, folder: Path) -> list[str]:
        """Return the arguments; the generator reads no files."""
        return self._case.arguments(folder)

    def collect(self, folder: Path) -> SampleNodes:
        """Load the generated volumes; see `load_nodes`."""
        return load_nodes(folder, keep_truth=self._keep_truth)


def load_nodes(folder: Path, *, keep_truth: bool = False) -> SampleNodes:
    """Load the generated volumes in `folder` and show them. Raises `PanelError`, and then the scene is unchanged."""
    read = [_read(folder / PORTAL_FILE), _read(folder / ARTERIAL_FILE)]
    truth = _read_truth(folder) if keep_truth else None
    portal = _add(*read[0], PORTAL_NAME, PORTAL_ROLE)
    arterial = _add(*read[1], ARTERIAL_NAME, ARTERIAL_ROLE)
    slicer.util.setSliceViewerLayers(background=portal, foreground=None, label=None, fit=True)
    return SampleNodes(portal=portal, arterial=arterial, truth=truth)


def _read(path: Path) -> tuple[vtk.vtkImageData, vtk.vtkMatrix4x4]:
    """Return voxels and the matrix from voxel indices to RAS, read in a scene of its own."""
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    private.AddNode(storage)
    storage.SetFileName(str(path))
    if not path.is_file() or not storage.ReadData(node) or node.GetImageData() is None:
        raise PanelError(
            _("The sample that was generated cannot be read: try again, or free some disk space.")
        )
    grid = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(grid)
    return node.GetImageData(), grid


def _read_truth(folder: Path) -> PhantomTruth:
    import SimpleITK as sitk

    record = json.loads((folder / LESIONS_FILE).read_text(encoding="utf-8-sig"))
    return PhantomTruth(labels=sitk.ReadImage(str(folder / LABELS_FILE)), lesions=record["lesions"])


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
