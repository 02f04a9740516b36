"""How much lesions differ from the liver around them, in the phase that shows them best."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.assessment_figures import recall
from training.evaluation.contrast import lesion_contrasts_hu

SHAPE, SPACING = (10, 60, 60), (3.0, 1.0, 1.0)


def case() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A large lesion that is bright in the arterial phase alone, and a small dark one."""
    labels = np.ones(SHAPE, np.uint8)
    labels[3:7, 10:22, 10:22] = labels[4:6, 40:46, 40:46] = 2
    portal, arterial = np.full(SHAPE, 110.0), np.full(SHAPE, 70.0)
    portal[3:7, 10:22, 10:22] = 105.0
    arterial[3:7, 10:22, 10:22] = 110.0
    portal[4:6, 40:46, 40:46] = 80.0
    return labels, {"portal": portal, "arterial": arterial}


def test_of_the_phase_that_shows_it_best() -> None:
    labels, phases = case()
    assert lesion_contrasts_hu(labels, phases, SPACING) == pytest.approx([40.0, -30.0])
    alone = {"portal": phases["portal"]}
    assert lesion_contrasts_hu(labels, alone, SPACING) == pytest.approx([-5.0, -30.0])


def test_other_lesions_and_what_is_no_liver_do_not_count_as_around() -> None:
    labels, phases = case()
    phases["portal"][labels == 2] -= 1000
    labels[:, 47:] = 0
    phases["portal"][labels == 0] = -1000
    alone = {"portal": phases["portal"]}
    assert lesion_contrasts_hu(labels, alone, SPACING) == pytest.approx([-1005.0, -1030.0])
    assert lesion_contrasts_hu(np.zeros(SHAPE, np.uint8), alone, SPACING) == []
    only = np.where(labels == 2, 2, 0).astype(np.uint8)
    assert np.isnan(lesion_contrasts_hu(only, alone, SPACING)).all()


def test_lesions_that_are_hardly_seen_do_not_count_where_that_is_asked() -> None:
    rows = [("12.0", "-20.0", "0.5"), ("30.0", "10.0", "0"), ("15.0", "16.0", "0"), ("11.0", "", "0.9")]
    lesions = [{"case": "a", "diameter_mm": d, "contrast_hu": c, "covered": v} for d, c, v in rows]
    column = {"implants": [{"case": "a"}], "implants-lesions": lesions}
    assert recall("implants", 10.0)(column).endswith("2 of 4")
    assert recall("implants", 10.0, least_hu=15.0)(column).endswith("1 of 2")
