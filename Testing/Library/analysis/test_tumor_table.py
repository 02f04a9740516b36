"""Tables of tumors as CSV, to the byte."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import (
    Vessels,
    measure_tumors,
    review_case,
    review_csv,
    tumor_csv,
)
from Testing.Library.report.cases import Small

HEADING = (
    "tumor,volume_ml,longest_axial_diameter_mm,perpendicular_diameter_mm,slice_index,"
    "centroid_l_mm,centroid_p_mm,centroid_s_mm,mean_portal_hu,sd_portal_hu,mean_arterial_hu,"
    "mean_delayed_hu,mean_native_hu,mean_probability,lesion_probability,neck_ratio,segments"
)


def instances() -> sitk.Image:
    """A liver with a tumor of 4 by 2 by 1 voxels of 1 by 1 by 5 mm from x = 2, y = 3, z = 1 on."""
    array = np.ones((4, 8, 8), np.uint16)
    array[1, 3:5, 2:6] = 2
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 5.0))
    return image


def test_rows_with_both_phases() -> None:
    image = instances()
    hu = sitk.Cast(image, sitk.sitkInt16)
    chances = sitk.Cast(image, sitk.sitkFloat32) / 4
    text = tumor_csv(measure_tumors(image, hu * 50, hu * 20, chances, delayed=hu * 30, native=hu * 10))
    heading, row = text.splitlines()
    assert heading == HEADING
    # the longest line joins side midpoints 4 and 1 mm apart: sqrt 17; across it, between the sides: 2 sqrt 17 / 4
    assert row == "1,0.040,4.1,2.1,1,3.5,3.5,5.0,100.0,0.0,40.0,60.0,20.0,0.500,,,"


def test_what_was_not_measured_is_empty() -> None:
    (row,) = csv.DictReader(io.StringIO(tumor_csv(measure_tumors(instances(), instances()))))
    assert row["mean_arterial_hu"] == ""
    assert row["mean_probability"] == ""


def test_without_a_tumor_the_heading_stands_alone() -> None:
    assert tumor_csv([]) == HEADING + "\n"


REVIEW_HEADING = (
    "tumor,volume_ml,longest_axial_diameter_mm,perpendicular_diameter_mm,longest_3d_diameter_mm,slice_index,"
    "mean_probability,lesion_probability,neck_ratio,native_hu,portal_hu,portal_sd_hu,portal_contrast_hu,arterial_hu,"
    "arterial_sd_hu,arterial_contrast_hu,delayed_hu,delayed_contrast_hu,arterial_portal_difference_hu,"
    "arterial_enhancement_hu,portal_enhancement_hu,delayed_enhancement_hu,washout_hu,rim_core_ratio,capsule_hu,"
    "capsule_share,surface_distance_mm,nearest_tumor,nearest_tumor_mm,nearest_vessel,nearest_vessel_mm,"
    "vessel_contact_mm2,segments"
)


def test_rows_of_a_review() -> None:
    image = instances()
    hu = sitk.Cast(image, sitk.sitkInt16)
    review = review_case(image, hu * 50, hu * 20, sitk.Cast(image, sitk.sitkFloat32) / 4)
    heading, row = review_csv(review.tumors).splitlines()
    assert heading == REVIEW_HEADING
    # Tumor 100 and 40 HU, liver 50 and 20: contrasts 50 and 20, difference 40 - 100. A flat tumor has no core,
    # and what is bright throughout no washout. There is no native phase, no outside, no other tumor, no vessel.
    assert row == "1,0.040,4.1,2.1,4.1,1,0.500,,,,100.0,0.0,50.0,40.0,0.0,20.0,,,-60.0,,,,,,,,,,,,,,"


def test_measurements_are_json_with_null_for_what_was_not_measured() -> None:
    (tumor,) = json.loads(
        json.dumps([asdict(m) for m in measure_tumors(instances(), instances())], allow_nan=False)
    )
    assert tumor["mean_hu_arterial"] is None
    assert tumor["centroid_lps_mm"] == [3.5, 3.5, 5.0]
    assert len(tumor["longest_axial_diameter_lps_mm"]) == 2


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "-vein", "\tvein"])
def test_a_cell_never_begins_a_formula(name: str) -> None:
    case = Small.on()
    vessels = Vessels(labels=case.vessels.labels, names={1: name, 2: name + " 2"})
    review = review_case(case.instances, case.portal, case.arterial, case.probability, vessels)
    (row, *_) = csv.DictReader(io.StringIO(review_csv(review.tumors), newline=""))
    assert row["nearest_vessel"] in ("'" + name, "'" + name + " 2")
    assert float(row["arterial_portal_difference_hu"]) == float(row["arterial_hu"]) - float(row["portal_hu"])
