"""Pictures as files: the preview of a result and the check of a registration."""

from LiverTumorAttentionLib.pictures.preview import write_preview
from LiverTumorAttentionLib.pictures.registration_check import write_alignment

__all__ = ["write_alignment", "write_preview"]
