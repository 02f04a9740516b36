"""Translation of what the panel shows: Slicer's own function, by the name that its translation tools look for.

The context of a text is the file that it stands in, as `slicer.i18n` has it; texts of .ui files have that of Qt.
"""

try:
    from slicer.i18n import tr as _
except ImportError:  # outside of Slicer

    def _(text: str) -> str:
        """Return the text as it is."""
        return text


__all__ = ["_"]
