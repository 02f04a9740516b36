"""The verdict on a registration, read from the report of a run, as text for the panel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.pipeline.arterial_policy import verdict_sentence

_MOVEMENTS = {
    "as given": _("none, the phases are used as they lie"),
    "rigid": "rigid",
    "deformable": _("rigid, then deformable"),
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Quality of the registration of the arterial onto the portal venous phase.

    grade: "good", "doubtful" or "refused". reason: why. sentence: both.
    details: the numbers, a line each.
    """

    grade: str
    reason: str
    sentence: str
    details: str


def read_verdict(entry: Any) -> Verdict | None:
    """Return the verdict of the entry "registration" of a report; None when nothing was registered.

    Raises `PanelError` when the entry cannot be read.
    """
    if entry is None:
        return None
    grade, reason = (entry.get("grade"), entry.get("reason")) if isinstance(entry, dict) else (None, None)
    if not isinstance(grade, str) or not isinstance(reason, str) or not grade or not reason:
        raise PanelError(
            _(
                "What the computation says of the registration cannot be read, so its result is not "
                "loaded: please report this."
            )
        )
    sentence = verdict_sentence(grade, reason)
    return Verdict(grade=grade, reason=reason, sentence=sentence, details=_details(entry))


def _details(entry: dict[str, Any]) -> str:
    movement = _MOVEMENTS.get(entry.get("kept", ""), "")
    lines = [
        _("Movement that was kept: {movement}").format(movement=movement) if movement else "",
        _change(_("Similarity of the two phases (0 to 1)"), entry, "similarity", ".3f"),
        _change(_("Overlap of the two livers (Dice, 0 to 1)"), entry, "liver_dice", ".2f"),
        _change(_("Mean distance between the livers' surfaces"), entry, "liver_surface", ".1f", "_mm", " mm"),
        _share(_("Part of the portal venous liver that the arterial CT shows"), entry, "liver_share_inside"),
        _displacement(entry),
        _volume_change(entry),
        _share(_("Tissue folded onto itself"), entry, "folded_share"),
        _inverse_consistency(entry),
        NOT_FOR_CLINICAL_USE,
    ]
    return "\n".join(line for line in lines if line)


def _change(title: str, entry: dict[str, Any], name: str, form: str, suffix: str = "", unit: str = "") -> str:
    before, after = (_number(entry, f"{name}_{when}{suffix}") for when in ("before", "after"))
    parts = [
        f"{value:{form}}{unit} {when}"
        for value, when in ((before, "before"), (after, "after"))
        if value is not None
    ]
    return f"{title}: {', '.join(parts)}" if parts else ""


def _share(title: str, entry: dict[str, Any], name: str) -> str:
    share = _number(entry, name)
    return "" if share is None else f"{title}: {100 * share:.0f} %"


def _displacement(entry: dict[str, Any]) -> str:
    mean, longest = _number(entry, "displacement_mean_mm"), _number(entry, "displacement_max_mm")
    if mean is None or longest is None:
        return ""
    return _("Displacement in the liver: {mean:.1f} mm on average, {longest:.1f} mm at most").format(
        mean=mean, longest=longest
    )


def _volume_change(entry: dict[str, Any]) -> str:
    least, most = _number(entry, "jacobian_min"), _number(entry, "jacobian_max")
    if least is None or most is None:
        return ""
    return _("Local change of volume (Jacobian, 1 is none): {least:.2f} to {most:.2f}").format(
        least=least, most=most
    )


def _inverse_consistency(entry: dict[str, Any]) -> str:
    mean = _number(entry, "inverse_error_mean_mm")
    return (
        ""
        if mean is None
        else _("Registering the other way round disagrees by {mean:.1f} mm on average").format(mean=mean)
    )


def _number(entry: dict[str, Any], name: str) -> float | None:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
