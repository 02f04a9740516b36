"""Jobs: what a run reads, how it is set and what it writes, as the command line, Slicer and scripts fill it in."""

from LiverTumorAttentionLib.pipeline.jobs.base import (
    PLAIN_SETTINGS,
    Job,
    LabelledJob,
    ReportedJob,
)
from LiverTumorAttentionLib.pipeline.jobs.comparison import VISITS, ComparisonJob
from LiverTumorAttentionLib.pipeline.jobs.refinement import RefinementJob
from LiverTumorAttentionLib.pipeline.jobs.registration import RegistrationJob
from LiverTumorAttentionLib.pipeline.jobs.review import PROPOSE_SEGMENTS, ReviewJob
from LiverTumorAttentionLib.pipeline.jobs.segmentation import (
    AVERAGING,
    REGISTERED_OUTPUTS,
    SEGMENTATION_OUTPUTS,
    SEGMENTATION_SETTINGS,
    SegmentationJob,
    averaging_cost,
)
from LiverTumorAttentionLib.pipeline.jobs.segments import SegmentsJob
from LiverTumorAttentionLib.pipeline.jobs.training_export import (
    CASE_NAME,
    TRAINING_CASE_FILES,
    TrainingExportJob,
    check_case_name,
)
from LiverTumorAttentionLib.pipeline.jobs.vessels import VesselsJob

__all__ = [
    "AVERAGING",
    "CASE_NAME",
    "PLAIN_SETTINGS",
    "PROPOSE_SEGMENTS",
    "REGISTERED_OUTPUTS",
    "SEGMENTATION_OUTPUTS",
    "SEGMENTATION_SETTINGS",
    "TRAINING_CASE_FILES",
    "VISITS",
    "ComparisonJob",
    "Job",
    "LabelledJob",
    "RefinementJob",
    "RegistrationJob",
    "ReportedJob",
    "ReviewJob",
    "SegmentationJob",
    "SegmentsJob",
    "TrainingExportJob",
    "VesselsJob",
    "averaging_cost",
    "check_case_name",
]
