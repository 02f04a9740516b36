"""`evaluate`: scores of a segmentation against the ground truth."""

from __future__ import annotations

import argparse
import json

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="score a segmentation against the truth",
        description="Score a label map or .seg.nrrd against the truth: overlap, surface distances in mm, and "
        "tumors one by one.",
    )
    add = parser.add_argument
    add("--prediction", required=True, metavar="X", help="label map or .seg.nrrd")
    add("--truth", required=True, metavar="Y", help="label map or .seg.nrrd on the same grid")
    add(
        "--label",
        action="append",
        dest="labels",
        default=[],
        metavar="NAME=VALUE",
        help="what to score, may be repeated; NAME=1+2 joins values "
        "(default: liver=1 tumor=2 liver_with_tumors=1+2). Or what a segment of either file is, where its name does "
        "not say it: NAME=liver, tumor, vessel or ignore",
    )
    add(
        "--lits",
        action="store_true",
        help="score as the LiTS challenge describes it, too: pieces and bridged lesions joined before they are matched "
        "above 50 %% overlap, distances over the matched ones, RVD against the prediction; its released program counts "
        "more lesions as detected",
    )
    add("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Score and print."""
    from LiverTumorAttentionLib.io import Meanings, collected_warnings, read_label_map
    from LiverTumorAttentionLib.io.label_values import warn_not_scored
    from LiverTumorAttentionLib.io.meanings import MEANINGS
    from LiverTumorAttentionLib.metrics import DEFAULT_LABELS, evaluate_labels, parse_labels

    told = [text for text in options.labels if text.rpartition("=")[2].strip() in MEANINGS]
    values = [text for text in options.labels if text not in told]
    labels = parse_labels(values) if values else DEFAULT_LABELS
    meanings = Meanings(told)
    with collected_warnings() as warnings:
        prediction = read_label_map(options.prediction, meanings=meanings)
        truth = read_label_map(options.truth, meanings=meanings)
        if not values:
            scored = {value for joined in labels.values() for value in joined}
            warn_not_scored(prediction, scored, "the prediction")
            warn_not_scored(truth, scored, "the truth")
    meanings.check_used()
    for warning in warnings:
        console.warn(warning)
    evaluation = evaluate_labels(prediction, truth, labels, lits=options.lits)
    if options.json:
        console.print(json.dumps(evaluation.to_dict(), indent=2, allow_nan=False))
    else:
        console.print(evaluation.format_table())
