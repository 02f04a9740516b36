"""Named resections against the sums of segments, and the remnant against numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.segments import (
    NAMED_RESECTIONS,
    LiverSegments,
    Person,
    plan_named_resection,
)
from LiverTumorAttentionLib.analysis.segments.named_resections import resection_named
from LiverTumorAttentionLib.analysis.segments.remnant import RemnantLimit
from LiverTumorAttentionLib.errors import InputError

SIDE_MM = 10.0  # a voxel is a mL
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Voxels of the segments 1 to 8 along x; the liver is 5 x 10 voxels across, so each is 50 mL a voxel."""


def liver(tumors: dict[int, tuple[slice, slice, slice]] | None = None) -> tuple[sitk.Image, LiverSegments]:
    row = np.repeat(np.arange(1, 9, dtype=np.uint8), WIDTHS)
    labels = np.broadcast_to(row, (5, 10, row.size)).copy()
    instances = np.ones(labels.shape, np.uint16)
    for value, place in (tumors or {}).items():
        instances[place] = value
    images = [sitk.GetImageFromArray(array) for array in (labels, instances)]
    for image in images:
        image.SetSpacing((SIDE_MM,) * 3)
    return images[1], LiverSegments(labels=images[0], source="by hand")


EVERY = slice(None)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("right hepatectomy", 5 + 6 + 7 + 8),
        ("Left hemihepatectomy", 2 + 3 + 4),
        ("extended right hepatectomy", 4 + 5 + 6 + 7 + 8),
        ("left trisectionectomy", 2 + 3 + 4 + 5 + 8),
        ("right anterior sectionectomy", 5 + 8),
        ("right posterior sectionectomy", 6 + 7),
        ("left medial sectionectomy", 4),
        ("left lateral sectionectomy", 2 + 3),
        ("central hepatectomy", 4 + 5 + 8),
        ("segmentectomy VII", 7),
        ("V VI", 5 + 6),
        ("1, 4", 1 + 4),
    ],
)
def test_a_resection_takes_out_the_sum_of_its_segments(name: str, taken: int) -> None:
    instances, segments = liver()
    plan = plan_named_resection(instances, segments, resection_named(name))
    assert plan.resected_ml == pytest.approx(50 * taken)
    assert plan.remnant.flr_ml == pytest.approx(50 * (36 - taken))
    assert plan.remnant.functional_percent == pytest.approx(100 * (36 - taken) / 36)
    assert plan.remnant.standardized_percent is None
    assert plan.remnant.weight_percent is None


def test_the_caudate_is_taken_with_it_where_that_is_asked_for() -> None:
    instances, segments = liver()
    extended = NAMED_RESECTIONS["left hepatectomy"].with_caudate()
    assert extended.segments == (1, 2, 3, 4)
    assert extended.with_caudate() is extended
    assert plan_named_resection(instances, segments, extended).resected_ml == pytest.approx(500)


def test_tumors_are_no_functional_liver() -> None:
    # 20 mL in segment 2, 30 mL in segment 8, 40 mL across V and IV (segment 5 begins at x 10)
    instances, segments = liver(
        {
            2: (slice(0, 2), EVERY, slice(1, 2)),
            3: (slice(0, 3), EVERY, slice(30, 31)),
            4: (slice(0, 2), EVERY, slice(9, 11)),
        }
    )
    plan = plan_named_resection(instances, segments, NAMED_RESECTIONS["right hepatectomy"])
    assert plan.liver_ml == pytest.approx(1800)
    assert plan.remnant.functional_ml == pytest.approx(1710)
    assert plan.remnant_ml == pytest.approx(500)
    assert plan.remnant.flr_ml == pytest.approx(500 - 20 - 20)
    assert plan.remnant.functional_percent == pytest.approx(100 * 460 / 1710)
    told = [(t.number, t.status, t.resected_ml, t.remnant_ml) for t in plan.tumors]
    assert [each[:2] for each in told] == [(1, "remnant"), (2, "resected"), (3, "cut")]
    assert [each[2:] for each in told] == [pytest.approx(ml) for ml in ((0, 20), (30, 0), (20, 20))]


def test_the_standardized_remnant_and_its_limits() -> None:
    # 170 cm and 70 kg: sqrt(170 * 70 / 3600) = 1.818119 m2; -794.41 + 1267.28 * 1.818119 = 1509.656 mL
    person = Person(height_cm=170, weight_kg=70)
    assert person.surface_m2 == pytest.approx(1.818119, abs=1e-6)
    assert person.estimated_liver_ml == pytest.approx(1509.656, abs=1e-3)
    instances, segments = liver()
    plan = plan_named_resection(instances, segments, NAMED_RESECTIONS["extended right hepatectomy"], person)
    assert plan.remnant.flr_ml == pytest.approx(300)
    assert plan.remnant.standardized_percent == pytest.approx(19.8721, abs=1e-3)
    assert plan.remnant.weight_percent == pytest.approx(100 * 300 / 70_000)
    reached = {each.limit.name: each.reached for each in plan.remnant.limits_reached}
    assert reached == {
        "normal liver": False,
        "after more than 3 months of chemotherapy": False,
        "chronic hepatitis or cirrhosis": False,
        "by the body's weight": False,
    }
    own = (RemnantLimit(name="ours", measure="standardized", least_percent=19.8, source="us"),)
    plan = plan_named_resection(instances, segments, plan.resection, person, own)
    assert [each.reached for each in plan.remnant.limits_reached] == [True]
    unknown = plan_named_resection(instances, segments, plan.resection, Person(weight_kg=70), own)
    assert unknown.as_dict()["limits"][0]["reached"] is None


def test_no_volume_is_estimated_for_an_infant() -> None:
    assert Person(height_cm=60, weight_kg=6).estimated_liver_ml is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"height_cm": 1.7}, "height must lie between 40 and 250 cm, got 1.7"),
        ({"weight_kg": 0.5}, "weight must lie between 1 and 400 kg, got 0.5"),
    ],
)
def test_a_body_that_is_none_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Person(**values)


def test_what_cannot_be_resected_is_refused() -> None:
    instances, segments = liver()
    with pytest.raises(
        InputError, match="no resection named 'right hepatectomi'; did you mean 'right hepatectomy'"
    ):
        resection_named("right hepatectomi")
    with pytest.raises(InputError, match="takes out the whole liver"):
        plan_named_resection(instances, segments, resection_named("I II III IV V VI VII VIII"))
    array = sitk.GetArrayFromImage(segments.labels)
    array[array == 7] = 6
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(segments.labels)
    without = LiverSegments(labels=image, source="by hand")
    with pytest.raises(InputError, match="takes out segments VII, none of which this liver shows"):
        plan_named_resection(instances, without, resection_named("VII"))
    assert plan_named_resection(instances, without, resection_named("VI VII")).missing == ("VII",)
    with pytest.raises(InputError, match="compared with standardized, functional, weight, got 'size'"):
        RemnantLimit(name="x", measure="size", least_percent=20)
