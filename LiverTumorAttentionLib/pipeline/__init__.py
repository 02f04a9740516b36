"""The way through: from the CT of a case to its liver, its tumours and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from LiverTumorAttentionLib.pipeline.segment import register_case, segment_case, segment_volumes

__all__ = ["register_case", "segment_case", "segment_volumes"]


def __getattr__(name: str) -> Any:
    """Import the steps when they are first asked for: a job can be described without loading torch."""
    if name in __all__:
        from LiverTumorAttentionLib.pipeline import segment

        return getattr(segment, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
