"""`models`: list, show, verify, add and remove models."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its own sub-commands."""
    parser = commands.add_parser(
        "models", help="list, show, verify, add or remove models", description="The models at hand."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the installed models")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)
    papers = actions.add_parser(
        "papers",
        help="list the papers' pipelines, or show one",
        description="The papers' pipelines as model.json without weights: what to train, and how it is run.",
    )
    papers.add_argument("paper", nargs="?", metavar="NAME")
    papers.set_defaults(run=run_papers)
    public = actions.add_parser(
        "catalogue",
        help="list public models, or show one",
        description="Public models: where to download them, their licences, what they were trained on and need.",
    )
    public.add_argument("public", nargs="?", metavar="NAME")
    public.add_argument(
        "--check", metavar="FILE", help="compare a downloaded file with the publisher's checksum"
    )
    public.set_defaults(run=run_catalogue)
    asked = actions.add_parser(
        "questions",
        help="show what a model of another program leaves open, with guesses",
        description="What `models add` would ask of a model: channels, labels and orientation, with guesses, as JSON.",
    )
    asked.add_argument("model", metavar="PATH")
    asked.set_defaults(run=run_questions)
    add_progress(asked, default="none")
    composed = actions.add_parser(
        "compose",
        help="make one model that finds the liver as one does and the tumors as another",
        description="One model out of two: the liver as one finds it, the tumors as the other does.",
    )
    for part in ("liver", "tumor"):
        composed.add_argument(
            f"--{part}", required=True, metavar="NAME|PATH", help=f"the model for the {part}"
        )
    composed.add_argument("--id", metavar="ID", help="the new model's id; made of the two without it")
    composed.add_argument("--title", metavar="TITLE", help="its title, likewise")
    composed.add_argument("--output", metavar="FOLDER", help="write it there; it is installed without it")
    composed.set_defaults(run=run_compose)
    add_progress(composed, default="none")
    for name, run, takes, text in (
        ("show", run_show, "NAME|PATH", "show everything that a model says of itself"),
        ("verify", run_verify, "NAME|PATH", "compare a model's files with their checksums"),
        ("add", run_add, "PATH", "install a model folder or zip, of this program or converted from another"),
        ("remove", run_remove, "NAME", "delete a model that was added, without asking"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("model", metavar=takes)
        action.set_defaults(run=run)
        if name == "show":
            action.add_argument("--card", action="store_true", help="print the model card in words, not JSON")
        if name == "add":
            _add_import_options(action)
        if name in ("verify", "add"):
            add_progress(action, default="none")


def _add_import_options(action: argparse.ArgumentParser) -> None:
    """Add the options that say of a model of another program what its files do not."""
    options = action.add_argument_group(
        "models of other programs",
        "What a model of nnU-Net does not say itself; it is asked for where it is needed.",
    )
    options.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="PHASE=NUMBER",
        help="which channel, counted from 0, is the portal, arterial, delayed or native phase, such as portal=1",
    )
    options.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME=MEANING",
        help="what a label is: liver, tumor, cyst, vessel or ignore; 'other' stands for all unclear names",
    )
    options.add_argument(
        "--orientation",
        metavar="XYZ",
        help="where columns, rows and slices of the training data ran to, such as RAS or LPS",
    )
    options.add_argument(
        "--configuration", metavar="NAME", help="which of several trainings, such as 3d_fullres"
    )
    options.add_argument(
        "--fold",
        action="append",
        default=[],
        metavar="N",
        help="use this fold; as often as needed; all without it",
    )
    options.add_argument("--checkpoint", metavar="KIND", help="final or best weights of each fold")
    options.add_argument("--id", metavar="ID", help="the model's id here")
    options.add_argument("--title", metavar="TITLE", help="the model's title here")


def run_list(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Print one line a model, or JSON."""
    from LiverTumorAttentionLib.models import list_models

    rows: list[dict[str, Any]] = [
        {
            "id": package.description.id,
            "title": package.description.title,
            "version": package.description.version,
            "statement": package.description.statement,
            "needs_phases": list(package.description.needed_phases),
            "path": str(package.path),
            "size_mb": round(package.size_bytes() / 1e6, 1),
        }
        for package in list_models()
    ]
    if options.json:
        console.print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        console.print(
            f"{row['id']}  {row['version']}  {row['size_mb']} MB  {row['title']}\n    {row['statement']}"
        )


def run_show(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Print a model's whole description as JSON, or its card."""
    from LiverTumorAttentionLib.models import find_model, model_card

    description = find_model(options.model).description
    if options.card:
        console.print(model_card(description).rstrip("\n"))
        return
    console.print(json.dumps(dataclasses.asdict(description), indent=2, ensure_ascii=False))


def run_papers(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Print one line a paper's pipeline, or the whole of one as JSON."""
    from LiverTumorAttentionLib.models import paper_model, paper_names

    if options.paper is not None:
        console.print(json.dumps(paper_model(options.paper), indent=2, ensure_ascii=False))
        return
    for name in paper_names():
        console.print(f"{name:<10}{paper_model(name)['title']}")


def run_catalogue(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Print one line a public model, or everything of one; compare a downloaded file with it."""
    from pathlib import Path

    from LiverTumorAttentionLib.errors import InputError
    from LiverTumorAttentionLib.models.public_models import NO_CHECKSUM, public_model, public_models

    if options.check is not None and options.public is None:
        raise InputError(
            "--check needs the name of the model in the catalogue: write `models catalogue NAME --check FILE`"
        )
    if options.public is None:
        for model in public_models():
            console.print(f"{model.id:<32}{', '.join(model.finds):<16}{model.title}")
        console.print(
            "Nothing is downloaded: `models catalogue NAME` has the address, `models add FILE` adds the file."
        )
        return
    model = public_model(options.public)
    if options.check is not None:
        same = model.check(Path(options.check))
        console.say(
            f"{options.check} is the file that the publisher describes"
            if same
            else f"no check: {NO_CHECKSUM}"
        )
        return
    console.print(model.title)
    for name, text in model.lines():
        console.print(f"  {name}: {text}")


def run_questions(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Print what a model leaves open."""
    from LiverTumorAttentionLib.conversion import import_questions
    from LiverTumorAttentionLib.models.catalogue import expanded

    questions = import_questions(expanded(options.model))
    values = {**dataclasses.asdict(questions), "open": questions.open}
    console.say(json.dumps(values, indent=2, ensure_ascii=False))
    console.event("questions", **values)
    console.done()


def run_compose(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Make one model out of two, and install it or write it into a folder."""
    import tempfile
    from pathlib import Path

    from LiverTumorAttentionLib.models import add_model, find_model
    from LiverTumorAttentionLib.models.catalogue import expanded
    from LiverTumorAttentionLib.models.compose import compose_into, compose_models

    models = find_model(options.liver), find_model(options.tumor)
    named = {"id": options.id, "title": options.title}
    if options.output is not None:
        package = compose_into(*models, expanded(options.output), **named, progress=progress)
        done = "was written to"
    else:
        with tempfile.TemporaryDirectory(prefix="liver-tumor-attention-") as temporary:
            written = compose_models(*models, Path(temporary), **named, progress=progress.part(0.0, 0.6))
            package = add_model(written.path, progress.part(0.6, 1.0))
        done = "was installed in"
    console.say(f"{package.description.id} {done} {package.path}")
    console.done(model=package.description.id, path=str(package.path))


def run_verify(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Check a model's checksums."""
    from LiverTumorAttentionLib.models import find_model

    package = find_model(options.model)
    package.verify(progress)
    files = len(package.description.weight_files)
    console.say(f"{package.description.id}: all {files} files match their checksums")
    console.done(model=package.description.id, files=files)


def run_add(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Install a model, converted where it comes from another program."""
    from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model
    from LiverTumorAttentionLib.conversion.answers import channels_from, labels_from
    from LiverTumorAttentionLib.models.catalogue import expanded

    answers = ImportAnswers(
        channels=channels_from(options.channel),
        labels=labels_from(options.label),
        orientation=options.orientation,
        configuration=options.configuration,
        folds=tuple(options.fold),
        checkpoint=options.checkpoint,
        id=options.id,
        title=options.title,
    )
    package = add_any_model(expanded(options.model), answers, progress)
    console.say(f"{package.description.id} was installed in {package.path}")
    console.done(model=package.description.id, path=str(package.path))


def run_remove(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Delete a model that was added."""
    from LiverTumorAttentionLib.models import remove_model

    console.print(f"{options.model} was removed from {remove_model(options.model).parent}")
