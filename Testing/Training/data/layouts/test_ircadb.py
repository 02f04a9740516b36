"""3D-IRCADb: DICOM masks of structures that were named by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import (
    LANDMARK_MM,
    landmark_mm,
    make_abdomen,
    masked,
    on_grid,
    voxels_of,
    write_series,
)
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case


def boxed(labels: sitk.Image, value: int, *, low: bool) -> sitk.Image:
    """Return the mask of a value in the lower or the upper half of the columns."""
    voxels = (voxels_of(labels) == value) * 255
    voxels[:, :, slice(11, None) if low else slice(0, 11)] = 0
    return on_grid(voxels.astype(np.int16))


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """A patient whose tumor is drawn in two parts, with an adrenal tumor and a cyst, which are none."""
    portal, labels = make_abdomen()
    place = tmp_path / "3Dircadb1.3"
    write_series(place / "PATIENT_DICOM", portal)
    for name, mask in (
        ("liver", masked(labels, 1, 2)),
        ("livertumor01", boxed(labels, 2, low=True)),
        ("livertumors", boxed(labels, 2, low=False)),
        ("tumor", masked(labels, 0)),
        ("leftsurretumor", masked(labels, 0)),
        ("liverkyst", masked(labels, 1)),
        ("metastasectomie", masked(labels, 1)),
    ):
        write_series(place / "MASKS_DICOM" / name, mask, intercept=0)
    return place


def test_liver_and_its_tumors_are_laid_over_each_other(patient):
    (case,) = find_cases("ircadb", patient.parent)
    assert case.name == "3Dircadb1.3"
    assert [file.path.name for file in case.labels] == ["liver", "livertumor01", "livertumors"]
    loaded = read_case(case)
    assert np.array_equal(voxels_of(loaded.labels), voxels_of(make_abdomen()[1]))
    np.testing.assert_allclose(landmark_mm(loaded.portal), LANDMARK_MM, atol=1e-4)


def test_patients_are_sorted_by_number_and_one_may_be_given_itself(patient):
    (patient.parent / "3Dircadb1.20").mkdir()
    (patient.parent / "3Dircadb1.20" / "PATIENT_DICOM").mkdir()
    (patient.parent / "3Dircadb1.20" / "MASKS_DICOM").mkdir()
    assert [case.name for case in find_cases("ircadb", patient.parent)] == ["3Dircadb1.3", "3Dircadb1.20"]
    assert find_cases("ircadb", patient.parent)[1].facts == {"tumor_type": "none"}
    assert [case.name for case in find_cases("ircadb", patient)] == ["3Dircadb1.3"]


@pytest.mark.parametrize(
    "change", [{"intercept": -1024, "positions": True}, {"positions": False, "intercept": 0}]
)
def test_masks_may_lack_positions_or_carry_the_intercept_of_the_ct(patient, change, tmp_path):
    _, labels = make_abdomen()
    liver = masked(labels, 1, 2)
    if change["intercept"]:  # stored 0 and 255, read as -1024 and -769
        liver = on_grid((voxels_of(liver) - 1024).astype(np.int16))
    (patient / "MASKS_DICOM" / "liver").rename(tmp_path / "old")
    write_series(patient / "MASKS_DICOM" / "liver", liver, **change)
    assert np.array_equal(
        voxels_of(read_case(find_cases("ircadb", patient)[0]).labels), voxels_of(make_abdomen()[1])
    )


def test_slices_without_positions_follow_the_names_of_the_portal_files(tmp_path):
    portal, labels = make_abdomen()
    place = tmp_path / "3Dircadb1.1"
    write_series(place / "PATIENT_DICOM", portal, top_first=True)
    write_series(place / "MASKS_DICOM" / "liver", masked(labels, 1, 2), top_first=True, positions=False)
    found = voxels_of(read_case(find_cases("ircadb", place)[0]).labels)
    assert np.array_equal(found, (voxels_of(labels) > 0).astype(np.uint8))


def test_folders_that_unzipping_has_doubled_are_found(patient):
    for name in ("PATIENT_DICOM", "MASKS_DICOM"):
        (patient / name).rename(patient / "inner")
        (patient / name).mkdir()
        (patient / "inner").rename(patient / name / name)
    assert find_cases("ircadb", patient)[0].labels[0].path == patient / "MASKS_DICOM/MASKS_DICOM/liver"


def test_packed_patients_must_be_unzipped(tmp_path):
    (tmp_path / "3Dircadb1.1").mkdir()
    (tmp_path / "3Dircadb1.1" / "MASKS_DICOM.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="still packed: unpack the zip files"):
        find_cases("ircadb", tmp_path)
    with pytest.raises(InputError, match=r"no folder 3Dircadb1\.N"):
        find_cases("ircadb", tmp_path / "..")


def test_a_mask_with_a_slice_missing_is_refused(patient):
    (patient / "MASKS_DICOM" / "liver" / "image_5").unlink()
    with pytest.raises(InputError, match=r"liver mask .* has 15 slices and the portal volume 16"):
        read_case(find_cases("ircadb", patient)[0])


@pytest.mark.parametrize("origin", [(-150, -110, -400), (-150, -120, -395)])
def test_a_mask_on_another_grid_is_refused_with_both_grids(patient, tmp_path, origin):
    mask = masked(make_abdomen()[1], 1, 2)
    mask.SetOrigin([float(value) for value in origin])
    (patient / "MASKS_DICOM" / "liver").rename(tmp_path / "old")
    write_series(patient / "MASKS_DICOM" / "liver", mask, intercept=0)
    at = ", ".join(map(str, origin))
    with pytest.raises(InputError, match=rf"begins at \({at}\) mm .* the volume at \(-150, -120, -400\) mm"):
        read_case(find_cases("ircadb", patient)[0])
