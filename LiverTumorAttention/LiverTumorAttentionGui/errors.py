"""The error whose message is shown in the panel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PanelError(RuntimeError):
    """An error that the user can resolve: what is wrong, what was found, what to do next."""


@contextmanager
def as_panel_error() -> Iterator[None]:
    """Raise the library's errors for the user as `PanelError`, their messages as sentences."""
    from LiverTumorAttentionLib.errors import InputError, ModelError, OutputError

    try:
        yield
    except (InputError, ModelError, OutputError) as error:
        text = str(error)
        raise PanelError(
            text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
        ) from error
