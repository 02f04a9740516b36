"""The table of the benchmark of vessels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from Testing.benchmarks.vessels.scores import LEAST_DIAMETER_MM, TOLERANCE_MM, pooled

PLAIN_HU = 20.0
"""Both trees at least so much brighter than the liver."""


def write(folder: Path, setting: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Write `vessels.json` and `vessels.md`; return the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"notice": NOT_FOR_CLINICAL_USE, "setting": dict(setting), "cases": list(rows)}
    (folder / "vessels.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    text = _page(setting, rows)
    (folder / "vessels.md").write_text(text, encoding="utf-8")
    return text


def _page(setting: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    plain = [row for row in rows if min(row["portal_hu"], row["hepatic_hu"]) >= PLAIN_HU]
    faint = [row for row in rows if row not in plain]
    tumor = sum(row["tumor_ml"] for row in rows)
    wrong = sum(row["tumor_as_vessel_ml"] for row in rows)
    lines = [
        "# Proposed vessels",
        "",
        f"`{setting['command']}`",
        "",
        f"Portal CT painted on {len(rows)} real livers of MSD Task08 with their vessels, none of which any setting was "
        f"chosen on. Centerlines of branches of {LEAST_DIAMETER_MM:g} mm and more, on {setting['grid']}; two are of "
        f"one vessel within {TOLERANCE_MM:g} mm or the true vessel's radius. Lengths of all cases together, 95 % "
        f"intervals by drawing cases with replacement. {NOT_FOR_CLINICAL_USE}",
        "",
        "| cases | number | recall | precision |",
        "| --- | ---: | ---: | ---: |",
        *(
            _line(name, chosen)
            for name, chosen in (
                ("all", rows),
                (f"both trees at least {PLAIN_HU:g} HU brighter than the liver", plain),
                ("one of them fainter", faint),
            )
            if chosen
        ),
        "",
        f"Of {tumor:.0f} mL of tumors {wrong:.1f} mL are told to be vessel. "
        + _apart(rows)
        + f"Processor time of a proposal: {min(row['seconds'] for row in rows):.0f} to "
        f"{max(row['seconds'] for row in rows):.0f} s.",
        "",
        "| liver | slices, mm | portal, HU | hepatic, HU | noise, HU | recall | precision | told apart "
        "| with points |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_case(row) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _line(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    recall = pooled([r["true_found_mm"] for r in rows], [r["true_mm"] for r in rows])
    precision = pooled([r["found_true_mm"] for r in rows], [r["found_mm"] for r in rows])
    cells = [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in (recall, precision)]
    return f"| {name} | {len(rows)} | {cells[0]} | {cells[1]} |"


def _case(row: Mapping[str, Any]) -> str:
    shares = (
        row["true_found_mm"] / row["true_mm"] if row["true_mm"] else None,
        row["found_true_mm"] / row["found_mm"] if row["found_mm"] else None,
        row["told_right"],
        row["told_right_with_points"],
    )
    cells = " | ".join("" if share is None else f"{share:.2f}" for share in shares)
    hu = " | ".join(f"{row[key]:.0f}" for key in ("portal_hu", "hepatic_hu", "noise_hu"))
    return f"| {row['liver']} | {row['slice_mm']:g} | {hu} | {cells} |"


def _apart(rows: Sequence[Mapping[str, Any]]) -> str:
    told = [row for row in rows if row["told_right"] is not None]
    if not told:
        return ""
    alone, pointed = (
        ", ".join(f"{row[name]:.2f}" for row in told) for name in ("told_right", "told_right_with_points")
    )
    return (
        f"Where the truth has both trees apart, {alone} of what was found has the right one; with a point in each "
        f"tree {pointed}. "
    )
