"""Which cases of a cohort a person should look at first, and why: no judgment of the patient, only of the numbers.

Source: Iglewicz and Hoaglin, How to detect and handle outliers, 1993: the modified z-score
    M = 0.6745 (x - median) / MAD, outlying beyond 3.5;  with MAD = 0: (x - median) / (1.2533 mean absolute deviation).
Volumes and times are compared by their logarithm, for they are skewed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from LiverTumorAttentionLib.wording import quantity

LIMIT = 3.5
FEWEST = 10
"""Fewer cases tell nothing of what is usual among them."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number of a case that is compared with that of the others. column: of the table of cases."""

    column: str
    title: str
    unit: str = ""
    digits: int = 0
    logarithm: bool = False


MEASURES = (
    Measure(column="liver_volume_ml", title="liver volume", unit="mL", logarithm=True),
    Measure(column="tumor_volume_ml", title="tumor volume", unit="mL", logarithm=True),
    Measure(column="tumors", title="number of tumors"),
    Measure(column="liver_portal_hu", title="liver, portal venous", unit="HU"),
    Measure(column="seconds", title="run time", unit="s", digits=1, logarithm=True),
)
VERDICTS = {"refused": 30.0, "doubtful": 20.0}
"""Weight of a registration's verdict among the reasons."""
FAILED_WEIGHT, NO_LIVER_WEIGHT, WARNING_WEIGHT = 1000.0, 100.0, 5.0


def reasons(rows: Sequence[Mapping[str, str]]) -> list[tuple[float, list[str]]]:
    """Return, for each row of the table of cases (with "seconds" and, of a failed one, "failure"), weight and reasons.

    The heaviest is to be looked at first; a weight of 0 has no reason.
    """
    found: list[tuple[float, list[str]]] = [_own(row) for row in rows]
    for measure in MEASURES:
        values = [_value(row, measure) for row in rows]
        usual = [value for value in values if value is not None]
        if len(usual) < FEWEST:
            continue
        center, spread = _center_and_spread(usual)
        for index, value in enumerate(values):
            if value is None or spread == 0:
                continue
            score = (value - center) / spread
            if abs(score) > LIMIT:
                weight, texts = found[index]
                found[index] = (weight + abs(score), [*texts, _sentence(measure, value, center, score)])
    return found


def _own(row: Mapping[str, str]) -> tuple[float, list[str]]:
    """Return what a case tells without the others."""
    if row.get("failure"):
        return FAILED_WEIGHT, [row["failure"]]
    weight, texts = 0.0, []
    if row.get("liver_volume_ml") and float(row["liver_volume_ml"]) == 0.0:
        weight, texts = NO_LIVER_WEIGHT, ["no liver was found"]
    verdict = row.get("registration", "")
    if verdict in VERDICTS:
        weight, texts = weight + VERDICTS[verdict], [*texts, f"the registration is {verdict}"]
    if int(row.get("warnings") or 0):
        weight, texts = weight + WARNING_WEIGHT, [*texts, row["first_warning"]]
    return weight, texts


def _value(row: Mapping[str, str], measure: Measure) -> float | None:
    text = row.get(measure.column, "")
    if not text or row.get("failure"):
        return None
    value = float(text)
    if measure.logarithm:
        return math.log(value) if value > 0 else None
    return value


def _center_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and what stands for the standard deviation; 0 where all values are one."""
    center = statistics.median(values)
    apart = [abs(value - center) for value in values]
    spread = statistics.median(apart) / 0.6745
    return center, spread or 1.2533 * statistics.fmean(apart)


def _sentence(measure: Measure, value: float, center: float, score: float) -> str:
    if measure.logarithm:
        value, center = math.exp(value), math.exp(center)
    shown, usual = (quantity(each, measure.unit, measure.digits) for each in (value, center))
    unit = f" {measure.unit}" if measure.unit else ""
    return f"{measure.title} {shown}{unit}, {'above' if score > 0 else 'below'} the others (median {usual}{unit})"
