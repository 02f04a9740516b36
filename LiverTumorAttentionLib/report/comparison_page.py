"""The comparison of two time points as one HTML page that needs nothing else: no network, no other file, no script."""

from __future__ import annotations

from typing import Any

from LiverTumorAttentionLib.correction.sign_off import DRAFT
from LiverTumorAttentionLib.report.comparison_figures import ComparisonFigures
from LiverTumorAttentionLib.report.page import environment

STATUS_WORDS = {
    "matched": "found again",
    "split": "split",
    "merged": "merged",
    "new": "new",
    "gone": "not found again",
}
"""What the page calls each status."""


def render_comparison(
    values: dict[str, Any], figures: ComparisonFigures, patient_name: str | None = None
) -> str:
    """Return the page.

    values: `ComparisonContent.as_dict()`; every number on the page is one of them, rounded. patient_name: written at
    the head when given. Whatever comes from the user is escaped.
    """
    return (
        environment()
        .get_template("comparison.html")
        .render(
            report=values,
            figures=figures,
            patient_name=(patient_name or "").strip(),
            draft=DRAFT,
            words=STATUS_WORDS,
        )
    )
