"""Two time points: lesions matched one to one, changes of their sizes, and response by RECIST 1.1 and mRECIST."""

from LiverTumorAttentionLib.followup.changes import Comparison, LesionPair, compare_sizes
from LiverTumorAttentionLib.followup.matching import Match, Matching, MatchingSettings, match_over_time

__all__ = [
    "Comparison",
    "LesionPair",
    "Match",
    "Matching",
    "MatchingSettings",
    "compare_sizes",
    "match_over_time",
]
