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
    keep_registered: whether a run leaves the registered arterial CT and its transform in the scene.
    output: the segmentation whose content a run replaces once it has succeeded; None for a new one each time.
    registered, registered_onto: what the last run that succeeded kept, and the portal venous CT on which it lies;
        None when it kept nothing.
    """

    portal: vtkMRMLScalarVolumeNode
    arterial: vtkMRMLScalarVolumeNode
    model: str = ""
    device: str = "auto"
    keep_registered: bool = False
    output: vtkMRMLSegmentationNode
    registered: vtkMRMLScalarVolumeNode
    registered_onto: vtkMRMLScalarVolumeNode
