"""What every request has to pass before anything else looks at it: its token, its host, its size. ASGI."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from LiverTumorAttentionLib.remote.address import is_loopback
from LiverTumorAttentionLib.remote.protocol import CHUNK_BYTES, MOST_JSON_BYTES
from LiverTumorAttentionLib.server.refusal import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

VOXELS = "/voxels"
"""End of the paths whose requests carry voxels."""
OWNER = "owner"
"""Key of the scope: number of the token that was shown; what one token has sent another one does not find."""


class Guard:
    """Refuses who shows no token, and what is too large. tokens: empty for a server of this computer alone.

    Without tokens the host that is asked for must be this computer, so that no web page reaches the server under a name
    of its own.
    """

    def __init__(self, app: App, tokens: Sequence[str]) -> None:
        self._app = app
        self._digests = [_digest(token.encode()) for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        try:
            scope[OWNER] = self._owner(headers)
            body = await _body(scope["path"], headers, receive)
        except Refusal as refusal:
            await _refuse(refusal, send)
            return
        if body is not None:
            await self._app(scope, _given(body), send)

    def _owner(self, headers: dict[bytes, bytes]) -> int:
        if not self._digests:
            host = headers.get(b"host", b"").decode("latin-1")
            if not is_loopback(host.rpartition(":")[0] or host):
                raise Refusal(403, "this server serves its own computer alone: ask for it as 127.0.0.1")
            return 0
        kind, _, token = headers.get(b"authorization", b"").partition(b" ")
        shown = _digest(token.strip())
        # Digests are of one length, and all are compared: the time tells nothing of the tokens.
        same = [hmac.compare_digest(shown, known) for known in self._digests]
        if kind.lower() != b"bearer" or not any(same):
            raise Refusal(401, "the token is missing or wrong: get the one of your site")
        return 1 + same.index(True)


async def _body(path: str, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """Return the body of a request; None where the client has gone. Raises `Refusal` for one that is too large."""
    most = CHUNK_BYTES if path.endswith(VOXELS) else MOST_JSON_BYTES
    too_large = Refusal(413, f"a request has at most {most} bytes here: send less at a time")
    length = headers.get(b"content-length")
    if length is not None and (not length.isdigit() or len(length) > 15 or int(length) > most):
        raise too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            raise too_large
        if not message.get("more_body"):
            return bytes(body)


def _given(body: bytes) -> Receive:
    """Return what gives an application a body that is here already."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


async def _refuse(refusal: Refusal, send: Send) -> None:
    content = json.dumps({"error": refusal.message}).encode()
    # What is left of the request is not read, so that the connection is of no more use.
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
