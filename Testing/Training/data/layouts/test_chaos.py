"""CHAOS: pictures of the liver that belong to DICOM files by their names alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import LANDMARK_MM, landmark_mm, make_abdomen, voxels_of, write_series
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case


@pytest.fixture
def chaos(tmp_path: Path) -> Path:
    """CT case 1 with file names from head to feet, MR case 1, and a test case without truth."""
    portal, labels = make_abdomen()
    case = tmp_path / "Train_Sets" / "CT" / "1"
    write_series(case / "DICOM_anon", portal, "i{:04d},0000b.dcm", top_first=True)
    write_pictures(case / "Ground", (voxels_of(labels)[::-1] > 0) * 255)
    write_pictures(
        tmp_path / "Train_Sets" / "MR" / "1" / "T2SPIR" / "Ground", voxels_of(labels), "IMG-{:05d}.png"
    )
    (tmp_path / "Train_Sets" / "MR" / "1" / "T2SPIR" / "DICOM_anon").mkdir()
    (tmp_path / "Test_Sets" / "CT" / "3" / "DICOM_anon").mkdir(parents=True)
    return tmp_path


def write_pictures(folder: Path, planes: np.ndarray, name: str = "liver_GT_{:03d}.png") -> None:
    folder.mkdir(parents=True)
    for number, plane in enumerate(planes):
        sitk.WriteImage(sitk.GetImageFromArray(plane.astype(np.uint8)), str(folder / name.format(number)))


def test_pictures_lie_on_the_slices_whose_file_names_have_their_place(chaos):
    (case,) = find_cases("chaos", chaos)
    assert case.name == "chaos-ct-1"
    assert case.facts == {"tumor_type": "none", "phase": "portal"}
    loaded = read_case(case)
    np.testing.assert_allclose(landmark_mm(loaded.portal), LANDMARK_MM, atol=1e-4)
    truth = voxels_of(make_abdomen()[1]) > 0
    assert not np.array_equal(truth, truth[::-1])  # else the order would not matter
    assert np.array_equal(voxels_of(loaded.labels), truth.astype(np.uint8))


def test_folders_and_pictures_may_be_links(chaos, tmp_path_factory):
    """The pictures are matched by their own names, not by those of what they link to."""
    data = tmp_path_factory.mktemp("links")
    (data / "CT" / "4").mkdir(parents=True)
    case = chaos / "Train_Sets" / "CT" / "1"
    (data / "CT" / "4" / "DICOM_anon").symlink_to(case / "DICOM_anon")
    (data / "CT" / "4" / "Ground").mkdir()
    for number, picture in enumerate(sorted((case / "Ground").iterdir())):
        hidden = picture.rename(picture.with_name(f"{999 - number}.png"))
        (data / "CT" / "4" / "Ground" / f"liver_GT_{number:03d}.png").symlink_to(hidden)
    (data / "CT" / "5").symlink_to(data / "CT" / "4")
    first, *others = find_cases("chaos", data)
    assert (first.name, others) == ("chaos-ct-4", []), "a folder that is reached twice is one case"
    truth = voxels_of(make_abdomen()[1]) > 0
    assert np.array_equal(voxels_of(read_case(first).labels), truth.astype(np.uint8))


def test_pictures_of_one_bit_and_in_colours_are_masks_too(chaos):
    image_module = pytest.importorskip("PIL.Image")
    ground = chaos / "Train_Sets" / "CT" / "1" / "Ground"
    planes = voxels_of(make_abdomen()[1])[::-1] > 0
    for number, plane in enumerate(planes):
        picture = image_module.fromarray((plane * 255).astype(np.uint8))
        picture.convert("1" if number % 2 else "RGBA").save(ground / f"liver_GT_{number:03d}.png")
    labels = read_case(find_cases("chaos", chaos)[0]).labels
    assert np.array_equal(voxels_of(labels), planes[::-1].astype(np.uint8))


def test_a_missing_picture_and_one_of_another_size_are_refused(chaos):
    ground = chaos / "Train_Sets" / "CT" / "1" / "Ground"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((8, 9), np.uint8)), str(ground / "liver_GT_004.png"))
    with pytest.raises(InputError, match=r"liver_GT_004.png' has 9 x 8 pixels and the portal volume 40 x 32"):
        read_case(find_cases("chaos", chaos)[0])
    (ground / "liver_GT_004.png").unlink()
    with pytest.raises(InputError, match="has 15 slices and the portal volume 16"):
        read_case(find_cases("chaos", chaos)[0])


def test_a_folder_without_truth_says_what_is_looked_for(chaos):
    with pytest.raises(InputError, match=r"no CT/N/Ground with liver_GT"):
        find_cases("chaos", chaos / "Test_Sets")
