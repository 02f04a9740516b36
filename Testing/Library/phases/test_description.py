"""Phases in the words of descriptions."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.phases.description import phase_of_description

DESCRIPTIONS = {
    "native": [
        "Nativ 3.0", "Abdomen ohne KM", "sans injection 5mm", "Sin contraste", "senza mdc", "WITHOUT CONTRAST", "NCCT",
        "腹部平扫", "単純CT",
    ],
    "early_arterial": ["early arterial 1.0", "EAP", "früharteriell", "artérielle précoce", "动脉早期"],
    "late_arterial": [
        "ART 1.0", "late art 3mm", "Leber arteriell", "Temps artériel", "fase arterial", "fase arteriosa", "tętnicza",
        "动脉期", "動脈相", "Abd 35s",
    ],
    "portal": [
        "PV 1.5", "Pfortaderphase", "Temps portal", "fase portale", "fase venosa", "veneuze fase", "faza żylna",
        "门脉期", "門脈相", "Abdomen 70 s", "Liver 70sec 2.0",
    ],
    "delayed": [
        "delayed 5 min", "venöse Spätphase", "tardif", "fase tardía", "equilibrium", "laattijdig", "延迟期", "平衡相",
        "Liver 180s", "3 min",
    ],
    "": [
        "", "Abdomen 1.0", "art + pv", "native pre ART", "2.0 s scan", "Topogram", "0.75 B30f", "动脉期 门脉期",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "description"), [(phase, text) for phase, texts in DESCRIPTIONS.items() for text in texts]
)
def test_phase(phase: str, description: str) -> None:
    assert phase_of_description(description) == phase
