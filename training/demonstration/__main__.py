"""The demonstration model that the package ships: its cohort, its training, its export.

    python -m training.demonstration prepare --label-map PATH:kind …
    python -m training.demonstration train --stage liver
    python -m training.demonstration train --stage tumor
    python -m training.demonstration export

Every command goes on where it was stopped. `training/demonstration/README.md` tells the whole recipe.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import Cancelled, InputError, LiverTumorAttentionError
from training.demonstration.cohort import PlannedCase, make_cohort, plan_cohort, read_label_maps, read_plan

RUNS = Path(__file__).resolve().parents[1] / "runs" / "demonstration"
SEED = 2021
COMMAND = (
    "python -m training.demonstration prepare --label-map spl-abdominal-atlas/labels.nrrd:spl "
    "--label-map amos-labels/labels.nii.gz:amos; python -m training.demonstration train --stage liver; "
    "python -m training.demonstration train --stage tumor; python -m training.demonstration export"
)
NOTE = (
    "The weights come from runs that were stopped and resumed with a larger cohort and other settings: 'starts' "
    "of each run tells when and which. The command trains with the last settings from the first step on, so it "
    "gives a like model, not the same weights."
)
POSTPROCESSING = {
    "minimum_peak_probability": 0.9,
    "minimum_diameter_mm": 7.0,
    "rim_mm": 2.0,
    "border_mm": 3.0,
    "minimum_core_share": 0.5,
}
"""Chosen on phantoms 90000 to 90019 for few false lesions: see README.md for what each choice gave."""
STEPS = {"liver": 6000, "tumor": 10000}
PHANTOMS = 160
ATLAS_CASES = 240
BUNDLED = Path(__file__).resolve().parents[2] / "LiverTumorAttentionLib/data/models/demonstration"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 2 for bad input, 130 when stopped."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except LiverTumorAttentionError as error:
        if not isinstance(error, Cancelled):
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.demonstration", description=__doc__)
    commands = parser.add_subparsers(required=True)

    prepare = commands.add_parser("prepare", help="make the synthetic cohort")
    prepare.add_argument("--label-map", action="append", default=[], metavar="PATH:KIND")
    prepare.add_argument("--phantoms", type=int, default=PHANTOMS)
    prepare.add_argument("--atlas-cases", type=int, default=ATLAS_CASES)
    prepare.add_argument("--part", default="0/1", metavar="I/N", help="make every N-th case from the I-th on")
    prepare.set_defaults(run=_prepare)

    train = commands.add_parser("train", help="train one stage, or go on with it")
    train.add_argument("--stage", choices=("liver", "tumor"), required=True)
    train.add_argument("--steps", type=int, help="length of the schedule")
    train.add_argument("--threads", type=int, default=1)
    train.set_defaults(run=_train)

    export = commands.add_parser("export", help="write the model folder from both runs")
    export.add_argument("--output", type=Path, default=BUNDLED)
    export.add_argument("--scores", type=Path, help="JSON file of measured scores to record in the model")
    export.set_defaults(run=_export)

    for command in (prepare, train, export):
        command.add_argument("--folder", type=Path, default=RUNS, help="of cohort and runs")
    for command in (prepare, train):
        command.add_argument("--seed", type=int, default=SEED)
    return parser


def _prepare(options: argparse.Namespace) -> None:
    part, _, parts = options.part.partition("/")
    if not (part.isdigit() and parts.isdigit() and int(part) < int(parts)):
        raise InputError(f"--part got {options.part!r}; write it as I/N with I below N, for example 0/2")
    atlases = read_label_maps(options.label_map)
    plan = plan_cohort(
        sorted(atlases), phantoms=options.phantoms, atlas_cases=options.atlas_cases, seed=options.seed
    )
    make_cohort(options.folder / "cohort", plan, atlases, part=(int(part), int(parts)))


def _train(options: argparse.Namespace) -> None:
    import torch

    from training.demonstration.recipes import RECIPES
    from training.demonstration.samples import Case
    from training.demonstration.task import DemonstrationTask
    from training.loop.trainer import Trainer

    torch.set_num_threads(options.threads)
    cohort = options.folder / "cohort"
    cases: dict[bool, list[Case]] = {False: [], True: []}
    plan: list[PlannedCase] = read_plan(cohort)
    for planned in plan:
        path = planned.path(cohort, options.stage)
        if options.stage in planned.stages() and path.exists():
            cases[planned.validation].append(Case.load(path))
    task = DemonstrationTask(
        RECIPES[options.stage],
        cases[False],
        cases[True],
        seed=options.seed,
        steps=options.steps or STEPS[options.stage],
    )
    trainer = Trainer(options.folder / options.stage, task, say=lambda line: print(line, flush=True))
    print(f"{len(cases[False])} training cases, {len(cases[True])} validation cases, at step {trainer.step}")
    if not trainer.run():
        raise Cancelled


def _export(options: argparse.Namespace) -> None:
    import json

    from training.demonstration.export import STATEMENT, export_model

    plan = read_plan(options.folder / "cohort")
    phantoms = [case.seed for case in plan if case.source == "phantom" and not case.validation]
    identity = {
        "id": "demonstration",
        "title": "Demonstration: PA-ResSeg, narrow, synthetic data",
        "version": "1",
        "licence": "Apache-2.0",
        "statement": STATEMENT,
        "intended_use": (
            "To show and test the software from end to end. Trained on synthetic CT alone; it has never seen a "
            "real tumor and must not guide any decision about a patient."
        ),
    }
    training = {
        "command": COMMAND,
        "note": NOTE,
        "data": {
            "phantoms": {"seeds": [min(phantoms), max(phantoms)], "count": len(phantoms)},
            "label_maps": sorted({case.source for case in plan if case.source != "phantom"}),
            "cases_from_label_maps": sum(c.source != "phantom" and not c.validation for c in plan),
            "watched": "phantoms 90000 to 90009 and eight cases of each stage from the label maps",
        },
    }
    scores = json.loads(options.scores.read_text()) if options.scores else None
    export_model(
        options.folder,
        options.output,
        identity=identity,
        training=training,
        scores=scores,
        postprocessing=POSTPROCESSING,
    )


if __name__ == "__main__":
    sys.exit(main())
