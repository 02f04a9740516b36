"""Words of the library that the panel shows by themselves: headings, statuses, operating points, resections.

Its sentences are shown as they are: they stand in reports and logs too.
"""

from __future__ import annotations

from LiverTumorAttentionGui.i18n import _

WORDS = {
    "Tumor": _("Tumor"),
    "Volume\n(mL)": _("Volume\n(mL)"),
    "Portal\n(HU)": _("Portal\n(HU)"),
    "Arterial\n\N{MINUS SIGN} portal\n(HU)": _("Arterial\n\N{MINUS SIGN} portal\n(HU)"),
    "Lesion\nprobability": _("Lesion\nprobability"),
    "To surface\n(mm)": _("To surface\n(mm)"),
    "To vessel\n(mm)": _("To vessel\n(mm)"),
    "draft": _("draft"),
    "accepted": _("accepted"),
    "rejected": _("rejected"),
    "unread": _("unread"),
    "segmented": _("segmented"),
    "signed": _("signed"),
    "damaged": _("damaged"),
    "no segmentation yet": _("no segmentation yet"),
    "segmented, and nobody has corrected or decided anything": _(
        "segmented, and nobody has corrected or decided anything"
    ),
    "corrected or decided by a reader, and not signed": _("corrected or decided by a reader, and not signed"),
    "signed by a reader": _("signed by a reader"),
    "the segmentation or its log cannot be read": _("the segmentation or its log cannot be read"),
    "Sensitive": _("Sensitive"),
    "Balanced": _("Balanced"),
    "Specific": _("Specific"),
    "Right hepatectomy": _("Right hepatectomy"),
    "Left hepatectomy": _("Left hepatectomy"),
    "Extended right hepatectomy (right trisectionectomy)": _(
        "Extended right hepatectomy (right trisectionectomy)"
    ),
    "Extended left hepatectomy (left trisectionectomy)": _(
        "Extended left hepatectomy (left trisectionectomy)"
    ),
    "Right anterior sectionectomy": _("Right anterior sectionectomy"),
    "Right posterior sectionectomy": _("Right posterior sectionectomy"),
    "Left medial sectionectomy": _("Left medial sectionectomy"),
    "Left lateral sectionectomy": _("Left lateral sectionectomy"),
    "Central hepatectomy (mesohepatectomy)": _("Central hepatectomy (mesohepatectomy)"),
    "Bisegmentectomy V, VI": _("Bisegmentectomy V, VI"),
    "Bisegmentectomy VII, VIII": _("Bisegmentectomy VII, VIII"),
    "Segments": _("Segments"),
    "matched": _("matched"),
    "split": _("split"),
    "merged": _("merged"),
    "new": _("new"),
    "gone": _("gone"),
}


def shown(word: str) -> str:
    """Return a word of the library as the panel shows it."""
    return WORDS.get(word, word)
