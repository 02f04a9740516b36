"""The error whose message is shown in the panel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PanelError(RuntimeError):
    """An error that the user can resolve: what is wrong, what was found, what to do next."""


@contextmanager
def as_panel_error() -> Iterator[None]:
    """Raise the library's errors for the user, and out of memory, as `PanelError`, their messages as sentences."""
    from LiverTumorAttentionLib.errors import Cancelled, LiverTumorAttentionError
    from LiverTumorAttentionLib.memory import told

    try:
        yield
    except PanelError:
        raise
    except Exception as error:
        known = told(error)
        if isinstance(known, Cancelled) or not isinstance(known, LiverTumorAttentionError):
            raise
        text = str(known)
        raise PanelError(
            text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
        ) from error
