"""The benchmark of corrections: where the simulated user clicks, and what the tools make of it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.benchmarks.interaction.growcut import GrowCut
from Testing.benchmarks.interaction.ours import Ours
from Testing.benchmarks.interaction.speed import moved_lesions
from Testing.benchmarks.interaction.task import Click, Mask, Task
from Testing.benchmarks.interaction.threshold import PlainThreshold
from Testing.benchmarks.interaction.user import MOST_CLICKS, next_click, overlap, segment
from Testing.Library.correction.made_case import DARK, Ball, ball, made_case

SPACING_MM = (4.0, 1.0, 1.0)


def blocks(*corners: tuple[int, int, int], side: int = 5) -> Mask:
    mask = np.zeros((12, 30, 40), bool)
    for z, y, x in corners:
        mask[z : z + side, y : y + side, x : x + side] = True
    return mask


def test_the_middle_of_what_is_missing_is_clicked_on() -> None:
    truth = blocks((2, 4, 6), (2, 4, 20))
    mask = blocks((2, 4, 6)) | blocks((2, 20, 30), side=3)
    assert next_click(mask, truth, SPACING_MM) == Click(voxel=(4, 6, 22), include=True, depth_mm=3.0)


def test_the_middle_of_what_is_too_much_is_clicked_on_when_it_is_larger() -> None:
    truth = blocks((2, 4, 6)) | blocks((2, 20, 30), side=3)
    mask = blocks((2, 4, 6), (2, 4, 20))
    assert next_click(mask, truth, SPACING_MM) == Click(voxel=(4, 6, 22), include=False, depth_mm=3.0)


def test_of_many_small_parts_none_outweighs_a_larger_one() -> None:
    scattered = blocks((0, 0, 0), (0, 0, 10), (0, 0, 20), (0, 0, 30), side=3)
    click = next_click(scattered, blocks((6, 20, 20), side=4), SPACING_MM)
    assert click.include
    assert click.voxel[0] >= 6


def test_of_equal_parts_the_missing_one_is_clicked_on() -> None:
    assert next_click(blocks((2, 4, 20)), blocks((2, 4, 6)), SPACING_MM).include


class Stand:
    """A tool that does what it is told to: a mask for each click, or None for a refusal."""

    def __init__(self, masks: list[Mask | None]) -> None:
        self.mask, self._masks = np.zeros((12, 30, 40), bool), masks

    def click(self, click: Click) -> bool:
        mask = self._masks.pop(0)
        self.mask = self.mask if mask is None else mask
        return mask is not None


def test_the_user_stops_when_it_is_good_enough() -> None:
    truth, half = blocks((2, 4, 6)), blocks((2, 4, 6), side=4)
    spent = segment(Stand([half, truth, half]), truth, SPACING_MM)
    assert spent.dice == pytest.approx([0.0, 2 * 64 / (64 + 125), 1.0])
    assert len(spent.seconds) == 2


def test_the_user_gives_up_after_the_most_clicks() -> None:
    truth, half = blocks((2, 4, 6)), blocks((2, 4, 6), side=4)
    assert len(segment(Stand([half] * 99), truth, SPACING_MM).seconds) == MOST_CLICKS


def test_a_click_that_cannot_be_done_ends_a_trial() -> None:
    spent = segment(Stand([None, blocks((2, 4, 6))]), blocks((2, 4, 6)), SPACING_MM)
    assert spent.dice == [0.0, 0.0]


def task_of(balls: list[Ball], *, start: int | None) -> Task:
    case = made_case(balls)
    hu = case.portal_hu.astype(np.float32)
    return Task(
        portal=case.portal,
        arterial=case.arterial,
        probability=None,
        labels=case.start.copy(),
        start=start,
        hu=hu,
    )


TRUTH = ball(DARK.center, DARK.radius_mm)
FINDING = Ball(center=(12, 20, 28), radius_mm=DARK.radius_mm, portal=0.0, number=1)


@pytest.mark.parametrize("tool", [Ours, GrowCut, PlainThreshold])
def test_every_tool_finds_a_clear_ball_that_was_missed(tool: type) -> None:
    if tool is GrowCut:
        pytest.importorskip("slicer")
    spent = segment(tool(task_of([DARK], start=None)), TRUTH, (2.0, 1.25, 1.25))
    assert max(spent.dice) > 0.8
    assert spent.dice[0] == 0.0


@pytest.mark.parametrize("tool", [Ours, GrowCut, PlainThreshold])
def test_every_tool_begins_with_the_mask_that_is_there(tool: type) -> None:
    if tool is GrowCut:
        pytest.importorskip("slicer")
    task = task_of([FINDING, DARK], start=2)
    used = tool(task)
    before = overlap(used.mask, TRUTH)
    assert (used.mask == task.mask).all()
    assert used.click(next_click(used.mask, TRUTH, task.spacing_mm))
    assert overlap(used.mask, TRUTH) > before


def test_ours_removes_what_excluding_would_leave_nothing_of() -> None:
    single = Ball(center=DARK.center, radius_mm=0.5, number=1)
    ours = Ours(task_of([single], start=2))
    assert np.count_nonzero(ours.mask) == 1
    assert ours.click(Click(voxel=DARK.center, include=False, depth_mm=1.0))
    assert not ours.mask.any()
    assert ours.click(Click(voxel=DARK.center, include=True, depth_mm=1.0)), "it is added anew"
    assert ours.mask[DARK.center]


def test_ours_says_when_a_click_cannot_be_done() -> None:
    ours = Ours(task_of([DARK], start=None))
    assert not ours.click(Click(voxel=(0, 0, 0), include=True, depth_mm=1.0))


def test_the_threshold_widens_and_narrows_its_window() -> None:
    task = task_of([], start=None)
    hu = np.full(task.labels.shape, 100.0, np.float32)
    hu[:, :, :28], hu[:, :, 44:] = 60.0, 200.0
    tool = PlainThreshold(Task(**{**vars(task), "hu": hu}))
    clicks = [
        Click(voxel=(20, 20, x), include=include, depth_mm=3.0)
        for x, include in ((15, True), (36, True), (54, False))
    ]
    tool.click(clicks[0])
    assert tool.window_hu() == pytest.approx((47.5, 72.5), abs=0.01), "2.5 times 5 HU, the least deviation"
    tool.click(clicks[1])
    assert tool.window_hu() == pytest.approx((47.5, 112.5), abs=0.01)
    tool.click(Click(voxel=(20, 20, 54), include=True, depth_mm=3.0))
    assert tool.window_hu() == pytest.approx((47.5, 212.5), abs=0.01)
    other = PlainThreshold(Task(**{**vars(task), "hu": hu}))
    other.click(clicks[1])
    other.click(Click(voxel=(20, 20, 15), include=False, depth_mm=3.0))
    assert other.window_hu()[0] == pytest.approx(87.5, abs=0.01), "what is as far away narrows nothing"
    assert other.window_hu()[1] == pytest.approx(112.5, abs=0.01)


def test_the_threshold_rubs_out_a_ball_as_large_as_what_is_wrong() -> None:
    task = task_of([FINDING], start=2)
    tool = PlainThreshold(task)
    tool.click(Click(voxel=FINDING.center, include=False, depth_mm=5.0))
    assert (tool.mask == (task.mask & ~ball(FINDING.center, 4.99))).all(), "what lies 5 mm away is right"


def test_growcut_takes_the_box_s_faces_and_other_findings_for_background() -> None:
    pytest.importorskip("slicer")
    other = Ball(center=(12, 20, 34), radius_mm=6.0, number=1)
    tool = GrowCut(task_of([DARK, other], start=None))
    tool.click(Click(voxel=DARK.center, include=True, depth_mm=9.0))
    assert tool.mask[DARK.center]
    assert not tool.mask[ball(other.center, 6.0)].any()
    assert not tool.mask[:3].any(), "outside of the liver"


def test_growcut_is_held_back_by_what_it_is_given_for_background() -> None:
    """In an even volume each voxel goes to the nearer seed: half of the way to another finding."""
    pytest.importorskip("slicer")
    task = task_of([Ball(center=(12, 20, 34), radius_mm=6.0, number=1)], start=None)
    even = Task(**{**vars(task), "hu": np.zeros(task.labels.shape, np.float32)})
    tool = GrowCut(even)
    tool.click(Click(voxel=(12, 20, 14), include=True, depth_mm=3.0))
    assert not tool.mask[12, 20, 27:].any()


def test_lesions_are_moved_by_half_their_radius_within_the_liver() -> None:
    case = made_case([Ball(center=(20, 26, 20), radius_mm=8.0, number=1)])
    labels = moved_lesions(case.start, 2, case.spacing_mm)
    before, after = (sitk.GetImageFromArray((each == 2).astype(np.uint8)) for each in (case.start, labels))
    shapes = [sitk.LabelShapeStatisticsImageFilter() for _ in range(2)]
    for shape, image in zip(shapes, (before, after), strict=True):
        shape.Execute(image)
    step = np.subtract(shapes[1].GetCentroid(1), shapes[0].GetCentroid(1))
    assert step == pytest.approx((3.0, 0.0, 0.0)), "4 mm, in voxels of 1.25 mm"
    assert shapes[0].GetNumberOfPixels(1) == shapes[1].GetNumberOfPixels(1)
