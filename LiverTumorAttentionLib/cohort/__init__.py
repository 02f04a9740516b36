"""Cohorts: many cases, each through `segment_case`, in processes of this computer or on a Ray cluster.

Its functions are imported when they are first used (PEP 562): workers and the help load no more than they need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from LiverTumorAttentionLib.cohort.job import CohortJob
    from LiverTumorAttentionLib.cohort.run import run_cohort

__all__ = ["CohortJob", "run_cohort"]

_MODULES = {"CohortJob": "job", "run_cohort": "run"}


def __getattr__(name: str) -> Any:
    """Import the module of a public name and return what it names."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
