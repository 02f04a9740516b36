"""The tables of `assess_model` as one page: what the model card shows, each model in a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.io import replacing
from training.evaluation.assess_model import DRAWN_SEEDS, Row, read_rows

RESAMPLINGS = 2000
SIZES_MM = ((0.0, 10.0), (10.0, 20.0), (20.0, np.inf))


def write_summary(folder: Path) -> Path:
    """Write summary.md beside the tables; return its path. Raises `OutputError`."""
    names = ("slices", "volumes", "volumes-lesions", "phantoms", "phantoms-lesions")
    tables = {name: read_rows(folder / f"{name}.csv") for name in names}
    models = sorted({(row["model"], row["weights"]) for rows in tables.values() for row in rows})
    columns = [
        {
            name: [row for row in rows if (row["model"], row["weights"]) == model]
            for name, rows in tables.items()
        }
        for model in models
    ]
    lines = [
        "# A model on what it was never trained on",
        "",
        "Made by `python -m training assess`. Ranges are 95 % intervals, resampled over patients or cases.",
        "",
        f"| | {' | '.join(model for model, _ in models)} |",
        f"| --- |{' --- |' * len(models)}",
        f"| weights | {' | '.join(weights.replace('+', ' ') for _, weights in models)} |",
    ]
    for title, value in _FIGURES.items():
        cells = [value(column) for column in columns]
        if any(cells):
            lines.append(f"| {title} | {' | '.join(cells)} |")
    for model, column in zip(models, columns, strict=True):
        lines += _volumes(model[0], column)
    path = folder / "summary.md"
    with replacing(path, name="summary") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


Column = dict[str, list[Row]]


def interval(values: Sequence[float], statistic: Callable[..., float] = np.mean) -> tuple[float, float]:
    """Return the 95 % interval of a statistic by resampling the values, the same for the same values."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(np.asarray(values, float), (RESAMPLINGS, len(values)))
    low, high = np.percentile(statistic(drawn, axis=1), (2.5, 97.5))
    return float(low), float(high)


def _mean(values: Sequence[float], digits: int = 3) -> str:
    if not len(values):
        return ""
    low, high = interval(values)
    return f"{np.mean(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _share(hits: Sequence[bool]) -> str:
    return f"{_mean([float(hit) for hit in hits], 2)}, {sum(hits)} of {len(hits)}" if hits else ""


def _slices(column: Column) -> str:
    patients: dict[str, list[float]] = {}
    for row in column["slices"]:
        patients.setdefault(row["patient"], []).append(float(row["liver_dice"]))
    means = [float(np.mean(values)) for values in patients.values()]
    return f"{_mean(means)}, {len(means)} patients, {len(column['slices'])} slices" if means else ""


def _drawn(column: Column) -> list[Row]:
    return [row for row in column["phantoms"] if int(row["case"]) in DRAWN_SEEDS]


def _lesions(low: float, high: float) -> Callable[[Column], str]:
    def recall(column: Column) -> str:
        rows = [row for row in column["phantoms-lesions"] if low <= float(row["diameter_mm"]) < high]
        return _share([float(row["covered"]) > 0 for row in rows])

    return recall


def _free(column: Column) -> list[Row]:
    return [row for row in column["phantoms"] if not int(row["lesions"])]


def _real_free(column: Column) -> list[Row]:
    return [row for row in column["volumes"] if row["tumors"] == "none seen"]


_FIGURES: dict[str, Callable[[Column], str]] = {
    "liver, Dice on held-out real slices, mean of patients": _slices,
    "liver, Dice on phantoms 300 to 319": lambda c: _mean([float(row["liver_dice"]) for row in _drawn(c)]),
    "tumors, Dice on phantoms 300 to 319 with lesions": lambda c: _mean(
        [float(row["tumor_dice"]) for row in _drawn(c) if int(row["lesions"])]
    ),
    "lesions found on phantoms 300 to 319": _lesions(0, np.inf),
    **{
        f"of {low:g} mm and more" if high == np.inf else f"of {low:g} to {high:g} mm": _lesions(low, high)
        for low, high in SIZES_MM
    },
    "false findings a phantom 300 to 319": lambda c: _mean(
        [float(row["false_findings"]) for row in _drawn(c)], 2
    ),
    "false findings a phantom without lesions": lambda c: _mean(
        [float(row["findings"]) for row in _free(c)], 2
    ),
    "phantoms without lesions that stay clean": lambda c: _share(
        [not int(row["findings"]) for row in _free(c)]
    ),
    "findings a real volume in which no tumor was seen": lambda c: _mean(
        [float(row["findings"]) for row in _real_free(c)], 1
    ),
}


def _volumes(model: str, column: Column) -> list[str]:
    if not column["volumes"]:
        return []
    lines = [
        "",
        f"## Real volumes, {model}",
        "",
        "| volume | use | phase | tumors | liver, mL | liver, HU | liver, Dice | findings | mL each | s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in column["volumes"]:
        each = [one["volume_ml"] for one in column["volumes-lesions"] if one["case"] == row["case"]]
        cells = [
            row[name] for name in ("case", "use", "phase", "tumors", "liver_ml", "liver_hu", "liver_dice")
        ]
        lines.append(f"| {' | '.join([*cells, row['findings'], ', '.join(each), row['seconds']])} |")
    return lines
