"""Cases as they lie in space, and labels that do not belong to their volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import LANDMARK_MM, landmark_mm, make_abdomen, masked, on_grid, voxels_of
from training.data.case import LabelFile, SourceCase
from training.data.layouts.labels import OWN_VALUES
from training.data.layouts.reading import read_case

PORTAL, LABELS = make_abdomen()


def written(folder: Path, portal: sitk.Image, labels: sitk.Image, suffix: str = ".nii.gz") -> SourceCase:
    sitk.WriteImage(portal, str(folder / f"portal{suffix}"))
    sitk.WriteImage(labels, str(folder / f"truth{suffix}"))
    return SourceCase(
        name="a",
        portal=folder / f"portal{suffix}",
        labels=(LabelFile(path=folder / f"truth{suffix}", values=OWN_VALUES),),
    )


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize(
    ("stored", "labels_stored"), [("RAS", "RAS"), ("LAS", "LAS"), ("ASL", "ASL"), ("LPI", "RPS")]
)
def test_anatomy_stays_where_it_is_however_the_axes_are_stored(tmp_path, stored, labels_stored, suffix):
    case = written(
        tmp_path, sitk.DICOMOrient(PORTAL, stored), sitk.DICOMOrient(LABELS, labels_stored), suffix
    )
    loaded = read_case(case)
    np.testing.assert_allclose(landmark_mm(loaded.portal), LANDMARK_MM, atol=1e-3)
    assert np.array_equal(voxels_of(loaded.portal), voxels_of(PORTAL))
    assert np.array_equal(voxels_of(loaded.labels), voxels_of(LABELS))
    assert loaded.labels.GetPixelID() == sitk.sitkUInt8
    assert loaded.labels.GetDirection() == loaded.portal.GetDirection()


def test_an_oblique_volume_stays_oblique(tmp_path):
    portal, labels = sitk.Image(PORTAL), sitk.Image(LABELS)
    turn = Rotation.from_euler("xyz", [8, -6, 15], degrees=True).as_matrix()
    for image in (portal, labels):
        image.SetDirection(turn.ravel().tolist())
    where = landmark_mm(portal)
    loaded = read_case(
        written(tmp_path, sitk.DICOMOrient(portal, "RAI"), sitk.DICOMOrient(labels, "RAI"), ".nrrd")
    )
    np.testing.assert_allclose(landmark_mm(loaded.portal), where, atol=1e-3)
    assert np.array_equal(voxels_of(loaded.labels), voxels_of(LABELS))


@pytest.mark.parametrize("kind", [sitk.sitkFloat32, sitk.sitkFloat64, sitk.sitkInt32, sitk.sitkUInt16])
def test_labels_may_be_stored_as_any_number(tmp_path, kind):
    labels = sitk.Cast(LABELS, kind)
    if kind == sitk.sitkFloat32:
        labels = labels * 0.9999  # what a rescale slope makes of whole numbers
    assert np.array_equal(voxels_of(read_case(written(tmp_path, PORTAL, labels)).labels), voxels_of(LABELS))


def test_interpolated_labels_are_refused_with_their_count(tmp_path):
    values = voxels_of(LABELS).astype(np.float32)
    values[3, 4, 5:9] = 0.4
    with pytest.raises(
        InputError, match=r"4 voxels of the labels .* was interpolated: resample it with nearest"
    ):
        read_case(written(tmp_path, PORTAL, on_grid(values)))


def test_unexplained_values_are_refused_with_their_counts(tmp_path):
    values = voxels_of(LABELS)
    values[3, 4, 5:9] = 3
    values[3, 5, 5] = 7
    with pytest.raises(
        InputError, match=r"nobody explained: 3 \(4 voxels\), 7 \(1 voxels\), beside the known 0, 1, 2"
    ):
        read_case(written(tmp_path, PORTAL, on_grid(values)))


def test_rounding_in_headers_is_no_other_grid(tmp_path):
    labels = sitk.Image(LABELS)
    labels.SetOrigin([value + 0.05 for value in LABELS.GetOrigin()])
    labels.SetSpacing([value * (1 + 1e-6) for value in LABELS.GetSpacing()])
    loaded = read_case(written(tmp_path, PORTAL, labels))
    assert loaded.labels.GetOrigin() == loaded.portal.GetOrigin()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels[:, :, 1:], r"size is \(40, 32, 16\) voxels and \(40, 32, 15\) voxels"),
        (
            lambda labels: _moved(labels, 8.0),
            r"origin is \(-150, -120, -400\) mm and \(-142, -120, -400\) mm",
        ),
        (lambda labels: _bare(labels), r"spacing is \(8, 8, 10\) mm and \(1, 1, 1\) mm"),
    ],
)
def test_labels_on_another_grid_are_refused_naming_both(tmp_path, change, message):
    with pytest.raises(InputError, match=rf"portal\.nii\.gz' and the labels .*truth\.nii\.gz'.*{message}"):
        read_case(written(tmp_path, PORTAL, change(LABELS)))


def _moved(labels: sitk.Image, by_mm: float) -> sitk.Image:
    moved = sitk.Image(labels)
    moved.SetOrigin((labels.GetOrigin()[0] + by_mm, *labels.GetOrigin()[1:]))
    return moved


def _bare(labels: sitk.Image) -> sitk.Image:
    """Return labels that were saved without their geometry."""
    return sitk.GetImageFromArray(sitk.GetArrayFromImage(labels))


def test_masks_in_files_are_laid_over_each_other_in_order(tmp_path):
    case = written(tmp_path, PORTAL, masked(LABELS, 2))
    sitk.WriteImage(masked(LABELS, 1, 2, inside=1), str(tmp_path / "liver.nii"))
    liver = LabelFile(path=tmp_path / "liver.nii", mask_class=1)
    tumor = LabelFile(path=case.labels[0].path, mask_class=2)

    def read(*files: LabelFile) -> np.ndarray:
        return voxels_of(read_case(SourceCase(name="a", portal=case.portal, labels=files)).labels)

    assert np.array_equal(read(liver, tumor), voxels_of(LABELS))
    assert np.array_equal(read(tumor, liver), voxels_of(LABELS) > 0)


def test_a_case_of_one_phase_says_what_it_lacks(tmp_path):
    case = written(tmp_path, PORTAL, LABELS)
    assert read_case(case).arterial is None
    with_arterial = SourceCase(name="a", portal=case.portal, labels=case.labels, arterial=tmp_path / "no.nii")
    assert read_case(with_arterial, arterial=False).arterial is None
    with pytest.raises(InputError, match=r"arterial volume '.*no.nii' does not exist"):
        read_case(with_arterial)
