"""What the user chose, kept in the scene and saved with it."""

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import parameterNodeWrapper

DEVICES = ("auto", "cpu", "cuda")


@parameterNodeWrapper
class SegmentationParameters:
    """The panel's choices.

    portal: the portal venous CT, on whose grid the result lies.
    arterial: the late arterial CT of the same patient, or None.
    model: id of an installed model; empty for the first in the list.
    device: one of `DEVICES`.
    output: the segmentation whose content a run replaces once it has succeeded; None for a new one each time.
    """

    portal: vtkMRMLScalarVolumeNode
    arterial: vtkMRMLScalarVolumeNode
    model: str = ""
    device: str = "auto"
    output: vtkMRMLSegmentationNode
