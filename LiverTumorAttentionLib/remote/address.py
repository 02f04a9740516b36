"""Address of a server, the token for it, and whether voxels may travel there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.regular_file import read_regular, reason

DEFAULT_PORT = 8642
SHORTEST_TOKEN = 16
MOST_TOKEN_FILE_BYTES = 65536
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, kw_only=True)
class ServerAddress:
    """Where a server is. Raises `InputError` for what is no address, and for one that would be spoken to in the clear.

    url: "http://127.0.0.1:8642", or "https://HOST:PORT". token_file: its first line is the token. certificate: PEM of
    who vouches for the server, where the system does not know them.
    """

    url: str
    token_file: str | None = None
    certificate: str | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            parts.port  # noqa: B018  # read for the error that it raises
        except ValueError:
            parts = urlsplit("")
        plain = not (parts.username or parts.query or parts.fragment) and parts.path in ("", "/")
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            raise InputError(
                f"{self.url[:80]!r} is no address of a server: give http://127.0.0.1:{DEFAULT_PORT} or "
                f"https://HOST:{DEFAULT_PORT}"
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise InputError(
                f"the server {self.url!r} would be sent voxels in the clear: give its address with https://"
            )

    @property
    def encrypted(self) -> bool:
        """Whether the connection is by TLS."""
        return urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """The host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port."""
        return urlsplit(self.url).port or (443 if self.encrypted else 80)

    def token(self) -> str | None:
        """Return the token; None where no file of it was given. Raises `InputError`."""
        return None if self.token_file is None else read_tokens(self.token_file)[0]


def is_loopback(host: str) -> bool:
    """Return whether a host is this computer, by its name or address alone: no name is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_tokens(path: str) -> list[str]:
    """Return the tokens of a file, one a line; empty lines and those that begin with # are left out.

    Raises `InputError` for a file without any, and for a token that is too short or holds a space.
    """
    try:
        content = read_regular(path, most_bytes=MOST_TOKEN_FILE_BYTES)
    except OSError as error:
        raise InputError(
            f"the token file '{path}' cannot be read ({reason(error).lower()}): check the path and its permissions"
        ) from error
    lines = [line.strip() for line in content.decode("utf-8", "replace").lstrip("\ufeff").splitlines()]
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens:
        raise InputError(f"the token file '{path}' holds no token: write one into its first line")
    for number, token in enumerate(tokens, 1):
        if len(token) < SHORTEST_TOKEN or not _TOKEN.fullmatch(token):
            raise InputError(
                f"token {number} of '{path}' is shorter than {SHORTEST_TOKEN} characters, or holds a space or a letter "
                "beyond ASCII: make one, as with `openssl rand -hex 32`"
            )
    return tokens
