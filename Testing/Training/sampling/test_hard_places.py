"""A share of the samples lies around hard negatives, each a function of its number alone."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.prepared import patch_recipe, slice_recipe, write_case
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling import Sample, Sampler

SHAPE = (6, 50, 60)
NUMBERED = np.arange(np.prod(SHAPE)).reshape(SHAPE) + 1
"""Each voxel's value says where it lies."""
WINDOW = {"intensity": {"window_hu": [0, 20000]}}
HARD = {"b": [np.array([[4, 40, 50]]), np.array([[1, 10, 12], [2, 10, 13]])], "c": [np.array([[3, 25, 30]])]}


def hard_recipe(share: float = 1.0, **sampling) -> Recipe:
    return slice_recipe(
        tile=(32, 32), stage_changes=WINDOW, sampling={"size": [8, 8], "hard_share": share, **sampling}
    )


def place(sample: Sample) -> tuple[int, int, int]:
    """The voxel in the middle of a sample of 8 x 8 pixels."""
    value = int(np.rint(sample.inputs[0] * 20000).astype(int)[1, 4, 4])
    z, y, x = np.unravel_index(value - 1, SHAPE)
    return int(z), int(y), int(x)


@pytest.fixture
def cases(tmp_path: Path) -> list[PreparedCase]:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 10:40, 10:40] = 1
    labels[2, 20:24, 20:24] = 2
    return [write_case(tmp_path / name, NUMBERED, labels) for name in "abc"]


def test_a_sample_is_centered_on_a_mined_voxel_each_false_positive_as_often_as_any_other(cases):
    sampler = Sampler(cases, hard_recipe(), 1, HARD)
    drawn = Counter((sample.case, place(sample)) for sample in map(sampler, range(600)))
    assert set(drawn) == {
        ("b", (4, 40, 50)),
        ("b", (1, 10, 12)),
        ("b", (2, 10, 13)),
        ("c", (3, 25, 30)),
    }
    assert drawn["b", (4, 40, 50)] == pytest.approx(200, abs=40)
    assert drawn["c", (3, 25, 30)] == pytest.approx(200, abs=40)
    assert drawn["b", (1, 10, 12)] == pytest.approx(100, abs=30)


def test_the_share_is_one_of_all_samples_and_the_others_are_those_of_before(cases):
    """foreground_share 1 puts every other sample on the liver or the tumor."""
    hard = Sampler(cases, hard_recipe(0.3), 1, HARD)
    plain = Sampler(cases, hard_recipe(0.0), 1)
    places = {tuple(voxel) for found in HARD.values() for one in found for voxel in one.tolist()}
    same = 0
    for number in range(400):
        sample, before = hard(number), plain(number)
        if np.array_equal(sample.inputs[0], before.inputs[0]) and sample.case == before.case:
            same += 1
        else:
            assert place(sample) in places
    assert same / 400 == pytest.approx(0.7, abs=0.06)


def test_a_sample_depends_on_its_number_alone(cases):
    first = Sampler(cases, hard_recipe(0.5), 1, HARD)
    samples = [first(number) for number in range(40)]
    again = pickle.loads(pickle.dumps(Sampler(cases, hard_recipe(0.5), 1, HARD)))  # noqa: S301
    for number in (39, 3, 17, 3):
        np.testing.assert_array_equal(again(number).inputs[0], samples[number].inputs[0])
    other = Sampler(cases, hard_recipe(0.5), 2, HARD)
    assert [place(other(n)) for n in range(40)] != [place(sample) for sample in samples]


def test_the_mined_voxel_is_moved_by_the_jitter(cases):
    sampler = Sampler(cases, hard_recipe(jitter_mm=5.0), 1, {"c": HARD["c"]})
    places = [place(sampler(number)) for number in range(100)]
    assert {z for z, _, _ in places} == {3}
    assert len(set(places)) > 30
    assert all(20 <= y <= 30 and 25 <= x <= 35 for _, y, x in places)


def test_patches_lie_around_mined_voxels_too(tmp_path):
    numbers = np.arange(40 * 48 * 48).reshape(40, 48, 48)
    standard = {"portal": {"low": -1e6, "high": 1e6, "mean": 0.0, "deviation": 1.0}}
    values = {1: np.where(np.indices(numbers.shape)[0] == 20, 100, 0)}
    case = write_case(tmp_path / "a", values[1], np.zeros(numbers.shape, np.uint8), intensity=standard)
    recipe = patch_recipe(sampling={"size": [8, 16, 16], "hard_share": 1.0})
    sampler = Sampler([case], recipe, 1, {"a": [np.array([[20, 24, 24]])]})
    for number in range(5):
        bright = np.argwhere(sampler(number).inputs[0][0] > 50)
        assert set(bright[:, 0]) == {4}  # slice 20 lies in the middle of the patch


def test_sources_keep_their_proportions_among_hard_samples(cases):
    """Two of the three false positives are painted ones, yet a quarter of the samples."""
    sources = {"a": "phantom", "b": "painted", "c": "real"}
    named = [replace(case, facts={"source": sources[case.name]}) for case in cases]
    mix = {"mix_by": "source", "mix": {"phantom": 5, "painted": 1, "real": 3}}
    sampler = Sampler(named, hard_recipe(**mix), 1, HARD)
    drawn = Counter(sampler(number).case for number in range(400))
    assert set(drawn) == {"b", "c"}
    assert drawn["b"] / 400 == pytest.approx(0.25, abs=0.06)
    for others in ({}, {"painted": 0}):
        left_out = hard_recipe(mix_by="source", mix={"phantom": 1, "real": 1, **others})
        sampler = Sampler(named, left_out, 1, HARD)
        assert {sampler(number).case for number in range(50)} == {"c"}
    none = hard_recipe(mix_by="source", mix={"phantom": 1, "real": 0, "painted": 0})
    assert {Sampler(named, none, 1, HARD)(number).case for number in range(20)} == {"a"}


def test_cases_that_do_not_train_are_passed_over_and_without_any_left_samples_are_drawn_as_ever(cases):
    sampler = Sampler(cases[2:], hard_recipe(), 1, HARD)
    assert {place(sampler(number)) for number in range(20)} == {(3, 25, 30)}
    none = Sampler(cases[:1], hard_recipe(), 1, HARD)
    plain = Sampler(cases[:1], hard_recipe(0.0), 1)
    for number in range(5):
        np.testing.assert_array_equal(none(number).inputs[0], plain(number).inputs[0])


def test_a_share_needs_hard_negatives_and_hard_negatives_need_a_share(cases):
    with pytest.raises(InputError, match=r"hard_share is 0\.2, but no hard negatives are given: name the"):
        Sampler(cases, hard_recipe(0.2), 1)
    with pytest.raises(InputError, match=r"sampling\.hard_share is 0, so that none is sampled: set it"):
        Sampler(cases, hard_recipe(0.0), 1, HARD)


@pytest.mark.parametrize(
    ("stage", "sampling", "message"),
    [
        ("tumor", {"hard_share": 1.2}, r"hard_share must lie in \[0, 1\], got 1.2"),
        ("tumor", {"hard_share": 0.2, "tumor_slices_only": True}, "hard_share needs slices without tumor"),
        ("liver", {"hard_share": 0.2}, "hard_share is for stages that find tumors"),
    ],
)
def test_shares_that_cannot_be_are_refused(stage, sampling, message):
    with pytest.raises(InputError, match=message):
        slice_recipe(stage, sampling=sampling)


def test_a_fault_names_the_case_of_a_hard_sample(cases):
    np.save(cases[2].folder / "labels.npy", np.full(SHAPE, 9, np.uint8))
    sampler = Sampler(cases, hard_recipe(), 1, {"c": HARD["c"]})
    with pytest.raises(RuntimeError, match="sample 0 could not be cut from the case 'c'"):
        sampler(0)
