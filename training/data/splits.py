"""Splits of cases into training, validation and test.

The cases of a patient always stay together, in training, validation or test. A split depends on the cases' names,
patients and facts, the settings and the seed; not on the order in which the cases come.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.json_values import load_json
from training.data.case import PreparedCase
from training.data.held_out import is_held_out
from training.recipes.settings import SplitSettings

FORMAT = 1
PARTS = ("training", "validation", "test")
ROUNDING = 1e-9
"""Shares of cases that differ by less are the same."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The names of the cases of one fold or repeat, each in order."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    """Taken from those that would train, to choose the best weights; may be empty."""
    test: tuple[str, ...]
    """Never seen while training; empty where every case trains."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """The cases that stay together."""

    name: str
    cases: tuple[str, ...]
    stratum: str
    """The value, or values, of the fact by which is stratified; "" where it is unknown."""


def make_splits(
    cases: Sequence[PreparedCase], settings: SplitSettings, seed: int, *, validation_share: float = 0.0
) -> list[Split]:
    """Return the folds of a k-fold, the repeats of a hold-out, or the one split of the other kinds.

    validation_share: share of the training cases of each split that validates, at least one patient if not 0; a value
    of the fact by which is stratified that one patient alone has trains.
    Cases whose facts hold them out (see `held_out`) test in every split and never train or choose weights.
    Raises `InputError` when there are too few patients, or none of a value that is asked for.
    """
    held = [case.name for case in cases if is_held_out(case.facts)]
    cases = [case for case in cases if not is_held_out(case.facts)]
    if not cases:
        raise InputError(
            "there is no prepared case to split that may train: prepare some"
            if held
            else "there is no prepared case to split: prepare some"
        )
    if seed < 0:
        raise InputError(f"the seed must not be negative, got {seed}: give 0 or more")
    splits = []
    for number, (training, test) in enumerate(_divided(cases, settings, seed)):
        validation: list[str] = []
        if validation_share > 0:
            patients = _patients([case for case in cases if case.name in set(training)], settings.stratify_by)
            counts = Counter(patient.stratum for patient in patients)
            several = [patient for patient in patients if counts[patient.stratum] > 1] or patients
            alone = _names(patient for patient in patients if patient not in several)
            rng = np.random.default_rng((seed, number, 1))
            training, validation = _held_out(several, validation_share, rng, "validation")
            training = [*training, *alone]
        in_order = (tuple(sorted(names)) for names in (training, validation, [*test, *held]))
        splits.append(Split(**dict(zip(PARTS, in_order, strict=True))))
    return splits


def write_splits(
    path: Path,
    splits: Sequence[Split],
    settings: SplitSettings,
    seed: int,
    *,
    validation_share: float = 0.0,
) -> None:
    """Write splits to a JSON file with what they were made from. Raises `OutputError`."""
    values = {
        "format": FORMAT,
        "settings": asdict(settings),
        "validation_share": validation_share,
        "seed": seed,
        "splits": [asdict(split) for split in splits],
    }
    with replacing(path, name="splits") as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def read_splits(path: Path, names: Iterable[str]) -> list[Split]:
    """Return the splits that `write_splits` wrote, or a file of that form written by hand.

    names: of the cases that there are. Raises `InputError` for a file that cannot be used, for cases that are not
    there, and for a case that stands in a split twice.
    """
    try:
        values: Mapping[str, Any] = load_json(path)
        splits = [
            Split(**{part: tuple(str(name) for name in split[part]) for part in PARTS})
            for split in values["splits"]
        ]
    except OSError as error:
        raise InputError(f"cannot read the splits {path}: {error.strerror}: check the path") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no splits ({error}): make some with the command splits") from error
    there = set(names)
    for number, split in enumerate(splits):
        listed = [*split.training, *split.validation, *split.test]
        twice = sorted({name for name in listed if listed.count(name) > 1})
        if twice:
            raise InputError(
                f"{path}: split {number} names {_few(twice)} twice: a case is for one thing alone"
                ": remove one of the two"
            )
        gone = sorted(set(listed) - there)
        if gone:
            raise InputError(
                f"{path}: split {number} names {_few(gone)}, which {'is' if len(gone) == 1 else 'are'} not among "
                f"the {len(there)} prepared cases: prepare {'it' if len(gone) == 1 else 'them'}, or make new splits"
            )
    return splits


def _divided(
    cases: Sequence[PreparedCase], settings: SplitSettings, seed: int
) -> list[tuple[list[str], list[str]]]:
    """Return (training with validation, test) of every split."""
    patients = _patients(cases, settings.stratify_by)
    if settings.kind == "all":
        return [([case.name for case in cases], [])]
    if settings.kind == "by-fact":
        return [_by_fact(cases, settings)]
    if settings.kind == "hold-out":
        return [
            _held_out(patients, settings.test_share, np.random.default_rng((seed, number, 0)), "test")
            for number in range(settings.repeats)
        ]
    if len(patients) < settings.folds:
        raise InputError(
            f"{len(patients)} patients cannot be dealt into {settings.folds} folds: add cases or set split.folds"
        )
    shares = np.full(settings.folds, 1 / settings.folds)
    folds = _dealt(patients, shares, np.random.default_rng((seed, 0, 0)))
    return [
        (_names(patient for other in folds if other is not fold for patient in other), _names(fold))
        for fold in folds
    ]


def _by_fact(cases: Sequence[PreparedCase], settings: SplitSettings) -> tuple[list[str], list[str]]:
    """Divide by a fact's values; a patient who has cases on both sides tests alone."""
    fact = settings.fact or ""
    both = set(settings.train_values) & set(settings.test_values)
    if both:
        raise InputError(
            f"split: {_few(sorted(both))} cannot be a value to train and to test on: name it once"
        )
    known = {case.facts[fact] for case in cases if fact in case.facts}
    for value in (*settings.train_values, *settings.test_values):
        if value not in known:
            known_values = f"there are {_few(sorted(known))}" if known else "no case tells this fact"
            raise InputError(
                f"split: no prepared case has {fact} {value!r}; {known_values}"
                ": choose another value, or prepare such cases"
            )
    test = [case for case in cases if case.facts.get(fact) in settings.test_values]
    tested = {case.patient for case in test}
    training = [
        case.name
        for case in cases
        if case.facts.get(fact) in settings.train_values and case.patient not in tested
    ]
    if not training:
        raise InputError(
            f"split: every patient with {fact} {_few(settings.train_values)} also tests: choose another fact"
        )
    return training, [case.name for case in test]


def _patients(cases: Sequence[PreparedCase], fact: str | None) -> list[Patient]:
    """Return the patients by name, each with the values of the fact that its cases have."""
    found: dict[str, list[PreparedCase]] = {}
    for case in cases:
        found.setdefault(case.patient, []).append(case)
    return [
        Patient(
            name=name,
            cases=tuple(case.name for case in own),
            stratum="+".join(sorted({case.facts.get(fact, "") for case in own})) if fact else "",
        )
        for name, own in sorted(found.items())
    ]


def _held_out(
    patients: Sequence[Patient], share: float, rng: np.random.Generator, what: str
) -> tuple[list[str], list[str]]:
    """Return the names of the others and of those that are held out: near `share`, at least one patient each."""
    if len(patients) < 2:
        raise InputError(
            f"{len(patients)} patient is too few to hold one out for {what}: add cases, or set the share to 0"
        )
    rest, held = _dealt(patients, np.array([1 - share, share]), rng)
    for empty, other in ((held, rest), (rest, held)):
        if not empty:
            smallest = min(other, key=lambda patient: len(patient.cases))
            other.remove(smallest)
            empty.append(smallest)
    return _names(rest), _names(held)


def _dealt(patients: Sequence[Patient], shares: np.ndarray, rng: np.random.Generator) -> list[list[Patient]]:
    """Deal patients into groups in proportion to `shares`, stratum after stratum.

    Within a stratum they come in random order, those with many cases first, and each goes to the group that lacks
    most of its due of this stratum. What cannot be dealt evenly goes to the group that lacks most of all strata so
    far, so that many small strata together still give every group its due.
    """
    groups: list[list[Patient]] = [[] for _ in shares]
    counts, total = np.zeros(len(shares)), 0
    for stratum in sorted({patient.stratum for patient in patients}):
        members = [patient for patient in patients if patient.stratum == stratum]
        order = [members[place] for place in rng.permutation(len(members))]
        size = sum(len(patient.cases) for patient in members)
        total += size
        due = shares * size
        for patient in sorted(order, key=lambda patient: -len(patient.cases)):
            lacking = due
            if due.max() < 1 - ROUNDING:
                lacking = np.where(due > ROUNDING, shares * total - counts, -np.inf)
            group = int(rng.choice(np.flatnonzero(lacking > lacking.max() - ROUNDING)))
            groups[group].append(patient)
            counts[group] += len(patient.cases)
            due[group] -= len(patient.cases)
    return groups


def _names(patients: Iterable[Patient]) -> list[str]:
    return [name for patient in patients for name in patient.cases]


def _few(names: Sequence[str]) -> str:
    """Return some names for a message."""
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
