"""The jobs of `LiverTumorAttentionLib.pipeline.jobs`, importable from here as well."""

from LiverTumorAttentionLib.pipeline.jobs import (
    ComparisonJob,
    RefinementJob,
    RegistrationJob,
    ReviewJob,
    SegmentationJob,
    SegmentsJob,
    TrainingExportJob,
    VesselsJob,
)

__all__ = [
    "ComparisonJob",
    "RefinementJob",
    "RegistrationJob",
    "ReviewJob",
    "SegmentationJob",
    "SegmentsJob",
    "TrainingExportJob",
    "VesselsJob",
]
