"""A connection that dawdles is cut: each exchange, from its first byte to the last of its answer, has a limit."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def limited_protocol(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with a limit of an exchange, seconds.

    uvicorn limits the pause between two requests alone: who sends a head or a body byte by byte, or takes an answer
    that slowly, would hold a connection for ever.
    """

    class LimitedProtocol(H11Protocol):
        """One connection."""

        _limit: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._begin()

        def data_received(self, data: bytes) -> None:
            if self._limit is None:
                self._begin()
            super().data_received(data)

        def on_response_complete(self) -> None:
            self._end()
            super().on_response_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def _begin(self) -> None:
            self._limit = self.loop.call_later(seconds, self._cut)

        def _end(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None

        def _cut(self) -> None:
            self._limit = None
            self.transport.abort()

    return LimitedProtocol
