"""Warnings for the user: collected from a block of work, and from threads in the order of their work."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence

from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.memory import MemoryWarning

FOR_THE_USER = (InputWarning, MemoryWarning)
"""Categories of warnings that go into a result."""

_thread = threading.local()


@contextlib.contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect the texts of the warnings for the user of a block; the list is filled when the block ends."""
    texts: list[str] = []
    caught: list[Warning] = []

    def keep(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        held: list[Warning] | None = getattr(_thread, "held", None)
        warning = message if isinstance(message, Warning) else category(message)
        (caught if held is None else held).append(warning)

    with warnings.catch_warnings():
        for category in FOR_THE_USER:
            warnings.simplefilter("always", category)
        warnings.showwarning = keep
        yield texts
    texts.extend(str(warning) for warning in caught if isinstance(warning, FOR_THE_USER))


@contextlib.contextmanager
def held_warnings() -> Iterator[list[Warning]]:
    """Hold back what this thread would add to `collected_warnings`, for `say_again`."""
    held: list[Warning] = []
    _thread.held = held
    try:
        yield held
    finally:
        del _thread.held


def say_again(held: Sequence[Warning]) -> None:
    """Give warnings that another thread held back."""
    for warning in held:
        warnings.warn(warning, stacklevel=2)
