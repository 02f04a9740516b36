"""Two time points of a generated patient: lesions that grew, shrank, came, went, split and merged, under motion.

A phantom without lesions gives the CT of both: its portal phase is the baseline; its arterial phase, which lies in
another breath hold, is the follow-up. Their contrast differs, so the registration is harder than that of two portal
phases. Lesions are balls at places of the baseline, painted into both; the known motion takes them to the follow-up.
Each outline is drawn anew at each time, a little larger or smaller, as two readers would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.phantoms import generate_phantom
from LiverTumorAttentionLib.registration import inverted
from LiverTumorAttentionLib.voxels.labels import LIVER
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

Points = NDArray[np.float64]
Ball = tuple[Points, float]
Lesion = tuple[Ball, ...]

CHANGES = (
    "grown",
    "shrunk",
    "split",
    "merged",
    "gone",
    "new",
    "satellite",
    "unchanged",
    "grown",
    "shrunk",
    "gone",
    "new",
)
"""What is tried in every patient, in this order, as long as there is room. A satellite is new beside a lesion that
stays."""
MOTION_MM = 25.0
GAP_MM = 4.0
OUTLINE_SD = 0.05
"""Relative standard deviation of an outline's radius."""
CONTRAST_HU = -45.0
RESECTED_HU = -95.0
TRIES = 400


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A lesion or several: what is at the baseline, at the follow-up, and how it is counted."""

    change: str
    before: tuple[Lesion, ...]
    after: tuple[Lesion, ...]


@dataclass(frozen=True, kw_only=True)
class Visits:
    """Both time points, and the true rows of the table: (baseline, follow-up, status), with their kind of change."""

    portal: tuple[sitk.Image, sitk.Image]
    instances: tuple[sitk.Image, sitk.Image]
    rows: dict[tuple[int | None, int | None, str], str]


def make_visits(seed: int, *, resected: bool = False) -> Visits:
    """Return the time points of a patient. resected: whether a part of the liver is missing in the follow-up."""
    rng = np.random.default_rng([seed, 4711])
    phantom = generate_phantom(seed, lesions=0, max_displacement_mm=MOTION_MM)
    field = sitk.DisplacementFieldTransform(sitk.Cast(phantom.displacement, sitk.sitkVectorFloat64))
    back = inverted(sitk.CompositeTransform([field]), phantom.portal)
    volumes = phantom.portal, phantom.arterial
    places = _points(volumes[0]), _moved(volumes[1], back)
    livers = (
        sitk.GetArrayFromImage(phantom.labels) > 0,
        sitk.GetArrayFromImage(sitk.Resample(phantom.labels, volumes[1], back, sitk.sitkNearestNeighbor, 0))
        > 0,
    )
    plans = draw_plans(rng, places[0], livers[0], phantom.labels.GetSpacing()[::-1])
    cut = _cut(rng, places[0][livers[0]]) if resected else None
    labels, images, kept = [], [], []
    for visit in (0, 1):
        hu = sitk.GetArrayFromImage(volumes[visit]).astype(np.float32)
        label = livers[visit].astype(np.uint16)
        lost = np.zeros(label.shape, bool)
        if visit == 1 and cut is not None:
            lost = livers[1] & (places[1] @ cut[0] > cut[1])
            hu[lost] = RESECTED_HU + rng.normal(0.0, 10.0, int(lost.sum()))
        numbers: dict[tuple[int, int], int] = {}
        for index, plan in enumerate(plans):
            for which, lesion in enumerate(plan.after if visit else plan.before):
                inside = np.zeros(label.shape, bool)
                for center, radius in lesion:
                    drawn = radius * (1.0 + OUTLINE_SD * rng.normal())
                    inside |= ((places[visit] - center) ** 2).sum(axis=-1) <= drawn**2
                inside &= livers[visit] & ~lost
                if inside.any():
                    numbers[index, which] = len(numbers) + 1
                    label[inside] = LIVER + len(numbers)
                    hu[inside] += CONTRAST_HU
        label[lost] = 0
        order = rng.permutation(len(numbers))
        table = np.arange(2 + len(numbers), dtype=np.uint16)
        table[2:] = order + 2
        label = table[label]
        kept.append({key: int(order[n - 1]) + 1 for key, n in numbers.items()})
        labels.append(_like(label, volumes[visit]))
        images.append(_like(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), volumes[visit]))
    return Visits(
        portal=(images[0], images[1]),
        instances=(labels[0], labels[1]),
        rows=_rows(plans, kept[0], kept[1], _resected(plans, cut)),
    )


def _resected(plans: list[Plan], cut: tuple[Points, float] | None) -> set[tuple[int, int]]:
    """Return the lesions of the baseline, by plan and place in it, most of which went with the part that is missing."""
    return {
        (index, which)
        for index, plan in enumerate(plans)
        for which, lesion in enumerate(plan.before)
        if cut is not None and lesion[0][0] @ cut[0] > cut[1]
    }


def _rows(
    plans: list[Plan],
    before: dict[tuple[int, int], int],
    after: dict[tuple[int, int], int],
    resected: set[tuple[int, int]],
) -> dict[tuple[int | None, int | None, str], str]:
    """Return the true rows. before, after: numbers of the lesions that are there, by plan and place in it.

    Of two that merged, one that was resected is gone, and what is left is the other one.
    """
    rows: dict[tuple[int | None, int | None, str], str] = {}
    for index, plan in enumerate(plans):
        here = [before[key] for key in before if key[0] == index]
        there = [after[key] for key in after if key[0] == index]
        if plan.change == "satellite":
            rows[here[0] if here else None, after.get((index, 0)), _status(here, there[:1])] = (
                "beside a satellite"
            )
            if (index, 1) in after:
                rows[None, after[index, 1], "new"] = "satellite"
            continue
        if plan.change == "merged":
            for key in [key for key in before if key[0] == index and key in resected]:
                rows[before[key], None, "gone"] = "one of two, resected"
                here.remove(before[key])
            there = there if here else []
        status = _status(here, there)
        change = plan.change if there or plan.change == "gone" else "no voxel left"
        for number in here or [None]:
            for other in there or [None]:
                if number is not None or other is not None:
                    rows[number, other, status] = change
    return rows


def _status(here: list[int], there: list[int]) -> str:
    if not here:
        return "new"
    if not there:
        return "gone"
    return "split" if len(there) > 1 else "merged" if len(here) > 1 else "matched"


def draw_plans(
    rng: np.random.Generator, places: Points, liver: NDArray[np.bool_], spacing_zyx_mm: tuple[float, ...]
) -> list[Plan]:
    """Return what becomes of lesions in a liver. places: LPS mm of its voxels."""
    depth = distance_map_mm(~liver, spacing_zyx_mm)
    taken: list[Ball] = []
    plans = []
    for change in CHANGES:
        for _ in range(TRIES):
            radius = float(np.exp(rng.uniform(np.log(3.5), np.log(13.0))))
            if change in ("split", "merged"):
                radius = float(rng.uniform(9.0, 15.0))
            room = np.argwhere(depth > radius + 2.0)
            if not len(room):
                continue
            center = places[tuple(room[rng.integers(len(room))])]
            reach = radius * (2.0 if change == "grown" else 1.0)
            if change == "satellite":
                reach = radius + 14.0
            if change == "merged":
                reach = 1.9 * radius
            if any(np.linalg.norm(center - other) < reach + r + GAP_MM for other, r in taken):
                continue
            taken.append((center, reach))
            plans.append(_plan(rng, change, center, radius))
            break
    return plans


def _plan(rng: np.random.Generator, change: str, center: Points, radius: float) -> Plan:
    toward = rng.normal(size=3)
    toward /= np.linalg.norm(toward)
    ball: Lesion = ((center, radius),)
    if change == "new":
        return Plan(change=change, before=(), after=(ball,))
    if change == "gone":
        return Plan(change=change, before=(ball,), after=())
    if change in ("grown", "shrunk"):
        factor = rng.uniform(1.2, 1.8) if change == "grown" else rng.uniform(0.5, 0.85)
        shift = rng.uniform(0.0, 0.7) * abs(factor - 1.0) * radius
        return Plan(change=change, before=(ball,), after=(((center + shift * toward, factor * radius),),))
    if change == "split":
        pieces = tuple(
            ((center + side * 0.55 * radius * toward, rng.uniform(0.35, 0.45) * radius),) for side in (-1, 1)
        )
        return Plan(change=change, before=(ball,), after=pieces)
    if change == "merged":
        small = 0.55 * radius
        ends = [center + side * (small + 0.5 * GAP_MM) * toward for side in (-1, 1)]
        grown = tuple((end, 1.15 * small + 1.0) for end in ends)
        return Plan(
            change=change,
            before=tuple(((end, small),) for end in ends),
            after=((*grown, (center, 0.8 * small)),),
        )
    if change == "satellite":
        small = rng.uniform(3.5, 5.0)
        beside = center + (radius + small + rng.uniform(3.0, 6.0)) * toward
        return Plan(change=change, before=(ball,), after=(ball, ((beside, small),)))
    return Plan(change=change, before=(ball,), after=(ball,))


def _cut(rng: np.random.Generator, liver: Points) -> tuple[Points, float]:
    """Return a plane that takes a fifth to two fifths of the liver away: what lies beyond it along the normal."""
    normal = rng.normal(size=3) * (1.0, 0.5, 0.5)
    normal /= np.linalg.norm(normal)
    return normal, float(np.quantile(liver @ normal, 1.0 - rng.uniform(0.2, 0.4)))


def _points(image: sitk.Image) -> Points:
    source = sitk.PhysicalPointSource(
        sitk.sitkVectorFloat64, image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    )
    return sitk.GetArrayFromImage(source)


def _moved(image: sitk.Image, transform: sitk.Transform) -> Points:
    """Return where a transform takes the voxels of an image."""
    field = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        image.GetSize(),
        image.GetOrigin(),
        image.GetSpacing(),
        image.GetDirection(),
    )
    return _points(image) + sitk.GetArrayFromImage(field)


def _like(values: NDArray[np.generic], image: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(values)
    made.CopyInformation(image)
    return made
