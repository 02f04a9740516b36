"""The jobs of `LiverTumorAttentionLib.pipeline.jobs`, importable from here as well."""

from LiverTumorAttentionLib.pipeline.jobs import (
    RefinementJob,
    RegistrationJob,
    ReviewJob,
    SegmentationJob,
    SegmentsJob,
    TrainingExportJob,
)

__all__ = [
    "RefinementJob",
    "RegistrationJob",
    "ReviewJob",
    "SegmentationJob",
    "SegmentsJob",
    "TrainingExportJob",
]
