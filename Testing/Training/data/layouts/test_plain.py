"""The plain layout: what the package's own `phantom` writes, and folders made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import write_segmentation
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom, write_phantom
from Testing.Training.abdomen import make_abdomen, voxels_of, write_json, write_series
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A phantom with two lesions of one type."""
    return generate_phantom(17, matrix=48, slices=10, thickness_mm=9, lesions=2, lesion_kinds=["HCC"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One case with the files that a case needs."""
    portal, labels = make_abdomen()
    (tmp_path / "case 2").mkdir()
    sitk.WriteImage(portal, str(tmp_path / "case 2" / "portal.nii"))
    sitk.WriteImage(labels, str(tmp_path / "case 2" / "labels.nrrd"))
    return tmp_path


def test_a_written_phantom_is_read_back_with_its_displacement(phantom, tmp_path):
    write_phantom(phantom, tmp_path / "phantom-17")
    (tmp_path / "cohort.json").write_text("{}")
    (case,) = find_cases("plain", tmp_path)
    assert case.name == "phantom-17"
    assert case.facts == {"tumor_type": "HCC"}
    assert case.lesions == tmp_path / "phantom-17" / "lesions.json"
    loaded = read_case(case)
    for name in ("portal", "arterial", "labels", "displacement"):
        image, truth = getattr(loaded, name), getattr(phantom, name)
        assert np.array_equal(voxels_of(image), voxels_of(truth)), name
        np.testing.assert_allclose(image.GetOrigin(), truth.GetOrigin(), atol=1e-3)
    assert loaded.displacement.GetNumberOfComponentsPerPixel() == 3


def test_the_displacement_keeps_its_millimeters_when_the_axes_are_turned(phantom, tmp_path):
    write_phantom(phantom, tmp_path / "turned")
    for name in ("portal", "labels", "displacement"):
        path = tmp_path / "turned" / f"{name}.nii.gz"
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(path)), "RAS"), str(path))
    loaded = read_case(find_cases("plain", tmp_path)[0])
    assert np.array_equal(voxels_of(loaded.displacement), voxels_of(phantom.displacement))
    assert np.array_equal(voxels_of(loaded.labels), voxels_of(phantom.labels))


@pytest.mark.parametrize(
    ("kinds", "told"), [([], "none"), (["cyst", "cyst"], "cyst"), (["cyst", "HCC"], "mixed")]
)
def test_the_type_of_a_case_is_that_of_its_lesions(folder, kinds, told):
    write_json(folder / "case 2" / "lesions.json", {"lesions": [{"kind": kind} for kind in kinds]})
    assert find_cases("plain", folder)[0].facts == {"tumor_type": told}


def test_case_json_gives_facts_and_the_patient_and_wins_over_lesions(folder):
    write_json(folder / "case 2" / "lesions.json", {"lesions": []})
    facts = {"tumor_type": "HCC", "scanner": "GE", "patient": "P7", "age": 61, "note": None}
    write_json(folder / "case 2" / "case.json", facts)
    (case,) = find_cases("plain", folder)
    assert case.name == "case-2"
    assert case.patient == "P7"
    assert case.facts == {"tumor_type": "HCC", "scanner": "GE", "age": "61"}


def test_damaged_descriptions_name_their_file(folder):
    write_json(folder / "case 2" / "case.json", {"scanner": ["GE"]})
    with pytest.raises(InputError, match=r"case.json': 'scanner' must be a text or a number"):
        find_cases("plain", folder)
    (folder / "case 2" / "case.json").unlink()
    write_json(folder / "case 2" / "lesions.json", {"lesions": [{"type": "cyst"}]})
    with pytest.raises(InputError, match=r"lesions.json' does not tell its lesions"):
        find_cases("plain", folder)


def test_phases_may_be_dicom_folders(folder):
    portal, _ = make_abdomen()
    (folder / "case 2" / "portal.nii").unlink()
    write_series(folder / "case 2" / "portal", portal)
    write_series(folder / "case 2" / "arterial", portal + 5)
    loaded = read_case(find_cases("plain", folder)[0])
    assert np.array_equal(voxels_of(loaded.portal), voxels_of(portal))
    assert np.array_equal(voxels_of(loaded.arterial), voxels_of(portal) + 5)


def test_labels_may_be_a_segmentation_with_named_segments(folder):
    _, labels = make_abdomen()
    (folder / "case 2" / "labels.nrrd").unlink()
    write_segmentation(folder / "case 2" / "labels.seg.nrrd", sitk.Cast(labels, sitk.sitkUInt16))
    assert np.array_equal(voxels_of(read_case(find_cases("plain", folder)[0]).labels), voxels_of(labels))


def test_two_files_that_may_be_meant_are_refused(folder):
    sitk.WriteImage(make_abdomen()[0], str(folder / "case 2" / "portal.mha"))
    with pytest.raises(InputError, match="may both be meant: remove one"):
        find_cases("plain", folder)


def test_a_misnamed_portal_is_told_when_read_and_an_empty_folder_at_once(folder, tmp_path):
    (folder / "case 2" / "portal.nii").rename(folder / "case 2" / "venous.nii")
    with pytest.raises(InputError, match=r"portal volume '.*portal.nii.gz' does not exist"):
        read_case(find_cases("plain", folder)[0])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no folder in '.*' holds portal\.nii\.gz"):
        find_cases("plain", tmp_path / "empty")
