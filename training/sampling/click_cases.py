"""Simulated clicks on all cases of a preparation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from LiverTumorAttentionLib.progress import Progress
from training.data.case import PreparedCase
from training.parallel import each
from training.recipes.interaction_settings import InteractionSettings
from training.sampling.clicks_file import clicks_key, has_clicks, write_clicks
from training.sampling.walker_clicks import simulated_clicks


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """cases: that have clicks. added: of these, those that had none before."""

    cases: int
    added: int


def simulate(
    cases: Sequence[PreparedCase],
    settings: InteractionSettings,
    *,
    processes: int | None,
    progress: Progress,
) -> Simulated:
    """Write the clicks of the cases with lesions that have none yet. Raises `OutputError`, `Cancelled`."""
    with_lesions = [case for case in cases if case.voxels["tumor"]]
    missing = [case for case in with_lesions if not has_clicks(case, clicks_key(case, settings))]
    work = partial(_simulate, settings=settings)
    for _, result in each(work, missing, processes=processes, progress=progress, name=lambda case: case.name):
        if isinstance(result, Exception):
            raise result
    return Simulated(cases=len(with_lesions), added=len(missing))


def _simulate(case: PreparedCase, settings: InteractionSettings) -> None:
    write_clicks(case, simulated_clicks(case, settings, seed=0), clicks_key(case, settings))
