"""The one error whose message is shown in the panel as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PanelError(RuntimeError):
    """Something that the user can cure: what is wrong, what was found, what to do next."""


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turn what the library refuses into a `PanelError` with the library's own sentence."""
    from LiverTumorAttentionLib.errors import InputError, ModelError, OutputError

    try:
        yield
    except (InputError, ModelError, OutputError) as error:
        text = str(error)
        raise PanelError(
            text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
        ) from error
