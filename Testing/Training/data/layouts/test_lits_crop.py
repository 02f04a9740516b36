"""Crops kept as arrays: where they lie in the patient, what is refused, and what the one at hand shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from training.data.checks.case_checks import check_case
from training.data.layouts import find_cases
from training.data.layouts.lits_crop import SPACING_MM
from training.data.layouts.reading import read_case
from training.data.preparation.sources import source_from, source_values

DATA = Path("../shared/data/lits-117-crop")
COUINAUD = Path("../shared/data/lits-liver-segments/couinaud/LiTS-117.nii.gz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A crop of 20 x 18 x 16 voxels whose liver lies at low x (right) with one tumor in it."""
    labels = np.zeros((20, 18, 16), np.uint16)
    labels[2:12, 3:15, 4:14] = 1
    labels[5:7, 8:10, 6:8] = 2
    write(
        tmp_path / "lits117_crop20.npz", img=np.where(labels > 0, 110.5, -90).astype(np.float32), lab=labels
    )
    return tmp_path


def write(path: Path, **arrays: np.ndarray) -> None:
    np.savez(path, **arrays)


def test_the_axes_are_x_y_z_and_the_voxel_size_is_the_measured_one(folder):
    loaded = read_case(find_cases("lits_crop", folder)[0])
    assert loaded.portal.GetSpacing() == SPACING_MM[117]
    assert loaded.portal.GetSize() == (20, 18, 16)
    labels = sitk.GetArrayFromImage(loaded.labels)
    assert (labels[6:8, 8:10, 5:7] == 2).all()
    assert (labels == 2).sum() == 8
    assert sitk.GetArrayFromImage(loaded.portal)[5, 5, 5] == 110.5  # fractions of HU stay


def test_a_crop_is_a_case_with_its_patient_and_its_use(folder):
    (case,) = find_cases("lits_crop", folder)
    assert (case.name, case.patient) == ("lits117_crop20", "lits-117")
    assert case.facts == {"source": "lits_crop", "use": "training", "phase": "portal"}
    assert source_from(source_values(case)).crop == case.crop


def test_a_part_of_the_liver_is_not_found_strange(folder):
    (case,) = find_cases("lits_crop", folder)
    assert check_case(case).findings == ()


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("lits33_crop128.npz", "case 33 of LiTS.*3D-IRCADb.*remove it"),
        ("lits4_crop128.npz", "voxel size of 'lits4_crop128.npz' is not known.*leave the file out"),
    ],
)
def test_other_patients_are_refused_by_name(folder, name, match):
    (folder / name).write_bytes((folder / "lits117_crop20.npz").read_bytes())
    with pytest.raises(InputError, match=match):
        find_cases("lits_crop", folder)


def test_a_folder_without_crops_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no crop such as"):
        find_cases("lits_crop", tmp_path)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"img": np.zeros((4, 4, 4), np.float32)}, r"holds no array 'lab' \(but img\)"),
        ({"img": np.zeros((4, 4), np.float32), "lab": np.zeros((4, 4, 4), np.uint8)}, "no volume of numbers"),
        ({"img": np.array([{}]), "lab": np.zeros((4, 4, 4), np.uint8)}, "cannot be read"),
        ({"img": np.zeros((4, 4, 4), np.float32), "lab": np.zeros((4, 4, 5), np.uint8)}, "grid|size|voxels"),
    ],
)
def test_files_that_hold_something_else_are_refused(folder, arrays, match):
    write(folder / "lits117_crop20.npz", **arrays)
    with pytest.raises(InputError, match=match):
        read_case(find_cases("lits_crop", folder)[0])


def test_a_cut_file_is_refused(folder):
    path = folder / "lits117_crop20.npz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match="cannot be read"):
        read_case(find_cases("lits_crop", folder)[0])


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/lits-117-crop")
def test_the_crop_at_hand_is_dark_metastases_in_a_bright_liver():
    (case,) = find_cases("lits_crop", DATA)
    loaded = read_case(case)
    hu, labels = (sitk.GetArrayFromImage(image) for image in (loaded.portal, loaded.labels))
    assert np.median(hu[labels == 1]) == pytest.approx(119, abs=1)
    assert np.median(hu[labels == 2]) == pytest.approx(69, abs=1)


@pytest.mark.skipif(not (DATA.is_dir() and COUINAUD.is_file()), reason="needs ../shared/data")
def test_the_crop_at_hand_lies_on_the_couinaud_map_of_its_patient():
    (case,) = find_cases("lits_crop", DATA)
    crop = sitk.GetArrayFromImage(read_case(case).labels) > 0
    whole = sitk.DICOMOrient(sitk.ReadImage(str(COUINAUD)), "LPS")
    assert whole.GetSpacing() == pytest.approx(SPACING_MM[117])
    liver = sitk.GetArrayFromImage(whole) > 0
    z, y, x = 139, 59, 35
    there = liver[z : z + 128, y : y + 128, x : x + 128]
    assert 2 * (crop & there).sum() / (crop.sum() + there.sum()) > 0.98
