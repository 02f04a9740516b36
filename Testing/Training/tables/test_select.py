"""Which rows a metric is taken of."""

from __future__ import annotations

import math
from typing import Any

import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.tables.made_scores import case_row, slice_row
from training.tables.measures import measure
from training.tables.published import Metric
from training.tables.scores import Scores
from training.tables.select import SizeLimits, rows_of

SIZES = SizeLimits(small_mm=50.0, large_mm=100.0)


def metric(**values: Any) -> Metric:
    return Metric(
        **{"name": "DPC", "measure": "dice", "of": "tumor", "unit": "%", "better": "higher", **values}
    )


def cases_of(scores: Scores, **values: Any) -> list[str]:
    return [row["case"] for row in rows_of(scores, "a", metric(**values), SIZES)]


@pytest.fixture
def scores() -> Scores:
    cases = [
        case_row("a", "A", tumor_type="HCC", phase="venous", largest_lesion_mm=49.9),
        case_row("a", "B", tumor_type="FNH", phase="arterial", largest_lesion_mm=50.0, scanner="GE"),
        case_row("a", "C", tumor_type="HCC", phase="arterial", largest_lesion_mm=100.1),
        case_row("a", "D", largest_lesion_mm=0.0, facts='{"site": "3"}'),
        case_row("b", "A", tumor_type="HCC"),
    ]
    slices = [
        slice_row(cases[0], 3, "marginal", (2, 1, 1, 6), dice=4 / 6, precision=2 / 3, tpr=2 / 3, hd_px=3.0),
        slice_row(cases[0], 4, "middle", (8, 0, 0, 2), dice=1.0, precision=1.0, tpr=1.0, hd_px=0.0),
        slice_row(
            cases[0], 5, "marginal", (0, 0, 4, 6), dice=0.0, precision=math.nan, tpr=0.0, hd_px=math.nan
        ),
        slice_row(cases[1], 7, "marginal", (5, 5, 0, 0), dice=2 / 3, precision=0.5, tpr=1.0, hd_px=9.0),
    ]
    return Scores(cases=cases, lesions=[], slices=slices)


def test_cases_of_a_recipe_by_their_facts(scores: Scores) -> None:
    assert cases_of(scores) == ["A", "B", "C", "D"]
    assert cases_of(scores, only={"tumor_type": "hcc"}) == ["A", "C"]
    assert cases_of(scores, only={"tumor_type": "HCC", "phase": "arterial"}) == ["C"]
    assert cases_of(scores, only={"scanner": "GE"}) == ["B"]


def test_groups_of_size_end_where_they_are_told_to(scores: Scores) -> None:
    """49.9 mm is small, 50 and 100 mm are middle, 100.1 mm is large; a case without tumor is in no group."""
    assert cases_of(scores, only={"tumor_size": "small"}) == ["A"]
    assert cases_of(scores, only={"tumor_size": "middle"}) == ["B"]
    assert cases_of(scores, only={"tumor_size": "large"}) == ["C"]
    assert SIZES.group(100.0) == "middle"
    assert SIZES.group(None) == SIZES.group(math.nan) == ""


def test_sizes_must_rise() -> None:
    with pytest.raises(InputError, match=r"got 10 and 5 mm"):
        SizeLimits(10.0, 5.0)


def test_slices_of_a_case_are_scored_together(scores: Scores) -> None:
    """Marginal slices of A: TP 2, FP 1, FN 5, TN 12; of B: TP 5, FP 5. Dice 4/10 and 10/15."""
    rows = rows_of(scores, "a", metric(slices="marginal"), SIZES)
    assert [row["case"] for row in rows] == ["A", "B"]
    assert [float(row["tumor_dice"]) for row in rows] == pytest.approx([0.4, 10 / 15])
    assert float(rows[0]["tumor_tnr"]) == pytest.approx(12 / 13)
    middle = measure(metric(slices="middle"), rows_of(scores, "a", metric(slices="middle"), SIZES))
    assert middle is not None
    assert (middle.pooled.mean, middle.pooled.cases) == (100.0, 1)
    shown = rows_of(scores, "a", metric(slices="shown"), SIZES)
    assert [row["tumor_tp_voxels"] for row in shown] == ["10", "5"]


def test_slices_are_those_of_the_chosen_cases(scores: Scores) -> None:
    asked = metric(slices="shown", only={"phase": "arterial"})
    assert [row["case"] for row in rows_of(scores, "a", asked, SIZES)] == ["B"]
    assert rows_of(scores, "b", metric(slices="shown"), SIZES) == []


def test_each_slice_is_scored_by_itself_and_not_tested(scores: Scores) -> None:
    asked = metric(slices="shown", per="slice")
    each = measure(asked, rows_of(scores, "a", asked, SIZES))
    assert each is not None
    assert each.pooled.mean == pytest.approx(100 * (2 / 3 + 1 + 0 + 2 / 3) / 4)
    assert each.pooled.cases == 4
    assert each.scores == {}
    asked = metric(measure="hd", unit="pixels", slices="shown", per="slice")
    distance = measure(asked, rows_of(scores, "a", asked, SIZES))
    assert distance is not None
    assert distance.pooled.mean == pytest.approx(4.0)
    assert distance.pooled.undefined == 1


def test_f1_of_slices_follows_from_mean_precision_and_recall(scores: Scores) -> None:
    """Precision (2/3 + 1 + 1/2) / 3, the empty slice having none; recall (2/3 + 1 + 0 + 1) / 4."""
    asked = metric(measure="f1", slices="shown", per="slice")
    found = measure(asked, rows_of(scores, "a", asked, SIZES))
    precision, recall = (2 / 3 + 1 + 1 / 2) / 3, (2 / 3 + 1 + 0 + 1) / 4
    assert found is not None
    assert found.pooled.mean == pytest.approx(100 * 2 * precision * recall / (precision + recall))


def test_of_a_whole_volume_f1_is_dice(scores: Scores) -> None:
    rows = [case_row("a", "A", tumor_dice=0.25, tumor_f1=0.25)]
    found = measure(metric(measure="f1"), rows)
    assert found is not None
    assert found.pooled.mean == 25.0
    assert found.scores == {"A": 25.0}


def test_surface_distances_of_slices_of_a_case_are_not_known(scores: Scores) -> None:
    asked = metric(measure="assd", unit="mm", slices="shown")
    with pytest.raises(InputError, match="'DPC': of slices, distances"):
        measure(asked, rows_of(scores, "a", asked, SIZES))


@pytest.mark.parametrize(
    ("measured", "of", "unit", "expected"),
    [
        ("hd", "tumor", "mm", 9.0),
        ("hd95", "tumor", "mm", 7.0),
        ("assd", "liver", "mm", 2.5),
        ("rvd", "tumor", "ratio", -0.1),
        ("accuracy", "tumor", "%", 60.0),
        ("dice", "liver", "%", 95.0),
        ("lesion_recall", "tumor", "ratio", 0.75),
        ("lesion_precision", "tumor", "ratio", 0.4),
        ("parameters", "tumor", "M", 22.5),
    ],
)
def test_every_measure_has_its_column_and_its_unit(
    measured: str, of: str, unit: str, expected: float
) -> None:
    row = case_row(
        "a",
        "A",
        tumor_hd_mm=9.0,
        tumor_hd95_mm=7.0,
        liver_assd_mm=2.5,
        tumor_rvd=-0.1,
        tumor_accuracy=0.6,
        liver_dice=0.95,
        lesions_true=4,
        lesions_detected=3,
        lesions_found=5,
        findings_right=2,
        parameters=22_500_000,
    )
    found = measure(metric(measure=measured, of=of, unit=unit), [row])
    assert found is not None
    assert found.pooled.mean == pytest.approx(expected)


def test_cases_without_tumor_are_not_in_the_mean_unless_asked_for() -> None:
    """Of two healthy livers one was left as it is (Dice 1) and one has a false finding (0); the tumor has 0.5."""
    rows = [
        case_row("a", "A", tumor_dice=0.5, tumor_true_ml=3.0, tumor_empty=""),
        case_row("a", "B", tumor_dice=1.0, tumor_true_ml=0.0, tumor_empty="both"),
        case_row("a", "C", tumor_dice=0.0, tumor_true_ml=0.0, tumor_empty="truth"),
    ]
    plain, counted = measure(metric(), rows), measure(metric(), rows, count_empty=True)
    asked = measure(metric(count_empty=True), rows)
    assert plain is not None
    assert counted is not None
    assert asked is not None
    assert (plain.pooled.mean, plain.pooled.cases, plain.scores) == (50.0, 1, {"A": 50.0})
    assert (counted.pooled.mean, counted.pooled.cases) == (50.0, 3)
    assert asked == counted
    both = measure(metric(), [rows[0], rows[1]], count_empty=True)
    assert both is not None
    assert both.pooled.mean == 75.0
    livers = measure(metric(of="liver"), [case_row("a", "B", liver_dice=0.9, tumor_true_ml=0.0)])
    assert livers is not None
    assert livers.pooled.mean == 90.0


@pytest.mark.parametrize(
    ("measured", "of", "unit", "expected"),
    [
        ("lits_recall", "tumor", "ratio", 0.75),
        ("lits_precision", "tumor", "ratio", 0.6),
        ("lits_rvd", "tumor", "ratio", -0.2),
        ("lits_assd", "tumor", "mm", 1.5),
        ("lits_rmsd", "tumor", "mm", 2.5),
        ("lits_msd", "tumor", "mm", 6.5),
        ("lits_rvd", "liver", "ratio", 0.02),
        ("lits_assd", "liver", "mm", 1.25),
        ("lits_rmsd", "liver", "mm", 2.25),
        ("lits_msd", "liver", "mm", 30.0),
    ],
)
def test_measures_of_lits(measured: str, of: str, unit: str, expected: float) -> None:
    row = case_row(
        "a",
        "A",
        lits_lesions=4,
        lits_findings=5,
        lits_matched=3,
        lits_rvd=-0.2,
        lits_assd_mm=1.5,
        lits_rmsd_mm=2.5,
        lits_msd_mm=6.5,
        liver_lits_rvd=0.02,
        liver_lits_assd_mm=1.25,
        liver_lits_rmsd_mm=2.25,
        liver_lits_msd_mm=30.0,
    )
    asked = metric(measure=measured, of=of, unit=unit)
    found = measure(asked, [row])
    assert found is not None
    assert found.pooled.mean == pytest.approx(expected)
    assert measure(asked, [row, case_row("a", "B", tumor_dice=0.5)]) is None
