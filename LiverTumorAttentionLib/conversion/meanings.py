"""Which phase a channel is and what a label means: by its name, else as the user says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.contrast_phase import ROLES, role_of
from LiverTumorAttentionLib.conversion.answers import ALL_OTHERS, LABEL_MEANINGS
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.io.terminology import Description, plain_text, segment_kind
from LiverTumorAttentionLib.phases.description import phase_of_description

_CT = re.compile(
    r"ct|ct scan|computed tomography|hu|image|(ce|contrast enhanced) ct|nonorm|no norm|zscore|rescale\w*( 0 1)?"
)
"""Names that say no more than that a channel is a CT, or how it is normalized; in `plain_text`."""
_CYST = re.compile(r"\b\w*(cysts?|zysten?|kystes?|quistes?|cisti|ciste|cistos?)$")
_OF_SEGMENTS = {"liver": "liver", "tumor": "tumor", "vessel": "vessel", "elsewhere": "ignore"}


def guessed_phase(name: str, count: int) -> str:
    """Return the phase that a channel's name tells, or "". The only channel of a CT model is the portal phase.

    count: how many channels there are.
    """
    told = phase_of_description(name)
    phase = role_of(told) if told else ""
    if not phase and count == 1 and _CT.fullmatch(plain_text(name)):
        return "portal"
    return phase


def phases_of(names: Mapping[int, str], given: Mapping[str, int]) -> tuple[str, ...]:
    """Return the phase of each channel, in order.

    names: of the channels by number. given: {phase: number} by the user, takes precedence.
    Raises `ModelError`, which asks for the answer, where a channel's phase is not clear or no channel is portal.
    """
    listed = ", ".join(f"{number} {shown(name)}" for number, name in sorted(names.items()))
    for phase, number in given.items():
        if number not in names:
            raise ModelError(
                f"--channel {phase}={number}: there is no such channel, only {listed}: choose one of these"
            )
    told = {number: phase for phase, number in given.items()}
    if len(told) < len(given):
        raise ModelError("a channel cannot be two phases: give each phase a number of its own with --channel")
    phases = {number: told.get(number) or guessed_phase(name, len(names)) for number, name in names.items()}
    unclear = [number for number, phase in sorted(phases.items()) if not phase]
    twice = len(set(phases.values())) < len(phases)
    if unclear or twice or "portal" not in phases.values():
        number = unclear[0] if unclear else max(phases)
        phase = next((role for role in ROLES if role not in phases.values()), "portal")
        raise ModelError(
            f"the channels do not say which phase each of them is ({listed}), and one has to be the portal one: say "
            f"which is which with --channel {phase}={number} (phases: {', '.join(ROLES)})"
        )
    return tuple(phases[number] for number in sorted(phases))


def guessed_meaning(name: str) -> str:
    """Return what a label's name tells, one of LABEL_MEANINGS, or ""."""
    kind = segment_kind(Description(name=name))
    if kind == "tumor" and _CYST.search(plain_text(name)):
        return "cyst"
    return _OF_SEGMENTS.get(kind, "")


def meanings_of(names: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return what each label means, one of LABEL_MEANINGS.

    names: of all labels but the background. given: by the user, takes precedence; ALL_OTHERS stands for all whose
    names say nothing. Raises `ModelError`, which asks for the answer, where a name says nothing, or none is liver or
    tumor.
    """
    names = list(names)
    unknown = [name for name in given if name not in names and name != ALL_OTHERS]
    if unknown:
        raise ModelError(f"the model has no label called {shown(unknown[0])}{nearest(unknown[0], names)}")
    found = {name: given.get(name) or guessed_meaning(name) or given.get(ALL_OTHERS, "") for name in names}
    unclear = [name for name, meaning in found.items() if not meaning]
    choices = ", ".join(LABEL_MEANINGS[1:])
    if unclear:
        more = f" (and {len(unclear) - 1} more)" if len(unclear) > 1 else ""
        rest = f", or --label {ALL_OTHERS}=ignore for all such" if len(unclear) > 1 else ""
        raise ModelError(
            f"the name of the label {shown(unclear[0])}{more} does not say what it is: say it with "
            f"--label '{unclear[0]}=liver' (or {choices}){rest}"
        )
    if not {"liver", "tumor"} & set(found.values()):
        listed = ", ".join(shown(name) for name in names[:5])
        raise ModelError(
            f"none of the labels is liver or tumor ({listed}): choose a model that finds one of them, or say which it "
            "is "
            f"with --label '{names[0] if names else 'NAME'}=liver'"
        )
    return found
