"""PNG pictures: the preview of a result, and checkerboards and differences of a registration."""

from LiverTumorAttentionLib.pictures.preview import write_preview
from LiverTumorAttentionLib.pictures.registration_check import write_alignment

__all__ = ["write_alignment", "write_preview"]
