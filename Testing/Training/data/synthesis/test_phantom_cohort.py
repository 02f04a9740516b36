"""Cohorts of phantoms: made once, the same every time, and fit for the plain layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import voxels_of
from training.data.checks import check_cases
from training.data.layouts import find_cases
from training.data.synthesis import TRAINING_SEEDS
from training.data.synthesis.phantom_cohort import PhantomSettings, write_phantom_cohort

TINY = PhantomSettings(
    lesions=1, kinds=("cyst", "HCC"), single_kind=True, matrix=40, slices=10, thickness_mm=10.0
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny phantoms, seeds 100000 and 100001."""
    folder = tmp_path_factory.mktemp("made") / "cohort"
    assert write_phantom_cohort(folder, TINY, count=2, processes=2) == 2
    return folder


def test_each_case_has_lesions_of_one_type_in_turn(cohort):
    cases = find_cases("plain", cohort)
    assert [case.name for case in cases] == ["phantom-100000", "phantom-100001"]
    assert [case.facts["tumor_type"] for case in cases] == ["cyst", "HCC"]
    assert TRAINING_SEEDS == 100_000


def test_the_check_finds_nothing_wrong_with_phantoms(cohort):
    assert check_cases(find_cases("plain", cohort), phases=("portal", "arterial"), processes=1) == []


def test_finished_cases_are_left_alone_and_unfinished_ones_made_the_same(cohort):
    whole, broken = cohort / "phantom-100000", cohort / "phantom-100001"
    before = voxels_of(sitk.ReadImage(str(broken / "portal.nii.gz")))
    times = {path: path.stat().st_mtime_ns for path in whole.iterdir()}
    (broken / "lesions.json").unlink()
    (broken / ".phantom-left").mkdir()
    assert write_phantom_cohort(cohort, TINY, count=2, processes=1) == 1
    assert {path: path.stat().st_mtime_ns for path in whole.iterdir()} == times
    assert (voxels_of(sitk.ReadImage(str(broken / "portal.nii.gz"))) == before).all()
    assert not (broken / ".phantom-left").exists()
    assert json.loads((broken / "lesions.json").read_text())["seed"] == 100_001
    assert write_phantom_cohort(cohort, TINY, count=2) == 0


def test_a_cohort_is_continued_with_the_same_settings_alone(cohort):
    other = PhantomSettings(lesions=2, matrix=40, slices=10, thickness_mm=10.0)
    with pytest.raises(InputError, match=r"holds phantom cases with lesions 1, not 2: ask for the same"):
        write_phantom_cohort(cohort, other, count=2)


def test_phantoms_of_unknown_settings_are_not_continued(tmp_path):
    (tmp_path / "phantom-3").mkdir()
    with pytest.raises(InputError, match=r"no cohort\.json"):
        write_phantom_cohort(tmp_path, TINY, count=1)


def test_settings_that_cannot_be_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="unknown lesion type 'tumour'"):
        PhantomSettings(kinds=("tumour",))
    with pytest.raises(InputError, match="0 to 8 lesions, not 9"):
        PhantomSettings(lesions=9)
    with pytest.raises(InputError, match="at least one phantom"):
        write_phantom_cohort(tmp_path / "new", TINY, count=0)
    assert not (tmp_path / "new").exists()


def test_types_depend_on_the_seed_alone():
    assert [TINY.kinds_of(seed) for seed in (100_000, 100_001, 100_002)] == [("cyst",), ("HCC",), ("cyst",)]
    assert PhantomSettings(kinds=("cyst", "HCC")).kinds_of(1) == ("cyst", "HCC")
    assert PhantomSettings().kinds_of(1) is None
    all_types = {PhantomSettings(single_kind=True).kinds_of(seed) for seed in range(5)}
    assert len(all_types) == 5


def test_fewer_lesions_are_made_where_the_liver_has_no_room(tmp_path, monkeypatch):
    asked = []

    def crowded(seed, *, lesions, **more):
        asked.append(lesions)
        if lesions > 3:
            raise InputError("no room in this liver")
        return lesions

    monkeypatch.setattr("training.data.synthesis.phantom_cohort.generate_phantom", crowded)
    monkeypatch.setattr(
        "training.data.synthesis.phantom_cohort.write_phantom", lambda phantom, case: asked.append("written")
    )
    write_phantom_cohort(tmp_path, PhantomSettings(lesions=5), count=1, processes=1)
    assert asked == [5, 4, 3, "written"]
