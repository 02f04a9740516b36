"""Plans in a DICOM structured report: a group of measurements (TID 1501) for each margin, resection and cut.

A group is tracked by the plan's name, under an identifier that every report on the same series has. Its numbers are
those of the plan's table (`plan_table`). How a plan cuts, how its numbers are defined and the limits beside them are
text. Concepts that neither SNOMED CT, LOINC nor DICOM name have codes of this project, `SCHEME`: a viewer shows
their meaning. README.md beside this file lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis.segments.remnant import MEASURES, TELV_OFFSET_ML, TELV_SLOPE_ML
from LiverTumorAttentionLib.io import liver_segment
from LiverTumorAttentionLib.io.couinaud_segments import couinaud_segment
from LiverTumorAttentionLib.io.dicom_seg import ALGORITHM_NAME, MANUFACTURER
from LiverTumorAttentionLib.io.terminology import Segment, vessel_segments
from LiverTumorAttentionLib.report.plan_table import cut_rows, resection_rows, segment_rows
from LiverTumorAttentionLib.voxels.couinaud import ROMAN

SCHEME = "99LTA"
"""Designator of this project's own codes; those of private schemes begin with 99."""
Concept = tuple[str, str, str]
"""Value, scheme designator and meaning of a code."""


def _own(value: str, meaning: str) -> Concept:
    return value, SCHEME, meaning


RESECTION = _own("P01", "Planned liver resection")
MARGIN = _own("P02", "Planned safety margin around tumors")
VESSEL_CUT = _own("P03", "Planned cut through a liver vessel")
METHODS = {
    "planes": _own("P11", "Resection by planes"),
    "curved cut": _own("P12", "Resection by a curved surface"),
    "curved cut and planes": _own("P13", "Resection by a curved surface and planes"),
    "segments": _own("P14", "Resection by Couinaud segments"),
    "vessel cut": _own("P15", "Territory by the nearest vessel centerline"),
    "vessel cuts together": _own("P15", "Territory by the nearest vessel centerline"),
    "margin": _own("P16", "Margin inside the liver by distance to the tumor"),
}
"""How a plan's numbers come about, by the kind of its row."""
QUANTITIES: dict[str, Concept] = {
    "liver_ml": _own("P21", "Volume of the liver with tumors"),
    "functional_liver_ml": _own("P22", "Volume of the liver without tumors"),
    "resected_ml": _own("P23", "Resected volume with tumors"),
    "resected_percent": _own("P24", "Resected volume in % of the liver with tumors"),
    "remnant_ml": _own("P25", "Remaining volume with tumors"),
    "flr_ml": _own("P26", "Future liver remnant volume"),
    "flr_percent": _own("P27", "Future liver remnant in % of the liver without tumors"),
    "height_cm": ("8302-2", "LN", "Body height"),
    "weight_kg": ("29463-7", "LN", "Body weight"),
    "estimated_liver_ml": _own("P28", "Estimated total liver volume"),
    "standardized_flr_percent": _own("P29", "Standardized future liver remnant"),
    "flr_to_body_weight_percent": _own("P30", "Future liver remnant to body weight ratio"),
    "smallest_margin_mm": _own("P31", "Smallest distance from a tumor to the cut"),
    "tumor_margin_mm": _own("P32", "Distance from the tumor to the cut"),
    "diameter_mm": ("397413000", "SCT", "Vessel lumen diameter"),
    "supply_lost_ml": _own("P41", "Liver volume without portal supply"),
    "drainage_lost_ml": _own("P42", "Liver volume without venous drainage"),
    "lost_ml": _own("P43", "Liver volume without supply or drainage"),
    "lost_percent": _own("P44", "Liver without supply or drainage in % of the liver"),
    "margin_mm": _own("P51", "Width of the safety margin"),
    "volume_ml": _own("P52", "Volume of tumors and their margin"),
    "rim_ml": _own("P53", "Volume of the margin without its tumors"),
    "liver_percent": _own("P54", "Tumors and their margin in % of the liver"),
}
"""Measurements in their order, by the column of the plan's table or the name in the JSON; its end tells the unit."""
UNITS: dict[str, Concept] = {
    "ml": ("cm3", "UCUM", "cubic centimeter"),
    "percent": ("%", "UCUM", "Percent"),
    "mm": ("mm", "UCUM", "mm"),
    "cm": ("cm", "UCUM", "cm"),
    "kg": ("kg", "UCUM", "kg"),
}
"""By the end of a measurement's name. Volumes are in cm3, as all of the report; one is a mL."""

DEFINITIONS = {
    RESECTION: (
        "Future liver remnant: what stays of the liver without any tumor. Standardized: in % of the estimated total "
        f"liver volume, {TELV_OFFSET_ML:g} + {TELV_SLOPE_ML:g} x body surface in m2 (Vauthey 2002), body surface = "
        "square root of (cm x kg / 3600) (Mosteller 1987). To body weight: in %, a mL weighing a gram. Distances run "
        "from a tumor's surface to the cut inside the liver; they are 0 or below where the cut runs through the tumor; "
        "none are measured to borders of segments."
    ),
    MARGIN: "What of the liver lies within the margin's width of the surface of the chosen tumors, in a straight line.",
    VESSEL_CUT: (
        "Each voxel of the liver belongs to the nearest point of the centerlines of portal vein and of hepatic veins; "
        "what belongs to points beyond a cut loses portal supply or venous drainage. Branches that are not shown, "
        "collaterals and arteries are unknown."
    ),
}
"""What the numbers mean, by the finding."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """One plan to tell: a row of the plan's table, or a margin.

    row: numbers by the names of `QUANTITIES`, and its name and kind. sites: beside the liver. cut: in words.
    tumor_margins: mm by tumor number. told: sentences.
    """

    finding: Concept
    row: Mapping[str, Any]
    cut: str
    sites: Sequence[Segment] = ()
    tumor_margins: Mapping[int, float] | None = None
    told: Sequence[str] = ()


class PlanGroups:
    """The groups of measurements of one report.

    plan: the JSON values of a `CasePlan`. series_uid: of the portal series. tumor: returns the `TrackingIdentifier`
    under which the report tells of a tumor, by its number.
    """

    def __init__(
        self, highdicom: ModuleType, plan: Mapping[str, Any], series_uid: str, tumor: Callable[[int], Any]
    ) -> None:
        from pydicom.sr.codedict import codes

        self._highdicom, self._sr, self._codes = highdicom, highdicom.sr, codes
        self._plan, self._series_uid, self._tumor = plan, series_uid, tumor
        self._seen: dict[tuple[str, str], int] = {}

    def groups(self) -> list[Any]:
        """Return the groups: of margins, of resections, of resections by segments, of cuts through vessels."""
        return [self._group(plan) for plan in _plans(self._plan)]

    def coding_schemes(self) -> list[Any]:
        """Return what identifies this project's own codes (Coding Scheme Identification Sequence)."""
        from highdicom.coding_schemes import CodingSchemeIdentificationItem

        return [
            CodingSchemeIdentificationItem(
                designator=SCHEME,
                name=f"{ALGORITHM_NAME} codes of liver surgery planning",
                responsible_organization=MANUFACTURER,
            )
        ]

    def _group(self, plan: _Plan) -> Any:
        concept = self._sr.CodedConcept
        sites = [liver_segment(), *plan.sites]
        group = self._sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=self._tracking(plan),
            finding_type=concept(*plan.finding),
            method=concept(*METHODS[plan.row["kind"]]),
            algorithm_id=self._sr.AlgorithmIdentification(
                name=ALGORITHM_NAME, version=__version__, parameters=[NOT_FOR_CLINICAL_USE]
            ),
            finding_sites=[
                self._sr.FindingSite(concept(each.type.value, each.type.scheme, each.type.meaning))
                for each in sites
            ],
            measurements=self._measurements(plan),
        )
        dcm = self._codes.DCM
        for name, text in (
            (dcm.ProcedureDescription, plan.cut),
            (dcm.CalculationDescription, DEFINITIONS[plan.finding]),
            *((dcm.Comment, text) for text in plan.told),
        ):
            group[0].ContentSequence.append(
                self._sr.TextContentItem(name=name, value=text, relationship_type="CONTAINS")
            )
        return group

    def _tracking(self, plan: _Plan) -> Any:
        """Return the plan's name with the identifier that it has in every report on the series.

        Plans of one kind and name are told apart by their order.
        """
        from pydicom.uid import generate_uid

        name, finding = plan.row["name"], plan.finding[0]
        same = self._seen[finding, name] = self._seen.get((finding, name), 0) + 1
        uid = generate_uid(entropy_srcs=[ALGORITHM_NAME, self._series_uid, finding, name, str(same)])
        return self._sr.TrackingIdentifier(uid=self._highdicom.UID(uid), identifier=name)

    def _measurements(self, plan: _Plan) -> list[Any]:
        known = [(name, plan.row.get(name), None) for name in QUANTITIES]
        known += [
            ("tumor_margin_mm", margin_mm, self._tumor(number))
            for number, margin_mm in (plan.tumor_margins or {}).items()
        ]
        return [
            self._sr.Measurement(
                name=self._sr.CodedConcept(*QUANTITIES[name]),
                value=float(value),
                unit=self._sr.CodedConcept(*UNITS[name.rsplit("_", 1)[1]]),
                tracking_identifier=tracking,
            )
            for name, value, tracking in known
            if value is not None
        ]


def _plans(plan: Mapping[str, Any]) -> Iterator[_Plan]:
    for margin in plan["margins"]:
        chosen = _numbers(margin["tumors"])
        vessels = "; ".join(f"{each['name']}, {each['volume_ml']:.3g} mL" for each in margin["vessels"])
        yield _Plan(
            finding=MARGIN,
            row={**margin, "kind": "margin"},
            cut=f"{margin['margin_mm']:g} mm around tumors {chosen}",
            told=[
                f"other tumors in the margin: {_numbers(margin['other_tumors'])}",
                f"vessels in the margin: {vessels or 'none'}",
            ],
        )
    for resection, row in zip(plan["resections"], resection_rows(plan), strict=True):
        yield _Plan(
            finding=RESECTION,
            row=row,
            cut="; ".join([row["takes_out"], *_geometry(resection)]),
            tumor_margins={
                tumor["number"]: tumor["margin_mm"]
                for tumor in resection["tumors"]
                if tumor["margin_mm"] is not None
            },
            told=_told(row),
        )
    for resection, row in zip(plan["segment_resections"], segment_rows(plan), strict=True):
        sites = [couinaud_segment(ROMAN.index(numeral) + 1) for numeral in resection["segments"]]
        yield _Plan(finding=RESECTION, row=row, cut=row["takes_out"], sites=sites, told=_told(row))
    for row in cut_rows(plan):
        yield _territory(row)


def _territory(row: Mapping[str, Any]) -> _Plan:
    """Return a cut through a vessel, or all of them together."""
    portal, hepatic, *_ = vessel_segments()
    lost = {"supply_lost_ml": portal, "drainage_lost_ml": hepatic}
    sites = [segment for name, segment in lost.items() if row.get(name)]
    vessel = row.get("vessel")
    return _Plan(
        finding=VESSEL_CUT,
        row=row,
        cut=row["takes_out"] if vessel is None else f"{row['takes_out']} through {vessel}",
        sites=sites,
        told=[f"tumors in the territory: {row['tumors_in_territory'] or 'none'}"],
    )


def _geometry(resection: Mapping[str, Any]) -> Iterator[str]:
    """Return where a resection cuts, in words."""
    surface = resection["surface"]
    if surface is not None:
        points = ", ".join(_place(point) for point in surface["points_lps_mm"])
        yield f"surface through {points} mm, resected toward {_place(surface['toward_lps'])}"
    for number, plane in enumerate(resection["planes"], start=1):
        yield (
            f"plane {number} through {_place(plane['point_lps_mm'])} mm, resected toward "
            f"{_place(plane['normal_lps'])}"
        )
    yield "places and directions toward the patient's left, back and head (L, P, S)"


def _place(values: Sequence[float]) -> str:
    return f"({', '.join(f'{value:.4g}' for value in values)})"


def _told(row: Mapping[str, Any]) -> list[str]:
    """Return what becomes of the tumors, and the limits beside what stays, in sentences."""
    tumors = "; ".join(
        f"{words}: {row[f'{status}_tumors'].replace(';', ',') or 'none'}"
        for status, words in (("resected", "taken out whole"), ("cut", "cut"), ("remnant", "staying whole"))
    )
    limits = []
    for limit in row["limits"]:
        reached = {True: "reached", False: "not reached", None: "not known, body size is missing"}
        source = f" ({limit['source']})" if limit["source"] else ""
        limits.append(
            f"limit, {limit['name']}: {MEASURES[limit['measure']]} at least {limit['least_percent']:g} %: "
            f"{reached[limit['reached']]}{source}"
        )
    return [f"tumors {tumors}", *limits]


def _numbers(tumors: Sequence[int]) -> str:
    return ", ".join(str(number) for number in tumors) or "none"
