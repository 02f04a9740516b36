"""Guess the contrast phase of a series from the words of its description (English, German, French)."""

from __future__ import annotations

import re
import unicodedata

PHASES = ("portal", "arterial")

_ARTERIAL = re.compile(r"^(art|artphase|arter\w*|hap|lap|eap|hepatoarterial)$")
_PORTAL = re.compile(
    r"^(pv|pvp|pvph|pvphase|pvi|vp|ven|venphase|venos\w*|venoes\w*|venous\w*|vein\w*|portal\w*|porto\w*|porte|pfortader\w*)$"
)
_LATER = re.compile(r"^(delay\w*|equilib\w*|tardi\w*|spaet\w*|spat\w*|excret\w*|late)$")
_PLAIN = re.compile(r"^(nativ\w*|plain|unenhanced|noncontrast|nc|ncct|precontrast)$")


def guess_phase(description: str) -> str:
    """Return ``"portal"``, ``"arterial"`` or ``""`` for a SeriesDescription.

    Words for both phases in one description ("art + pv") say nothing, and neither does a delayed venous
    phase. "late art" is arterial: it is the late arterial phase in which HCC is brightest.
    """
    text = unicodedata.normalize("NFKD", description.lower()).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z]+", text)
    arterial = any(_ARTERIAL.match(word) for word in words)
    portal = any(_PORTAL.match(word) for word in words)
    if arterial == portal or any(_PLAIN.match(word) for word in words):
        return ""
    if portal and any(_LATER.match(word) for word in words):
        return ""
    return "arterial" if arterial else "portal"
