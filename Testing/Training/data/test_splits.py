"""Splits: patients together, values in like proportions, the same for a seed, and as asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from training.data.case import PreparedCase
from training.data.splits import Split, make_splits, read_splits, write_splits
from training.recipes.settings import SplitSettings


def case(name: str, patient: str | None = None, **facts: str) -> PreparedCase:
    return PreparedCase(
        name=name,
        folder=Path(name),
        spacing_mm=(1.0, 1.0, 1.0),
        facts=facts,
        patient=patient or name,
        intensity={},
        voxels={},
    )


def counted(names: Sequence[str], cases: Sequence[PreparedCase], fact: str) -> Mapping[str, int]:
    by_name = {case.name: case for case in cases}
    return Counter(by_name[name].facts[fact] for name in names)


TYPES = {"HCC": 20, "cyst": 11, "FNH": 4}
TYPED = [case(f"{kind}-{n}", tumor_type=kind) for kind, count in TYPES.items() for n in range(count)]
FOLDS = SplitSettings(kind="k-fold", folds=5, stratify_by="tumor_type")


def test_every_case_tests_once_and_trains_in_all_other_folds() -> None:
    splits = make_splits(TYPED, FOLDS, seed=3)
    assert len(splits) == 5
    tested = [name for split in splits for name in split.test]
    assert sorted(tested) == sorted(case.name for case in TYPED)
    for split in splits:
        assert len(split.test) == 7
        assert sorted([*split.training, *split.test]) == sorted(case.name for case in TYPED)
        assert split.validation == ()


def test_folds_have_the_values_of_a_fact_in_like_proportions() -> None:
    for seed in range(10):
        for split in make_splits(TYPED, FOLDS, seed=seed):
            found = counted(split.test, TYPED, "tumor_type")
            assert found["HCC"] == 4
            assert found["cyst"] in (2, 3)
            assert found["FNH"] in (0, 1)


def test_a_value_that_fills_all_folds_is_even_in_them_whatever_came_before() -> None:
    cases = [case(f"a-{n}", kind="a") for n in range(2)] + [case(f"b-{n}", kind="b") for n in range(11)]
    settings = SplitSettings(kind="k-fold", folds=5, stratify_by="kind")
    for seed in range(10):
        for split in make_splits(cases, settings, seed=seed):
            assert counted(split.test, cases, "kind")["b"] in (2, 3)


def test_patients_with_many_cases_leave_the_folds_even() -> None:
    cases = [case(f"a-{n}", patient="many") for n in range(6)] + [case(f"b-{n}") for n in range(12)]
    for seed in range(10):
        splits = make_splits(cases, SplitSettings(kind="k-fold", folds=3), seed=seed)
        assert [len(split.test) for split in splits] == [6, 6, 6]


def test_every_case_is_held_out_as_often_as_any_other() -> None:
    cases = [case(f"{n}") for n in range(10)]
    settings = SplitSettings(kind="hold-out", test_share=0.2, repeats=300)
    drawn = Counter(name for split in make_splits(cases, settings, seed=0) for name in split.test)
    assert len(drawn) == 10
    assert 35 < min(drawn.values()) <= max(drawn.values()) < 90  # 60 on average, deviation 7


def test_a_split_depends_on_the_seed_and_not_on_the_order_of_the_cases() -> None:
    splits = make_splits(TYPED, FOLDS, seed=3)
    assert make_splits(TYPED[::-1], FOLDS, seed=3) == splits
    assert make_splits(TYPED, FOLDS, seed=4) != splits


def test_the_cases_of_a_patient_stay_together() -> None:
    cases = [case(f"{p}-{n}", patient=f"P{p}") for p in range(12) for n in range(1 + p % 3)]
    patient = {case.name: case.patient for case in cases}
    for settings in (
        SplitSettings(kind="k-fold", folds=4),
        SplitSettings(kind="hold-out", test_share=0.25, repeats=3),
    ):
        for split in make_splits(cases, settings, seed=1, validation_share=0.2):
            sides = [
                {patient[name] for name in names} for names in (split.training, split.validation, split.test)
            ]
            assert all(sides)
            assert sum(len(side) for side in sides) == 12
            assert len(split.test) in (5, 6, 7)  # a quarter of 24 cases
            assert len(split.validation) in (3, 4, 5)  # a fifth of the other 18


def test_a_hold_out_takes_its_share_of_every_value_and_differs_from_the_next() -> None:
    settings = SplitSettings(kind="hold-out", test_share=0.2, repeats=3, stratify_by="tumor_type")
    splits = make_splits(TYPED, settings, seed=0)
    assert len({split.test for split in splits}) == 3
    for split in splits:
        assert len(split.test) == 7
        assert counted(split.test, TYPED, "tumor_type")["HCC"] == 4
        assert len(split.training) == 28


def test_many_rare_values_still_give_their_share_together() -> None:
    cases = [case(f"{kind}-{n}", tumor_type=str(kind)) for kind in range(10) for n in range(2)]
    settings = SplitSettings(kind="hold-out", test_share=0.2, stratify_by="tumor_type")
    (split,) = make_splits(cases, settings, seed=0)
    assert len(split.test) == 4
    assert max(counted(split.test, cases, "tumor_type").values()) == 1


def test_validation_is_taken_from_those_that_train_alone() -> None:
    without = make_splits(TYPED, FOLDS, seed=3)
    for split, other in zip(make_splits(TYPED, FOLDS, seed=3, validation_share=0.25), without, strict=True):
        assert split.test == other.test
        assert sorted([*split.training, *split.validation]) == list(other.training)
        assert len(split.validation) == 7
        assert counted(split.validation, TYPED, "tumor_type")["HCC"] == 4


def test_a_small_share_holds_out_one_patient_at_least() -> None:
    few = [case(name) for name in "abc"]
    (split,) = make_splits(few, SplitSettings(kind="all"), seed=0, validation_share=0.05)
    assert (len(split.training), len(split.validation), split.test) == (2, 1, ())
    (split,) = make_splits(few, SplitSettings(kind="hold-out", test_share=0.99), seed=0)
    assert (len(split.training), len(split.test)) == (1, 2)


def test_a_fact_divides_and_a_patient_on_both_sides_only_tests() -> None:
    cases = [
        case("a", "P1", scanner="GE"),
        case("b", "P2", scanner="GE"),
        case("c", "P2", scanner="Siemens"),
        case("d", "P3", scanner="Siemens"),
        case("e", "P4", scanner="Philips"),
        case("f", "P5"),
        case("g", "P1", scanner="Philips"),
        case("h", "P6", scanner="GE"),
    ]
    settings = SplitSettings(kind="by-fact", fact="scanner", train_values=("GE",), test_values=("Siemens",))
    assert make_splits(cases, settings, seed=0) == [
        Split(training=("a", "h"), validation=(), test=("c", "d"))
    ]
    (split,) = make_splits(cases, settings, seed=0, validation_share=0.5)
    assert sorted([*split.training, *split.validation]) == ["a", "h"]  # not g, which is neither


@pytest.mark.parametrize(
    ("settings", "share", "message"),
    [
        (SplitSettings(kind="k-fold", folds=5), 0.0, "3 patients cannot be dealt into 5 folds"),
        (
            SplitSettings(kind="by-fact", fact="scanner", train_values=("GE",), test_values=("B",)),
            0.0,
            "no prepared case has scanner 'B'; there are 'A', 'GE'",
        ),
        (
            SplitSettings(kind="by-fact", fact="age", train_values=("1",), test_values=("2",)),
            0.0,
            "has age '1'; no case tells this fact",
        ),
        (
            SplitSettings(kind="by-fact", fact="scanner", train_values=("A",), test_values=("A",)),
            0.0,
            "'A' cannot be a value to train and to test on",
        ),
        (
            SplitSettings(kind="by-fact", fact="scanner", train_values=("A",), test_values=("GE",)),
            0.0,
            "every patient with scanner 'A' also tests",
        ),
        (SplitSettings(kind="k-fold", folds=3), 0.1, None),
        (
            SplitSettings(kind="hold-out", test_share=0.7),
            0.1,
            "1 patient is too few to hold one out for valid",
        ),
    ],
)
def test_what_cannot_be_split_is_told(settings: SplitSettings, share: float, message: str | None) -> None:
    cases = [
        case("a", "P1", scanner="GE"),
        case("b", "P1", scanner="A"),
        case("c", "P2", scanner="GE"),
        case("d", "P3"),
    ]
    if message is None:
        assert all(split.validation for split in make_splits(cases, settings, seed=0, validation_share=share))
        return
    with pytest.raises(InputError, match=message):
        make_splits(cases, settings, seed=0, validation_share=share)


@pytest.mark.parametrize(
    "settings", [FOLDS, SplitSettings(kind="all"), SplitSettings(kind="hold-out", test_share=0.3)]
)
def test_held_out_patients_test_in_every_split_and_never_train_or_choose_weights(
    settings: SplitSettings,
) -> None:
    held = [case(f"real-{n}", tumor_type="HCC", use="validation") for n in range(4)]
    for split in make_splits([*TYPED, *held], settings, seed=1, validation_share=0.2):
        assert {case.name for case in held} <= set(split.test)
        assert len([*split.training, *split.validation, *split.test]) == len(TYPED) + 4
    with pytest.raises(InputError, match="no prepared case to split that may train"):
        make_splits(held, settings, seed=1)


def test_no_cases_and_a_negative_seed_are_refused() -> None:
    with pytest.raises(InputError, match="there is no prepared case to split"):
        make_splits([], FOLDS, seed=0)
    with pytest.raises(InputError, match="the seed must not be negative, got -1"):
        make_splits(TYPED, FOLDS, seed=-1)


def test_splits_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    splits = make_splits(TYPED, FOLDS, seed=3, validation_share=0.1)
    write_splits(path, splits, FOLDS, 3, validation_share=0.1)
    assert read_splits(path, [case.name for case in TYPED]) == splits
    values = json.loads(path.read_text())
    assert (values["seed"], values["validation_share"]) == (3, 0.1)
    assert (values["settings"]["folds"], values["settings"]["stratify_by"]) == (5, "tumor_type")


def test_splits_of_cases_that_are_not_there_or_twice_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    write_splits(path, [Split(training=("a", "b"), validation=(), test=("c",))], FOLDS, 0)
    with pytest.raises(InputError, match="split 0 names 'c', which is not among the 2 prepared cases"):
        read_splits(path, ["a", "b"])
    write_splits(path, [Split(training=("a", "b"), validation=(), test=("b",))], FOLDS, 0)
    with pytest.raises(InputError, match="split 0 names 'b' twice"):
        read_splits(path, ["a", "b"])
    path.write_text('{"splits": [{"training": []}]}')
    with pytest.raises(InputError, match=r"holds no splits .*make some with the command splits"):
        read_splits(path, ["a"])
    with pytest.raises(InputError, match=r"cannot read the splits .*none.json: No such file"):
        read_splits(tmp_path / "none.json", ["a"])


def test_the_only_patient_of_a_value_trains() -> None:
    implanted = [case(f"i-{n}", patient=f"p-{n % 4}", source="implanted") for n in range(60)]
    crop = case("crop", source="lits_crop")
    painted = [case(f"painted-{n}", source="painted") for n in range(80)]
    settings = SplitSettings(kind="all", stratify_by="source")
    for seed in range(5):
        (split,) = make_splits([*implanted, crop, *painted], settings, seed=seed, validation_share=0.05)
        assert "crop" in split.training
        assert split.validation
    (few,) = make_splits([crop, painted[0]], settings, seed=0, validation_share=0.5)
    assert len(few.validation) == 1  # where every value has one patient, one of them must
