"""Something that is wrong with a case, and what to do about it."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.io import InputWarning


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the table of what is wrong."""

    case: str
    """Name of the case."""
    severity: str
    """"error": the case cannot be used as it is; "warning": look at it."""
    what: str
    """What is wrong and what was found."""
    do: str
    """What to do next."""


def told(case: str, severity: str, message: str) -> Finding:
    """Return the finding of an error's message, which says what is wrong and, after the last colon, what to do.

    What follows ". It holds" is a list that belongs to what was found.
    """
    text, found, listed = message.partition(". It holds")
    pieces = re.split(r"(?:: |; )(?!.*(?:: |; ))", text, maxsplit=1)
    what, do = pieces if len(pieces) == 2 else (text, "correct it")
    return Finding(case=case, severity=severity, what=what + (f"; it holds{listed}" if found else ""), do=do)


@contextlib.contextmanager
def noted(case: str, findings: list[Finding]) -> Iterator[None]:
    """Add whatever goes wrong in the block to `findings`, as an error, and every `InputWarning`, as a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        try:
            yield
        except LiverTumorAttentionError as error:
            findings.append(told(case, "error", str(error)))
        except Exception as error:  # whatever a damaged file does to its reader, the other cases go on
            findings.append(
                Finding(
                    case=case,
                    severity="error",
                    what=f"reading it failed ({type(error).__name__}: {' '.join(str(error).split())[:160]})",
                    do="open it in another program, or copy it again",
                )
            )
    findings.extend(
        told(case, "warning", str(warning.message))
        for warning in caught
        if issubclass(warning.category, InputWarning)
    )
