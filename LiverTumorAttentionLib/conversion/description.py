"""The model.json of a model that another program trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from LiverTumorAttentionLib.io.terminology import Segment, liver_segment, tumor_segment
from LiverTumorAttentionLib.models.description import IMPORTED_FORMAT
from LiverTumorAttentionLib.models.imported_outputs import PARTS_OF_LIVER
from LiverTumorAttentionLib.voxels.labels import TUMOR

UNKNOWN_LICENCE = "NOASSERTION"
LONGEST_TEXT = 300
_TWICE = (
    "The phases are registered by livers that the network finds in each phase alone, given in the place of both, for "
    "which it was not trained: look at the registration"
)


def imported_description(
    stage: Mapping[str, Any],
    phases: Sequence[str],
    *,
    program: str,
    id: str,
    title: str,
    data_set: str,
    cases: object,
    licence: object,
    reference: object,
    training: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the values of model.json.

    stage: as model.json has it, but for its name and its phases. phases: of its channels, in the channels' order.
    id, title: of the model. data_set, cases, licence, reference: of the training data, as far as its files say.
    training: what is known of how it was trained.

    A network that finds liver and tumors is a whole model, in one phase or in two; one without a liver or without
    tumors is a part, which has to be composed with another.
    """
    meanings = {output["meaning"] for output in stage["outputs"]}
    has_tumor = "tumor" in meanings
    has_liver = bool(meanings & set(PARTS_OF_LIVER) - {"tumor", "cyst"})
    name = "tumor" if has_tumor else "liver"
    if has_tumor and has_liver:
        name = "liver_and_tumor"
    found = [*([liver_segment()] if name != "tumor" else []), *([tumor_segment(TUMOR)] if has_tumor else [])]
    return {
        "format": IMPORTED_FORMAT,
        "id": id,
        "title": title,
        "version": "1",
        "licence": UNKNOWN_LICENCE,
        "statement": f"converted from {program}, not for clinical use",
        "intended_use": (
            f"Research. Converted from a model that {program} trained; what it was made for and how well it does, "
            "those "
            "who trained it have to say."
        ),
        "stages": [{"name": name, "phases": sorted(phases, key=lambda phase: phase != "portal"), **stage}],
        "labels": [_label(segment) for segment in found],
        "training": dict(training),
        "sources": [
            {
                "title": data_set,
                "licence": _text(licence) or UNKNOWN_LICENCE,
                "attribution": _text(reference),
                "stages": [name],
                "patients": 0,
                "cases": cases if isinstance(cases, int) and 0 <= cases < 10**9 else 0,
                "slices": 0,
            }
        ],
        "known_failures": [
            "What the training data does not hold is not known here: look at each result with care",
            *([_TWICE] if name == "liver_and_tumor" and len(phases) > 1 else []),
        ],
    }


def _label(segment: Segment) -> dict[str, Any]:
    return {
        "value": segment.value,
        "name": segment.name if segment.is_liver else "Tumor",
        "scheme": segment.type.scheme,
        "code": segment.type.value,
        "meaning": segment.type.meaning,
    }


def _text(value: object) -> str:
    return " ".join(value.split())[:LONGEST_TEXT] if isinstance(value, str) else ""
