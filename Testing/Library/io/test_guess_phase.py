"""Phase words as radiographers write them."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.io import guess_phase

DESCRIPTIONS = {
    "portal": [
        "PORTAL VENOUS 3.0 B30f",
        "Abdomen venös 5mm",
        "ABD_PV_1.5",
        "Ven 2.0 I30f",
        "PVP ax",
        "portalvenös",
        "Temps portal",
        "Veineux 1mm",
        "Pfortaderphase",
        "portovenous phase",
    ],
    "arterial": [
        "ART 1.0",
        "late art 3mm",
        "Late arterial phase",
        "Leber arteriell",
        "spätarteriell art",
        "Temps artériel",
        "artérielle tardive",
        "ARTERIAL3mm",
        "HAP",
    ],
    "": [
        "",
        "CT Body 3.0",
        "nativ",
        "native pre ART",
        "art + pv",
        "delayed 5 min",
        "venöse Spätphase",
        "Topogram",
        "metal artifact reduction",
        "Artefakt MAR",
        "Ventilation",
        "Partial abdomen",
    ],
}


@pytest.mark.parametrize(
    ("phase", "description"), [(phase, text) for phase, texts in DESCRIPTIONS.items() for text in texts]
)
def test_phase(phase, description):
    assert guess_phase(description) == phase
