"""A review as rows of a table: what one wants beside a tumour's number, one row a tumour."""

from __future__ import annotations

import csv
import io

from LiverTumorAttentionLib.analysis.review import CaseReview, TumorReview


def review_rows(review: CaseReview) -> list[dict[str, str]]:
    """Return one row a tumour under `REVIEW_COLUMNS`, as text; what was not measured is empty."""
    return [
        dict(zip(REVIEW_COLUMNS, (*_size(t), *_brightness(t), *_neighbourhood(t)), strict=True))
        for t in review.tumors
    ]


def review_csv(review: CaseReview) -> str:
    """Return the table as CSV text; without a tumour the heading alone."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, REVIEW_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(review_rows(review))
    return stream.getvalue()


REVIEW_COLUMNS = (
    "tumor",
    "volume_ml",
    "longest_axial_diameter_mm",
    "perpendicular_diameter_mm",
    "longest_3d_diameter_mm",
    "slice_index",
    "mean_probability",
    "portal_hu",
    "portal_sd_hu",
    "portal_contrast_hu",
    "arterial_hu",
    "arterial_sd_hu",
    "arterial_contrast_hu",
    "enhancement_hu",
    "washout_hu",
    "surface_distance_mm",
    "nearest_tumor",
    "nearest_tumor_mm",
    "nearest_vessel",
    "nearest_vessel_mm",
    "vessel_contact_mm2",
)
"""Headings of the table; see `TumorReview`, `Brightness` and `VesselRelation` for what they mean."""


def _size(tumor: TumorReview) -> tuple[str, ...]:
    measured = tumor.measurement
    return (
        str(measured.number),
        _number(measured.volume_ml, 3),
        _number(measured.longest_axial_diameter_mm),
        _number(measured.perpendicular_diameter_mm),
        _number(tumor.longest_3d_diameter_mm),
        str(measured.slice_index),
        _number(measured.mean_probability, 3),
    )


def _brightness(tumor: TumorReview) -> tuple[str, ...]:
    told = tumor.brightness
    return (
        _number(told.portal.mean_hu),
        _number(told.portal.sd_hu),
        _number(told.contrast_portal_hu),
        _number(None if told.arterial is None else told.arterial.mean_hu),
        _number(None if told.arterial is None else told.arterial.sd_hu),
        _number(told.contrast_arterial_hu),
        _number(told.enhancement_hu),
        _number(told.washout_hu),
    )


def _neighbourhood(tumor: TumorReview) -> tuple[str, ...]:
    surface, other, vessel = tumor.surface, tumor.nearest_tumor, tumor.nearest_vessel
    return (
        _number(None if surface is None else surface.distance_mm),
        "" if other is None else str(other.number),
        _number(None if other is None else other.distance_mm),
        "" if vessel is None else vessel.name,
        _number(None if vessel is None else vessel.distance_mm),
        _number(None if vessel is None else vessel.contact_area_mm2),
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"
