"""The report as one HTML page that needs nothing else: no network, no other file, no script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.analysis.neck import may_be_two
from LiverTumorAttentionLib.correction.sign_off import DRAFT
from LiverTumorAttentionLib.report.figures import MOST_TUMORS, Figures
from LiverTumorAttentionLib.tumor_columns import (
    PAGE_HU_COLUMNS,
    PAGE_SIZE_COLUMNS,
    TumorColumn,
    shown_columns,
)
from LiverTumorAttentionLib.wording import quantity

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).resolve().parent / "templates"
PHASE_TITLES = {"Native": "native", "Arterial": "arterial", "Portal venous": "portal", "Delayed": "delayed"}
"""Phases by their names on the page."""
NOTHING = "\N{EN DASH}"


def render_page(values: dict[str, Any], figures: Figures, patient_name: str | None = None) -> str:
    """Return the page.

    values: `ReportContent.as_dict()`; every number on the page is one of them, rounded. patient_name: written at
    the head when given. Whatever comes from the user is escaped.
    """
    page = environment().get_template("page.html")
    return page.render(
        report=values,
        figures=figures,
        patient_name=(patient_name or "").strip(),
        registrations=_registrations(values["run"] or {}),
        most_tumors=MOST_TUMORS,
        size_columns=shown_columns(PAGE_SIZE_COLUMNS, values["tumors"]),
        draft=DRAFT,
        maybe_two=[
            t["measurement"]["number"] for t in values["tumors"] if may_be_two(t["measurement"]["neck_ratio"])
        ],
        phase_titles=PHASE_TITLES,
        hu_columns=shown_columns(PAGE_HU_COLUMNS, values["tumors"]),
    )


def _registrations(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdicts of a run by phase, of those phases that it registered."""
    told = {"arterial": run.get("registration"), **(run.get("further_registrations") or {})}
    return {phase: verdict for phase, verdict in told.items() if verdict}


def number(value: float | None, digits: int = 0, unit: str = "", *, signed: bool = False) -> Markup:
    """Return a number as HTML: rounded for the eye, whole for whoever reads the source; a dash for None."""
    from markupsafe import Markup

    if value is None:
        return Markup('<span class="nothing" title="not measured">{}</span>').format(NOTHING)
    shown = quantity(value, unit, digits, signed=signed)
    after = f"\N{NO-BREAK SPACE}{unit}" if unit else ""
    return Markup('<data value="{}">{}</data>{}').format(repr(value), shown, after)


def volume(value: float | None) -> Markup:
    """Return a volume in mL."""
    return number(value, unit="mL")


def cell(tumor: dict[str, Any], column: TumorColumn) -> Markup:
    """Return a tumor's value in a column as HTML, without HU, which the caption of its table gives."""
    from markupsafe import escape

    text = column.value(tumor)
    if isinstance(text, str):
        return escape(text)
    unit = "" if column.unit == "HU" else column.unit
    digits = 0 if column.unit == "HU" else column.digits
    return number(column.value(tumor), digits, unit, signed=column.signed)


def environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cell=cell, number=number, volume=volume, quantity=quantity)
    return environment
