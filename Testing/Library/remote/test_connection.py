"""How long a server is waited for that is slow, or that is not there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from LiverTumorAttentionLib.errors import RemoteError
from LiverTumorAttentionLib.remote import connection
from LiverTumorAttentionLib.remote.address import ServerAddress
from LiverTumorAttentionLib.remote.connection import Connection

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def address_of(listener: socket.socket) -> ServerAddress:
    return ServerAddress(url=f"http://127.0.0.1:{listener.getsockname()[1]}")


def slow(listener: socket.socket, silent: int) -> threading.Thread:
    """Take connections, say nothing in the first ones, and answer the next one."""

    def answer() -> None:
        held = []
        for number in range(silent + 1):
            connected, _ = listener.accept()
            held.append(connected)
            if number == silent:
                connected.recv(1 << 16)
                connected.sendall(ANSWER)
        for connected in held:
            connected.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


def test_a_server_that_is_slow_at_first_is_asked_again(listener, monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PATIENCE_S", 0.0)
    thread = slow(listener, silent=2)
    with_patience = Connection(address_of(listener), patience_s=30.0, timeout_s=0.3)
    assert with_patience.json("GET", "/v1/server", check=lambda: None) == {}
    with_patience.close()
    thread.join(10)


def test_a_server_that_never_answers_is_given_up(listener):
    with pytest.raises(RemoteError, match=r"does not answer .it says nothing.: check its address"):
        Connection(address_of(listener), patience_s=0.5, timeout_s=0.2).json(
            "GET", "/v1/server", check=lambda: None
        )


def test_an_address_where_nobody_is_is_not_waited_for(listener, monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PATIENCE_S", 0.0)
    address = address_of(listener)
    listener.close()
    asked: list[int] = []
    with pytest.raises(RemoteError, match="does not answer"):
        Connection(address, patience_s=1000.0).json("GET", "/v1/server", check=lambda: asked.append(1))
    assert len(asked) == 1
