"""Run a SimpleITK registration so that it reports progress and can be cancelled.

SimpleITK calls a Python function after every evaluation of the metric. `StopRegistration` is ignored by the
L-BFGS optimisers, so the function raises; SimpleITK then prints the traceback through `sys.excepthook`,
unwinds the optimiser and raises a `RuntimeError` without the cause. Here the print is kept quiet and the
cause is raised instead.
"""

from __future__ import annotations

import sys
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.progress import Progress


class OptimiserError(RuntimeError):
    """The optimiser could not run: as a rule, too few points of the region lie inside the moving volume."""


def usable_seed(seed: int) -> int:
    """Return a seed for SimpleITK, whose 0 means the time of day."""
    return seed % (2**31 - 1) + 1


def execute_watched(
    method: sitk.ImageRegistrationMethod,
    fixed: sitk.Image,
    moving: sitk.Image,
    progress: Progress,
    expected_evaluations: int,
) -> sitk.Transform:
    """Return `method.Execute(fixed, moving)`; what `progress` raises (`Cancelled`) ends it at once.

    expected_evaluations: how many evaluations of the metric fill the progress.
    Raises `OptimiserError` where ITK gives up.
    """
    raised: list[BaseException] = []
    done = 0

    def after_evaluation() -> None:
        nonlocal done
        done += 1
        try:
            progress.update(done / expected_evaluations)
        except BaseException as error:
            raised.append(error)
            raise

    def print_unless_ours(kind: Any, value: Any, trace: Any) -> None:
        if value not in raised:
            hook(kind, value, trace)

    method.AddCommand(sitk.sitkIterationEvent, after_evaluation)
    hook, sys.excepthook = sys.excepthook, print_unless_ours
    try:
        return method.Execute(fixed, moving)
    except RuntimeError as error:
        if raised:
            raise raised[0] from None
        raise OptimiserError(str(error)) from error
    finally:
        sys.excepthook = hook
        method.RemoveAllCommands()
