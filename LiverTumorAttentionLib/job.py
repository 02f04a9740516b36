"""The jobs of `LiverTumorAttentionLib.pipeline.jobs`, importable from here as well."""

from LiverTumorAttentionLib.pipeline.jobs import (
    RefinementJob,
    RegistrationJob,
    ReviewJob,
    SegmentationJob,
    TrainingExportJob,
)

__all__ = ["RefinementJob", "RegistrationJob", "ReviewJob", "SegmentationJob", "TrainingExportJob"]
