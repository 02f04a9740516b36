"""The report as one HTML page that needs nothing else: no network, no other file, no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.report.figures import MOST_TUMORS, Figures
from LiverTumorAttentionLib.tumor_columns import PAGE_HU_COLUMNS, PAGE_SIZE_COLUMNS, TumorColumn

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).resolve().parent / "templates"
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


def render_page(values: dict[str, Any], figures: Figures, patient_name: str | None = None) -> str:
    """Return the page.

    values: `ReportContent.as_dict()`; every number on the page is one of them, rounded. patient_name: written at
    the head when given. Whatever comes from the user is escaped.
    """
    page = _environment().get_template("page.html")
    return page.render(
        report=values,
        figures=figures,
        patient_name=(patient_name or "").strip(),
        most_tumors=MOST_TUMORS,
        size_columns=shown_columns(PAGE_SIZE_COLUMNS, values["tumors"]),
        hu_columns=PAGE_HU_COLUMNS,
    )


def shown_columns(columns: Sequence[TumorColumn], tumors: Sequence[Any]) -> tuple[TumorColumn, ...]:
    """Return the columns that are shown: the lesion probability is left out where no tumor has one."""
    return tuple(
        column
        for column in columns
        if column.name != "lesion_probability" or any(column.value(tumor) is not None for tumor in tumors)
    )


def number(value: float | None, digits: int = 0, unit: str = "", *, signed: bool = False) -> Markup:
    """Return a number as HTML: rounded for the eye, whole for whoever reads the source; a dash for None."""
    from markupsafe import Markup

    if value is None:
        return Markup('<span class="nothing" title="not measured">{}</span>').format(NOTHING)
    shown = rounded(value, digits, signed=signed)
    after = f"\N{NO-BREAK SPACE}{unit}" if unit else ""
    return Markup('<data value="{}">{}</data>{}').format(repr(value), shown, after)


def rounded(value: float, digits: int = 0, *, signed: bool = False) -> str:
    """Return a number as text, with a true minus sign and none before a zero."""
    text = f"{value:.{digits}f}"
    if float(text) == 0.0:
        return text.lstrip("-")
    if signed and value > 0:
        text = "+" + text
    return text.replace("-", MINUS)


def volume(value: float | None) -> Markup:
    """Return a volume in mL: small ones finer."""
    return number(value, 2 if value is not None and value < 10.0 else 1, "mL")


def cell(tumor: dict[str, Any], column: TumorColumn) -> Markup:
    """Return a tumor's value in a column as HTML, without HU, which the caption of its table gives."""
    value = column.value(tumor)
    if column.unit == "mL":
        return volume(value)
    return number(value, column.digits, "" if column.unit == "HU" else column.unit, signed=column.signed)


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cell=cell, number=number, volume=volume, rounded=rounded)
    return environment
