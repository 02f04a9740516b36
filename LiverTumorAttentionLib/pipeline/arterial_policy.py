"""How a registered arterial phase is used, by the grade of its registration, and what the user reads of it.

- good: it is used for tumors and measurements; no warning.
- doubtful: it is used likewise; a warning asks to look at the fit and gives the reason.
- refused: it is not used at all; a warning gives the reason.

Command line, report and panel take the rule and the sentences from here.
"""

from __future__ import annotations

from typing import Protocol

GOOD, DOUBTFUL, REFUSED = "good", "doubtful", "refused"

NOT_SAVED = "no registered {} volume was kept, because the registration was refused"
"""What the panel says when the registered volume of a phase was asked for and is not loaded."""

UNREGISTERED_GRID = (
    "the arterial volume lies on another grid; it was taken by its position in the patient, without "
    "registration (--register registers it)"
)
"""What a correction says of an arterial volume that it resamples without registration."""


class GradedVerdict(Protocol):
    """A grade with its reason, such as `registration.RegistrationVerdict`."""

    @property
    def grade(self) -> str:
        """One of "good", "doubtful" and "refused"."""
        ...

    @property
    def reason(self) -> str:
        """Why, one sentence in lower case without a full stop."""
        ...


def is_usable(verdict: GradedVerdict | None) -> bool:
    """Whether the arterial phase may be used; without a verdict nothing was registered, and it may not."""
    return verdict is not None and verdict.grade != REFUSED


def usage_warnings(
    verdict: GradedVerdict | None, *, portal_model: str | None = None, phase: str = "arterial"
) -> tuple[str, ...]:
    """Return the warnings of a run that registered the arterial phase itself, or another `phase`.

    portal_model: id of the model, where it finds tumors in the portal phase alone.
    """
    if verdict is None:
        return ()
    warnings = []
    if not is_usable(verdict):
        warnings.append(f"the {phase} phase was not used: {verdict.reason}")
    elif verdict.grade == DOUBTFUL:
        warnings.append(f"the {phase} phase was used, but look at how it fits: {verdict.reason}")
    if is_usable(verdict) and portal_model is not None:
        warnings.append(
            f"the model {portal_model!r} finds tumors in the portal phase alone; "
            "the arterial phase was used for the measurements"
        )
    return tuple(warnings)


def registration_warnings(verdict: GradedVerdict) -> tuple[str, ...]:
    """Return the warnings of a registration whose result is what was asked for."""
    return () if verdict.grade == GOOD else (f"the registration is {graded_reason(verdict)}",)


def graded_reason(verdict: GradedVerdict) -> str:
    """Return grade and reason on one line."""
    return f"{verdict.grade}: {verdict.reason}"


def review_warnings(
    verdict: GradedVerdict | None, *, unregistered_series: bool, phase: str = "arterial"
) -> tuple[str, ...]:
    """Return the warnings of a review that was given a registered arterial volume, or one of another `phase`.

    verdict: of the run that registered it, None when it is not known.
    unregistered_series: whether the volume is a DICOM series as the scanner wrote it.
    """
    if verdict is not None and not is_usable(verdict):
        return (f"the {phase} phase was left out, since its registration was refused: {verdict.reason}",)
    if unregistered_series:
        return (
            f"the {phase} volume is a series as the scanner wrote it and not a registered one: "
            f"{phase} numbers hold only where the patient did not move",
        )
    if verdict is None:
        return (
            f"nothing is known of how well the {phase} phase was registered: look at both phases before "
            f"believing {phase} numbers, and give the run's report to have its verdict told here",
        )
    if verdict.grade == GOOD:
        return ()
    return (f"the registration of the {phase} phase is {graded_reason(verdict)}",)


def verdict_sentence(grade: str, reason: str) -> str:
    """Return grade and reason as the panel shows them."""
    return f"Registration: {grade}. {reason[:1].upper()}{reason[1:].rstrip('.')}."
