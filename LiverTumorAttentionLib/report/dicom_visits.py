"""What a structured report says of a time point among several: tracking of lesions, targets, response (CID 6144)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TARGET_CODES = {
    "CR": "TargetLesionCompleteResponse",
    "PR": "TargetLesionPartialResponse",
    "SD": "TargetLesionStableDisease",
    "PD": "TargetLesionProgressiveDisease",
}
"""Names in DICOM's own terms, by RECIST's; there is none for what cannot be evaluated."""
NON_TARGET_CODES = {
    "CR": "NonTargetLesionCompleteResponse",
    "non-CR/non-PD": "NonTargetLesionIncompleteResponseOrStableDisease",
    "PD": "NonTargetLesionProgressiveDisease",
}


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """What identifies a lesion at several times: TID 1501's tracking unique identifier and tracking identifier."""

    uid: str
    identifier: str


@dataclass(frozen=True, kw_only=True)
class ReportedVisit:
    """A time point.

    name: which. tracking: by tumor number. target: by tumor number, whether a person chose it as
    target of RECIST 1.1 (at the baseline) or it is what a target became; none where no targets were chosen.
    target_response, non_target_response: by RECIST 1.1, None where they are not told.
    """

    name: Literal["baseline", "follow-up"]
    tracking: Mapping[int, Tracked] = field(default_factory=dict)
    target: Mapping[int, bool] = field(default_factory=dict)
    target_response: str | None = None
    non_target_response: str | None = None

    def context(self, sr: Any) -> Any:
        """Return the time point context of a group of measurements (TID 1502). sr: the package `highdicom.sr`."""
        # Without an order: readers, highdicom's among them, take its number for a measurement.
        return sr.TimePointContext(time_point=self.name)

    def category(self, number: int, dcm: Any) -> Any:
        """Return the finding category of a lesion, None where it is not told. dcm: DICOM's codes of pydicom."""
        chosen = self.target.get(number)
        if chosen is None:
            return None
        return dcm.TargetLesionAtBaseline if chosen else dcm.NonTargetLesionAtBaseline

    def evaluations(self, sr: Any, dcm: Any) -> list[Any]:
        """Return the response by RECIST 1.1 as qualitative evaluations; nothing where it is not told."""
        found = []
        for told, codes in (
            (self.target_response, TARGET_CODES),
            (self.non_target_response, NON_TARGET_CODES),
        ):
            if told in codes:
                value = getattr(dcm, codes[told])
                found.append(sr.QualitativeEvaluation(name=dcm.CurrentResponse, value=value))
        if found:
            method = sr.QualitativeEvaluation(name=dcm.ResponseEvaluationMethod, value=dcm.RECIST1Point1)
            found.insert(0, method)
        return found
