"""What the headers of a series tell of its phase and of whom and what it shows."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from LiverTumorAttentionLib.contrast_phase import (
    CONTRAST_PHASES,
    DELAYED,
    EARLY_ARTERIAL,
    LATE_ARTERIAL,
    NATIVE,
    PORTAL,
)
from LiverTumorAttentionLib.phases.description import phase_of_description

DELAYS_S = {
    EARLY_ARTERIAL: (22.0, 5.0),
    LATE_ARTERIAL: (38.0, 7.0),
    PORTAL: (72.0, 12.0),
    DELAYED: (200.0, 60.0),
}
"""Mean and standard deviation of the delay after the start of the injection, seconds.

Source: Bae 2010 and LI-RADS v2018, as in `description.TIMES_S`; the means lie in the middle of their ranges.
"""
WORDS_RIGHT = 0.93
"""How often the words of a description are right: protocols are copied, and scans are repeated under one name."""
TIMES_RIGHT = 0.85
"""How often the time of the injection is that of the injection; it is typed by hand on many scanners."""
LONGEST_DELAY_S = 1200.0
SAME_ACQUISITION_S = 8.0
"""Series that begin within this are reconstructions of one acquisition."""
CODINGS = {
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 13": "shift_jis",
    "ISO 2022 IR 13": "shift_jis",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 58": "gb2312",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""Python's names of the character sets of DICOM PS3.3 C.12.1.1.2 that series are described in, besides UTF-8."""
NO_LIVER_PARTS = re.compile(
    r"^(KNEE|LEG|FOOT|ANKLE|HAND|WRIST|ELBOW|ARM|SHOULDER|HIP|THIGH|CALF|EXTREMITY|HEAD|SKULL|BRAIN|NECK|JAW|MAXILLA|"
    r"MANDIBLE|SINUS|ORBIT|EAR|CSPINE|CERVICAL|FINGER|TOE|HEEL|FEMUR|TIBIA|FIBULA|HUMERUS|FOREARM)"
)


@dataclass(frozen=True, kw_only=True)
class SeriesFacts:
    """What a series says of itself; empty or None where it says nothing. Times are seconds of one clock."""

    description: str = ""
    protocol: str = ""
    patient_id: str = ""
    study_uid: str = ""
    frame_uid: str = ""
    body_part: str = ""
    contrast_agent: str = ""
    injected_s: float | None = None
    acquired_s: float | None = None
    acquisition_number: str = ""
    thickness_mm: float | None = None

    @classmethod
    def of(cls, tag: Callable[[str], str]) -> SeriesFacts:
        """Read the facts with a function that returns an attribute's text by its tag, such as "0010|0020"."""
        coding = tag("0008|0005").split("\\")[-1].strip()
        acquired = _moment(tag("0008|002a")) or _moment(
            (tag("0008|0022") or tag("0008|0021")) + tag("0008|0032")
        )
        date = (tag("0008|0022") or tag("0008|0021") or tag("0008|002a"))[:8]
        injected = _moment(date + tag("0018|1042")) if tag("0018|1042") else None
        return cls(
            description=_decoded(tag("0008|103e"), coding),
            protocol=_decoded(tag("0018|1030"), coding),
            patient_id=tag("0010|0020"),
            study_uid=tag("0020|000d"),
            frame_uid=tag("0020|0052"),
            body_part=tag("0018|0015").upper(),
            contrast_agent=tag("0018|0010"),
            injected_s=injected,
            acquired_s=acquired,
            acquisition_number=tag("0020|0012"),
            thickness_mm=_number(tag("0018|0050")),
        )

    @property
    def delay_s(self) -> float | None:
        """From the start of the injection to the acquisition; None where it is not known or cannot be one."""
        if self.injected_s is None or self.acquired_s is None:
            return None
        delay = self.acquired_s - self.injected_s
        return delay if 0 < delay <= LONGEST_DELAY_S else None

    @property
    def shows_no_liver(self) -> bool:
        """Whether the body part is named, and is one without a liver."""
        return bool(NO_LIVER_PARTS.match(self.body_part))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Natural logarithms of how well each phase fits, up to a constant, and why, in words."""

    logs: dict[str, float]
    reasons: tuple[str, ...] = ()

    def plus(self, other: Evidence) -> Evidence:
        """Return both together."""
        logs = {phase: self.logs[phase] + other.logs[phase] for phase in CONTRAST_PHASES}
        return Evidence(logs=logs, reasons=(*self.reasons, *other.reasons))


NOTHING = Evidence(logs=dict.fromkeys(CONTRAST_PHASES, 0.0))


def header_evidence(facts: SeriesFacts, *, others_have_contrast: bool = False) -> Evidence:
    """Return what a series' own headers say. others_have_contrast: whether other series of its study name an agent."""
    found = NOTHING
    words = phase_of_description(facts.description) or phase_of_description(facts.protocol)
    if words:
        kin = (EARLY_ARTERIAL, LATE_ARTERIAL) if words in (EARLY_ARTERIAL, LATE_ARTERIAL) else (words,)
        share = (
            {words: 0.7, **{phase: 0.3 for phase in kin if phase != words}} if len(kin) > 1 else {words: 1.0}
        )
        said = facts.description if phase_of_description(facts.description) else facts.protocol
        found = found.plus(Evidence(logs=_logs(share, WORDS_RIGHT), reasons=(f"described as '{said}'",)))
    if facts.delay_s is not None:
        fits = {
            phase: math.exp(-0.5 * ((facts.delay_s - mean) / sd) ** 2) / sd
            for phase, (mean, sd) in DELAYS_S.items()
        }
        total = sum(fits.values())
        if total > 0:
            share = {phase: value / total for phase, value in fits.items()}
            reason = f"acquired {facts.delay_s:.0f} s after the injection began"
            found = found.plus(Evidence(logs=_logs(share, TIMES_RIGHT), reasons=(reason,)))
    if not facts.contrast_agent and others_have_contrast:
        reason = "no contrast agent named, unlike in the other series"
        found = found.plus(Evidence(logs=_logs({NATIVE: 1.0}, 0.8), reasons=(reason,)))
    elif facts.contrast_agent:
        logs = {phase: math.log(0.3 if phase == NATIVE else 1.0) for phase in CONTRAST_PHASES}
        found = found.plus(Evidence(logs=logs))
    return found


def in_order_of_time(
    evidences: Sequence[Evidence], acquired_s: Sequence[float | None]
) -> list[dict[str, float]]:
    """Return the probability of each phase for the acquisitions of one study, told by their times too.

    The phases come in their order, and the time between two of them is the difference of their delays. Acquisitions
    without a time are judged by themselves. Forward and backward sums over all orders (Rabiner 1989).
    """
    timed = sorted(
        (index for index, moment in enumerate(acquired_s) if moment is not None),
        key=lambda index: float(acquired_s[index] or 0.0),
    )
    out = [_normalized({p: math.exp(v) for p, v in _shifted(e.logs).items()}) for e in evidences]
    if len(timed) < 2:
        return out
    fits = [out[index] for index in timed]
    gaps = [float(acquired_s[b] or 0.0) - float(acquired_s[a] or 0.0) for a, b in itertools.pairwise(timed)]
    steps = [{(a, b): _step(a, b, gap) for a in CONTRAST_PHASES for b in CONTRAST_PHASES} for gap in gaps]
    forward = [fits[0]]
    for fit, step in zip(fits[1:], steps, strict=True):
        last = forward[-1]
        sums = {b: fit[b] * sum(last[a] * step[a, b] for a in CONTRAST_PHASES) for b in CONTRAST_PHASES}
        forward.append(_normalized(sums))
    backward = [dict.fromkeys(CONTRAST_PHASES, 1.0)]
    for fit, step in zip(reversed(fits[1:]), reversed(steps), strict=True):
        last = backward[0]
        sums = {a: sum(step[a, b] * fit[b] * last[b] for b in CONTRAST_PHASES) for a in CONTRAST_PHASES}
        backward.insert(0, _normalized(sums))
    for index, ahead, behind in zip(timed, forward, backward, strict=True):
        out[index] = _normalized({phase: ahead[phase] * behind[phase] for phase in CONTRAST_PHASES})
    return out


def _step(before: str, after: str, gap_s: float) -> float:
    """Return how well a gap fits between two phases, as a density a second, or that it is another injection."""
    other = 1e-6  # a repetition, a clock that was set, a study of two days
    if before == NATIVE:
        return 1 / 600 if after != NATIVE else 1 / 1200
    if after == NATIVE or CONTRAST_PHASES.index(after) < CONTRAST_PHASES.index(before):
        return other
    if before == after:
        return 1 / 300 if before == DELAYED else other + math.exp(-gap_s / 6) / 60
    mean = DELAYS_S[after][0] - DELAYS_S[before][0]
    sd = math.hypot(DELAYS_S[after][1], DELAYS_S[before][1])
    return other + math.exp(-0.5 * ((gap_s - mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))


def _logs(share: dict[str, float], right: float) -> dict[str, float]:
    """Return logarithms of a distribution that holds with probability `right`; else every phase is as likely."""
    rest = (1 - right) / len(CONTRAST_PHASES)
    return {phase: math.log(right * share.get(phase, 0.0) + rest) for phase in CONTRAST_PHASES}


def _shifted(logs: dict[str, float]) -> dict[str, float]:
    highest = max(logs.values())
    return {phase: value - highest for phase, value in logs.items()}


def _normalized(values: dict[str, float]) -> dict[str, float]:
    total = sum(values.values())
    if total <= 0:
        return dict.fromkeys(values, 1 / len(values))
    return {name: value / total for name, value in values.items()}


def _decoded(text: str, coding: str) -> str:
    """Return a text in which bytes that are no UTF-8 stand as surrogates, as SimpleITK gives it, in its characters.

    coding: SpecificCharacterSet, of several values the last; without one Western European is taken.
    """
    raw = text.encode("utf-8", "surrogateescape")
    if raw.decode("utf-8", "replace") == text:
        return text
    return raw.decode(CODINGS.get(coding, "latin-1"), "replace")


def _moment(text: str) -> float | None:
    """Return a DICOM date and time ("20240102101010.5") in seconds; None for anything else."""
    digits = re.match(r"(\d{8})(\d{2})(\d{2})(\d{2})(\.\d+)?", text.strip())
    if digits is None:
        return None
    date, hours, minutes, seconds, fraction = digits.groups()
    try:
        day = datetime.strptime(date, "%Y%m%d").toordinal()
    except ValueError:
        return None
    clock = 3600 * int(hours) + 60 * int(minutes) + int(seconds) + float(fraction or 0)
    return 86400.0 * day + clock


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
