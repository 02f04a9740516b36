"""Figures of an assessment: what is told of a model's rows, with intervals over patients, scans or phantoms.

What is resampled is what is drawn anew in another study: the patient of a slice, the scan that lesions are implanted
in, a phantom. Where all or none of the cases count, resampling would give no interval: it is Clopper and Pearson's of a
share, and the exact one of a Poisson number of findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from LiverTumorAttentionLib.wording import counted
from training.data.held_out import VALIDATION
from training.evaluation.assessed_cases import DRAWN_SEEDS
from training.evaluation.assessment_tables import Row

RESAMPLINGS = 2000
SIZES_MM = ((0.0, 10.0), (10.0, 20.0), (20.0, np.inf))
SEEN_HU = 15.0
"""Lesions that differ less from the liver around them are hardly seen: the noise of abdominal CT is 10 to 20 HU."""
TWO, ONE = "phantoms", "phantoms-portal"
TABLES = ("slices", "volumes", "volumes-lesions")
TUMOR_SLICES = "tumor-slices"
TABLES_WITH_LESIONS = (TUMOR_SLICES, "implants", TWO, ONE)
"""Each has a table of lesions beside it."""

Column = dict[str, list[Row]]
"""The rows of one model, by table."""
Figure = Callable[[Column], str]


def unit(row: Row) -> str:
    """Return what a row is drawn with: its patient, its scan, or itself."""
    return row.get("patient") or row.get("background") or row["case"]


def interval(hits: Sequence[float], of: Sequence[float], units: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of sum(hits) / sum(of) by resampling the units, the same for the same values.

    hits, of, units: one a case.
    """
    names = list(dict.fromkeys(units))
    sums = np.zeros((2, len(names)))
    for hit, whole, name in zip(hits, of, units, strict=True):
        sums[:, names.index(name)] += (hit, whole)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(names), (RESAMPLINGS, len(names)))
    above, below = sums[0][drawn].sum(axis=1), sums[1][drawn].sum(axis=1)
    low, high = np.percentile(above[below > 0] / below[below > 0], (2.5, 97.5))
    return float(low), float(high)


def mean(values: Sequence[float], units: Sequence[str], digits: int = 3, *, counts: bool = False) -> str:
    """Return a mean with its interval; nothing of no values. counts: whether they are numbers of findings."""
    if not len(values):
        return ""
    told = f"{np.mean(values):.{digits}f}"
    low, high = interval(values, [1.0] * len(values), units)
    if counts and not any(values):
        high = float(stats.chi2.ppf(0.975, 2)) / 2 / len(values)
    elif len(set(units)) == 1:  # nothing says what another would give
        return told
    return f"{told} ({low:.{digits}f} to {high:.{digits}f})"


def share(hits: Sequence[int], of: Sequence[int], units: Sequence[str]) -> str:
    """Return a share over all cases with its interval; hits, of, units: one a case."""
    found, whole = sum(hits), sum(of)
    if not whole:
        return ""
    low, high = interval(hits, of, units)
    if found in (0, whole):
        low, high = stats.binomtest(found, whole).proportion_ci(0.95, "exact")
    return f"{found / whole:.2f} ({low:.2f} to {high:.2f}), {found} of {whole}"


def recall(table: str, low: float = 0.0, high: float = np.inf, least_hu: float = 0.0) -> Figure:
    """Return the figure of how many lesions of a table's cases are touched, from `low` up to `high` mm.

    least_hu: those that differ less from the liver around them do not count, nor those of which that is not told.
    """

    def figure(column: Column) -> str:
        hits, of = _found(column, table, low, high, least_hu)
        return share(list(hits.values()), list(of.values()), [unit(row) for row in column[table]])

    return figure


def recall_by_size(table: str) -> dict[str, Figure]:
    """Return the figures of all lesions, and of each group of sizes."""
    titles = [
        f"of {low:g} mm and more" if high == np.inf else f"of {low:g} to {high:g} mm"
        for low, high in SIZES_MM
    ]
    return {
        "lesions found": recall(table),
        **{title: recall(table, *size) for title, size in zip(titles, SIZES_MM, strict=True)},
    }


def average(table: str, name: str, digits: int, which: Callable[[Row], bool] = lambda row: True) -> Figure:
    """Return the figure of a column's mean over those rows of a table that have a value in it."""

    def figure(column: Column) -> str:
        rows = [row for row in column[table] if which(row) and row.get(name)]
        values = [float(row[name]) for row in rows]
        return mean(values, [unit(row) for row in rows], digits, counts=name.endswith("findings"))

    return figure


def clean(table: str, which: Callable[[Row], bool]) -> Figure:
    """Return the figure of the share of a table's cases in which nothing was found."""

    def figure(column: Column) -> str:
        rows = [row for row in column[table] if which(row)]
        hits = [int(not int(row["findings"])) for row in rows]
        return share(hits, [1] * len(hits), [unit(row) for row in rows])

    return figure


def gain_of_the_arterial_phase(column: Column) -> str:
    """Return how much more of the lesions are found in both phases than in the portal one, over the same phantoms."""
    (both, of), (portal, _) = _found(column, TWO), _found(column, ONE)
    cases = [case for case in both if case in portal]
    if not sum(of[case] for case in cases):
        return ""
    more = [both[case] - portal[case] for case in cases]
    low, high = interval(more, [of[case] for case in cases], cases)
    return f"{sum(more) / sum(of[case] for case in cases):+.2f} ({low:+.2f} to {high:+.2f})"


def against(baseline: Column, name: str) -> Figure:
    """Return the figure of a column's sum over that of the baseline, over the cases that both have."""

    def figure(column: Column) -> str:
        ours = theirs = 0.0
        for table in ("volumes", *TABLES_WITH_LESIONS):
            there = {row["case"]: row[name] for row in baseline[table] if row.get(name)}
            for row in column[table]:
                if row.get(name) and row["case"] in there:
                    ours, theirs = ours + float(row[name]), theirs + float(there[row["case"]])
        return f"{ours / theirs:.2f}" if theirs and column is not baseline else ""

    return figure


def is_drawn(row: Row) -> bool:
    """Whether a phantom has as many lesions as the draw gives it."""
    return int(row["case"]) in DRAWN_SEEDS


def has_lesions(row: Row) -> bool:
    """Whether a case has lesions."""
    return int(row["lesions"]) > 0


def is_free(row: Row) -> bool:
    """Whether a case has none."""
    return not has_lesions(row)


def validates(row: Row) -> bool:
    """Whether a real volume never trains, and no tumor was seen in it."""
    return row["use"] == VALIDATION and row["tumors"] == "none seen"


def validates_with_tumor(row: Row) -> bool:
    """Whether a real volume never trains, and something was seen in it."""
    return row["use"] == VALIDATION and row["tumors"] != "none seen"


def trains(row: Row) -> bool:
    """Whether a real volume may train, and no tumor was seen in it."""
    return row["use"] != VALIDATION and row["tumors"] == "none seen"


def slices(column: Column) -> str:
    """Return the liver's Dice on real slices: the mean over the patients of the means over their slices."""
    patients: dict[str, list[float]] = {}
    for row in column["slices"]:
        patients.setdefault(row["patient"], []).append(float(row["liver_dice"]))
    means = [float(np.mean(values)) for values in patients.values()]
    of = f"{counted(len(means), 'patient')}, {counted(len(column['slices']), 'slice')}"
    return f"{mean(means, list(patients))}, {of}" if means else ""


def slices_together(column: Column) -> str:
    """Return the liver's Dice over all slices of a patient together, the mean over the patients."""
    patients: dict[str, list[float]] = {}
    for row in column["slices"]:
        liver, over, under = (float(row[name]) for name in ("liver_cm2", "over_cm2", "under_cm2"))
        sums = patients.setdefault(row["patient"], [0.0, 0.0])
        sums[0] += 2 * (liver - under)
        sums[1] += 2 * liver + over - under
    values = {patient: both / sizes for patient, (both, sizes) in patients.items() if sizes}
    return mean(list(values.values()), list(values))


def tumor_slices(column: Column) -> str:
    """Return how many slices of how many patients show lesions, and how many show none."""
    rows = column[TUMOR_SLICES]
    ill = [row for row in rows if has_lesions(row)]
    if not rows:
        return ""
    patients = counted(len({row["patient"] for row in ill}), "patient")
    return f"{len(ill)} with lesions, of {patients}; {len(rows) - len(ill)} without"


def phantom_figures(table: str) -> dict[str, Figure]:
    """Return what is told of phantoms, with both phases or with the portal one alone."""

    def drawn_with_lesions(row: Row) -> bool:
        return is_drawn(row) and has_lesions(row)

    return {
        "liver, Dice": average(table, "liver_dice", 3, is_drawn),
        "tumors, Dice where there are lesions": average(table, "tumor_dice", 3, drawn_with_lesions),
        **recall_by_size(table),
        "false findings a phantom 300 to 319": average(table, "false_findings", 2, is_drawn),
        "false findings a phantom without lesions": average(table, "findings", 2, is_free),
        "phantoms without lesions that stay clean": clean(table, is_free),
    }


SECTIONS: dict[str, dict[str, Figure]] = {
    "Real CT": {
        "liver, Dice on held-out slices, mean of patients": slices,
        "the same over all slices of a patient together": slices_together,
        "findings a volume without a tumor seen, of those that validate": average(
            "volumes", "findings", 1, validates
        ),
        "of these, volumes that stay clean": clean("volumes", validates),
        "findings a volume with a tumor seen, of those that validate": average(
            "volumes", "findings", 1, validates_with_tumor
        ),
        "findings a volume without a tumor seen, of those that may train": average(
            "volumes", "findings", 1, trains
        ),
    },
    "Tumor stage on held-out real slices, without the second look": {
        "slices": tumor_slices,
        **recall_by_size(TUMOR_SLICES),
        "false findings a slice": average(TUMOR_SLICES, "false_findings", 2),
        "tumors, Dice where lesions are outlined": average(TUMOR_SLICES, "tumor_dice", 3, has_lesions),
    },
    "Lesions implanted in real CT that validates": {
        **recall_by_size("implants"),
        f"of 10 mm and more that differ from the liver by {SEEN_HU:g} HU and more": recall(
            "implants", 10.0, least_hu=SEEN_HU
        ),
        "false findings a case": average("implants", "false_findings", 2),
        "tumors, Dice": average("implants", "tumor_dice", 3),
    },
    "Phantoms 300 to 329, both phases": {
        **phantom_figures(TWO),
        "more lesions found than in the portal phase alone": gain_of_the_arterial_phase,
    },
    "Phantoms 300 to 329, portal phase alone": phantom_figures(ONE),
    "Cost": {
        "seconds a phantom, both phases": average(TWO, "seconds", 1),
        "processor seconds a phantom, both phases": average(TWO, "processor_seconds", 1),
        "processor seconds a real volume": average("volumes", "processor_seconds", 1),
        "MB a phantom, both phases, beyond what the program held": average(TWO, "peak_mb", 0),
    },
}
"""What the summary shows, section by section."""


def _found(
    column: Column, table: str, low: float = 0.0, high: float = np.inf, least_hu: float = 0.0
) -> tuple[dict[str, int], dict[str, int]]:
    """Return by case how many lesions are touched, and of how many."""
    hits = {row["case"]: 0 for row in column[table]}
    of = dict(hits)
    for row in column[f"{table}-lesions"]:
        told = row.get("contrast_hu")
        if least_hu and not (told and abs(float(told)) >= least_hu):
            continue
        if low <= float(row["diameter_mm"]) < high and row["case"] in hits:
            hits[row["case"]] += float(row["covered"]) > 0
            of[row["case"]] += 1
    return hits, of
