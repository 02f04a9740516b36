"""Postprocessing of probabilities to a liver mask and tumor instances."""

from LiverTumorAttentionLib.postprocessing.instances import PostprocessingSettings, instances_from_probability
from LiverTumorAttentionLib.postprocessing.liver import liver_from_probability

__all__ = ["PostprocessingSettings", "instances_from_probability", "liver_from_probability"]
