"""Models that other programs trained: recognized, asked about and converted into this program's format.

Nothing of those programs is needed, and nothing is unpickled but tensors and plain values.
"""

from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.conversion.questions import ChannelQuestion, ImportQuestions, LabelQuestion
from LiverTumorAttentionLib.conversion.recognition import add_any_model, import_questions

__all__ = [
    "ChannelQuestion",
    "ImportAnswers",
    "ImportQuestions",
    "LabelQuestion",
    "add_any_model",
    "import_questions",
]
