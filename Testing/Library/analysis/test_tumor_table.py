"""The table of tumours and the report."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import (
    measure_case,
    measure_tumors,
    measurements_dict,
    tumor_csv,
    write_tumor_csv,
)

HEADING = (
    "tumor,volume_ml,longest_axial_diameter_mm,perpendicular_diameter_mm,slice_index,"
    "centroid_l_mm,centroid_p_mm,centroid_s_mm,mean_portal_hu,sd_portal_hu,mean_arterial_hu,mean_probability"
)


def instances() -> sitk.Image:
    """A liver with a tumour of 4 by 2 by 1 voxels of 1 by 1 by 5 mm from x = 2, y = 3, z = 1 on."""
    array = np.ones((4, 8, 8), np.uint16)
    array[1, 3:5, 2:6] = 2
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 5.0))
    return image


def test_rows_with_both_phases() -> None:
    image = instances()
    hu = sitk.Cast(image, sitk.sitkInt16)
    text = tumor_csv(measure_tumors(image, hu * 50, hu * 20, sitk.Cast(image, sitk.sitkFloat32) / 4))
    heading, row = text.splitlines()
    assert heading == HEADING
    # the longest line joins side midpoints 4 and 1 mm apart: sqrt 17; across it, between the sides: 2 sqrt 17 / 4
    assert row == "1,0.040,4.1,2.1,1,3.5,3.5,5.0,100.0,0.0,40.0,0.500"


def test_what_was_not_measured_is_empty() -> None:
    (row,) = csv.DictReader(io.StringIO(tumor_csv(measure_tumors(instances(), instances()))))
    assert row["mean_arterial_hu"] == ""
    assert row["mean_probability"] == ""


def test_without_a_tumor_the_heading_stands_alone() -> None:
    assert tumor_csv([]) == HEADING + "\n"


def test_written_to_a_file(tmp_path) -> None:
    measurements = measure_tumors(instances(), instances())
    with (tmp_path / "tumors.csv").open("w", newline="") as stream:
        write_tumor_csv(stream, measurements)
    assert (tmp_path / "tumors.csv").read_bytes().decode() == tumor_csv(measurements)


def test_report_is_json_with_null_for_what_was_not_measured() -> None:
    measurements = measure_tumors(instances(), instances())
    report = json.loads(
        json.dumps(measurements_dict(measure_case(instances()), measurements), allow_nan=False)
    )
    assert report["case"]["tumor_count"] == 1
    (tumor,) = report["tumors"]
    assert tumor["mean_hu_arterial"] is None
    assert tumor["centroid_lps_mm"] == [3.5, 3.5, 5.0]
    assert len(tumor["longest_axial_diameter_lps_mm"]) == 2
