"""Table of a plan as CSV: a row for each resection, and one for each cut through a vessel.

README.md beside this file tells what each column holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from LiverTumorAttentionLib.analysis.tumor_tables import csv_text

COMPARED_WITH = {
    "standardized": "standardized_flr_percent",
    "functional": "flr_percent",
    "weight": "flr_to_body_weight_percent",
}
"""The column that a limit is compared with, by its measure."""

_RESECTION = {
    "liver_ml": 3,
    "functional_liver_ml": 3,
    "resected_ml": 3,
    "resected_percent": 2,
    "remnant_ml": 3,
    "flr_ml": 3,
    "flr_percent": 2,
    "height_cm": 1,
    "weight_kg": 1,
    "estimated_liver_ml": 1,
    "standardized_flr_percent": 2,
    "flr_to_body_weight_percent": 3,
    "smallest_margin_mm": 1,
}
_VESSELS = {
    "diameter_mm": 1,
    "supply_lost_ml": 3,
    "drainage_lost_ml": 3,
    "lost_ml": 3,
    "lost_percent": 2,
}
_DIGITS = _RESECTION | _VESSELS | {"least_percent": 2}
COLUMNS = (
    *("name", "kind", "takes_out"),
    *_RESECTION,
    *("resected_tumors", "cut_tumors", "remnant_tumors"),
    *("vessel", *_VESSELS, "tumors_in_territory"),
)
"""Columns of every plan; those of its limits follow."""
LIMIT_COLUMNS = ("", "_compared_with", "_least_percent", "_reached", "_source")
"""Of each limit, after "limit_1", "limit_2", …."""


def plan_csv(plan: Mapping[str, Any] | None) -> str:
    """Return a plan as CSV text; without a resection or a cut the heading alone.

    plan: the JSON values of a `CasePlan`: every number of the table is one of them, rounded; None for no plan.
    """
    rows = [] if plan is None else [*resection_rows(plan), *segment_rows(plan), *cut_rows(plan)]
    limits = max((len(row.get("limits", ())) for row in rows), default=0)
    columns = [
        *COLUMNS,
        *(f"limit_{number}{part}" for number in range(1, limits + 1) for part in LIMIT_COLUMNS),
    ]
    return csv_text(columns, [_cells(row, columns) for row in rows])


def resection_rows(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return a row for each resection by planes and curved surfaces, unrounded, by column; limits as in the JSON."""
    for resection in plan["resections"]:
        surface, count = resection["surface"], len(resection["planes"])
        yield {
            "kind": "planes" if surface is None else "curved cut and planes" if count else "curved cut",
            "takes_out": _taken_out(surface, count, resection["combine"]),
            "smallest_margin_mm": resection["smallest_margin_mm"],
            **_remnant(resection),
        }


def _taken_out(surface: Mapping[str, Any] | None, count: int, combine: str) -> str:
    """Return what lies on the resected side. count: of planes."""
    curved = "" if surface is None else f"a surface through {len(surface['points_lps_mm'])} points"
    planes = "" if count == 0 else "1 plane" if count == 1 else f"{count} planes"
    if curved and planes:
        return f"beyond {combine} of {curved} and {planes}"
    return f"beyond {curved or (planes if count == 1 else f'{combine} of {planes}')}"


def segment_rows(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return a row for each resection by segments, likewise."""
    for resection in plan["segment_resections"]:
        yield {
            "kind": "segments",
            "takes_out": f"segments {', '.join(resection['segments'])} ({resection['segments_source']})",
            **_remnant(resection),
        }


def _remnant(resection: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a resection leaves, whatever cuts."""
    same = ("name", "liver_ml", "resected_ml", "resected_percent", "remnant_ml", "height_cm", "weight_kg")
    return {
        **{key: resection[key] for key in (*same, "estimated_liver_ml", "limits")},
        "functional_liver_ml": resection["parenchyma_ml"],
        "flr_ml": resection["remnant_parenchyma_ml"],
        "flr_percent": resection["remnant_parenchyma_percent"],
        "standardized_flr_percent": resection["standardized_percent"],
        "flr_to_body_weight_percent": resection["weight_percent"],
        **{
            f"{status}_tumors": _numbers(t["number"] for t in resection["tumors"] if t["status"] == status)
            for status in ("resected", "cut", "remnant")
        },
    }


def cut_rows(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return a row for each cut through a vessel, then one for all of them together, likewise."""
    told = plan["territories"]
    if told is None:
        return
    for number, part in enumerate(told["territories"], start=1):
        yield {
            "name": f"Cut {number}",
            "kind": "vessel cut",
            "takes_out": f"{part['side']} beyond the cut",
            **{key: part[key] for key in ("vessel", "diameter_mm", "lost_ml", "lost_percent")},
            f"{part['side']}_lost_ml": part["lost_ml"],
            "tumors_in_territory": _numbers(part["tumors"]),
        }
    every = {tumor for part in told["territories"] for tumor in part["tumors"]}
    yield {
        "name": "All cuts",
        "kind": "vessel cuts together",
        "takes_out": "supply or drainage beyond any cut",
        **{key: told[key] for key in ("supply_lost_ml", "drainage_lost_ml", "lost_ml", "lost_percent")},
        "tumors_in_territory": _numbers(sorted(every)),
    }


def _numbers(tumors: Iterable[int]) -> str:
    return "; ".join(str(number) for number in tumors)


def _cells(row: Mapping[str, Any], columns: Iterable[str]) -> dict[str, str]:
    values = dict(row)
    for number, limit in enumerate(row.get("limits", ()), start=1):
        told = (
            limit["name"],
            COMPARED_WITH[limit["measure"]],
            limit["least_percent"],
            limit["reached"],
            limit["source"],
        )
        values |= {f"limit_{number}{part}": value for part, value in zip(LIMIT_COLUMNS, told, strict=True)}
    return {column: _cell(column, values.get(column)) for column in columns}


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    digits = 2 if column.endswith("_least_percent") else _DIGITS[column]
    return f"{value:.{digits}f}"
