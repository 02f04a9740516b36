import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.prepared import patch_recipe, slice_recipe, write_case
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling import Sample, Sampler
from training.sampling.view import check_case, sample_inputs

SHAPE = (10, 40, 44)
EVERYTHING = {
    "rotation_degrees": 20.0,
    "scale": 0.2,
    "flips": ["z", "y", "x"],
    "elastic_mm": 2.0,
    "brightness": 0.1,
    "contrast": 0.1,
    "noise": 0.1,
    "axis_scale": 0.05,
    "contrast_hu": 0.1,
    "shift_hu": 8.0,
    "noise_hu": 10.0,
    "blur_share": 0.5,
}
RECIPES = {
    "slices": slice_recipe(augmentation=EVERYTHING, sampling={"foreground_share": 0.5, "centre": "liver"}),
    "patches": patch_recipe(augmentation=EVERYTHING, sampling={"size": [8, 24, 16], "foreground_share": 0.5}),
}


def written(folder: Path, seed: int) -> PreparedCase:
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:8, 10:30, 10:30] = 1
    labels[4:6, 15:20, 15:20] = 2
    standard = {"low": -1000.0, "high": 1000.0, "mean": 0.0, "deviation": 300.0}
    return write_case(
        folder, rng.integers(-200, 1200, SHAPE), labels, intensity={"portal": standard, "arterial": standard}
    )


@pytest.fixture
def cases(tmp_path: Path) -> list[PreparedCase]:
    return [written(tmp_path / f"case-{seed}", seed) for seed in range(3)]


def same(first: Sample, second: Sample) -> bool:
    return (
        first.case == second.case
        and all(np.array_equal(a, b) for a, b in zip(first.inputs, second.inputs, strict=True))
        and np.array_equal(first.truth, second.truth)
    )


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_sample_depends_on_its_number_alone(cases, recipe: Recipe):
    forwards, backwards = Sampler(cases, recipe, seed=3), Sampler(cases, recipe, seed=3)
    first = [forwards(number) for number in range(40)]
    assert all(same(backwards(number), first[number]) for number in (39, 7, 38, 0, 0, 31))
    other = Sampler(cases, recipe, seed=4)
    assert not any(same(other(number), first[number]) for number in range(40))
    assert not any(same(first[0], sample) for sample in first[1:])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_samples_have_the_stages_shapes_and_types_whatever_is_done_to_them(cases, recipe: Recipe):
    sample = Sampler(cases, recipe, seed=3)(0)
    channels = 3 if recipe.stage.slices else 1
    assert sample.inputs[0].shape == (channels, *recipe.sample_size)
    assert sample.truth.shape == recipe.sample_size
    assert type(sample.inputs[0]) is type(sample.truth) is np.ndarray
    assert (sample.inputs[0].dtype, sample.truth.dtype) == (np.float32, np.uint8)
    assert sample.inputs[0].flags.c_contiguous


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_sampler_carries_no_voxels_and_keeps_no_file_open(cases, recipe: Recipe):
    sampler = Sampler(cases, recipe, seed=3)
    handles = Path("/proc/self/fd")
    before = len(os.listdir(handles)) if handles.exists() else 0
    samples = [sampler(number) for number in range(9)]
    assert len(pickle.dumps(sampler)) < 20_000  # the arrays of one case have 50,000 bytes
    if handles.exists():
        assert len(os.listdir(handles)) == before
    assert same(pickle.loads(pickle.dumps(sampler))(5), samples[5])  # noqa: S301


def test_an_array_that_is_gone_is_named(cases):
    sampler = Sampler(cases, RECIPES["patches"], seed=3)
    (cases[1].folder / "labels.npy").unlink()
    with pytest.raises(InputError, match=r"case-1.labels\.npy cannot be read .* prepare it again"):
        [sampler(number) for number in range(3)]


def test_a_fault_names_the_case_and_the_sample(cases):
    labels = np.load(cases[2].folder / "labels.npy")
    np.save(cases[2].folder / "labels.npy", labels + 7)
    sampler = Sampler(cases, RECIPES["patches"], seed=3)
    with pytest.raises(RuntimeError, match=r"sample \d could not be cut from the case 'case-2'"):
        [sampler(number) for number in range(3)]


def test_arrays_on_other_grids_are_refused(cases):
    np.save(cases[1].folder / "inside.npy", np.ones((10, 40, 43), np.uint8))
    with pytest.raises(
        InputError, match=r"'case-1' has inside of \(10, 40, 43\) voxels .* labels of \(10, 40, 44\)"
    ):
        Sampler(cases, RECIPES["slices"], seed=3)


def test_a_stage_that_standardizes_needs_the_volumes_numbers(tmp_path):
    case = write_case(tmp_path / "case", np.zeros(SHAPE), np.zeros(SHAPE, np.uint8))
    with pytest.raises(InputError, match="'case' does not say how to scale its portal phase"):
        Sampler([case], RECIPES["patches"], seed=3)


def test_there_must_be_cases_and_a_seed_from_0_on(cases):
    with pytest.raises(InputError, match="there is no training case"):
        Sampler([], RECIPES["slices"], seed=3)
    with pytest.raises(InputError, match="the seed must not be negative, got -1"):
        Sampler(cases, RECIPES["slices"], seed=-1)


# ----------------------------------------------------------------- sources in proportion


def of_source(case: PreparedCase, source: str) -> PreparedCase:
    return replace(case, facts={**case.facts, "source": source})


def mixed(mix: dict[str, float]) -> Recipe:
    return slice_recipe(sampling={"mix_by": "source", "mix": mix})


def test_sources_are_drawn_in_the_proportions_of_the_mix(cases):
    sources = ["phantom", "painted", "painted"]
    named = [of_source(case, source) for case, source in zip(cases, sources, strict=True)]
    sampler = Sampler(named, mixed({"phantom": 3, "painted": 1}), seed=1)
    drawn = [sampler(number).case for number in range(400)]
    counts = {name: drawn.count(name) / 400 for name in ("case-0", "case-1", "case-2")}
    assert counts == pytest.approx({"case-0": 0.75, "case-1": 0.125, "case-2": 0.125}, abs=0.06)
    again = Sampler(named, mixed({"phantom": 3, "painted": 1}), seed=1)
    assert [again(number).case for number in (7, 3, 90)] == [drawn[number] for number in (7, 3, 90)]
    assert sampler.samples_an_epoch == 30


def test_a_source_that_the_mix_does_not_name_is_not_drawn(cases):
    named = [of_source(case, source) for case, source in zip(cases, "aab", strict=True)]
    sampler = Sampler(named, mixed({"a": 1}), seed=1)
    assert {sampler(number).case for number in range(50)} == {"case-0", "case-1"}


def test_a_source_of_share_0_is_left_out_and_need_not_be_there(cases):
    named = [of_source(cases[0], "a"), *(of_source(case, "b") for case in cases[1:])]
    sampler = Sampler(named, mixed({"a": 0, "b": 1, "c": 0}), seed=1)
    assert "case-0" not in {sampler(number).case for number in range(50)}


def test_a_source_without_cases_is_an_error(cases):
    with pytest.raises(InputError, match=r"no training case has source 'real', .* there are 'phantom'"):
        Sampler([of_source(case, "phantom") for case in cases], mixed({"real": 1}), seed=1)


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"mix_by": "source"}, "mix_by and mix belong together"),
        ({"mix": {"a": 1}}, "mix_by and mix belong together"),
        ({"mix_by": "source", "mix": {"a": 0}}, "every share is 0"),
        ({"mix_by": "source", "mix": {"a": -1}}, "the share of 'a' must be a number of at least 0, got -1"),
        (
            {"mix_by": "source", "mix": {"a": "all"}},
            "the share of 'a' must be a number of at least 0, got 'all'",
        ),
    ],
)
def test_a_mix_that_cannot_be_is_refused(sampling, message):
    with pytest.raises(InputError, match=message):
        slice_recipe(sampling=sampling)


RELATIVE = {"liver_window_hu": [-150, 250], "liver_erosion_mm": 5}


def test_a_stage_relative_to_the_liver_needs_its_median_in_each_phase(tmp_path):
    recipe = slice_recipe(stage_changes={"intensity": RELATIVE})
    labels = np.zeros((4, 32, 32), np.uint8)
    labels[:, 8:24, 8:24] = 1
    hu = np.full(labels.shape, 100)
    levels = {"portal": {"liver_median_hu": 100.0}}
    case = write_case(tmp_path / "case", hu, labels, arterial=hu, intensity=levels)
    with pytest.raises(InputError, match=r"to scale its arterial phase \(liver_median_hu is missing\)"):
        check_case(case, recipe.stage)
    levels["arterial"] = {"liver_median_hu": 60.0}
    check_case(write_case(tmp_path / "whole", hu, labels, arterial=hu, intensity=levels), recipe.stage)


def test_a_sample_keeps_the_liver_at_its_level_whatever_contrast_is_drawn(tmp_path):
    """The liver's median becomes (0 + 150) / 400; what lies 80 HU above it moves with the contrast."""
    recipe = slice_recipe(stage_changes={"intensity": RELATIVE}, augmentation={"contrast_hu": 0.2})
    labels = np.zeros((4, 32, 32), np.uint8)
    labels[:, 8:24, 8:24] = 1
    hu = np.where(labels == 1, 140, -100)
    hu[:, 20:22, 20:22] = 220
    levels = {"portal": {"liver_median_hu": 140.0}}
    case = write_case(tmp_path / "case", hu, labels, intensity=levels)
    rng = np.random.default_rng(3)
    above = []
    for _ in range(8):
        (values,) = sample_inputs(case, recipe, rng, lambda phase: case.volume(phase), None)
        assert values[1, 10, 10] == pytest.approx(150 / 400, abs=1e-6)
        above.append(values[1, 20, 20] * 400 - 150)
    assert np.ptp(above) > 10
    assert np.mean(above) == pytest.approx(80, abs=30)
