"""From the random walker's answer to a network's, with thresholds of HU in its place: cubes, prompts, and limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.algorithm.click_segmentation import SegmentedLesion
from LiverTumorAttentionLib.correction.click_network.answer import AnswerSettings, Prompts, improved
from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS, USUAL_STEP_MM
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import full_box
from Testing.Library.correction.made_case import BRIGHT, DARK, LIVER_BOX, Ball, ball, dice, made_case

PORTAL, ARTERIAL, STEP, WALKER = (
    CHANNELS.index(name) for name in ("portal", "arterial", "step", "random walker")
)


class Seen:
    """Says what a function of the input says, and keeps all inputs."""

    def __init__(self, say) -> None:  # type: ignore[no-untyped-def]
        self.say, self.inputs = say, []

    def __call__(self, values: np.ndarray) -> np.ndarray:
        self.inputs.append(values)
        return np.asarray(self.say(values), np.float32)


def dark(values: np.ndarray) -> np.ndarray:
    """Darker than the liver by 20 HU in the portal phase, brighter than air."""
    return (values[PORTAL] < -0.4) & (values[PORTAL] > -3)


def everything(values: np.ndarray) -> np.ndarray:
    return np.ones(values.shape[1:])


def nothing(values: np.ndarray) -> np.ndarray:
    return np.zeros(values.shape[1:])


def walked(mask: np.ndarray) -> SegmentedLesion:
    """A random walker's answer."""
    return SegmentedLesion(full_box(mask.shape), mask)


SMALL = walked(ball(DARK.center, 5.0))
"""What the random walker might make of the dark ball: too little."""


def answered(  # type: ignore[no-untyped-def]
    lesions: LesionMap, prompts: Prompts, say, number: int | None = None, walker: SegmentedLesion = SMALL
) -> np.ndarray:
    """Return the answer in the whole volume."""
    found = improved(lesions, number, prompts, walker, say, Progress())
    mask = np.zeros(lesions.labels.shape, bool)
    mask[found.box] = found.mask
    return mask


def lesions_with(*balls: Ball, **options: object) -> LesionMap:
    return LesionMap(made_case(balls, **options))  # type: ignore[arg-type]


def test_the_cube_fits_the_random_walker_s_answer_and_the_network_s_is_the_lesion() -> None:
    network = Seen(dark)
    walker = walked(ball(DARK.center, 12.0))
    found = answered(lesions_with(DARK), Prompts(include=(DARK.center,)), network, walker=walker)
    assert dice(found, ball(DARK.center, DARK.radius_mm)) > 0.97
    (values,) = network.inputs
    step_mm = USUAL_STEP_MM * 2 ** float(values[STEP].max())
    assert step_mm * 40 == pytest.approx(1.4 * 24 + 12, abs=4)


def test_the_network_sees_the_random_walker_s_answer() -> None:
    network = Seen(dark)
    answered(lesions_with(DARK), Prompts(include=(DARK.center,)), network)
    values = network.inputs[0]
    step_mm = USUAL_STEP_MM * 2 ** float(values[STEP].max())
    assert values[WALKER].sum() * step_mm**3 == pytest.approx(ball(DARK.center, 5.0).sum() * 3.125, rel=0.05)


def test_beyond_the_random_walker_s_box_its_answer_is_the_lesion_as_it_stands() -> None:
    lesions = lesions_with(replace(DARK, number=1))
    z, y, x = DARK.center
    box = (slice(0, z), slice(0, 56), slice(0, 64))
    nothing = SegmentedLesion(box, np.zeros([side.stop for side in box], bool))
    network = Seen(dark)
    answered(lesions, Prompts(exclude=((z - 3, y, x),)), network, number=1, walker=nothing)
    share = network.inputs[0][WALKER].sum() / network.inputs[0][CHANNELS.index("previous")].sum()
    assert share == pytest.approx(0.5, abs=0.1)


def test_both_phases_reach_the_network_as_contrast_with_the_liver() -> None:
    network = Seen(dark)
    answered(lesions_with(DARK, BRIGHT), Prompts(include=(DARK.center,)), network)
    portal, arterial = (network.inputs[-1][k] for k in (PORTAL, ARTERIAL))
    middle = tuple(n // 2 for n in portal.shape)
    assert portal[middle] == pytest.approx(-40 / 50, abs=0.3)
    assert arterial[middle] == pytest.approx(0, abs=0.3)


def test_without_an_arterial_volume_the_network_is_told_so() -> None:
    network = Seen(dark)
    found = answered(lesions_with(DARK, arterial=False), Prompts(include=(DARK.center,)), network)
    assert dice(found, ball(DARK.center, DARK.radius_mm)) > 0.97
    assert not network.inputs[0][CHANNELS.index("arterial given")].any()


def test_a_lesion_that_reaches_beyond_the_cube_is_looked_at_in_a_larger_one() -> None:
    network = Seen(dark)
    settings = AnswerSettings(room_share=1.0, room_mm=1.0, least_side_mm=1.0)
    walker = walked(ball(DARK.center, 4.0))
    found = improved(
        lesions_with(DARK), None, Prompts(include=(DARK.center,)), walker, network, Progress(), settings
    )
    assert found.mask.sum() == pytest.approx(ball(DARK.center, DARK.radius_mm).sum(), rel=0.05)
    steps = [float(values[STEP].max()) for values in network.inputs]
    assert steps[1] == pytest.approx(steps[0] + np.log2(1.6), abs=1e-5)


def test_nothing_outside_of_the_liver_and_nothing_of_other_lesions_whatever_the_network_says() -> None:
    other = replace(BRIGHT, number=1)
    lesions = lesions_with(DARK, other)
    walker = walked(ball((20, 30, 30), 5.0))
    found = answered(lesions, Prompts(include=((20, 30, 30),)), everything, walker=walker)
    liver = np.zeros(found.shape, bool)
    liver[LIVER_BOX] = True
    assert found.any()
    assert not (found & ball(other.center, other.radius_mm)).any()
    assert not (found & ~liver).any()


@pytest.mark.parametrize("say", [nothing, everything])
def test_the_clicked_voxels_are_as_they_were_clicked(say) -> None:  # type: ignore[no-untyped-def]
    prompts = Prompts(include=((20, 30, 30), (21, 30, 30)), exclude=((20, 30, 40), (22, 24, 30)))
    found = answered(lesions_with(DARK), prompts, say)
    assert all(found[voxel] for voxel in prompts.include)
    assert not any(found[voxel] for voxel in prompts.exclude)


@pytest.mark.parametrize(
    ("inside", "outside", "radius_mm"), [(0.45, 0.55, 5.0), (0.15, 0.15, 0.0), (0.85, 0.85, 9.0)]
)
def test_the_random_walker_is_overruled_by_a_network_that_is_sure(
    inside: float, outside: float, radius_mm: float
) -> None:
    """The walker's ball of 5 mm in the dark one of 9 mm; the network says one number within and one around it."""

    def say(values: np.ndarray) -> np.ndarray:
        return np.where(
            values[WALKER] > 0.5, inside, outside * (values[PORTAL] < -0.4) * (values[PORTAL] > -3)
        )

    found = answered(lesions_with(DARK), Prompts(include=(DARK.center,)), Seen(say))
    wanted = ball(DARK.center, radius_mm) if radius_mm else np.zeros_like(found)
    wanted[DARK.center] = True
    assert dice(found, wanted) > 0.9


def test_a_part_that_no_click_vouches_for_is_left_out() -> None:
    twin = replace(DARK, center=(24, 36, 44))
    found = answered(lesions_with(DARK, twin), Prompts(include=(DARK.center,)), dark)
    assert not (found & ball(twin.center, twin.radius_mm)).any()


def test_a_part_of_a_lesion_that_is_corrected_stays() -> None:
    twin = replace(DARK, center=(24, 36, 44), number=1)
    lesions = lesions_with(replace(DARK, number=1), twin)
    found = answered(lesions, Prompts(include=(DARK.center,)), dark, number=1)
    wanted = ball(DARK.center, DARK.radius_mm) | ball(twin.center, twin.radius_mm)
    assert dice(found, wanted) > 0.93


def test_what_stands_of_a_lesion_reaches_the_network_and_other_lesions_in_their_own_channel() -> None:
    other = replace(BRIGHT, number=2, center=(14, 33, 22), radius_mm=6.0)
    lesions = lesions_with(replace(DARK, number=1), other)
    network = Seen(dark)
    answered(lesions, Prompts(exclude=((12, 20, 26),)), network, number=1)
    values = network.inputs[0]
    share = values[CHANNELS.index("previous")]
    step_mm = 1.2 * 2 ** float(values[STEP].max())
    assert share.sum() * step_mm**3 == pytest.approx(4 / 3 * np.pi * DARK.radius_mm**3, rel=0.1)
    assert not ((share > 0.5) & (values[CHANNELS.index("other lesions")] > 0.5)).any()
    assert values[CHANNELS.index("other lesions")].max() > 0.9
