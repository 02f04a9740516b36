"""`candidates`: the second look at candidates, from cohorts with truth to candidates.json."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_device, add_progress
from LiverTumorAttentionLib.pipeline.jobs import AVERAGING
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_processes
from training.data.layouts import LAYOUTS

DESCRIPTION = """Fit the classifier that gives each finding its probability of being a lesion.

Runs a model on cohorts with truth that its networks were not trained on (generated, implanted, and such without any
lesion), collects the candidates at a low threshold, fits and calibrates the classifier, cross-validated by patient, and
chooses the operating points. Writes candidates.json, which `export --candidates` puts into the model, reliability.png,
and froc.csv: lesions found against false findings a case, by curves fitted without the patient. Cases that were run
before are not run again, so that the command resumes where it was stopped."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "candidates",
        help="fit the second look at candidates: their lesion probability",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="id or path; exported without --candidates")
    add(
        "--cohort",
        dest="cohorts",
        required=True,
        action="extend",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folder of cases with truth",
    )
    add(
        "--network-cohort",
        dest="network_cohorts",
        default=[],
        action="extend",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="train a network that sees the patch around each candidate, on these cases, none of them in --cohort; its "
        "logit is one more feature (default: no network)",
    )
    add(
        "--epochs",
        type=int,
        default=25,
        metavar="N",
        help="of the network, 100 steps of 32 patches each (default: %(default)s)",
    )
    add("--seed", type=int, default=0, metavar="N", help="of the network (default: %(default)s)")
    add(
        "--members",
        type=int,
        default=1,
        metavar="N",
        help="networks, from this seed and the next ones, whose logits are averaged (default: %(default)s)",
    )
    add(
        "--layout",
        default="plain",
        choices=LAYOUTS,
        metavar="NAME",
        help="of all cohorts (default: %(default)s)",
    )
    add(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of candidates and classifier; its parent must exist",
    )
    add(
        "--threshold",
        type=float,
        metavar="P",
        help="probability of a tumor voxel (default: the model's own)",
    )
    add(
        "--minimum-diameter",
        dest="minimum_diameter_mm",
        type=float,
        default=4.0,
        metavar="MM",
        help="smaller candidates are left out (default: %(default)g)",
    )
    add(
        "--averaging",
        choices=tuple(AVERAGING),
        default="none",
        help="as `segment` takes it (default: none)",
    )
    add("--portal-alone", action="store_true", help="run cases of two phases on the portal one alone as well")
    add(
        "--folds",
        type=int,
        default=5,
        metavar="N",
        help="of the cross-validation by patient (default: %(default)s)",
    )
    add_device(parser)
    add_processes(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Collect what is missing, fit, and say what the operating points do."""
    from LiverTumorAttentionLib.errors import InputError
    from LiverTumorAttentionLib.lesion_classifier import OPERATING_POINTS
    from LiverTumorAttentionLib.models import find_model
    from training.candidates.build import CLASSIFIER_FILE, build
    from training.candidates.collect import CollectionSettings, collect
    from training.candidates.train_network import train_network
    from training.export.card import sources_of_cohorts

    if options.members < 1:
        raise InputError(
            f"--members must be 1 or more, got {options.members}: give how many networks to train"
        )

    def settings_with(network: str) -> CollectionSettings:
        return CollectionSettings.of(
            find_model(options.model),
            threshold=options.threshold,
            minimum_diameter_mm=options.minimum_diameter_mm,
            averaging=options.averaging,
            network=network,
        )

    network = None
    if options.network_cohorts:
        network = train_network(
            options.model,
            options.network_cohorts,
            options.output,
            settings_with(""),
            epochs=options.epochs,
            seeds=range(options.seed, options.seed + options.members),
            layout=options.layout,
            device=options.device,
            processes=options.processes,
            progress=progress.part(0.0, 0.7),
            console=console,
        )
    settings = settings_with("" if network is None else network.description.sha256)
    cases, failed = collect(
        options.model,
        options.cohorts,
        options.output,
        settings,
        layout=options.layout,
        portal_alone=options.portal_alone,
        network=None if network is None else network.description,
        device=options.device,
        processes=options.processes,
        progress=progress.part(0.7 if network else 0.0, 1.0, "collecting"),
    )
    for reason in failed:
        console.warn(f"left out: {reason}")
    cohorts = [*options.cohorts, *options.network_cohorts]
    sources = sources_of_cohorts(cohorts, options.layout)
    content = build(cases, settings, options.output, folds=options.folds, network=network, sources=sources)
    path = options.output / CLASSIFIER_FILE
    console.say(f"{path}: {len(cases)} cases, {len(failed)} left out")
    for name in OPERATING_POINTS:
        point = getattr(content.candidates.operating_points, name)
        console.say(
            f"  {name}: from {point.threshold:.3f} on, keeps {100 * (point.kept_lesions or 0):.0f} % of the candidates "
            f"that are lesions, {point.false_findings_per_case:.2f} false findings a case"
        )
    console.say(f"export the model again with: --candidates {path}")
    console.done(output=str(path), cases=len(cases), failed=len(failed))
