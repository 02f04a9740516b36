"""Dark lesions of real slices are outlined from a voxel in each, and nothing else is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from Testing.Training.data.layouts import test_msd_liver_slices as slices
from Testing.Training.data.layouts.test_msd_free_slices import SPACING_MM, slice_with
from training.data.held_out import VALIDATION_CASES, is_held_out
from training.data.layouts import find_cases, msd_dark_slices
from training.data.layouts.dark_lesions import outlined_lesions
from training.data.layouts.reading import read_case
from training.data.sources import sources_of

MIDDLE = (50, 10 + round(40 / SPACING_MM[1]))
"""(y, x) of the middle of the ball of `slice_with`."""


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("radius_mm", [6.0, 10.0, 20.0])
@pytest.mark.parametrize("noise", [4.0, 12.0])
def test_a_lesion_is_outlined_where_it_ends(radius_mm: float, noise: float):
    hu, liver = slice_with(radius_mm=radius_mm, noise=noise)
    truth = slice_with(radius_mm=radius_mm, noise=0)[0] == 40
    found = outlined_lesions(hu, liver, SPACING_MM, [MIDDLE])
    assert dice(found, truth) > (0.85 if radius_mm < 10 else 0.9)


def test_what_is_dark_and_not_marked_stays_liver():
    hu, liver = slice_with(radius_mm=8.0, noise=4.0)
    fissure = (slice(15, 20), slice(60, 100))
    hu[fissure] = 30.0
    found = outlined_lesions(hu, liver, SPACING_MM, [MIDDLE])
    assert found[MIDDLE]
    assert not found[fissure].any()
    assert outlined_lesions(hu, liver, SPACING_MM, [(17, 80)])[17, 80]


def test_a_lesion_with_a_bright_middle_is_filled():
    hu, liver = slice_with(radius_mm=18.0, noise=3.0)
    hu[47:54, MIDDLE[1] - 3 : MIDDLE[1] + 4] = 100.0
    beside = (MIDDLE[0], MIDDLE[1] - 10)
    assert outlined_lesions(hu, liver, SPACING_MM, [beside])[MIDDLE]


@pytest.mark.parametrize("place", [(50, 90), (0, 0)])
def test_a_place_where_nothing_is_dark_is_refused(place: tuple[int, int]):
    hu, liver = slice_with(radius_mm=8.0)
    with pytest.raises(InputError, match="nothing dark is outlined"):
        outlined_lesions(hu, liver, SPACING_MM, [MIDDLE, place])


def test_slices_with_marked_lesions_are_cases_with_tumors(tmp_path: Path, monkeypatch):
    upright = np.zeros((64, 64), np.uint8)
    upright[4:56, 6:58] = 120
    upright[20:32, 20:32] = 80
    monkeypatch.setattr(slices, "UPRIGHT", upright)
    slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95)])
    listed = tmp_path / "lesions.csv"
    listed.write_text("picture,y,x\nflipped_1_5,26,26\nflipped_9_9,1,1\n")
    monkeypatch.setattr(msd_dark_slices, "LESIONS", listed)
    (case,) = find_cases("msd_dark_slices", tmp_path)
    assert case.facts["source"] == msd_dark_slices.SOURCE
    assert "threshold" in case.facts["tumors"]
    assert sources_of(case.facts, case.patient, case.name) == {"lits": "lits-4"}
    (plain,) = find_cases("msd_liver_slices", tmp_path)
    assert case.name != plain.name, "both may be prepared into one folder"
    labels, alone = (sitk.GetArrayFromImage(read_case(each).labels)[0] for each in (case, plain))
    assert (labels > 0).tolist() == (alone > 0).tolist(), "tumors lie in the liver"
    assert labels[26, 26] == TUMOR
    assert labels[45, 45] == LIVER
    listed.write_text("picture,y,x\nflipped_9_9,1,1\n")
    with pytest.raises(InputError, match="none of the 1 slices"):
        find_cases("msd_dark_slices", tmp_path)


def test_slices_of_patients_that_validate_are_held_out(tmp_path: Path, monkeypatch):
    listed = tmp_path / "lesions.csv"
    listed.write_text("picture,y,x\nflipped_1_5,26,26\nflipped_2_5,26,26\n")
    monkeypatch.setattr(msd_dark_slices, "LESIONS", listed)
    slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95), ("flipped_2_5.jpg", VALIDATION_CASES[0], 0.95)])
    assert [is_held_out(case.facts) for case in find_cases("msd_dark_slices", tmp_path)] == [False, True]


def test_the_list_names_one_picture_of_a_slice():
    pictures = {row[0] for row in csv.reader(msd_dark_slices.LESIONS.open())} - {"picture"}
    assert len({picture.partition("_")[2] for picture in pictures}) == len(pictures) == 90


def test_the_list_names_each_voxel_once():
    rows = list(csv.reader(msd_dark_slices.LESIONS.open()))[1:]
    assert len(rows) > 100
    assert len({tuple(row) for row in rows}) == len(rows)
