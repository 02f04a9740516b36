"""The model card: what model.json says of a model, in plain words, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from LiverTumorAttentionLib.lesion_classifier import OPERATING_POINTS
from LiverTumorAttentionLib.models.base_description import BaseDescription, DataSource
from LiverTumorAttentionLib.models.description import ModelDescription

CODE_LICENCE = "Apache-2.0"
README_FILE = "README.md"
LICENCE_FILE = "LICENSE.md"
NOTES = (README_FILE, LICENCE_FILE)
"""Files beside the weights that say in words what model.json holds."""


def model_card(model: ModelDescription) -> str:
    """Return the card as Markdown."""
    how = [_stage(number, model) for number in range(len(model.stages))]
    if model.candidates is not None:
        how.append(f"{len(how) + 1}. second look at each candidate: {_second_look(model)}")
    return card_of(model, how, _left_out(model))


def card_of(model: BaseDescription, how: Iterable[str], left_out: str = "") -> str:
    """Return the card of a model of any kind.

    how: paragraphs on how it works. left_out: what its second look does in patients that it was not fitted on.
    """
    blocks = [
        f"# {model.title}",
        f"{_sentence(model.statement)} Version {model.version}, id `{model.id}`.",
        "## What it is for",
        model.intended_use,
        "## How it works",
        *how,
        "## What it was trained on",
        _sources(model.sources),
        "## What it has never seen",
        _listed(model.never_seen) or "The model does not say.",
        "## Scores",
        _scores(model.scores),
        *([left_out] if left_out else []),
        "## Known failures",
        _listed(model.known_failures) or "The model does not say.",
        "## Licence",
        _licence(model),
    ]
    return "\n\n".join(blocks) + "\n"


def licence_note(model: BaseDescription) -> str:
    """Return what lies beside the weights: their licence, whom to name, and that the code has another one."""
    lines = [f"# Licence of the weights of {model.title}", "", _licence(model)]
    if model.sources:
        lines += ["", "Made from:", ""]
        lines += [
            f"- {each.title}. {each.licence}. {each.attribution}".rstrip(". ") + "." for each in model.sources
        ]
    return "\n".join(lines) + "\n"


def _licence(model: BaseDescription) -> str:
    told = {"NOASSERTION": "No licence is stated for the weights."}.get(
        model.licence, f"The weights (`*.safetensors` and `model.json`) are published under {model.licence}."
    )
    return f"{told} The code of LiverTumorAttention is licensed under {CODE_LICENCE}."


def _stage(number: int, model: ModelDescription) -> str:
    stage = model.stages[number]
    phases = " and ".join(stage.phases)
    return f"{number + 1}. `{stage.name}`: network {stage.network}, takes the {phases} phase"


def _second_look(model: ModelDescription) -> str:
    if model.candidate_network is None:
        return "a curve for each of what is measured of it"
    return f"network {model.candidate_network.network} on the patch around it, and a curve for each of what is measured"


def _sources(sources: tuple[DataSource, ...]) -> str:
    if not sources:
        return "The model does not say."
    rows = [
        "| source | stages | patients | cases | slices | licence | to be named |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in sources:
        counts = (each.patients or "", each.cases, each.slices)
        cells = (each.title, ", ".join(each.stages), *map(str, counts), each.licence, each.attribution)
        rows.append(f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |")
    return (
        "\n".join(rows)
        + "\n\nSlices are counted on the network's grid. Patients are empty for generated data, and where they are not "
        "known."
    )


def _scores(scores: Mapping[str, Any]) -> str:
    rows = list(_score_rows(scores))
    if not rows:
        return "None were recorded."
    table = "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])
    return table + "\n\nRanges are 95 % intervals, resampled over patients, scans or phantoms."


def _left_out(model: ModelDescription) -> str:
    """Return what the second look keeps of patients that were left out of its fit; nothing where that is not told."""
    cohorts = {} if model.candidates is None else model.candidates.measured.get("cohorts")
    lines = []
    for cohort, told in cohorts.items() if isinstance(cohorts, Mapping) else ():
        for name in OPERATING_POINTS:
            point = told.get(name) if isinstance(told, Mapping) else None
            if isinstance(point, Mapping):
                lesions, false = point.get("lesion_recall"), point.get("false_findings_per_case")
                which = f"{cohort}, {told.get('cases')} cases with {told.get('lesions')} lesions"
                lines.append(f"| {which} | {name} | {lesions} | {false} |")
    if not lines:
        return ""
    return "\n".join(
        [
            "Of the second look, in patients that were left out of its fit:",
            "",
            "| cases | operating point | lesions found | false findings a case |",
            "| --- | --- | --- | --- |",
            *lines,
        ]
    )


def _score_rows(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _score_rows(value, f"{name}: ")
        elif isinstance(value, (list, tuple)):
            yield (
                name,
                " to ".join(f"{one:g}" if isinstance(one, (int, float)) else str(one) for one in value),
            )
        else:
            yield name, f"`{value}`" if key == "command" else str(value)


def _listed(texts: tuple[str, ...]) -> str:
    return "\n".join(f"- {_sentence(text)}" for text in texts)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
