"""`assess`: models on held-out real slices, real volumes, implants in real CT and the reserved phantoms."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted
from training.commands.options import add_set

DESCRIPTION = """Score models on what none was trained on: the liver on the held-out patients' real slices; what is
found in real volumes; lesions implanted in real volumes that validate, the same ones for every model; and phantoms
300 to 329, with both phases and with the portal one alone. Writes tables of all cases and lesions, and summary.md.

Rows that are there are not computed again, so that the command resumes where it was stopped, may be run part by part,
and several may run at a time; the rows of other models stay, and the summary shows all of them side by side."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "assess",
        help="score models on real data and phantoms that were held out",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", nargs="+", metavar="MODEL", help="ids or paths")
    which.add_argument(
        "--ablation",
        type=Path,
        metavar="FILE",
        help="YAML file of named rows, each a model and settings; writes ablation.md too",
    )
    add(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of the tables; its parent must exist",
    )
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder that holds msd-liver-slices, real-backgrounds and so on",
    )
    add(
        "--parts",
        nargs="+",
        metavar="PART",
        help="some of slices, tumor-slices, volumes, implants, phantoms, phantoms-portal (default: all, or those on "
        "phantoms without --data)",
    )
    add_set(parser, "a setting of the segmentation, such as averaging=flips; may be given several times")
    add("--seeds", nargs="+", type=int, metavar="S", help="phantoms (default: 300 to 329)")
    add("--size", choices=("small", "full"), default="full", help="of the phantoms (default: full)")
    add("--implants", type=int, metavar="N", help="cases with implants of each volume (default: 5)")
    add(
        "--liver-model",
        metavar="MODEL",
        help="id or path: whose liver stage says where implants may lie, the same for all models that are compared "
        "(default: demonstration)",
    )
    add("--device", default="auto", choices=("auto", "cpu", "cuda"), help="default: auto")
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Add what is missing and write the summary."""
    from training.evaluation.ablation import Ablation, AblationRow, write_ablation
    from training.evaluation.assess_model import PARTS, WITHOUT_DATA, Assessment, assess
    from training.evaluation.assessment_summary import write_summary

    ablation = None if options.ablation is None else Ablation.read(options.ablation)
    asked = ablation.rows if ablation else [AblationRow(name=model, model=model) for model in options.model]
    rows = tuple(replace(row, settings={**row.settings, **options.set}) for row in asked)
    given = {
        "seeds": options.seeds and tuple(options.seeds),
        "implants": options.implants,
        "liver_model": options.liver_model,
    }
    assessments = [
        Assessment(
            model=row.model,
            output=options.output,
            data=options.data,
            parts=tuple(options.parts or (PARTS if options.data else WITHOUT_DATA)),
            settings=row.settings,
            phantom_size=options.size,
            device=options.device,
            **{name: value for name, value in given.items() if value is not None},
        )
        for row in rows
    ]
    added = 0
    for number, assessment in enumerate(assessments):
        added += assess(
            assessment,
            progress.part(number / len(rows), (number + 1) / len(rows), f"assessing {rows[number].name}"),
        )
        path = write_summary(options.output)
        if ablation is not None:
            write_ablation(options.output, Ablation(rows=rows))
    console.say(f"{path}: {counted(added, 'new row')}")
    console.done(output=str(path), added=added)
