"""One connection to a server, made anew where it is cut: every request may be sent again, so none is lost.

Standard library alone. Proxies of the environment are not used, and no redirection is followed: what is sent goes to
the address that was given, and nowhere else.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import InputError, RemoteError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.regular_file import reason
from LiverTumorAttentionLib.remote.address import ServerAddress
from LiverTumorAttentionLib.remote.protocol import CHUNK_BYTES, MOST_JSON_BYTES

TIMEOUT_S = 30.0
"""Of each step of an exchange: connecting, and every piece that is sent or received."""
FIRST_PATIENCE_S = 3.0
"""How long an address where nobody answers is asked again."""
PATIENCE_S = 45.0
"""How long a connection that was cut is made anew before the run is given up, and a server that takes connections
but is slow to answer is asked again."""
FORGET_TIMEOUT_S = 1.5
"""Of the request to delete what a run leaves: whoever cancels does not wait longer."""
LONGEST_PAUSE_S = 2.0
BUSY = 503
ELSEWHERE = "compute on this computer"

Check = Callable[[], None]
"""Called while something is waited for; raises `Cancelled` once the user has cancelled."""


class Refused(RemoteError):
    """A server refused a request. status: of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Connection:
    """Exchanges with one server. patience_s: in place of PATIENCE_S.

    Raises `InputError` for a token file or a certificate that cannot be used.
    """

    def __init__(
        self, server: ServerAddress, *, patience_s: float | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._server = server
        token = server.token()
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._context = _tls(server) if server.encrypted else None
        self._connection: http.client.HTTPConnection | None = None
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._timeout_s = timeout_s
        self._answered = False
        self._reached = False

    @property
    def url(self) -> str:
        """The server's address."""
        return self._server.url

    def json(self, method: str, path: str, values: Any = None, *, check: Check) -> Any:
        """Send JSON values, or nothing, and return the JSON values of the answer; raises as `exchange` does."""
        body = b"" if values is None else json.dumps(values, allow_nan=False).encode()
        return self.parsed(self.exchange(method, path, body, check=check))

    def parsed(self, content: bytes) -> Any:
        """Return the JSON values of an answer. Raises `RemoteError`."""
        try:
            return json_values(content)
        except ValueError as error:
            raise self.strange(reason(error)) from error

    def exchange(self, method: str, path: str, body: bytes | memoryview = b"", *, check: Check) -> bytes:
        """Send a request, again where the connection is cut, and return the content of the answer.

        Raises `Refused` where the server refuses, `RemoteError` where it cannot be reached, and what `check` raises.
        """
        begun, pause_s = time.monotonic(), 0.1
        while True:
            check()
            try:
                status, content = self._send(method, path, body, timeout_s=self._timeout_s)
            except ssl.SSLCertVerificationError as error:
                self.close()
                raise RemoteError(
                    f"nobody who is known vouches for the server {self.url} ({error.verify_message}): give the "
                    f"certificate of its site by --server-certificate, or {ELSEWHERE}"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                failure: Exception = error
            else:
                self._answered = True
                if status != BUSY:
                    return self._taken(status, content)
                failure = Refused(status, "the server is busy")
            slow = self._reached and isinstance(failure, TimeoutError)  # many ask it at once
            patience_s = self._patience_s
            if not (self._answered or slow):
                patience_s = min(patience_s, FIRST_PATIENCE_S)
            if time.monotonic() - begun + pause_s > patience_s:
                raise self._gone(failure) from failure
            pause(pause_s, check)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def forget(self, path: str) -> bool:
        """Ask the server to delete something; return whether it answered.

        Where it does not answer soon, it deletes it by itself later.
        """
        self.close()
        try:
            self._send("DELETE", path, b"", timeout_s=FORGET_TIMEOUT_S)
        except (OSError, http.client.HTTPException, RemoteError):
            return False
        finally:
            self.close()
        return True

    def close(self) -> None:
        """Close the connection; the next exchange makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def strange(self, detail: str) -> RemoteError:
        """Return the error for an answer that is none of such a server."""
        return RemoteError(
            f"what answers at {self.url} is no server of this software ({detail}): check the address"
        )

    def _send(
        self, method: str, path: str, body: bytes | memoryview, *, timeout_s: float
    ) -> tuple[int, bytes]:
        if self._connection is None:
            host, port = self._server.host, self._server.port
            if self._context is None:
                self._connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
            else:
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=timeout_s, context=self._context
                )
            self._connection.connect()
            self._reached = True
        self._connection.request(
            method, path, body=body, headers={**self._headers, "Content-Length": str(len(body))}
        )
        answer = self._connection.getresponse()
        most = CHUNK_BYTES + MOST_JSON_BYTES
        content = answer.read(most + 1)
        if len(content) > most:
            self.close()
            raise self.strange("its answer is too large")
        if answer.length:  # a read of so many bytes ends without a word where the connection does
            raise http.client.IncompleteRead(content, answer.length)
        if answer.will_close:
            self.close()
        return answer.status, content

    def _taken(self, status: int, content: bytes) -> bytes:
        """Return the content of an answer; raise `Refused` for a refusal."""
        if 200 <= status < 300:
            return content
        if status == 401:
            raise Refused(
                status,
                f"the server {self.url} does not take the token"
                f"{' ' + repr(self._server.token_file) if self._server.token_file else ', for none was given'}: "
                f"get the one of your site and give its file by --token-file, or {ELSEWHERE}",
            )
        try:
            values = json_values(content)
            message = str(values["error"])
        except (ValueError, KeyError, TypeError) as error:
            raise self.strange(f"status {status}, {shown(content[:60])}") from error
        raise Refused(status, " ".join(message.split())[:1000])

    def _gone(self, failure: Exception) -> RemoteError:
        why = "it is busy" if isinstance(failure, Refused) else _reason(failure)
        if self._answered:
            return RemoteError(
                f"the connection to the server {self.url} was lost and could not be made again ({why}): see whether it "
                f"runs, and start again, or {ELSEWHERE}"
            )
        return RemoteError(
            f"the server {self.url} does not answer ({why}): check its address and that it runs, or {ELSEWHERE}"
        )


def _tls(server: ServerAddress) -> ssl.SSLContext:
    """Return the settings of TLS: the server's certificate and name are always checked. Raises `InputError`."""
    try:
        return ssl.create_default_context(cafile=server.certificate)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the certificate '{server.certificate}' cannot be read ({reason(error).lower()}): give a file in PEM"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it says nothing"
    return reason(error).lower()


def pause(seconds: float, check: Check) -> None:
    """Wait; the user may cancel meanwhile."""
    limit = time.monotonic() + seconds
    while (left := limit - time.monotonic()) > 0:
        check()
        time.sleep(min(left, 0.1))
