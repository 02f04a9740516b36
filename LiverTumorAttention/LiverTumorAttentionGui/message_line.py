"""One label that tells the user what happened, or why nothing did."""

from __future__ import annotations

from typing import Any

ERROR_STYLE = "color: #d84315;"


class MessageLine:
    """Shows a sentence; an empty one takes no room. label: a QLabel that wraps."""

    def __init__(self, label: Any) -> None:
        self._label = label
        self.say("")

    def say(self, message: str, *, error: bool = False) -> None:
        """Show the message, an error in a colour of its own."""
        self._label.text = message
        self._label.styleSheet = ERROR_STYLE if error else ""
        self._label.visible = bool(message)
