"""Contrast phase in the words of a SeriesDescription, a protocol or a channel's name, in the languages of scanners.

English, German, French, Spanish, Portuguese, Italian, Dutch, the Scandinavian languages, Polish, Chinese and Japanese,
and the abbreviations that radiographers write.
"""

from __future__ import annotations

import re
import unicodedata

from LiverTumorAttentionLib.contrast_phase import (
    DELAYED,
    EARLY_ARTERIAL,
    LATE_ARTERIAL,
    NATIVE,
    PORTAL,
    role_of,
)

_ARTERIAL = re.compile(
    r"^(art|arts|artphase|arter\w*|hap|lap|eap|hepatoarterial|tetnicz\w*|(spaet|spat|frueh|fruh)arter\w*|ap)$"
)
_EARLY = re.compile(r"^(early|eap|frueh\w*|fruh\w*|precoc\w*|precoz|vroeg\w*|tidig\w*|tidlig\w*|wczesn\w*)$")
_PORTAL = re.compile(
    r"^(pv|pvp|pvph|pvphase|pvi|vp|ven|venphase|venos\w*|venoes\w*|venous\w*|vein\w*|portal\w*|porto\w*|porte|pfortader\w*|"
    r"veneu\w*|zyln\w*|wrotn\w*|portovenos\w*)$"
)
_LATER = re.compile(
    r"^(delay\w*|equilib\w*|tardi\w*|spaet(?!art)\w*|spat(?!art)\w*|excret\w*|late|laat|laattijd\w*|sen|opozn\w*|ausscheid\w*|"
    r"retard\w*)$"
)
_PLAIN = re.compile(
    r"^(nativ\w*|plain|unenhanced|noncontrast|nc|ncct|precontrast|blanco|simple|basal|bezkontrast\w*|ohnekm)$"
)
_WITHOUT = re.compile(
    r"\b(ohne (km|kontrast\w*)|sans (injection|contraste|iv|pdc)|sin contraste|sem contraste|senza (mdc|contrasto)|"
    r"(without|no|non|w/o) (iv )?(contrast|c)\b|pre contrast\b|"
    r"zonder contrast|utan kontrast|uden kontrast|bez kontrastu|w/o)"
)
_EAST = (
    (NATIVE, ("平扫", "平掃", "単純", "单纯", "非增强", "造影前")),
    (EARLY_ARTERIAL, ("动脉早期", "動脈早期", "早期動脈", "早期动脉")),
    (LATE_ARTERIAL, ("动脉", "動脈")),
    (PORTAL, ("门脉", "門脈", "门静脉", "門静脈", "静脉期", "静脈相")),
    (DELAYED, ("延迟", "延遲", "平衡", "遅延", "後期相")),
)
_SECONDS = re.compile(r"(?<![\d.,])(\d{2,3}) ?(?:s|sec|secs|sek|seg|seconds|sekunden)(?![a-z0-9])")
_MINUTES = re.compile(r"(?<![\d.,])(\d{1,2}) ?(?:min|mins|minutes|minuten|mn)(?![a-z0-9])")
TIMES_S = (
    (EARLY_ARTERIAL, 15, 27),
    (LATE_ARTERIAL, 28, 48),
    (PORTAL, 55, 100),
    (DELAYED, 120, 900),
)
"""Delay after the start of the injection, seconds, from and to: LI-RADS v2018 (delayed 2 to 5 minutes), Bae 2010."""


def phase_of_description(description: str) -> str:
    """Return the contrast phase that a description names, one of `CONTRAST_PHASES`, or ``""``.

    Words for more than one phase leave it open. A "late arterial" phase is arterial, a "late venous" one delayed; an
    arterial phase of no further kind is the late one, which liver protocols take.
    """
    lowered = unicodedata.normalize("NFKC", description).lower()
    for phase, characters in _EAST:
        if any(word in lowered for word in characters):
            others = [
                p
                for p, texts in _EAST
                if p not in (phase, LATE_ARTERIAL) and any(t in lowered for t in texts)
            ]
            return "" if others else phase
    text = unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z]+", text)
    arterial = any(_ARTERIAL.match(word) for word in words)
    portal = any(_PORTAL.match(word) for word in words)
    later = any(_LATER.match(word) for word in words)
    plain = any(_PLAIN.match(word) for word in words) or bool(_WITHOUT.search(re.sub("[-_]", " ", text)))
    if plain:
        return "" if arterial or portal or later else NATIVE
    if arterial and portal:
        return ""
    if arterial:
        early = any(_EARLY.match(word) or word.startswith(("frueharter", "fruharter")) for word in words)
        return EARLY_ARTERIAL if early else LATE_ARTERIAL
    if later:
        return DELAYED
    return PORTAL if portal else _phase_of_delay(text)


def phase_after(seconds: float) -> str:
    """Return the phase of a delay after the start of the injection; ``""`` between the phases."""
    return next((phase for phase, low, high in TIMES_S if low <= seconds <= high), "")


def guess_phase(description: str) -> str:
    """Return ``"portal"``, ``"arterial"`` or ``""`` for a description; other phases are no input of theirs."""
    phase = phase_of_description(description)
    role = role_of(phase) if phase else ""
    return role if role in ("portal", "arterial") else ""


def _phase_of_delay(text: str) -> str:
    """Return the phase of a delay that is written in a description, such as "70s" or "5 min"."""
    named = {phase_after(float(found)) for found in _SECONDS.findall(text)}
    named |= {phase_after(60.0 * float(found)) for found in _MINUTES.findall(text)}
    named.discard("")
    return named.pop() if len(named) == 1 else ""
