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
        "tumours one by one.",
    )
    add = parser.add_argument
    add("--prediction", required=True, metavar="X", help="label map or .seg.nrrd")
    add("--truth", required=True, metavar="Y", help="label map or .seg.nrrd on the same grid")
    add(
        "--label",
        action="append",
        dest="labels",
        metavar="NAME=VALUE",
        help="what to score, may be repeated; NAME=1+2 joins values "
        "(default: liver=1 tumor=2 liver_with_tumors=1+2)",
    )
    add("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Score and print."""
    from LiverTumorAttentionLib.io import read_label_map
    from LiverTumorAttentionLib.metrics import DEFAULT_LABELS, evaluate_labels, parse_labels

    labels = parse_labels(options.labels) if options.labels else DEFAULT_LABELS
    prediction = read_label_map(options.prediction)
    evaluation = evaluate_labels(prediction, read_label_map(options.truth), labels)
    if options.json:
        print(json.dumps(evaluation.to_dict(), indent=2, allow_nan=False))
    else:
        print(evaluation.format_table())
