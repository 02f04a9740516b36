"""What a correction is called where it can be undone or done again."""

from __future__ import annotations

from typing import Any

_WORDS = {
    "add": "add a tumor",
    "remove": "remove",
    "merge": "merge tumors",
    "split": "split a tumor",
    "include": "include a point",
    "exclude": "exclude a point",
    "threshold": "threshold",
    "grow": "grow",
    "shrink": "shrink",
    "smooth": "smooth",
    "fill": "fill",
    "accept": "accept",
    "reject": "reject",
    "revise": "revise",
    "merge_findings": "take in a new run's findings",
    "draw": "brush work",
}


def words_for(action: Any) -> str:
    """Return an action in words, such as "grow Tumor 2 by 3 mm"."""
    words = _WORDS.get(action.tool, action.tool.replace("_", " "))
    lesion = getattr(action, "lesion", None)
    if isinstance(lesion, int):
        words += f" Tumor {lesion}" if action.tool not in ("include", "exclude") else f" of Tumor {lesion}"
    distance_mm = getattr(action, "distance_mm", None)
    if distance_mm is not None:
        joint = "by" if action.tool in ("grow", "shrink") else "over"
        words += f" {joint} {distance_mm:g} mm"
    probability = getattr(action, "probability", None)
    return words if probability is None else f"{words} at {probability:.2f}"
