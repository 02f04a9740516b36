"""The portal and the arterial phase among the files of a data set, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.phases.description import guess_phase
from training.data.layouts.files import some

PHASES = ("portal", "arterial")
"""What training takes, the portal phase first."""
_OTHER = re.compile(r"nocontrast|noncontrast|unenhanced|native|nativ|plain|nc|delayed|delay|combined")
"""Words in the names of cases for phases that no network here takes."""


def phases_of_channels(names: Mapping[int, str], given: Mapping[str, int]) -> dict[str, int]:
    """Return {"portal": channel} and, if there is one, {"arterial": channel}.

    names: of the channels by number; a single channel is the portal phase whatever its name. given: by the user,
    takes precedence.
    Raises `InputError` when no channel, or more than one, can be meant.
    """
    listed = ", ".join(f"{number} {name!r}" for number, name in sorted(names.items()))
    for phase, number in given.items():
        if phase not in PHASES:
            raise InputError(f"--channel {phase}={number}: unknown phase{nearest(phase, PHASES)}")
        if number not in names:
            raise InputError(
                f"--channel {phase}={number}: there is no such channel, only {listed}: choose one of these"
            )
    guessed = {number: guess_phase(name) for number, name in names.items() if number not in given.values()}
    if len(names) == 1:
        guessed = dict.fromkeys(guessed, "portal")
    found = dict(given)
    for phase in PHASES:
        fitting = [number for number, guess in guessed.items() if guess == phase]
        if phase in found or not fitting:
            continue
        if len(fitting) > 1:
            several = some(repr(names[number]) for number in fitting)
            raise InputError(
                f"more than one channel may be the {phase} phase ({several}): say which with "
                f"--channel {phase}={fitting[-1]}"
            )
        found[phase] = fitting[0]
    if "portal" not in found:
        raise InputError(
            f"no channel is named as the portal phase ({listed}): say which is with --channel portal=NUMBER"
        )
    return found


def pairs_of_cases(identifiers: Iterable[str]) -> dict[str, str | None]:
    """Return {identifier of the portal phase: identifier of the arterial phase of the same patient, or None}.

    For data sets that hold every phase as a case of its own, such as "X_venous", "X_arterial", "X_delayed". Empty
    when not both phases are found in the names, which then say nothing.
    """
    by_patient: dict[str, dict[str, str]] = {}
    for identifier in identifiers:
        phase, patient = _split(identifier)
        if phase:
            by_patient.setdefault(patient, {})[phase] = identifier
    paired = {p["portal"]: p.get("arterial") for p in by_patient.values() if "portal" in p}
    return paired if any(paired.values()) else {}


def patient_of(identifier: str) -> str:
    """Return a case's identifier without the words for its phase: "X" for "X_venous"."""
    return _split(identifier)[1]


def _split(identifier: str) -> tuple[str, str]:
    words = re.split(r"[_-]", identifier)
    phases = [guess_phase(word) or ("other" if _OTHER.fullmatch(word.lower()) else "") for word in words]
    named = {phase for phase in phases if phase}
    rest = "_".join(word for word, phase in zip(words, phases, strict=True) if not phase)
    return (named.pop() if len(named) == 1 else ""), rest
