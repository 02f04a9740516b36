"""A proxy on this computer that cuts connections: what a bad network does between a client and a server."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator


def every(number: int) -> Callable[[int], int | None]:
    """Return what cuts each connection of which the number is a multiple, after 60,000 bytes to the server."""
    return lambda count: 60_000 if count % number == 0 else None


def a_share(share: float, seed: int, most_bytes: int) -> Callable[[int], int | None]:
    """Return what cuts a share of the connections, after up to so many bytes, drawn at random."""
    draw = random.Random(seed)
    return lambda count: draw.randrange(most_bytes) if draw.random() < share else None


class CuttingProxy:
    """Passes on to a port. cut_after: for the number of a connection, bytes to the server and back after which it is
    cut; None for not at all."""

    def __init__(self, port: int, cut_after: Callable[[int], int | None]) -> None:
        self._port, self._cut_after = port, cut_after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            left = self._cut_after(self.connections)
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                client.close()
                continue
            pair = _Pair(client, server, left, self._noted)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=pair.passed_on, args=(source, target), daemon=True).start()

    def _noted(self) -> None:
        self.cuts += 1


class _Pair:
    """The two sides of a connection."""

    def __init__(
        self, client: socket.socket, server: socket.socket, left: int | None, on_cut: Callable[[], None]
    ) -> None:
        self._sockets, self._left, self._on_cut = (client, server), left, on_cut
        self._lock = threading.Lock()

    def passed_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(16384):
                if self._left is not None:
                    with self._lock:
                        content, self._left = content[: self._left], max(0, self._left - len(content))
                        if not self._left:
                            target.sendall(content)
                            self._left = -1
                            self._on_cut()
                            break
                        if self._left < 0:
                            break
                target.sendall(content)
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def cutting_proxy(port: int, cut_after: Callable[[int], int | None]) -> Iterator[CuttingProxy]:
    """Run a proxy until the block ends."""
    proxy = CuttingProxy(port, cut_after)
    try:
        yield proxy
    finally:
        proxy.close()
