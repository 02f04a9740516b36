"""Postprocessing of probabilities to a liver mask and tumor instances."""

from LiverTumorAttentionLib.postprocessing.segmentation import (
    PostprocessingSettings,
    instances_from_probability,
    liver_from_probability,
)

__all__ = ["PostprocessingSettings", "instances_from_probability", "liver_from_probability"]
