"""The verdict on a registration, as text."""

from __future__ import annotations

from Testing.Slicer import cases


def test_verdict_has_a_sentence_and_details(application):
    from LiverTumorAttentionGui.review.registration_verdict import read_verdict

    verdict = read_verdict(cases.verdict())
    assert verdict.sentence == "Registration: good. The two phases lie on each other."
    assert verdict.details.splitlines() == [
        "Movement that was kept: rigid, then deformable",
        "Similarity of the two phases (0 to 1): 0.051 before, 0.092 after",
        "Overlap of the two livers (Dice, 0 to 1): 0.83 before, 0.94 after",
        "Mean distance between the livers' surfaces: 5.1 mm before, 1.5 mm after",
        "Part of the portal venous liver that the arterial CT shows: 97 %",
        "Displacement in the liver: 4.2 mm on average, 12.0 mm at most",
        "Local change of volume (Jacobian, 1 is none): 0.81 to 1.24",
        "Tissue folded onto itself: 0 %",
        "Registering the other way round disagrees by 0.8 mm on average",
        "Not for clinical use.",
    ]


def test_verdict_leaves_out_what_was_not_measured(application):
    from LiverTumorAttentionGui.review.registration_verdict import read_verdict

    unknown = {
        "liver_dice_before": None,
        "liver_dice_after": None,
        "jacobian_min": float("nan"),
        "kept": "new",
    }
    details = read_verdict({**cases.verdict(), **unknown}).details
    assert "Dice" not in details
    assert "Jacobian" not in details
    assert "Movement" not in details
    assert "5.1 mm before" in details
    assert (
        read_verdict({"grade": "good", "reason": "it fits: see."}).sentence
        == "Registration: good. It fits: see."
    )
    assert read_verdict(None) is None
