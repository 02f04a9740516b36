import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from training.demonstration.cohort import (
    PHANTOM_SEEDS,
    VALIDATION_PHANTOM_SEEDS,
    PlannedCase,
    make_cohort,
    plan_cohort,
    read_label_maps,
    read_plan,
)
from training.demonstration.samples import Case


def test_training_phantoms_keep_clear_of_the_seeds_for_tests_and_evaluation():
    plan = plan_cohort(["a", "b"], phantoms=5, atlas_cases=4, seed=1)
    phantoms = [case for case in plan if case.source == "phantom"]
    assert all(case.seed >= PHANTOM_SEEDS for case in phantoms if not case.validation)
    assert {case.seed for case in phantoms if case.validation} == set(VALIDATION_PHANTOM_SEEDS)
    assert not set(range(200, 220)) & {case.seed for case in phantoms}


def test_no_case_is_both_trained_and_watched():
    plan = plan_cohort(["a", "b"], phantoms=5, atlas_cases=30, seed=1)
    trained = {(c.source, c.seed, s) for c in plan if not c.validation for s in c.stages()}
    watched = {(c.source, c.seed, s) for c in plan if c.validation for s in c.stages()}
    assert not trained & watched
    assert len([c for c in plan if c.source != "phantom" and c.stage == "liver" and not c.validation]) == 30


def test_parts_together_make_the_cohort_and_nothing_is_made_twice(tmp_path, small_atlas):
    plan = [PlannedCase(source="small", seed=s, stage="tumor", validation=False) for s in range(3)]
    lines: list[str] = []
    for part in (0, 1, 0):
        make_cohort(tmp_path, plan, {"small": small_atlas}, part=(part, 2), say=lines.append)
    assert len(lines) == 3
    assert read_plan(tmp_path) == plan
    case = Case.load(plan[1].path(tmp_path, "tumor"))
    assert case.portal.shape == case.labels.shape == case.distance.shape
    assert np.all(case.distance[case.labels > 0] < 0)
    assert np.all(case.distance[case.labels == 0] > 0)
    assert not list(tmp_path.rglob("*.tmp*"))


def test_a_missing_plan_and_a_wrong_label_map_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="make it first"):
        read_plan(tmp_path)
    with pytest.raises(InputError, match="PATH:kind"):
        read_label_maps(["map.nrrd"])
    with pytest.raises(InputError, match="choose one of amos, spl"):
        read_label_maps(["map.nrrd:other"])
    with pytest.raises(InputError, match="there is no label map"):
        read_label_maps([f"{tmp_path}/map.nrrd:spl"])
