"""Slices kept as pictures: where they lie in the patient, whose they are, and who may use them."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from training.data.checks.case_checks import check_case
from training.data.held_out import IRCADB_CASES, VALIDATION_CASES, check_may_train, use_of
from training.data.layouts import find_cases
from training.data.layouts.msd_liver_slices import COLUMNS
from training.data.layouts.reading import read_case
from training.data.preparation.sources import source_from, source_values

DATA = Path("../shared/data/msd-liver-slices")

UPRIGHT = np.zeros((64, 64), np.uint8)
"""A patient of one slice (y to the back, x to the left): a bright liver in front on the right."""
UPRIGHT[9:27, 6:35] = 120  # across the blocks of a JPEG, so that it blurs the border


def picture_of(upright: np.ndarray, turn: str) -> np.ndarray:
    """Return the picture that a slice becomes: x down and y from right to left, or turned by 180 degrees."""
    picture = upright.T[:, ::-1]
    return picture if turn == "flipped" else np.rot90(picture, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two patients, one with a slice of each turn, the other with one that was taken for another patient."""
    write(
        tmp_path, [("flipped_1_5.jpg", 4, 0.95), ("mirrored_1_6.jpg", 4, 0.9), ("flipped_2_5.jpg", 5, 0.95)]
    )
    return tmp_path


def write(folder: Path, listed: list[tuple[str, int, float]]) -> None:
    """Write pictures and slices.csv."""
    for name in ("images", "masks"):
        (folder / name).mkdir(exist_ok=True)
    with (folder / "slices.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, case, match in listed:
            writer.writerow((name, case, 1.5, 1.4, 5.0, match))
            picture = np.ascontiguousarray(picture_of(UPRIGHT, name.partition("_")[0]))
            mask = np.where(picture > 60, 255, 0).astype(np.uint8)
            for kind, pixels in (("images", picture), ("masks", mask)):
                sitk.WriteImage(sitk.GetImageFromArray(pixels), str(folder / kind / name), False, 95)


@pytest.mark.parametrize("number", [0, 2])
def test_both_turns_lie_upright_with_their_millimeters(folder, number):
    loaded = read_case(find_cases("msd_liver_slices", folder)[number])
    assert loaded.portal.GetSpacing() == (1.5, 1.4, 5.0)
    np.testing.assert_allclose(sitk.GetArrayFromImage(loaded.portal)[0], UPRIGHT, atol=30)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(loaded.labels)[0], UPRIGHT > 60)


def test_gray_values_around_a_mask_of_jpeg_are_no_liver(folder):
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "masks" / "flipped_1_5.jpg")))
    assert ((mask > 0) & (mask < 128)).any()
    first = find_cases("msd_liver_slices", folder)[0]
    assert sitk.GetArrayFromImage(read_case(first).labels).sum() == (UPRIGHT > 60).sum()


def test_a_slice_passes_the_checks_that_ask_volumes_for_more(folder):
    assert [check_case(case).findings for case in find_cases("msd_liver_slices", folder)] == [()] * 3


def test_the_slices_of_a_patient_stay_together_and_tell_use_and_clip(folder):
    first, second, turned = find_cases("msd_liver_slices", folder)
    assert (first.patient, turned.patient, second.patient) == ("lits-4", "lits-4", "lits-5")
    assert first.facts["use"] == "training"
    assert second.facts["use"] == "validation"
    assert first.facts["hu_clip"] == "0 255"


def test_a_slice_taken_for_another_patient_and_one_of_nobody_are_left_out(folder):
    write(folder, [("flipped_1_5.jpg", 4, 0.9), ("flipped_1_6.jpg", 7, 0.3), ("flipped_9_5.jpg", 8, 0.5)])
    assert [case.name for case in find_cases("msd_liver_slices", folder)] == ["flipped_1_5"]


@pytest.mark.parametrize("first", ["flipped", "mirrored"])
def test_of_two_pictures_of_one_slice_the_flipped_one_is_taken(folder, first):
    both = ["flipped_1_5.jpg", "mirrored_1_5.jpg"]
    listed = [(name, 4, 0.9) for name in sorted(both, reverse=first == "mirrored")]
    write(folder, [*listed, ("mirrored_1_6.jpg", 4, 0.9), ("mirrored_2_5.jpg", 5, 0.9)])
    found = [case.name for case in find_cases("msd_liver_slices", folder)]
    assert found == ["flipped_1_5", "mirrored_1_6", "mirrored_2_5"]


def test_a_mirrored_picture_stays_where_the_flipped_one_is_left_out(folder):
    write(folder, [("mirrored_1_5.jpg", 4, 0.9), ("flipped_1_5.jpg", 7, 0.3)])
    assert [case.name for case in find_cases("msd_liver_slices", folder)] == ["mirrored_1_5"]


@pytest.mark.parametrize("case", [IRCADB_CASES[0], 33, IRCADB_CASES[-1]])
def test_patients_of_3d_ircadb_are_refused_by_name(folder, case):
    write(folder, [("flipped_1_5.jpg", 4, 0.9), ("flipped_3_5.jpg", case, 0.2)])
    with pytest.raises(InputError, match=rf"flipped_3_5.jpg' is case {case} of LiTS.*3D-IRCADb.*remove it"):
        find_cases("msd_liver_slices", folder)


def test_lists_that_cannot_be_used_say_what_is_wrong(folder):
    write(folder, [("flipped_1_5.jpg", 4, 0.9), ("flipped_1_6.jpg", 7, 0.9)])
    with pytest.raises(InputError, match="patient 1 are said to show several cases"):
        find_cases("msd_liver_slices", folder)
    write(folder, [("upright_1_5.jpg", 4, 0.9)])
    with pytest.raises(InputError, match=r"'upright_1_5.jpg' is wrong .*no turn"):
        find_cases("msd_liver_slices", folder)
    for case in ("nan", "4.5", "inf", "9" * 400, ""):
        write(folder, [("flipped_1_5.jpg", case, 0.9)])
        with pytest.raises(InputError, match=r"the line of 'flipped_1_5.jpg' is wrong \("):
            find_cases("msd_liver_slices", folder)
    write(folder, [("flipped.jpg", 4, 0.9)])
    with pytest.raises(InputError, match=r"the line of 'flipped.jpg' is wrong \("):
        find_cases("msd_liver_slices", folder)
    (folder / "slices.csv").write_text("file,case\n")
    with pytest.raises(InputError, match="no column 'msd_liver_case'"):
        find_cases("msd_liver_slices", folder)


def test_the_grid_of_a_picture_is_written_down_with_its_case(folder):
    for case in find_cases("msd_liver_slices", folder):
        assert case.picture is not None
        marked = replace(case, picture=replace(case.picture, lesions=((3, 4), (5, 6))))
        for each in (case, marked):
            assert source_from(json.loads(json.dumps(source_values(each)))).picture == each.picture


def test_validation_patients_are_those_with_the_smallest_hash():
    known = {*range(28), *range(48, 85), *range(87, 92), 93, 94, 95, 98, 99, 101, 102, *range(104, 124)}
    known |= {125, 127, 128, 129}
    by_hash = sorted(known, key=lambda case: hashlib.sha256(f"msd-liver-{case}".encode()).hexdigest())
    assert tuple(sorted(by_hash[:20])) == VALIDATION_CASES
    with pytest.raises(InputError, match="case 5 of LiTS, which validates and never trains"):
        check_may_train(5, "LiTS-5.nii.gz")
    check_may_train(4, "LiTS-4.nii.gz")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/msd-liver-slices")
def test_the_slices_at_hand_hold_out_twenty_whole_patients():
    cases = find_cases("msd_liver_slices", DATA)
    used = {
        use: {case.patient for case in cases if case.facts["use"] == use}
        for use in ("training", "validation")
    }
    assert (len(cases), len(used["training"]), len(used["validation"])) == (551, 82, 20)
    assert not used["training"] & used["validation"]
    assert use_of(117) == "training"  # its crop holds the only real tumors that are labelled


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/msd-liver-slices")
@pytest.mark.parametrize(
    ("layout", "training", "validation"),
    [("msd_liver_slices", 459, 92), ("msd_free_slices", 167, 37), ("msd_dark_slices", 77, 13)],
)
def test_no_slice_at_hand_is_a_case_twice(layout, training, validation):
    cases = find_cases(layout, DATA)
    assert len({case.name.partition("_")[2] for case in cases}) == len(cases)
    uses = Counter(case.facts["use"] for case in cases)
    assert uses == {"training": training, "validation": validation}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/msd-liver-slices")
def test_two_pictures_of_one_slice_are_the_same_once_upright(tmp_path):
    taken = {case.name: case for case in find_cases("msd_liver_slices", DATA)}
    header, *rows = (DATA / "slices.csv").read_text().splitlines()
    mirrored = [row for row in rows if row.startswith("mirrored")]
    (tmp_path / "slices.csv").write_text("\n".join([header, *mirrored]))
    for kind in ("images", "masks"):
        (tmp_path / kind).symlink_to((DATA / kind).resolve())
    left_out = [case for case in find_cases("msd_liver_slices", tmp_path) if case.name not in taken]
    assert len(left_out) == 19
    for case in left_out:
        twin = taken[case.name.replace("mirrored", "flipped")]
        assert twin.patient == case.patient
        one, other = (sitk.GetArrayFromImage(read_case(each).portal) for each in (case, twin))
        assert (one == other).mean() > 0.99
        np.testing.assert_allclose(one, other, atol=10)
