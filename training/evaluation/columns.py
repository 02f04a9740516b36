"""Columns of the three files of scores, and how an `Evaluation` fills them.

    scores.csv           one row a case
    scores-lesions.csv   one row a lesion of the truth
    scores-slices.csv    one row a slice whose truth shows tumor

Cells: text; whole numbers; decimals with all their digits, so that nothing is lost between a score and its mean;
"nan" for a value that is undefined (a distance to nothing), and nothing at all for what was not scored (the tumor,
where a network finds the liver alone). Units stand in the names; what has none is a share from 0 to 1.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from LiverTumorAttentionLib.metrics import Confusion, LabelScores, LesionScores, LitsLesions, LitsScores

COUNTS = ("tp_voxels", "fp_voxels", "fn_voxels", "tn_voxels")
OVERLAP = ("dice", "jaccard", "voe", "rvd", "tpr", "tnr", "precision", "f1", "accuracy")
"""`rvd` is signed: positive for too much. `accuracy` is the mean of both class accuracies, as in PA-ResSeg."""
OBJECT = (
    *COUNTS,
    "predicted_ml",
    "true_ml",
    *OVERLAP,
    "assd_mm",
    "hd_mm",
    "hd95_mm",
    "empty",
)
"""Of the liver (its tumors included, as in LiTS) and of all tumors together; `empty` names the side that holds
nothing: "prediction", "truth" or "both"."""

RUN = ("run", "recipe", "part", "seed", "case")
"""Which training, and which case; a run is identified by `run_name` of its folder."""
HOW = ("changed", "weights_sha256", "stage", "liver_from", "keep")
"""changed: "yes" where the run's recipe is not the one of that name that is among the recipes (any more).
weights_sha256: of the run's weights, its first 16 digits. liver_from: what gave the coarse liver: "truth", or
a run or model and its digits.
keep: "raw" or "postprocessed", with "above 0.6" where the threshold is not one half."""
FACTS = ("patient", "tumor_type", "phase", "scanner", "facts")
"""facts: all other facts of the case, as JSON."""
LESIONS = (
    "lesions_true",
    "lesions_found",
    "lesions_detected",
    "findings_right",
    "lesions_touched",
    "false_findings",
    "lesion_recall",
    "lesion_precision",
    "largest_lesion_mm",
)
"""Detected and right at 50 % overlap; touched by at least one voxel; false findings touch none. largest_lesion_mm:
the longest edge, along the axes of the grid, of the box around the case's longest lesion (SFAN's size)."""

LITS = (
    *(f"lits_{name}" for name in ("lesions", "findings", "matched", "bridged", "pieces")),
    *(
        f"{prefix}lits_{name}"
        for prefix in ("", "liver_")
        for name in ("rvd", "assd_mm", "rmsd_mm", "msd_mm")
    ),
)
"""LiTS's own scoring (`LiverTumorAttentionLib.metrics.lits`): lesions and findings before any is joined, matched pairs
of joined ones, how many were joined to another; of the matched pairs of the case, the mean RVD (by the prediction, less
than 0 for too much), average, root mean square and largest surface distance; of the liver as a whole, the same. Empty
in files of earlier versions."""

DISCRIMINATION = ("tumor_auc", "tumor_dice_at")
"""What the network's probability is worth at other thresholds (`training.evaluation.discrimination`): of the tumor's
voxels against those of the liver around, and the Dice at 0.05, 0.10, … 0.95 as JSON, four digits each. Empty in files
of earlier versions, and where what was found was postprocessed."""

LATER = (LITS, DISCRIMINATION)
"""Columns that were added later, each with those before it: files without them are read."""

CASE_COLUMNS = (
    *RUN,
    *HOW,
    *FACTS,
    "spacing_z_mm",
    "spacing_y_mm",
    "spacing_x_mm",
    *(f"liver_{name}" for name in OBJECT),
    *(f"tumor_{name}" for name in OBJECT),
    *LESIONS,
    *LITS,
    *DISCRIMINATION,
    "parameters",
    "device",
    "seconds",
)
"""parameters: of the network. seconds: of the inference, without reading and scoring."""
LESION_COLUMNS = (
    *RUN,
    "lesion",
    "component",
    "tumor_type",
    "diameter_mm",
    "volume_ml",
    "extent_mm",
    "detected",
    "touched",
    "covered",
    "best_dice",
    "best_iou",
)
"""component: which connected part of the truth the lesion is in, 1 the largest; lesions that touch share one, and its
scores. diameter_mm: of the ball of equal volume. extent_mm: as `largest_lesion_mm`, of the component. covered: share
of the component that was found. best_dice, best_iou: with the finding that fits best."""
SLICE_COLUMNS = (*RUN, "tumor_type", "slice", "position", *COUNTS, *OVERLAP, "hd_px")
"""slice: from 0, towards the head. position: "marginal" where a lesion begins or ends, else "middle". hd_px: between
the contours, in pixels of the volume's own grid."""

Row = dict[str, str]


def cell(value: Any) -> str:
    """Return a value as it stands in the files."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(float(value)) if isinstance(value, float) else str(value)


def row_of(columns: tuple[str, ...], values: dict[str, Any]) -> Row:
    """Return a row of all columns; what is not given was not scored. Raises `KeyError` for another column."""
    unknown = set(values) - set(columns)
    if unknown:
        raise KeyError(f"no column is called {', '.join(sorted(unknown))}")
    return {name: cell(values.get(name)) for name in columns}


def overlap_values(counts: Confusion) -> dict[str, Any]:
    """Return the voxel counts of an object and the overlap that follows from them."""
    return {
        "tp_voxels": counts.true_positive,
        "fp_voxels": counts.false_positive,
        "fn_voxels": counts.false_negative,
        "tn_voxels": counts.true_negative,
        **{name: getattr(counts, name) for name in OVERLAP},
    }


def object_values(name: str, scores: LabelScores) -> dict[str, Any]:
    """Return the scores of "liver" or "tumor" under their columns."""
    values = {
        **overlap_values(scores.confusion),
        "predicted_ml": scores.confusion.predicted * scores.voxel_ml,
        "true_ml": scores.confusion.true * scores.voxel_ml,
        **asdict(scores.surface),
        "empty": scores.empty,
    }
    return {f"{name}_{key}": value for key, value in values.items()}


def lits_values(lesions: LitsLesions | None, liver: LitsScores | None) -> dict[str, Any]:
    """Return LiTS's own scores of a case under their columns; those that were taken."""
    values: dict[str, Any] = {}
    if lesions is not None:
        values |= {f"lits_{name}": value for name, value in lesions.to_dict().items()}
    if liver is not None:
        values |= {f"liver_lits_{name}": value for name, value in asdict(liver).items()}
    return {name: value for name, value in values.items() if name in LITS}


def lesion_values(scores: LesionScores) -> dict[str, Any]:
    """Return what a case's lesions give together."""
    return {
        "lesions_true": len(scores.lesions),
        "lesions_found": len(scores.findings),
        "lesions_detected": sum(row.detected for row in scores.lesions),
        "findings_right": sum(row.detected for row in scores.findings),
        "lesions_touched": sum(row.touched for row in scores.lesions),
        "false_findings": scores.false_findings,
        "lesion_recall": scores.recall,
        "lesion_precision": scores.precision,
        "largest_lesion_mm": max((row.extent_mm for row in scores.lesions), default=0.0),
    }
