"""What a model says of the data that it was made from: gathered from the prepared cases of its runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models import DataSource
from LiverTumorAttentionLib.yaml_values import read_yaml
from training.candidates.collect import source_of
from training.data.case import PreparedCase
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case
from training.data.preparation.manifest import CASES_FOLDER
from training.data.sources import source, sources_of
from training.runs.run_folder import RUN_FILE, Run
from training.runs.stage_weights import StageWeights

GENERATED = "phantoms"
"""Source without patients."""
SECOND_LOOK = "second look"
"""How a source calls it among the stages."""


@dataclass(frozen=True, kw_only=True)
class CardText:
    """What no manifest holds, told in a YAML file."""

    never_seen: tuple[str, ...] = ()
    """What training held nothing of, in plain words."""
    known_failures: tuple[str, ...] = ()
    """Where the model is known to fail, in plain words."""

    def __post_init__(self) -> None:
        if not all(text.strip() for text in (*self.never_seen, *self.known_failures)):
            raise InputError("never_seen and known_failures hold an empty line: remove it")


def read_card_text(path: Path) -> CardText:
    """Read never_seen and known_failures from a YAML file. Raises `InputError`."""
    try:
        values = read_yaml(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the card text '{path}' cannot be read ({reason}): correct it") from error
    return from_mapping(CardText, values or {}, where=f"'{path}'")


@dataclass
class _Used:
    """What was counted of a source."""

    stages: list[str] = field(default_factory=list)
    patients: set[str] = field(default_factory=set)
    cases: dict[str, int] = field(default_factory=dict)
    """Slices by the name of the case."""


def sources_used(runs: Sequence[Run]) -> tuple[DataSource, ...]:
    """Return the sources of the training cases of runs, and of what the runs started from, by title.

    Raises `InputError` where the prepared cases are gone or damaged.
    """
    used: dict[str, _Used] = defaultdict(_Used)
    for run in runs:
        if not run.prepared.is_dir():
            raise InputError(
                f"the prepared cases of the run {run.folder}, in {run.prepared}, are gone: put them back, for the "
                "model has to say what it was trained on"
            )
        for name in run.training:
            case = PreparedCase.read(run.prepared / CASES_FOLDER / name)
            slices = int(case.volume("portal").shape[0])
            for key, whose in sources_of(case.facts, case.patient, case.name).items():
                found = used[key]
                if run.recipe.stage.name not in found.stages:
                    found.stages.append(run.recipe.stage.name)
                found.patients |= {whose} - {""}
                found.cases[name] = max(slices, found.cases.get(name, 0))
    described = [_described(key, found) for key, found in used.items()]
    before = [each for run in runs for each in _before(run)]
    return merged([*described, *before])


def sources_of_cohorts(cohorts: Sequence[Path], layout: str) -> tuple[DataSource, ...]:
    """Return the sources of the cases of cohorts that a second look was fitted on, by title.

    Slices are those of the volumes. Raises `InputError` for a cohort or a volume that cannot be read.
    """
    used: dict[str, _Used] = defaultdict(_Used)
    for cohort in cohorts:
        for case in find_cases(layout, cohort):
            slices, told = int(read_case(case).portal.GetSize()[2]), source_of(case)
            try:
                known = sources_of({**case.facts, "source": told}, case.patient, case.name)
            except InputError:  # lesions implanted in scans of others
                known = {told: ""}
            for key, whose in known.items():
                found = used[key]
                found.stages = [SECOND_LOOK]
                found.patients |= {whose} - {""}
                found.cases[f"{cohort}/{case.name}"] = slices
    return merged(_described(key, found) for key, found in used.items())


def sources_before(initial: StageWeights) -> list[dict[str, Any]]:
    """Return the sources of weights that a training starts from, as values for run.json."""
    if initial.run is not None:
        return source_values(sources_used([initial.run]))
    model = initial.model
    if model is None or model.sources:
        return source_values(() if model is None else model.sources)
    unsaid = DataSource(
        title=f"What the model {model.id!r} was trained on",
        licence=model.licence,
        attribution="",
        stages=(initial.description.name,),
        patients=0,
        cases=0,
        slices=0,
    )
    return source_values([unsaid])


def _before(run: Run) -> tuple[DataSource, ...]:
    """Return the sources of what a run started from, as `sources_before` recorded them."""
    recorded = (run.values.get("initial") or {}).get("sources", ())
    return tuple(
        from_mapping(DataSource, each, where=f"{run.folder / RUN_FILE}: initial") for each in recorded
    )


def merged(sources: Iterable[DataSource]) -> tuple[DataSource, ...]:
    """Return each source once, by title, with the larger of the counts."""
    found: dict[str, DataSource] = {}
    for each in sources:
        other = found.get(each.title, each)
        found[each.title] = replace(
            each,
            stages=tuple(dict.fromkeys((*other.stages, *each.stages))),
            patients=max(other.patients, each.patients),
            cases=max(other.cases, each.cases),
            slices=max(other.slices, each.slices),
        )
    return tuple(found[title] for title in sorted(found))


def _described(key: str, used: _Used) -> DataSource:
    about = source(key)
    return DataSource(
        title=about.title,
        licence=about.licence,
        attribution=about.attribution,
        stages=tuple(used.stages),
        patients=0 if key == GENERATED else len(used.patients),
        cases=len(used.cases),
        slices=sum(used.cases.values()),
    )


def source_values(sources: Iterable[DataSource]) -> list[dict[str, Any]]:
    """Return sources as model.json has them."""
    return [{**asdict(each), "stages": list(each.stages)} for each in sources]


def card_values(sources: Iterable[DataSource], text: CardText) -> dict[str, Any]:
    """Return sources, never_seen and known_failures as model.json has them."""
    return {
        "sources": source_values(sources),
        "never_seen": list(text.never_seen),
        "known_failures": list(text.known_failures),
    }
