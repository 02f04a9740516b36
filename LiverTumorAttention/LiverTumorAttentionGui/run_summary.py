"""What a run found, in words."""

from __future__ import annotations

from typing import Any

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionLib.lesion_classifier import left_out


def run_summary(report: dict[str, Any], *, merged: bool) -> str:
    """Return what a run found.

    report: what `segment` wrote as its report. merged: whether the segmentation holds more than what the run found.
    """
    tumors = report["tumors"]
    total_ml = sum(float(tumor.get("volume_ml") or 0.0) for tumor in tumors)
    sentences = [_found(len(tumors), merged=merged).format(count=len(tumors), total_ml=total_ml)]
    liver_ml = (report.get("liver") or {}).get("volume_ml")
    if liver_ml is not None:
        sentences.append(_("Liver: {liver_ml:.0f} mL.").format(liver_ml=float(liver_ml)))
    look = report.get("candidates") or {}
    if dropped := left_out(int(look.get("left_out") or 0), str(look.get("operating_point"))):
        sentences.append(f"{dropped}.")
    return " ".join(sentences)


def _found(count: int, *, merged: bool) -> str:
    """Return the sentence on so many tumors, with {count} and {total_ml}."""
    if count == 0:
        return _("The run found no tumor.") if merged else _("No tumor was found.")
    if count == 1:
        one = _("1 tumor, {total_ml:.1f} mL in all.")
        return _("The run found 1 tumor, {total_ml:.1f} mL in all.") if merged else one
    many = _("{count} tumors, {total_ml:.1f} mL in all.")
    return _("The run found {count} tumors, {total_ml:.1f} mL in all.") if merged else many
