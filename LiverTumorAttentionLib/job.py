"""The jobs under their old address: `LiverTumorAttentionLib.pipeline.jobs` holds them."""

from LiverTumorAttentionLib.pipeline.jobs import RefinementJob, RegistrationJob, SegmentationJob

__all__ = ["RefinementJob", "RegistrationJob", "SegmentationJob"]
