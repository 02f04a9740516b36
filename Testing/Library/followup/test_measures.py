"""What is kept of two time points as JSON says the same as before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from LiverTumorAttentionLib.analysis.segments import SegmentShare
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.followup.changes import TimePoint
from LiverTumorAttentionLib.followup.measures import FollowUpMeasures, comparison_values
from LiverTumorAttentionLib.followup.response import Chosen
from LiverTumorAttentionLib.followup.viable import ViableTumor
from Testing.Library.followup.bodies_over_time import measures_over_time


def test_measures_come_back_from_json() -> None:
    plain = measures_over_time(uncertain=True)
    share = SegmentShare(number=4, name="IV", share=1.0)
    tumors = {
        number: replace(tumor, segments="IV", segment_shares=(share,))
        for number, tumor in plain.points[0].tumors.items()
    }
    part = ViableTumor(number=1, diameter_mm=12.0, volume_ml=0.8, threshold_hu=95.0)
    measures = replace(
        plain,
        points=(TimePoint(case=plain.points[0].case, tumors=tumors), plain.points[1]),
        viable=({1: part}, {1: replace(part, diameter_mm=6.0)}),
    )
    kept = json.loads(json.dumps(measures.as_dict()))
    again = FollowUpMeasures.from_dict(kept)
    assert json.loads(json.dumps(again.as_dict())) == kept
    assert again.points[0].tumors[1].segment_shares == (share,)
    told = []
    for each in (measures, again):
        comparison = each.compared((), 30.0)
        told.append(comparison_values(comparison, each.assessed(comparison, Chosen(targets=(1,)))))
    assert json.dumps(told[0]) == json.dumps(told[1])
    assert told[0]["response"]["mrecist"]["response"] == "PR"
    assert told[0]["pairs"][0]["segments"] == {"baseline": "IV", "followup": None}


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: values.pop("matching"),
        lambda values: values.pop("viable"),
        lambda values: values["baseline"].pop("slice_mm"),
        lambda values: values["baseline"]["tumors"][0].pop("number"),
        lambda values: values["baseline"]["tumors"][0].update(unknown=1),
        lambda values: values.update(followup=None),
        lambda values: values["matching"].clear(),
        lambda values: values.update(matching=[1, 2]),
        lambda values: values["viable"].update(baseline=3),
        lambda values: values["baseline"].update(slice_mm="thin"),
    ],
)
def test_damaged_measures_are_refused_in_a_sentence(damage: Callable[[dict[str, Any]], object]) -> None:
    """A scene may come from another version, or from anybody."""
    values = json.loads(json.dumps(measures_over_time(uncertain=True).as_dict()))
    FollowUpMeasures.from_dict(values)
    damage(values)
    with pytest.raises(InputError, match="are damaged, or of another version: run the comparison again"):
        FollowUpMeasures.from_dict(values)
