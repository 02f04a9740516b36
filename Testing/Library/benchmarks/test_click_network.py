"""The benchmark's column of a network that answers clicks: its clicks are prompts, and its answer is the lesion."""

from __future__ import annotations

import numpy as np

from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from Testing.benchmarks.interaction.click_network import ClickNetwork
from Testing.benchmarks.interaction.task import Click, Task
from Testing.Library.correction.made_case import BRIGHT, DARK, ball, dice, made_case

PORTAL = CHANNELS.index("portal")


def dark(values: np.ndarray) -> np.ndarray:
    return ((values[PORTAL] < -0.4) & (values[PORTAL] > -3)).astype(np.float32)


def task(start: int | None) -> Task:
    case = made_case((DARK, BRIGHT))
    labels = np.asarray(case.start).copy()
    if start is not None:
        labels[ball(DARK.center, 4.0)] = start
    return Task(
        portal=case.portal,
        arterial=case.arterial,
        probability=None,
        labels=labels,
        start=start,
        hu=case.portal_hu,
    )


def clicked(start: int | None) -> np.ndarray:
    tool = ClickNetwork(task(start), dark)  # type: ignore[arg-type]
    assert tool.mask.any() == (start is not None)
    assert tool.click(Click(voxel=DARK.center, include=True, depth_mm=5.0))
    return tool.mask


def test_a_missed_lesion_is_added_and_one_that_stands_is_corrected() -> None:
    for start in (None, 2):
        assert dice(clicked(start), ball(DARK.center, DARK.radius_mm)) > 0.97


def test_excluding_keeps_to_what_was_excluded() -> None:
    tool = ClickNetwork(task(2), dark)  # type: ignore[arg-type]
    tool.click(Click(voxel=DARK.center, include=True, depth_mm=5.0))
    z, y, x = DARK.center
    tool.click(Click(voxel=(z, y + 5, x), include=False, depth_mm=5.0))
    assert not tool.mask[z, y + 5, x]
    assert tool.mask[DARK.center]
