"""Overview tables of all scored recipes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from training.tables.published import Metric, PublishedRow, PublishedTable
from training.tables.scores import Scores
from training.tables.select import SIZES, SizeLimits, fact
from training.tables.table import Table, build_table


def _metric(
    name: str, measure: str, unit: str, better: str = "higher", of: str = "tumor", **more: Any
) -> Metric:
    return Metric(name=name, measure=measure, unit=unit, better=better, of=of, **more)


OVERALL = (
    _metric("Tumor DPC", "dice", unit="%"),
    _metric("Tumor DG", "dice_global", unit="%"),
    _metric("Jaccard", "jaccard", unit="%"),
    _metric("VOE", "voe", unit="%", better="lower"),
    _metric("RVD", "rvd", unit="%", better="zero"),
    _metric("TPR", "tpr", unit="%"),
    _metric("TNR", "tnr", unit="%"),
    _metric("Precision", "precision", unit="%"),
    _metric("ACC", "accuracy", unit="%"),
    _metric("ASSD", "assd", unit="mm", better="lower"),
    _metric("HD95", "hd95", unit="mm", better="lower"),
    _metric("HD", "hd", unit="mm", better="lower"),
    _metric("Lesion recall", "lesion_recall", unit="ratio"),
    _metric("Lesion precision", "lesion_precision", unit="ratio"),
    _metric("Liver DPC", "dice", of="liver", unit="%"),
    _metric("Liver ASSD", "assd", of="liver", unit="mm", better="lower"),
    _metric("Liver HD95", "hd95", of="liver", unit="mm", better="lower"),
)
SLICES = (
    *(
        _metric(f"{name} of {part} slices", measure, unit="%", better=better, slices=part)
        for part in ("marginal", "middle", "shown")
        for name, measure, better in (
            ("DPC", "dice", "higher"),
            ("RVD", "rvd", "zero"),
            ("TPR", "tpr", "higher"),
        )
    ),
    _metric("Dice a slice", "dice", unit="%", slices="shown", per="slice"),
    _metric("HD a slice", "hd", unit="pixels", better="lower", slices="shown", per="slice"),
)
AS_LITS = (
    _metric("Tumor DPC", "dice", unit="%", count_empty=True),
    _metric("Tumor DG", "dice_global", unit="%"),
    _metric("Recall", "lits_recall", unit="ratio"),
    _metric("Precision", "lits_precision", unit="ratio"),
    _metric("RVD", "lits_rvd", unit="ratio", better="zero"),
    _metric("ASSD", "lits_assd", unit="mm", better="lower"),
    _metric("RMSD", "lits_rmsd", unit="mm", better="lower"),
    _metric("MSD", "lits_msd", unit="mm", better="lower"),
    _metric("Liver DPC", "dice", of="liver", unit="%"),
    _metric("Liver RVD", "lits_rvd", of="liver", unit="ratio", better="zero"),
    _metric("Liver ASSD", "lits_assd", of="liver", unit="mm", better="lower"),
    _metric("Liver RMSD", "lits_rmsd", of="liver", unit="mm", better="lower"),
    _metric("Liver MSD", "lits_msd", of="liver", unit="mm", better="lower"),
)
"""Lesions joined before they are matched, distances of the matched alone; a healthy liver left as it is counts as 1."""
GROUPS = {"tumor_type": "tumor type", "phase": "phase", "scanner": "scanner", "tumor_size": "size of tumor"}


def overview(scores: Scores, sizes: SizeLimits, *, count_empty: bool = False) -> list[Table]:
    """Return the tables of all scored recipes: whole volumes, groups of cases, slices. Nothing is tested."""
    tables = [
        _table("all cases", "Whole volumes", OVERALL, scores, sizes, count_empty),
        _table(
            "slices", "Slices that show tumor, those of a case together", SLICES, scores, sizes, count_empty
        ),
        _table("lits", "Scored as LiTS does", AS_LITS, scores, sizes, count_empty),
    ]
    for name, title in GROUPS.items():
        found = {fact(row, name, sizes) for row in scores.cases} - {""}
        metrics = tuple(_metric(value, "dice", unit="%", only={name: value}) for value in _ordered(found))
        if metrics:
            groups = f"Tumor DPC by {title}"
            tables.append(_table(name.replace("_", " "), groups, metrics, scores, sizes, count_empty))
    return tables


def _ordered(values: Iterable[str]) -> list[str]:
    return sorted(values, key=lambda value: (SIZES.index(value) if value in SIZES else 0, value.lower()))


def _table(
    number: str,
    title: str,
    metrics: tuple[Metric, ...],
    scores: Scores,
    sizes: SizeLimits,
    count_empty: bool,
) -> Table:
    published = PublishedTable(
        title=title,
        dataset="nothing of this; all numbers are ours",
        metrics=metrics,
        rows=tuple(PublishedRow(row=recipe, recipe=recipe, values={}) for recipe in scores.recipes),
        note=(
            f"tumors are small below {sizes.small_mm:g} mm, large above {sizes.large_mm:g} mm, by the longest edge of "
            "the box around the longest one of a case"
            if number == "tumor size"
            else ""
        ),
    )
    citation = "All recipes with scores"
    return build_table("overview", citation, number, published, scores, sizes, None, count_empty=count_empty)
