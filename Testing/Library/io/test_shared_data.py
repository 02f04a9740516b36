"""Real CT: read as NIfTI and DICOM, and accepted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.io import check_ct, list_series, read_label_map, read_volume
from LiverTumorAttentionLib.voxels.geometry import same_grid, to_lps

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
REAL = SHARED / "totalsegmentator-example"
DCMQI = SHARED / "dcmqi-liver"

needs_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {SHARED}")


@needs_data
def test_real_nifti():
    image = check_ct(read_volume(REAL / "ct.nii.gz"))
    assert image.GetSize() == (122, 101, 30)
    assert image.GetSpacing() == pytest.approx((3, 3, 3))
    liver = read_label_map(REAL / "liver.nii.gz")
    assert same_grid(image, liver)
    inside = sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(liver) == 1]
    assert inside.size * 27 / 1000 == pytest.approx(1062, abs=1)  # mL and HU as the data's README says
    assert inside.mean() == pytest.approx(45, abs=1)
    upright = to_lps(image)
    assert upright.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)


@needs_data
def test_real_dicom_is_what_itk_reads_of_it():
    """The files are JPEG 2000 and carry no UIDs."""
    (info,) = list_series(REAL / "dicom")
    assert (info.slices, info.matrix, info.modality) == (20, (512, 512), "CT")
    image = check_ct(read_volume(REAL / "dicom", phase="portal"))
    ends = [sitk.ReadImage(str(info.files[index])) for index in (0, -1)]
    assert image.GetOrigin() == pytest.approx(ends[0].GetOrigin())
    assert image.TransformIndexToPhysicalPoint((0, 0, 19)) == pytest.approx(ends[1].GetOrigin())
    for index, slice_ in zip((0, 19), ends, strict=True):
        assert np.array_equal(sitk.GetArrayFromImage(image)[index], sitk.GetArrayFromImage(slice_)[0])


@needs_data
def test_three_slices_of_dcmqi():
    image = check_ct(read_volume(DCMQI, phase="portal"))
    assert image.GetSize() == (512, 512, 3)
    assert image.GetOrigin() == pytest.approx((-235.2, -226.8, -128.69))
    assert sitk.GetArrayViewFromImage(image).min() == -1024, "padding of -2000 became air"


@needs_data
def test_dicom_seg_of_another_program_lies_on_the_liver():
    pytest.importorskip("highdicom", reason="DICOM SEG is read with highdicom")
    liver = read_label_map(DCMQI / "liver-seg.dcm")
    image = read_volume(DCMQI / "ct")
    assert same_grid(liver, image)
    mask = sitk.GetArrayFromImage(liver)
    assert set(np.unique(mask)) == {0, 1}
    inside = sitk.GetArrayFromImage(image)[mask == 1]
    assert 40 < np.median(inside) < 140
