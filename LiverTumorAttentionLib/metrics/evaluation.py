"""Result of an evaluation, as values, JSON and a text table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from LiverTumorAttentionLib.metrics.lesions import LesionRow, LesionScores
from LiverTumorAttentionLib.metrics.lits import LitsLesions, LitsScores
from LiverTumorAttentionLib.metrics.overlap import Confusion
from LiverTumorAttentionLib.metrics.surface import SurfaceDistances


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """Scores of one object.

    values: the label values that make the object. confusion: voxel counts and the overlap that follows.
    surface: distances in mm. voxel_ml: volume of one voxel. lits: the object as a whole in LiTS's way, where asked for.
    """

    values: tuple[int, ...]
    confusion: Confusion
    surface: SurfaceDistances
    voxel_ml: float
    lits: LitsScores | None = None

    @property
    def empty(self) -> str:
        """Which side holds nothing of the object: "both", "prediction", "truth" or "" for neither."""
        if self.confusion.predicted == 0:
            return "both" if self.confusion.true == 0 else "prediction"
        return "" if self.confusion.true else "truth"

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers under names with units; nan stays nan."""
        counts = self.confusion
        return {
            "values": list(self.values),
            "empty": self.empty,
            "predicted_volume_ml": counts.predicted * self.voxel_ml,
            "true_volume_ml": counts.true * self.voxel_ml,
            "dice": counts.dice,
            "jaccard": counts.jaccard,
            "voe": counts.voe,
            "rvd": counts.rvd,
            "tpr": counts.tpr,
            "tnr": counts.tnr,
            "precision": counts.precision,
            "f1": counts.f1,
            "accuracy": counts.accuracy,
            **asdict(self.surface),
            **({} if self.lits is None else {"lits": asdict(self.lits)}),
        }


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of every object, and of the tumors one by one.

    labels: by name, in the order asked for.
    lesions: None when no label called "tumor" was asked for. lits_lesions: the same in LiTS's way, where asked for.
    """

    labels: Mapping[str, LabelScores]
    lesions: LesionScores | None
    lits_lesions: LitsLesions | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: plain types, and null for what is undefined."""
        content: dict[str, Any] = {"labels": {name: s.to_dict() for name, s in self.labels.items()}}
        if self.lesions is not None:
            content["lesions"] = {
                "recall": self.lesions.recall,
                "precision": self.lesions.precision,
                "recall_any_overlap": self.lesions.recall_any_overlap,
                "precision_any_overlap": self.lesions.precision_any_overlap,
                "false_findings": self.lesions.false_findings,
                "lesions": [_row_dict(row) for row in self.lesions.lesions],
                "findings": [_row_dict(row) for row in self.lesions.findings],
            }
        if self.lits_lesions is not None:
            content["lits_lesions"] = self.lits_lesions.to_dict()
        cleaned: dict[str, Any] = _without_nan(content)
        return cleaned

    def format_table(self) -> str:
        """Return the scores as plain text, "-" for what is undefined."""
        names = list(self.labels)
        columns = [self.labels[name].to_dict() for name in names]
        lines = [_line(["", *names])]
        for key, title, digits in _TABLE_ROWS:
            lines.append(_line([title, *(_number(column[key], digits) for column in columns)]))
        if any(column["empty"] for column in columns):
            lines.append(_line(["empty in", *(column["empty"] or "-" for column in columns)]))
        if self.lesions is not None:
            lines += ["", *_lesion_lines(self.lesions)]
        lines += self._lits_lines()
        return "\n".join(lines) + "\n"

    def _lits_lines(self) -> list[str]:
        """Return LiTS's own scores: of each object as a whole, then of the matched lesions."""
        objects = {name: scores.lits for name, scores in self.labels.items() if scores.lits is not None}
        if not objects:
            return []
        lines = ["", _line(["as LiTS scores", *objects])]
        lines += [
            _line([title, *(_number(getattr(scores, key), digits) for scores in objects.values())])
            for key, title, digits in _LITS_ROWS
        ]
        lesions = self.lits_lesions
        if lesions is not None:
            lines += [
                "",
                f"lesions as LiTS matches them: {lesions.lesions} true, {lesions.findings} found; {lesions.bridged} "
                f"bridged and {lesions.pieces} pieces joined; {lesions.matched} matched above 50 % overlap, recall "
                f"{_number(lesions.recall, 2)}, precision {_number(lesions.precision, 2)}",
                "of the matched: "
                + ", ".join(
                    f"{title} {_number(lesions.mean(key), digits)}" for key, title, digits in _LITS_ROWS
                ),
            ]
        return lines


_LITS_ROWS = (
    ("rvd", "RVD", 4),
    ("assd_mm", "ASSD (mm)", 2),
    ("rmsd_mm", "RMSD (mm)", 2),
    ("msd_mm", "MSD (mm)", 2),
)
_TABLE_ROWS = (
    ("dice", "Dice", 4),
    ("jaccard", "Jaccard", 4),
    ("voe", "VOE", 4),
    ("rvd", "RVD", 4),
    ("tpr", "TPR", 4),
    ("tnr", "TNR", 4),
    ("precision", "precision", 4),
    ("accuracy", "ACC", 4),
    ("assd_mm", "ASSD (mm)", 2),
    ("hd95_mm", "HD95 (mm)", 2),
    ("hd_mm", "HD (mm)", 2),
    ("predicted_volume_ml", "predicted (mL)", 2),
    ("true_volume_ml", "true (mL)", 2),
)


def _lesion_lines(scores: LesionScores) -> list[str]:
    """Return the lesion-by-lesion part of the table."""
    found = sum(row.detected for row in scores.lesions)
    touched = sum(row.touched for row in scores.lesions)
    right = sum(row.detected for row in scores.findings)
    lines = [
        f"lesions: {len(scores.lesions)} true, {len(scores.findings)} found; at 50 % overlap (IoU) "
        f"{found} detected, recall {_number(scores.recall, 2)}, {right} of the found right, "
        f"precision {_number(scores.precision, 2)}",
        f"at any overlap {touched} detected, recall {_number(scores.recall_any_overlap, 2)}, "
        f"{scores.false_findings} found where no lesion is",
    ]
    for title, rows in (("true lesion", scores.lesions), ("found lesion", scores.findings)):
        if rows:
            lines += ["", _line([title, "volume (mL)", "covered", "best Dice", "best IoU", "matched with"])]
            lines += [_line(_row_cells(row)) for row in rows]
    return lines


def _row_cells(row: LesionRow) -> list[str]:
    return [
        str(row.number),
        _number(row.volume_ml, 3),
        _number(row.overlap, 2),
        _number(row.best_dice, 3),
        _number(row.best_iou, 3),
        "-" if row.partner is None else str(row.partner),
    ]


def _row_dict(row: LesionRow) -> dict[str, Any]:
    return {**asdict(row), "detected": row.detected, "touched": row.touched}


def _line(cells: list[str]) -> str:
    first, *rest = cells
    return f"{first:<16}" + "".join(f"{cell:>{max(13, len(cell) + 2)}}" for cell in rest)


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _without_nan(content: Any) -> Any:
    """Return the content with None in the place of every nan."""
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
