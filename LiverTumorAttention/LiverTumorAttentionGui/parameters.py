"""The panel's parameters, stored in the scene and saved with it."""

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from LiverTumorAttentionLib.lesion_classifier import DEFAULT_OPERATING_POINT

DEVICES = ("auto", "cpu", "cuda")
MODELS_OWN_THRESHOLD = 0.0
MODELS_OWN_DIAMETER = -1.0


@parameterNodeWrapper
class SegmentationParameters:
    """The panel's parameters. Those of one study are attributes of its segmentation node instead.

    portal: the portal venous CT, on whose grid the result lies.
    arterial: the late arterial CT of the same patient, or None.
    delayed, native: the delayed CT and that without contrast, likewise.
    model: id of an installed model; empty for the first in the list.
    device: one of `DEVICES`.
    threshold: probability from which a voxel is tumor; `MODELS_OWN_THRESHOLD` for the model's own.
    operating_point: one of `OPERATING_POINTS`; of use where the model gives a lesion probability.
    minimum_diameter_mm: smallest diameter of a finding; `MODELS_OWN_DIAMETER` for the model's own.
    keep_registered: whether a run adds the registered phases and the arterial one's transform to the scene.
    keep_probability: whether a run adds the probability of tumor to the scene.
    output: the segmentation that a run fills once it has succeeded; None for a new one.
    study: the segmentation that is corrected, reviewed and planned on.
    distance_mm: by which a correction grows, shrinks, smooths and fills.
    improve_clicks: whether a network improves the random walker's answers to clicks.
    by_phase_shown: whether prompts are answered by the phase alone that is shown.
    reader: name of who signs.
    """

    portal: vtkMRMLScalarVolumeNode
    arterial: vtkMRMLScalarVolumeNode
    delayed: vtkMRMLScalarVolumeNode
    native: vtkMRMLScalarVolumeNode
    model: str = ""
    device: str = "auto"
    threshold: Annotated[float, WithinRange(MODELS_OWN_THRESHOLD, 0.99)] = MODELS_OWN_THRESHOLD
    minimum_diameter_mm: Annotated[float, WithinRange(MODELS_OWN_DIAMETER, 100.0)] = MODELS_OWN_DIAMETER
    operating_point: str = DEFAULT_OPERATING_POINT
    keep_registered: bool = True
    keep_probability: bool = True
    output: vtkMRMLSegmentationNode
    study: vtkMRMLSegmentationNode
    distance_mm: Annotated[float, WithinRange(0.5, 20.0)] = 2.0
    improve_clicks: bool = False
    by_phase_shown: bool = False
    reader: str = ""
