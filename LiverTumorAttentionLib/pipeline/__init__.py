"""The pipeline: segmentation, registration and correction of a case, from files to files.

Its functions are imported when they are first used (PEP 562), so that a job can be described without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from LiverTumorAttentionLib.pipeline.compare import compare_cases
    from LiverTumorAttentionLib.pipeline.refine import refine_case
    from LiverTumorAttentionLib.pipeline.register import register_case
    from LiverTumorAttentionLib.pipeline.segment import segment_case, segment_volumes
    from LiverTumorAttentionLib.pipeline.training_export import export_training_case

__all__ = [
    "compare_cases",
    "export_training_case",
    "refine_case",
    "register_case",
    "segment_case",
    "segment_volumes",
]

_MODULES = {
    "compare_cases": "compare",
    "export_training_case": "training_export",
    "refine_case": "refine",
    "register_case": "register",
    "segment_case": "segment",
    "segment_volumes": "segment",
}


def __getattr__(name: str) -> Any:
    """Import the module of a public function and return the function."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
